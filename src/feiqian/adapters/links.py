"""Opens links by their address: one side to pay, the other to receive.

Bluetooth LE and NFC need their extras, which are loaded only when such a link is opened; without
them the refusal says what to install.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from feiqian.adapters.link_addresses import (
    BleAddress,
    LinkAddress,
    NfcAddress,
    QrAddress,
    TcpAddress,
)
from feiqian.adapters.qr import QrLink
from feiqian.adapters.qr_frames import PAYEE, PAYER
from feiqian.adapters.tcp import TcpLink, TcpListener
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link

ShowCode = Callable[[bytes], None]
Ready = Callable[[str], None]


async def open_to_pay(address: LinkAddress, show: ShowCode | None = None) -> Link:
    """The payer's end. `Refusal` unavailable when the payee cannot be reached."""
    match address:
        case TcpAddress():
            return await TcpLink.connect(address.host, address.port)
        case QrAddress():
            return QrLink(address.directory, PAYER, show)
        case BleAddress():
            return await _find_by_ble(address.radio)
        case NfcAddress():
            return await _be_card(address.device)


async def open_to_receive(
    address: LinkAddress, show: ShowCode | None = None, ready: Ready | None = None
) -> Link:
    """The payee's end; it waits for a payer, but by QR code. `ready` hears where once it can."""
    ready = ready or _nobody
    match address:
        case TcpAddress():
            return await _accept_by_tcp(address, ready)
        case QrAddress():
            link = QrLink(address.directory, PAYEE, show)
            ready(f"qr:{address.directory}")
            return link
        case BleAddress():
            return await _accept_by_ble(address.radio, ready)
        case NfcAddress():
            return await _read_card(address.device, ready)


def _nobody(_: str) -> None:
    """Hears nothing."""


async def _accept_by_tcp(address: TcpAddress, ready: Ready) -> Link:
    listener = await TcpListener.listen(address.host, address.port)
    try:
        ready(f"tcp://{address.host}:{listener.port}")
        return await listener.accept()
    finally:
        await listener.close()


async def _find_by_ble(name: str) -> Link:
    with _extra("ble"):
        from feiqian.adapters.ble import find_payee  # noqa: PLC0415 - an extra
        from feiqian.adapters.ble_radio import BleRadio  # noqa: PLC0415 - an extra
    radio = await BleRadio.open(name)
    try:
        return await find_payee(radio)
    except BaseException:  # also when the wait is given up
        await radio.close()
        raise


async def _accept_by_ble(name: str, ready: Ready) -> Link:
    with _extra("ble"):
        from feiqian.adapters.ble import BlePayee  # noqa: PLC0415 - an extra
        from feiqian.adapters.ble_radio import BleRadio  # noqa: PLC0415 - an extra
    radio = await BleRadio.open(name)
    try:
        listening = await BlePayee.listen(radio)
        ready(f"ble:{name}")
        return await listening.accept()
    except BaseException:  # also when the wait is given up
        await radio.close()
        raise


async def _read_card(device: str, ready: Ready) -> Link:
    with _extra("nfc"):
        from feiqian.adapters.nfc_link import NfcLink  # noqa: PLC0415 - used with an extra
        from feiqian.adapters.nfc_radio import reader_at  # noqa: PLC0415 - an extra
    ready(f"nfc:{device}")
    return await NfcLink.as_reader(reader_at(device))


async def _be_card(device: str) -> Link:
    with _extra("nfc"):
        from feiqian.adapters.nfc_link import NfcLink  # noqa: PLC0415 - used with an extra
        from feiqian.adapters.nfc_radio import card_at  # noqa: PLC0415 - an extra
    return await NfcLink.as_card(card_at(device))


@contextmanager
def _extra(name: str) -> Iterator[None]:
    """Say what is missing when an extra is not installed."""
    try:
        yield
    except ModuleNotFoundError as missing:
        detail = f"{name}: links need an extra, pip install feiqian[{name}] ({missing.name})"
        raise Refusal(Outcome.UNAVAILABLE, detail) from missing
