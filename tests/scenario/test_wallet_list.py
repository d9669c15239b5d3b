"""The double-spending list in a wallet: followed, kept over restarts, never rolled back; the probe."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.verification import ConnectionRule
from feiqian.testing.network import SimulatedNetwork, url_of
from feiqian.testing.wallets import Device
from feiqian.wallet.connection import is_connected
from feiqian.wallet.listing import ListShelf
from feiqian.wire.double_spending import LIST_PATH

Read = Callable[[str], Awaitable[bytes]]


class Shelved:
    """A wallet's device at B, and a shelf on its store."""

    def __init__(self, network: SimulatedNetwork) -> None:
        self.network = network
        self.device = Device(network, "B", "holder")

    def shelf(self) -> ListShelf:
        """A new run of the client."""
        around = self.device.surroundings()
        return ListShelf(around.trust, around.store)

    async def update(self, shelf: ListShelf) -> int:
        """Follow the institution; the number held then, 0 for none."""
        held = await shelf.update(self.network.courier, url_of("B"))
        return 0 if held is None else held.state.number


def play(story: Callable[[Shelved], Awaitable[None]]) -> None:
    """Tell one story."""

    async def tell() -> None:
        await story(Shelved(await SimulatedNetwork.create()))

    asyncio.run(tell())


@pytest.mark.feature("D-07")
def test_the_list_survives_restarts() -> None:
    """What was followed is there again without a network; before the first update there is none."""

    async def story(shelved: Shelved) -> None:
        shelf = shelved.shelf()
        assert await shelved.update(shelf) == 0
        await shelved.network.follow_lists()
        assert await shelved.update(shelf) == 1
        shelved.network.courier.cut_off.add("http://")
        held = await shelved.shelf().held()
        assert held is not None
        assert held.state.number == 1
        with pytest.raises(Refusal) as refused:
            await shelved.update(shelved.shelf())
        assert refused.value.outcome is Outcome.UNAVAILABLE

    play(story)


@pytest.mark.feature("D-07")
def test_a_forged_list_is_not_taken() -> None:
    """Documents that the platform has not signed change nothing."""

    async def story(shelved: Shelved) -> None:
        await shelved.network.follow_lists()
        other = await SimulatedNetwork.create(seed="another platform")
        await other.follow_lists()
        shelf = shelved.shelf()
        with pytest.raises(Refusal) as refused:
            await shelf.update(other.courier, url_of("B"))
        assert refused.value.outcome is Outcome.BAD_SIGNATURE
        assert await shelf.held() is None

    play(story)


class Answering:
    """A library that answers as told, and counts."""

    def __init__(self, *answers: Outcome | None) -> None:
        self.answers = list(answers)
        self.urls: list[str] = []

    async def get(self, url: str) -> bytes:
        self.urls.append(url)
        answer = self.answers.pop(0)
        if answer is None:
            return b""
        if answer is Outcome.TIMED_OUT:
            await asyncio.Event().wait()
        raise Refusal(answer, "as told")


@pytest.mark.feature("D-02", "W-01")
@pytest.mark.parametrize(
    ("answers", "connected"),
    [
        ([None], True),
        ([Outcome.UNKNOWN_IDENTIFIER], True),
        ([Outcome.UNAVAILABLE, None], True),
        ([Outcome.TIMED_OUT, None], True),
        ([Outcome.UNAVAILABLE, Outcome.TIMED_OUT], False),
    ],
)
def test_connected_means_that_a_probe_is_answered(
    answers: list[Outcome | None], connected: bool
) -> None:
    """Any answer counts, silence is waited for so long and so often, and no longer."""

    async def run() -> None:
        library = Answering(*answers)
        rule = ConnectionRule(probe_timeout_ms=10, attempts=2)
        assert await is_connected(library, "http://b", rule) is connected
        assert library.answers == []
        assert set(library.urls) == {f"http://b{LIST_PATH}/version"}

    asyncio.run(run())
