"""Link addresses as people write them."""

from pathlib import Path

import pytest

from feiqian.adapters.links import QrAddress, TcpAddress, parse_link
from feiqian.outcomes import Outcome, Refusal


def test_both_kinds_are_read() -> None:
    """A TCP address has host and port, a QR address a directory."""
    assert parse_link("tcp://127.0.0.1:7000") == TcpAddress("127.0.0.1", 7000)
    assert parse_link("tcp://[::1]:7000") == TcpAddress("::1", 7000)
    assert parse_link("qr:some/codes") == QrAddress(Path("some/codes"))


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
        "nfc:reader",
    ],
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    """What is no link address is malformed, and the refusal shows what one looks like."""
    with pytest.raises(Refusal) as refused:
        parse_link(text)
    assert refused.value.outcome is Outcome.MALFORMED
    assert "tcp://127.0.0.1:7000" in refused.value.detail
