"""Link addresses that people write: ``tcp://HOST:PORT`` or ``qr:DIRECTORY``.

One side opens to pay, the other to receive; the address is the same for both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from feiqian.adapters.qr import QrLink
from feiqian.adapters.qr_frames import PAYEE, PAYER
from feiqian.adapters.tcp import TcpLink, TcpListener
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link

EXPECTED = "expected a link such as tcp://127.0.0.1:7000 or qr:some/directory"


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """Where a payee listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class QrAddress:
    """Where both sides show their codes."""

    directory: Path


LinkAddress = TcpAddress | QrAddress
ShowCode = Callable[[bytes], None]


def parse_link(text: str) -> LinkAddress:
    """Read an address. `Refusal` malformed says what was expected."""
    scheme, _, rest = text.partition(":")
    if scheme == "qr" and rest:
        return QrAddress(Path(rest))
    if scheme == "tcp":
        return _parse_tcp(text)
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


def _unreadable(text: str) -> Refusal:
    return Refusal(Outcome.MALFORMED, f"{EXPECTED}, got {text[:60]!r}")


async def open_to_pay(address: LinkAddress, show: ShowCode | None = None) -> Link:
    """The payer's end. `Refusal` unavailable when the payee cannot be reached."""
    if isinstance(address, QrAddress):
        return QrLink(address.directory, PAYER, show)
    return await TcpLink.connect(address.host, address.port)


async def open_to_receive(
    address: LinkAddress,
    show: ShowCode | None = None,
    ready: Callable[[str], None] | None = None,
) -> Link:
    """The payee's end; over TCP it waits for a payer. `ready` hears where once it listens."""
    if isinstance(address, QrAddress):
        link = QrLink(address.directory, PAYEE, show)
        if ready is not None:
            ready(f"qr:{address.directory}")
        return link
    listener = await TcpListener.listen(address.host, address.port)
    try:
        if ready is not None:
            ready(f"tcp://{address.host}:{listener.port}")
        return await listener.accept()
    finally:
        await listener.close()
