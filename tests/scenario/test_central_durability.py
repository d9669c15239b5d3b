"""On the real embedded store: concurrent repeats happen once, and a restart forgets nothing."""

import asyncio

import pytest

from feiqian.adapters.sqlite import SqliteStore
from feiqian.central.documents import Admission, ReservesChange
from feiqian.central.platform import Platform
from feiqian.central.schema import MIGRATIONS
from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome
from feiqian.testing.platform_world import SUITE, PlatformWorld
from feiqian.wire.platform_requests import IssueBody
from feiqian.wire.request_envelope import Action

pytestmark = pytest.mark.feature("P-07")

CONCURRENT = 20


@pytest.fixture
def world():
    """Keys, clock and signed requests; its own platform is not used here."""
    with PlatformWorld(("A",)) as opened:
        yield opened


async def _open(world, path):
    store = SqliteStore.open(path, MIGRATIONS)
    platform = await Platform.open(SUITE, world.root_raw, world.root_key, store, world.clock)
    await platform.admit(Admission("a", "A", world.keys["A"].public.hex(), "https://a.example"))
    await platform.change_reserves(ReservesChange("r", "A", 1_000))
    return store, platform


def test_concurrent_repeats_are_one_issuance(world, tmp_path):
    """The same request many times at once gives one order and one answer."""
    raw = world.request("A", Action.ISSUE, IssueBody(VERSION, 100))

    async def scenario():
        store, platform = await _open(world, tmp_path / "central.sqlite")
        answers = await asyncio.gather(*(platform.answer(raw) for _ in range(CONCURRENT)))
        report = await platform.report()
        await store.close()
        return answers, report

    answers, report = asyncio.run(scenario())
    assert len(set(answers)) == 1
    assert report.authorised_minor == 100


@pytest.mark.feature("P-01")
def test_concurrent_issuance_never_exceeds_the_reserves(world, tmp_path):
    """Many requests at once are issued as far as reserves go, and not one unit further."""
    raws = [world.request("A", Action.ISSUE, IssueBody(VERSION, 300)) for _ in range(CONCURRENT)]

    async def scenario():
        store, platform = await _open(world, tmp_path / "central.sqlite")
        answers = await asyncio.gather(*(platform.answer(raw) for raw in raws))
        report = await platform.report()
        await store.close()
        return answers, report

    answers, report = asyncio.run(scenario())
    outcomes = [world.read(raw).outcome for raw in answers]
    assert outcomes.count(Outcome.ACCEPTED) == 3
    assert outcomes.count(Outcome.INSUFFICIENT_RESERVES) == CONCURRENT - 3
    assert report.authorised_minor == 900
    assert report.in_order


def test_a_restart_forgets_nothing(world, tmp_path):
    """After a restart directory, books and answers are those of before, byte for byte."""
    raw = world.request("A", Action.ISSUE, IssueBody(VERSION, 100))

    async def life():
        store, platform = await _open(world, tmp_path / "central.sqlite")
        seen = await platform.answer(raw), platform.directory(), await platform.report()
        await store.close()
        return seen

    assert asyncio.run(life()) == asyncio.run(life())
