"""What a reader has to refuse: each entry deviates in one point, and names the outcome.

Entries of a signed structure are signed anew after the change, by the right key in the right
domain, unless the signature is the point. So a reader that lets the deviation pass accepts them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cbor2

from feiqian.crypto import cbor, cose
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.trust import DIRECTORY
from feiqian.money.currency import CURRENCY
from feiqian.money.transfer import MAX_TRANSFER_BYTES, TRANSFER
from feiqian.outcomes import Outcome
from tools.samples import Samples

_ES384 = bytes.fromhex("d28444a1013822a0")


@dataclass(frozen=True, slots=True)
class Refused:
    """One encoding to refuse: what it should have been, and why it is not."""

    name: str
    structure: str
    domain: str | None
    signer: str | None
    encoded: bytes
    outcome: Outcome


def make_refusals(samples: Samples) -> list[dict[str, str | None]]:
    """The document of all refusals of one suite."""
    groups = (_payloads(samples), _values(samples), _headers(samples), _messages(samples))
    return [
        {
            "name": entry.name,
            "structure": entry.structure,
            "domain": entry.domain,
            "signer": entry.signer,
            "outcome": entry.outcome,
            "encoded": entry.encoded.hex(),
        }
        for group in groups
        for entry in group
    ]


def _payload_of(samples: Samples, name: str) -> bytes:
    sample = next(sample for sample in samples.signed if sample.name == name)
    return cbor.encode(sample.value)


def _refused(
    kind: SignedKind[Any], signer: str, name: str, raw: bytes, outcome: Outcome
) -> Refused:
    return Refused(name, kind.shape.__name__, kind.domain.decode(), signer, raw, outcome)


def _payloads(samples: Samples) -> Iterator[Refused]:
    """Encodings of a transfer's payload that a tolerant CBOR decoder might read."""
    good = _payload_of(samples, "transfer_with_change")
    moment = cbor2.dumps(cbor2.loads(good)[6])
    midpoint = cbor2.dumps(cbor2.loads(good)[6][0])
    amount = b"\x19\x04\xe2"
    changes: dict[str, tuple[bytes, Outcome]] = {
        "payload_empty": (b"", Outcome.MALFORMED),
        "payload_truncated": (good[:-1], Outcome.MALFORMED),
        "payload_trailing_byte": (good + b"\x00", Outcome.NOT_CANONICAL),
        "integer_not_shortest": (good[:1] + b"\x18\x01" + good[2:], Outcome.NOT_CANONICAL),
        "array_length_not_shortest": (b"\x98\x09" + good[1:], Outcome.NOT_CANONICAL),
        "byte_string_length_not_shortest": (
            good[:2] + b"\x59\x00\x20" + good[4:],
            Outcome.NOT_CANONICAL,
        ),
        "array_indefinite": (b"\x9f" + good[1:] + b"\xff", Outcome.NOT_CANONICAL),
        "byte_string_indefinite": (
            good[:2] + b"\x5f" + good[2:36] + b"\xff" + good[36:],
            Outcome.NOT_CANONICAL,
        ),
        "moment_without_radius": (
            good.replace(moment, b"\x81" + midpoint),
            Outcome.NOT_CANONICAL,
        ),
        "version_unknown": (b"\x88\x02" + good[2:], Outcome.UNKNOWN_VERSION),
        "version_zero": (b"\x88\x00" + good[2:], Outcome.UNKNOWN_VERSION),
        "version_true": (b"\x88\xf5" + good[2:], Outcome.MALFORMED),
        "version_text": (b"\x88\x61\x31" + good[2:], Outcome.MALFORMED),
        "tag_on_structure": (b"\xd9\xd9\xf7" + good, Outcome.MALFORMED),
        "tag_on_field": (good.replace(amount, b"\xc1" + amount), Outcome.MALFORMED),
        "tag_unknown": (good.replace(amount, b"\xd9\x99\x99" + amount), Outcome.MALFORMED),
        "integer_as_bignum": (good.replace(amount, b"\xc2\x42\x04\xe2"), Outcome.MALFORMED),
        "integer_as_float": (good.replace(amount, b"\xf9\x64\xe2"), Outcome.MALFORMED),
        "integer_as_text": (good.replace(amount, b"\x64" + b"1250"), Outcome.MALFORMED),
        "integer_undefined": (good.replace(amount, b"\xf7"), Outcome.MALFORMED),
        "integer_null": (good.replace(amount, b"\xf6"), Outcome.MALFORMED),
        "integer_false": (good.replace(amount, b"\xf4"), Outcome.MALFORMED),
        "byte_string_as_text": (good[:2] + b"\x78" + good[3:], Outcome.MALFORMED),
        "map_in_place_of_array": (b"\xa4" + good[1:], Outcome.MALFORMED),
        "length_beyond_end": (b"\x88\x01\x5b" + b"\xff" * 8 + good[4:], Outcome.MALFORMED),
        "nested_deeply": (b"\x82\x01" + b"\x81" * 100 + b"\x00", Outcome.MALFORMED),
    }
    for name, (payload, outcome) in changes.items():
        raw = cose.sign(samples.suite, samples.keys["payer"], TRANSFER.domain, payload)
        yield _refused(TRANSFER, "payer", name, raw, outcome)


def _values(samples: Samples) -> Iterator[Refused]:
    """Payloads in canonical form whose values are out of bounds."""
    yield from _changed(
        samples,
        (TRANSFER, "payer", "transfer_with_change"),
        {
            "amount_zero": (3, 0),
            "amount_negative": (3, -1),
            "amount_above_limit": (3, 10**15 + 1),
            "change_negative": (4, -1),
            "counter_zero": (5, 0),
            "counter_above_limit": (5, 2**32),
            "moment_above_limit": (6, [2**60, 0]),
            "radius_negative": (6, [0, -1]),
            "moment_too_long": (6, [0, 0, 0]),
            "identifier_short": (1, bytes(31)),
            "identifier_long": (1, bytes(33)),
            "nonce_short": (7, bytes(15)),
        },
    )
    yield from _changed(
        samples,
        (CURRENCY, "institution_a", "currency"),
        {
            "code_empty": (1, ""),
            "code_lower_case": (1, "a"),
            "code_with_line_feed": (1, "A\n"),
            "code_too_long": (1, "A" * 12),
            "code_not_ascii": (1, "\u0391"),
            "new_value_without_sequence": (6, 0),
            "renewal_with_sequence": (7, bytes(32)),
            "renewal_of_nothing": (7, b""),
        },
    )
    yield from _lists(samples)


def _changed(
    samples: Samples, base: tuple[SignedKind[Any], str, str], changes: dict[str, tuple[int, object]]
) -> Iterator[Refused]:
    kind, signer, name = base
    for change, (index, value) in changes.items():
        plain = cbor2.loads(_payload_of(samples, name))
        plain[index] = value
        payload = cbor2.dumps(plain)
        raw = cose.sign(samples.suite, samples.keys[signer], kind.domain, payload)
        yield _refused(kind, signer, change, raw, Outcome.MALFORMED)


def _lists(samples: Samples) -> Iterator[Refused]:
    """A field too few, one too many, and a list that names the same thing twice."""
    plain = cbor2.loads(_payload_of(samples, "transfer_with_change"))
    for name, fields in (("field_missing", plain[:-1]), ("field_added", [*plain, 0])):
        payload = cbor2.dumps(fields)
        raw = cose.sign(samples.suite, samples.keys["payer"], TRANSFER.domain, payload)
        yield _refused(TRANSFER, "payer", name, raw, Outcome.MALFORMED)
    directory = cbor2.loads(_payload_of(samples, "directory"))
    directory[3] = [directory[3][0], directory[3][0]]
    payload = cbor2.dumps(directory)
    raw = cose.sign(samples.suite, samples.keys["platform"], DIRECTORY.domain, payload)
    yield _refused(DIRECTORY, "platform", "duplicate_institution", raw, Outcome.MALFORMED)


def _headers(samples: Samples) -> Iterator[Refused]:
    """A signed transfer whose COSE_Sign1 is not in the one form."""
    good = samples.raw("transfer_with_change")
    payload = _payload_of(samples, "transfer_with_change")
    head = good[: good.index(payload) - 2]
    rest = good[len(head) :]
    protected = head[2:-1]
    algorithm = protected[2:]
    grown = bytes([protected[0] + 3, 0xA2]) + protected[2:] + b"\x04\x41\x00"
    changes: dict[str, tuple[bytes, Outcome]] = {
        "empty": (b"", Outcome.MALFORMED),
        "head_alone": (head, Outcome.MALFORMED),
        "truncated": (good[:-1], Outcome.MALFORMED),
        "trailing_byte": (good + b"\x00", Outcome.MALFORMED),
        "untagged": (good[1:], Outcome.MALFORMED),
        "another_tag": (b"\xd1" + good[1:], Outcome.MALFORMED),
        "array_of_five": (b"\xd2\x85" + good[2:] + b"\x00", Outcome.MALFORMED),
        "another_algorithm": (_ES384 + rest, Outcome.UNKNOWN_SUITE),
        "another_suite": (_other_head(samples) + rest, Outcome.UNKNOWN_SUITE),
        "protected_header_empty": (b"\xd2\x84\x40\xa0" + rest, Outcome.MALFORMED),
        "protected_header_grown": (b"\xd2\x84" + grown + b"\xa0" + rest, Outcome.MALFORMED),
        "unprotected_header_not_empty": (
            head[:-1] + b"\xa1\x04\x41\x00" + rest,
            Outcome.MALFORMED,
        ),
        "algorithm_unprotected": (
            b"\xd2\x84\x40\xa1" + algorithm + rest,
            Outcome.MALFORMED,
        ),
        "payload_detached": (head + b"\xf6" + good[-66:], Outcome.MALFORMED),
        "payload_as_text": (head + b"\x78" + rest[1:], Outcome.MALFORMED),
        "payload_length_not_shortest": (
            head + b"\x59\x00" + bytes([len(payload)]) + payload + good[-66:],
            Outcome.NOT_CANONICAL,
        ),
        "payload_length_of_eight_bytes": (
            head + b"\x5b" + len(payload).to_bytes(8, "big") + payload + good[-66:],
            Outcome.NOT_CANONICAL,
        ),
        "payload_length_huge": (head + b"\x5b" + b"\xff" * 8 + rest[2:], Outcome.MALFORMED),
        "payload_length_reserved": (head + b"\x5c" + rest[1:], Outcome.MALFORMED),
        "payload_indefinite": (
            head + b"\x5f" + rest[: len(payload) + 2] + b"\xff" + good[-66:],
            Outcome.NOT_CANONICAL,
        ),
        "signature_short": (good[:-66] + b"\x58\x3f" + good[-63:], Outcome.MALFORMED),
        "signature_changed": (good[:-1] + bytes([good[-1] ^ 1]), Outcome.BAD_SIGNATURE),
        "signature_zero": (good[:-64] + bytes(64), Outcome.BAD_SIGNATURE),
        "another_domain": (_signed(samples, "payer", CURRENCY, payload), Outcome.BAD_SIGNATURE),
        "another_signer": (_signed(samples, "payee", TRANSFER, payload), Outcome.BAD_SIGNATURE),
        "oversize": (good + bytes(MAX_TRANSFER_BYTES), Outcome.TOO_LARGE),
    }
    for name, (raw, outcome) in changes.items():
        yield _refused(TRANSFER, "payer", name, raw, outcome)


def _signed(samples: Samples, signer: str, kind: SignedKind[Any], payload: bytes) -> bytes:
    return cose.sign(samples.suite, samples.keys[signer], kind.domain, payload)


def _other_head(samples: Samples) -> bytes:
    heads = {"p256": "d28447a1013a00010000a0", "sm2": "d28443a10126a0"}
    return bytes.fromhex(heads[samples.suite.name])


def _messages(samples: Samples) -> Iterator[Refused]:
    """Envelopes that are not the payment request that was expected."""
    name = "payment_request_full"
    good = next(sample.encoded for sample in samples.messages if sample.name == name)

    def with_items(change: Callable[[list[Any]], list[Any]]) -> bytes:
        plain = cbor2.loads(good)
        return cbor2.dumps([*plain[:3], change(plain[3])])

    def with_transfers(item: list[Any], count: int) -> list[Any]:
        return [item[0], item[1], item[2] * count, item[3]]

    changes = {
        "message_version_unknown": (b"\x84\x02" + good[2:], Outcome.UNKNOWN_VERSION),
        "message_kind_unknown": (b"\x84\x01\x17" + good[3:], Outcome.MALFORMED),
        "message_kind_of_another": (b"\x84\x01\x03" + good[3:], Outcome.MALFORMED),
        "message_kind_text": (b"\x84\x01\x61\x32" + good[3:], Outcome.MALFORMED),
        "message_truncated": (good[:-1], Outcome.MALFORMED),
        "message_trailing_byte": (good + b"\x00", Outcome.NOT_CANONICAL),
        "no_items": (with_items(lambda items: items[:0]), Outcome.MALFORMED),
        "nine_items": (with_items(lambda items: items * 9), Outcome.MALFORMED),
        "no_transfer": (
            with_items(lambda items: [with_transfers(items[0], 0)]),
            Outcome.MALFORMED,
        ),
        "seventeen_transfers": (
            with_items(lambda items: [with_transfers(items[0], 17)]),
            Outcome.MALFORMED,
        ),
    }
    for change, (encoded, outcome) in changes.items():
        yield Refused(change, "PaymentRequest", None, None, encoded, outcome)
