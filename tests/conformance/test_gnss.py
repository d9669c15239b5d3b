"""Moments by satellite, from a real gpsd."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from feiqian.adapters.gnss import GnssReceiver
from feiqian.adapters.gpsd import MAX_LINE_BYTES
from feiqian.adapters.oscillator import SystemOscillator
from feiqian.outcomes import Outcome, Refusal
from feiqian.satellite.receiver import Sky, Talker
from feiqian.testing.gpsd_process import needs_gpsd, running_gpsd
from feiqian.testing.receiver_feed import HOST, SOMEWHERE, ReceiverFeed

WEEK_MS = 7 * 24 * 3_600_000


def next_week_ms() -> int:
    """A moment that this computer's clock will only show in a week."""
    return time.time_ns() // 1_000_000 + WEEK_MS


@asynccontextmanager
async def heard(feed: ReceiverFeed, timeout_ms: int = 10_000) -> AsyncIterator[GnssReceiver]:
    """A receiver behind a real gpsd that listens to the feed."""
    async with feed.running(), running_gpsd(f"tcp://{HOST}:{feed.port}") as port:
        yield GnssReceiver(HOST, port, SystemOscillator(), timeout_ms)


@needs_gpsd
@pytest.mark.feature("W-02", "W-12")
@pytest.mark.parametrize(
    ("talker", "source"),
    [
        (Talker.BEIDOU, "gnss:beidou"),
        (Talker.BEIDOU_ELSEWHERE, "gnss:beidou"),
        (Talker.GPS, "gnss:gps"),
        (Talker.GALILEO, "gnss:galileo"),
    ],
)
def test_any_constellation_tells_the_time(talker: Talker, source: str):
    """Whatever satellites a receiver hears, their moment is taken, and the truth lies within it."""

    async def listen() -> None:
        feed = ReceiverFeed(next_week_ms, sky=Sky(talker))
        async with heard(feed) as receiver:
            before_ms = next_week_ms()
            fixes = [await receiver.fix() for _ in range(2)]
            after_ms = next_week_ms()
        for fix in fixes:
            assert before_ms <= fix.moment.latest_ms
            assert fix.moment.earliest_ms <= after_ms
            assert fix.moment.radius_ms < 1_000
            assert fix.place is not None
            assert abs(fix.place.latitude_e7 - SOMEWHERE.latitude_e7) < 100
        assert source in [fix.source for fix in fixes]

    asyncio.run(listen())


@needs_gpsd
@pytest.mark.feature("W-11")
def test_receiver_without_a_fix_tells_no_time():
    """The clock that a receiver shows before it has a fix is not taken for the satellites'."""

    async def listen() -> None:
        feed = ReceiverFeed(next_week_ms, place=None)
        async with heard(feed, timeout_ms=1_000) as receiver:
            with pytest.raises(Refusal) as refused:
                await receiver.fix()
            assert refused.value.outcome is Outcome.FIX_MISSING
            feed.place = SOMEWHERE
            later = GnssReceiver(HOST, receiver._port, SystemOscillator())
            assert (await later.fix()).place is not None

    asyncio.run(listen())


@pytest.mark.feature("W-11")
def test_no_gpsd_is_no_time():
    """Where nobody listens there is a refusal by name, and nothing to believe."""

    async def listen() -> Refusal:
        async with await asyncio.start_server(lambda *_: None, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
        with pytest.raises(Refusal) as refused:
            await GnssReceiver(HOST, port, SystemOscillator()).fix()
        return refused.value

    assert asyncio.run(listen()).outcome is Outcome.UNAVAILABLE


@pytest.mark.parametrize("said", [b"", b"x" * (MAX_LINE_BYTES + 1), b'{"class":"SKY"}\n'])
def test_strange_gpsd_ends_by_name(said: bytes):
    """Something else at gpsd's port, endless lines or a cut connection are refused by name."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(said)
        writer.close()

    async def listen() -> Refusal:
        async with await asyncio.start_server(serve, HOST, 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(Refusal) as refused:
                await GnssReceiver(HOST, port, SystemOscillator()).fix()
        return refused.value

    assert asyncio.run(listen()).outcome is Outcome.UNAVAILABLE
