"""People name a short-message module by class and line; what they mistype is explained."""

import asyncio

import pytest

from feiqian.adapters.rdss.module_addresses import open_module
from feiqian.outcomes import Outcome, Refusal

MISTYPED = [
    "",
    "rdss9://127.0.0.1:7000",
    "rdss3-global://127.0.0.1",
    "rdss3-global://127.0.0.1:0",
    "rdss3-global://127.0.0.1:99999",
    "rdss2:ttyUSB0",
    "rdss2:/dev/ttyUSB0@fast",
    "tcp://127.0.0.1:7000",
]


@pytest.mark.parametrize("address", MISTYPED)
def test_mistyped_addresses_are_refused_by_name(address):
    """What names no module is malformed, and nothing is opened."""
    with pytest.raises(Refusal) as refused:
        asyncio.run(open_module(address))
    assert refused.value.outcome is Outcome.MALFORMED


def test_a_gpsd_that_is_named_wrongly_opens_no_line(tmp_path):
    """The gpsd's address is read before the module is opened."""
    with pytest.raises(Refusal) as refused:
        asyncio.run(open_module(f"rdss2:{tmp_path / 'none'}", "http://127.0.0.1:2947"))
    assert refused.value.outcome is Outcome.MALFORMED


def test_a_device_that_is_not_there_is_unavailable(tmp_path):
    """A module that cannot be opened is unavailable, with the reason."""
    with pytest.raises(Refusal) as refused:
        asyncio.run(open_module(f"rdss3-global:{tmp_path / 'none'}"))
    assert refused.value.outcome is Outcome.UNAVAILABLE
