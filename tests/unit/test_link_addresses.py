"""Link addresses as people write them."""

import asyncio
import sys
from pathlib import Path

import pytest

from feiqian.adapters.link_addresses import (
    BleAddress,
    NfcAddress,
    QrAddress,
    TcpAddress,
    parse_link,
)
from feiqian.adapters.links import open_to_pay, open_to_receive
from feiqian.outcomes import Outcome, Refusal


def test_every_kind_is_read() -> None:
    """An address names a host and port, a directory, or one's own radio."""
    assert parse_link("tcp://127.0.0.1:7000") == TcpAddress("127.0.0.1", 7000)
    assert parse_link("tcp://[::1]:7000") == TcpAddress("::1", 7000)
    assert parse_link("qr:some/codes") == QrAddress(Path("some/codes"))
    for radio in ("usb:0", "usb:04b4:f901", "serial:/dev/ttyS0,1000000", "tcp-client:127.0.0.1:1"):
        assert parse_link(f"ble:{radio}") == BleAddress(radio)
    for device in ("usb", "usb:072f:2200", "usb:001:023", "tty:S0:pn532", "udp:localhost:54321"):
        assert parse_link(f"nfc:{device}") == NfcAddress(device)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tcp",
        "tcp:7000",
        "tcp://host",
        "tcp://:7000",
        "tcp://host:x",
        "tcp://host:70000",
        "tcp://host:7000/path",
        "qr:",
        "http://host:80",
        "ble:",
        "ble:usb",
        "ble:nonsense:0",
        "ble:file:/etc/passwd",
        "nfc:",
        "nfc:reader",
        "nfc:usb:zz",
        "nfc:udp:host",
        "nfc:udp:host:70000",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    """What is no link address is malformed, and the refusal shows what one looks like."""
    with pytest.raises(Refusal) as refused:
        parse_link(text)
    assert refused.value.outcome is Outcome.MALFORMED
    assert "tcp://127.0.0.1:7000" in refused.value.detail


@pytest.mark.parametrize("name", ["ble", "nfc"])
def test_a_missing_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library of a radio, opening such a link says what to install."""
    library = {"ble": "bumble", "nfc": "nfc"}[name]
    for module in list(sys.modules):
        if module.startswith((f"{library}.", f"feiqian.adapters.{name}")) or module == library:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    for opening in (open_to_pay, open_to_receive):
        with pytest.raises(Refusal) as refused:
            asyncio.run(opening(parse_link(f"{name}:usb:0001")))
        assert refused.value.outcome is Outcome.UNAVAILABLE
        assert f"pip install feiqian[{name}]" in refused.value.detail


@pytest.mark.parametrize(
    "text",
    [
        "ble:tcp-client:127.0.0.1:1",
        "ble:tcp-client:nowhere",
        "ble:serial:/nowhere,9600",
        "nfc:usb:0001",
    ],
)
def test_a_radio_that_is_not_there_is_unavailable(text: str) -> None:
    """A radio that cannot be opened is a refusal by name, on either side."""
    for opening in (open_to_pay, open_to_receive):
        with pytest.raises(Refusal) as refused:
            asyncio.run(opening(parse_link(text)))
        assert refused.value.outcome is Outcome.UNAVAILABLE
