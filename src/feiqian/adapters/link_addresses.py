"""Link addresses that people write; one side opens to pay, the other to receive.

``tcp://HOST:PORT`` and ``qr:DIRECTORY`` are the same on both sides. ``ble:RADIO`` and ``nfc:DEVICE``
name each side's own hardware: a controller as `bumble` calls it, a reader as `nfcpy` calls it.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from feiqian.outcomes import Outcome, Refusal

FORMS = "tcp://HOST:PORT, qr:DIRECTORY, ble:RADIO or nfc:DEVICE"
EXPECTED = "expected a link such as tcp://127.0.0.1:7000, qr:some/directory, ble:usb:0 or nfc:usb"

MAX_PORT = 65_535

_BLE = re.compile(r"(usb|pyusb|serial|hci-socket|tcp-client|udp|unix):[^\s]+")
_NFC = re.compile(r"usb(:[0-9a-fA-F]{3,4}){0,2}|(tty|com):\w+:\w+|udp:[\w.-]+:(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """Where a payee listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class QrAddress:
    """Where both sides show their codes."""

    directory: Path


@dataclass(frozen=True, slots=True)
class BleAddress:
    """One's own Bluetooth LE controller."""

    radio: str


@dataclass(frozen=True, slots=True)
class NfcAddress:
    """One's own NFC device."""

    device: str


LinkAddress = TcpAddress | QrAddress | BleAddress | NfcAddress


def parse_link(text: str) -> LinkAddress:
    """Read an address. `Refusal` malformed says what was expected."""
    scheme, _, rest = text.partition(":")
    if scheme == "tcp":
        return _parse_tcp(text)
    if scheme == "qr" and rest:
        return QrAddress(Path(rest))
    if scheme == "ble" and _BLE.fullmatch(rest):
        return BleAddress(rest)
    if scheme == "nfc":
        return _parse_nfc(text, rest)
    raise _unreadable(text)


def _parse_tcp(text: str) -> TcpAddress:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _unreadable(text) from None
    if not host or port is None or parts.path or parts.query:
        raise _unreadable(text)
    return TcpAddress(host, port)


def _parse_nfc(text: str, rest: str) -> NfcAddress:
    found = _NFC.fullmatch(rest)
    if found is None or int(found["port"] or 0) > MAX_PORT:
        raise _unreadable(text)
    return NfcAddress(rest)


def _unreadable(text: str) -> Refusal:
    return Refusal(Outcome.MALFORMED, f"{EXPECTED}, got {text[:60]!r}")
