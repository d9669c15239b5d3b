"""What every `ports.PositionSource` must do, as one suite: subclass it and say how to make a rig."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import PositionSource

PATIENCE_S = 30
LATITUDE_E7, LONGITUDE_E7 = 399_042_000, 1_164_074_000
"""Where the rig's vehicle is, before and after the darkness."""
NEARBY_E7 = 2_000


class PositionRig(Protocol):
    """A source, and a world for it."""

    @property
    def source(self) -> PositionSource:
        """What is tested."""
        ...

    async def darken(self) -> tuple[int, int]:
        """Let nothing be known for a while: from which moment on, and before which other one."""
        ...


class PositionSourceConformance:
    """Inherit, and override `rig`."""

    def rig(self) -> AbstractAsyncContextManager[PositionRig]:
        """A vehicle that stands at the place above, and is heard."""
        raise NotImplementedError

    @pytest.mark.feature("V-03")
    def test_positions_come_in_order(self) -> None:
        """The vehicle learns where it is, how well that is known, and each position once."""

        async def listen() -> None:
            async with self.rig() as rig:
                heard = [await rig.source.position() for _ in range(4)]
                await rig.source.close()
            moments = [each.moment.midpoint_ms for each in heard]
            assert moments == sorted(set(moments))
            for each in heard:
                assert abs(each.latitude_e7 - LATITUDE_E7) < NEARBY_E7
                assert abs(each.longitude_e7 - LONGITUDE_E7) < NEARBY_E7
                assert each.accuracy_mm > 0

        _within_patience(listen())

    @pytest.mark.feature("V-03", "V-08")
    def test_darkness_says_nothing(self) -> None:
        """Where nothing can be known nothing is said: no old position again, and no guess."""

        async def listen() -> None:
            async with self.rig() as rig:
                await rig.source.position()
                since_ms, until_ms = await rig.darken()
                heard = await rig.source.position()
                while heard.moment.midpoint_ms < until_ms:
                    assert heard.moment.midpoint_ms < since_ms
                    heard = await rig.source.position()
                await rig.source.close()

        _within_patience(listen())

    def test_end_is_told(self) -> None:
        """Whoever waits for a position of a closed source is told; closing twice is harmless."""

        async def listen() -> None:
            async with self.rig() as rig:
                await rig.source.position()
                await rig.source.close()
                await rig.source.close()
                with pytest.raises(Refusal) as refused:
                    await _exhaust(rig.source)
                assert refused.value.outcome is Outcome.UNAVAILABLE

        _within_patience(listen())


async def _exhaust(source: PositionSource) -> None:
    while True:
        await source.position()


def _within_patience(listening: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await listening

    asyncio.run(bounded())
