"""Every source of positions keeps the promise of its port: a real gpsd, real CAM bytes, a route."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import pytest

from feiqian.adapters.cam_positions import CamPositions
from feiqian.adapters.clockwork import repeat
from feiqian.adapters.position_addresses import open_positions
from feiqian.adapters.route_positions import RoutePositions, RouteStop
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import PositionSource
from feiqian.testing.cam_messages import cam_of
from feiqian.testing.free_ports import HOST
from feiqian.testing.gpsd_process import needs_gpsd, running_gpsd
from feiqian.testing.position_conformance import (
    LATITUDE_E7,
    LONGITUDE_E7,
    PositionSourceConformance,
)
from feiqian.testing.receiver_feed import ReceiverFeed
from feiqian.timing.fixes import FixedPlace
from feiqian.timing.moment import Moment
from feiqian.wire.positions import Position, PositionSourceKind

PLACE = FixedPlace(LATITUDE_E7, LONGITUDE_E7, 5_000)
STATION, OTHER_STATION = 4_711, 4_712


def now_ms():
    """The time of this computer."""
    return time.time_ns() // 1_000_000


class GpsdRig:
    """A receiver, gpsd, and the source."""

    def __init__(self):
        self.feed = ReceiverFeed(self._moment_ms, PLACE)
        self.source: PositionSource
        self._spoken = asyncio.Event()

    def _moment_ms(self):
        self._spoken.set()
        return now_ms()

    async def rounds(self, count):
        for _ in range(count):
            self._spoken.clear()
            await self._spoken.wait()

    async def darken(self):
        self.feed.place = None
        since_ms = now_ms()
        await self.rounds(4)
        until_ms = now_ms()
        self.feed.place = PLACE
        return since_ms, until_ms


@needs_gpsd
class TestGpsd(PositionSourceConformance):
    @asynccontextmanager
    async def rig(self):
        rig = GpsdRig()
        async with rig.feed.running(), running_gpsd(f"tcp://{HOST}:{rig.feed.port}") as port:
            rig.source = await open_positions(f"gpsd://{HOST}:{port}", SystemTime())
            try:
                yield rig
            finally:
                await rig.source.close()


class SystemTime:
    def now(self):
        return Moment(now_ms(), 10)


def heard_at(moment_ms, accuracy_mm=3_000):
    """A position that a vehicle reports."""
    moment, kind = Moment(moment_ms), PositionSourceKind.CAM
    return Position(moment, LATITUDE_E7, LONGITUDE_E7, accuracy_mm, 0, 9_000, kind)


class CamRig:
    """A communication unit that hands on what it hears, of all stations."""

    def __init__(self, source):
        self.source = source
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._dark = False
        self._spoken = asyncio.Event()

    def send(self, raw):
        self._socket.sendto(raw, (HOST, self.source.port))

    async def speak(self):
        other = Position(Moment(now_ms()), 0, 10, 1_000, 0, 0, PositionSourceKind.CAM)
        self.send(cam_of(OTHER_STATION, other))
        for noise in (b"", b"\x02\x02", bytes(41), b"\xff" * 1_400):
            self.send(noise)
        accuracy_mm = 40_950 if self._dark else 3_000
        said = cam_of(STATION, heard_at(now_ms(), accuracy_mm))
        self.send(said)
        self.send(said)
        self._spoken.set()

    async def darken(self):
        self._dark = True
        since_ms = now_ms()
        for _ in range(4):
            self._spoken.clear()
            await self._spoken.wait()
        until_ms = now_ms()
        self._dark = False
        return since_ms, until_ms

    def close(self):
        self._socket.close()


class TestCam(PositionSourceConformance):
    @asynccontextmanager
    async def rig(self):
        source = await CamPositions.open(HOST, 0, STATION, SystemTime())
        rig = CamRig(source)
        speaking = asyncio.create_task(repeat(rig.speak, 0.05))
        try:
            yield rig
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            rig.close()
            await source.close()

    def test_address_in_use_is_told(self):
        """A second source at the same address is refused by name."""

        async def listen():
            first = await CamPositions.open(HOST, 0, STATION, SystemTime())
            with pytest.raises(Refusal) as refused:
                await CamPositions.open(HOST, first.port, STATION, SystemTime())
            await first.close()
            assert refused.value.outcome is Outcome.UNAVAILABLE

        asyncio.run(listen())


class RunningTime:
    """A clock that moves when somebody sleeps."""

    def __init__(self):
        self.moment_ms = 1_790_000_000_000

    def now(self):
        return Moment(self.moment_ms, 10)

    async def sleep(self, seconds):
        self.moment_ms += max(1, round(seconds * 1_000))
        await asyncio.sleep(0)


FAR_E7 = LATITUDE_E7 + 10_000
ROUTE = (
    RouteStop(LATITUDE_E7, LONGITUDE_E7, stand_ms=20_000, tunnel=True),
    RouteStop(FAR_E7, LONGITUDE_E7),
    RouteStop(LATITUDE_E7, LONGITUDE_E7),
)
"""Stand, then a tunnel of 111 m at 10 m/s, and back in the open."""


class RouteRig:
    def __init__(self):
        self.clock = RunningTime()
        self.source = RoutePositions(ROUTE, self.clock, 7, sleep=self.clock.sleep)
        self._began_ms = self.clock.moment_ms

    async def darken(self):
        return self._began_ms + 20_000, self._began_ms + 31_000


class TestRoute(PositionSourceConformance):
    @asynccontextmanager
    async def rig(self):
        yield RouteRig()

    def test_seed_makes_the_journey(self):
        """The same seed drives the same way, another seed with other errors; all near the truth."""

        async def drive(seed):
            clock = RunningTime()
            source = RoutePositions(ROUTE, clock, seed, sleep=clock.sleep)
            return [await source.position() for _ in range(300)]

        first, again, other = (asyncio.run(drive(seed)) for seed in (7, 7, 8))
        assert first == again != other
        outside = sum(
            (each.latitude_e7 - LATITUDE_E7) ** 2 * 11.1**2
            + (each.longitude_e7 - LONGITUDE_E7) ** 2 * 8.5**2
            > each.accuracy_mm**2
            for each in other[60:]
        )
        assert outside < len(other) // 5
