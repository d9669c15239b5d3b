"""Write `docs/asyncapi.yaml`: what travels over the bus of vehicles, as AsyncAPI 3.0.

Made from the kinds in `wire/service_kinds.py`, their structures and limits, so that it cannot drift: a
test compares it with the code and checks it against AsyncAPI's own schema. Who says a message to whom
is read from its docstring. Run as ``python -m tools.make_asyncapi``.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from feiqian import __version__
from feiqian.crypto.signed import SignedKind
from feiqian.wire.bus_topics import MAX_KIND_LENGTH, MAX_NAME_LENGTH, ROOT
from feiqian.wire.envelope import MAX_MESSAGE_BYTES
from feiqian.wire.service_kinds import KINDS, UNACKNOWLEDGED
from feiqian.wire.visit import FRAME_KIND, LinkFrame

DOCUMENT = Path(__file__).parent.parent / "docs" / "asyncapi.yaml"
SIGNED = "application/cose; cose-type=cose-sign1"
FRAME = "application/cbor"
NAME_PATTERN = f"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{MAX_NAME_LENGTH - 1}}}"

_WAY = re.compile(r"(?P<sender>[\w ]+) -> (?P<recipient>[\w ]+)[:.] *(?P<text>.*)")

DESCRIPTION = f"""\
What vehicles, service providers, management servers and service entities say to each other. Every
member of the bus has a name, which is that of its client certificate, and an inbox: it may read
`{ROOT}/NAME/#` and write `{ROOT}/+/NAME/+`, and nothing else. Payloads are signed by their sender, so
that a broker can delay, drop, repeat and reorder, and not say anything of its own. What has to arrive
is repeated until it is acknowledged by a signed word. The same messages travel over a hub on one
machine, and inside a process, without a broker.
"""


def _way(kind: type) -> tuple[str, str, str]:
    """Sender, recipient and meaning of a message, from its docstring."""
    text = " ".join((kind.__doc__ or "").split())
    found = _WAY.match(text)
    if found is None:
        raise ValueError(f"{kind.__name__}: expected a docstring 'sender -> recipient: meaning'")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).capitalize()
    return found["sender"].lower(), found["recipient"].lower(), found["text"] or f"{words}."


def _fields(shape: type) -> list[str]:
    return list(getattr(shape, "__struct_fields__", ()))


def _message(name: str, kind: SignedKind[Any]) -> dict[str, Any]:
    shape = kind.shape
    _, _, text = _way(shape)
    return {
        "name": name,
        "title": shape.__name__,
        "summary": text,
        "contentType": SIGNED,
        "payload": {
            "type": "string",
            "format": "binary",
            "maxLength": kind.limit,
            "description": "COSE_Sign1 (RFC 9052) with the domain in external_aad; its payload "
            "is the CBOR array of these fields, described in wire-format.cddl.",
            "x-domain": kind.domain.decode(),
            "x-fields": _fields(shape),
            "x-acknowledged": shape not in UNACKNOWLEDGED,
        },
    }


def _frame() -> dict[str, Any]:
    return {
        "name": FRAME_KIND,
        "title": LinkFrame.__name__,
        "summary": " ".join((LinkFrame.__doc__ or "").split()),
        "contentType": FRAME,
        "payload": {
            "type": "string",
            "format": "binary",
            "maxLength": MAX_MESSAGE_BYTES,
            "description": "A CBOR array, described in wire-format.cddl; what it carries is checked as "
            "on any other link.",
            "x-fields": _fields(LinkFrame),
        },
    }


def _channel(kind: str) -> dict[str, Any]:
    return {
        "address": f"{ROOT}/{{recipient}}/{{sender}}/{kind}",
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"}},
        "parameters": {
            "recipient": {"$ref": "#/components/parameters/recipient"},
            "sender": {"$ref": "#/components/parameters/sender"},
        },
    }


def _operation(kind: str, sender: str, recipient: str, summary: str) -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{kind}"},
        "title": f"{sender} to {recipient}",
        "summary": summary,
        "tags": [{"name": f"from {sender}"}, {"name": f"to {recipient}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": False, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{kind}/messages/{kind}"}],
    }


def document() -> dict[str, Any]:
    """The whole description."""
    messages = {name: _message(name, kind) for name, kind in KINDS.items()}
    ways = {name: _way(kind.shape) for name, kind in KINDS.items()}
    operations = {name: _operation(name, *way) for name, way in ways.items()}
    messages[FRAME_KIND] = _frame()
    operations[FRAME_KIND] = _operation(
        FRAME_KIND, "vehicle or entity", "entity or vehicle", messages[FRAME_KIND]["summary"]
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Feiqian, services for vehicles",
            "version": __version__,
            "description": " ".join(DESCRIPTION.split()),
            "license": {"name": "Apache License 2.0"},
        },
        "defaultContentType": SIGNED,
        "servers": {"broker": _server()},
        "channels": {name: _channel(name) for name in messages},
        "operations": operations,
        "components": {
            "messages": messages,
            "parameters": {
                "recipient": {"description": f"Whom it is for: {NAME_PATTERN}"},
                "sender": {
                    "description": f"Who says it, as certified to the broker: {NAME_PATTERN}"
                },
            },
            "securitySchemes": {
                "certificate": {
                    "type": "X509",
                    "description": "A client certificate of the bus's own authority. Its common name is "
                    "user name and client id.",
                }
            },
        },
    }


def _server() -> dict[str, Any]:
    return {
        "host": "broker.example:8883",
        "protocol": "secure-mqtt",
        "protocolVersion": "5.0",
        "description": "mqtts://HOST:PORT in `party.toml`; TLS 1.3, both sides with certificates of the "
        "bus's own authority (docs/vehicles.md, Over a broker). Kinds are at most "
        f"{MAX_KIND_LENGTH} small letters, digits, '-' and '_'; nothing is retained.",
        "security": [{"$ref": "#/components/securitySchemes/certificate"}],
        "bindings": {
            "mqtt": {
                "cleanSession": False,
                "keepAlive": 30,
                "sessionExpiryInterval": 3_600,
                "bindingVersion": "0.2.0",
            }
        },
    }


def make_asyncapi() -> str:
    """The text of the document."""
    head = "# Generated by tools/make_asyncapi.py; do not edit.\n"
    text: str = yaml.safe_dump(document(), sort_keys=False, width=100, allow_unicode=True)
    return head + text


if __name__ == "__main__":
    DOCUMENT.write_text(make_asyncapi(), encoding="utf-8")
