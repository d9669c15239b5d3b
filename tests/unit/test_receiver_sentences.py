"""Sentences of a satellite receiver."""

import re
from functools import reduce
from operator import xor

import pytest

from feiqian.satellite.receiver import MAX_SENTENCE_BYTES, Sky, Talker, sentence, speak
from feiqian.timing.fixes import FixedPlace

NOON_MS = 1_780_000_000_120  # 2026-05-28 20:26:40.12 UTC
BEIJING = FixedPlace(399_042_000, 1_164_074_000, 5_000)
SOUTH_WEST = FixedPlace(-123_456_789, -5_000_000, 5_000)


def test_known_sentence_has_its_checksum():
    """The checksum is the one that published examples carry."""
    assert sentence("CCICA,0,00") == b"$CCICA,0,00*7B\r\n"


@pytest.mark.parametrize("talker", list(Talker))
@pytest.mark.parametrize("place", [BEIJING, SOUTH_WEST, None])
def test_every_sentence_is_whole(talker: Talker, place: FixedPlace | None):
    """Each sentence names its constellation, keeps to 82 bytes and adds up."""
    said = speak(Sky(talker), NOON_MS, place)
    kinds = [raw[3:6].decode() for raw in said]
    assert kinds == ["GGA", "GSA", "GSV", "GSV", "RMC", "ZDA"]
    for raw in said:
        body, checksum = raw.decode().removeprefix("$").removesuffix("\r\n").split("*")
        assert body.startswith(talker)
        assert len(raw) <= MAX_SENTENCE_BYTES
        assert int(checksum, 16) == reduce(xor, body.encode())


def test_moment_and_place_are_said_exactly():
    """Hundredths of seconds and hundred-thousandths of minutes reach the listener."""
    gga, *_, rmc, zda = speak(Sky(), NOON_MS, SOUTH_WEST)
    assert gga.startswith(b"$BDGGA,202640.12,1220.74073,S,00030.00000,W,1,06")
    assert rmc.startswith(b"$BDRMC,202640.12,A,1220.74073,S,00030.00000,W,0.0,0.0,280526")
    assert zda.startswith(b"$BDZDA,202640.12,28,05,2026,")


def test_without_a_fix_nothing_is_claimed():
    """A receiver without a fix says so in every sentence that has a status, and gives no place."""
    gga, gsa, *_, rmc, _ = speak(Sky(), NOON_MS, None)
    assert re.match(rb"\$BDGGA,[\d.]+,,,,,0,", gga)
    assert gsa.startswith(b"$BDGSA,A,1,,,,")
    assert b",V,,,,,,," in rmc
