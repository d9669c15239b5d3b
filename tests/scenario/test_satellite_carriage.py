"""A station and its terminals through the simulated constellation, hours of it, in virtual time."""

import asyncio
import random
from dataclasses import replace

import pytest

from feiqian.adapters.rdss.rdss_module import RdssModule
from feiqian.carrier import Carrier
from feiqian.outcomes import Outcome, Refusal
from feiqian.satellite.constellation import (
    ALWAYS,
    NEVER,
    Conditions,
    Constellation,
    Coverage,
    Subscription,
)
from feiqian.satellite.simulator import Simulator
from feiqian.satellite.terminal import Receiver, Terminal
from feiqian.testing import virtual_time
from feiqian.testing.loop_clock import LoopClock
from feiqian.wire.rdss.bds2 import Bds2
from feiqian.wire.rdss.bds3 import Bds3
from feiqian.wire.rdss.module import ModuleIdentity
from feiqian.wire.short_messages import RDSS3_GLOBAL

STATION, BROADCAST = "4000001", "9000001"
WALLETS = ("4000002", "4000003", "4000004")
PERIOD_S = 60
HOUR_MS = 3_600_000
TICK_MS = 600_000


class Sky:
    """A station, its wallets, and what is between them; use it as a context."""

    def __init__(self, dialect, conditions=None, seed=1, period_s=PERIOD_S):
        self.dialect = dialect
        subscriptions = [
            Subscription(
                ModuleIdentity(
                    address, BROADCAST, period_s, 3, len(WALLETS) * (address == STATION)
                ),
                dialect.channel.max_bytes,
            )
            for address in (STATION, *WALLETS)
        ]
        self.constellation = Constellation(
            tuple(subscriptions), conditions or Conditions(), random.Random(seed).random
        )
        terminals = [Terminal(each, dialect, Receiver(None)) for each in (STATION, *WALLETS)]
        self.simulator = Simulator(self.constellation, tuple(terminals), LoopClock(), TICK_MS)

    async def __aenter__(self):
        self.tasks = [asyncio.ensure_future(self.simulator.run())]
        self.modules = []
        self.station = await self.carrier(STATION)
        self.wallets = [await self.carrier(address) for address in WALLETS]
        return self

    async def carrier(self, address):
        """A carrier on a module with this address."""
        module = await RdssModule.sign_on(self.simulator.connect(address), self.dialect)
        self.modules.append(module)
        carrier = Carrier(module)
        self.tasks.append(asyncio.ensure_future(carrier.run()))
        return carrier

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for module in self.modules:
            await module.close()


ROUGH = Conditions(loss=0.5, repetition=0.2, delay_min_ms=500, delay_max_ms=400_000)


@pytest.mark.feature("R-08", "W-06")
@pytest.mark.parametrize("dialect", [Bds2(), Bds3(RDSS3_GLOBAL), Bds3()], ids=["2", "3g", "3r"])
@pytest.mark.parametrize("seed", range(3))
def test_every_question_is_answered_exactly_once(dialect, seed):
    """Half of all lost, some repeated, all out of order: each question and answer arrives, once."""

    async def scenario():
        async with Sky(dialect, ROUGH, seed) as sky:
            asked = {}
            for place, wallet in enumerate(sky.wallets):
                content = random.Random(place).randbytes(128 + 300 * place)
                asked[WALLETS[place]] = content
                wallet.send(content, STATION, lifetime_ms=1000 * HOUR_MS)
            answers = [asyncio.ensure_future(wallet.receive()) for wallet in sky.wallets]
            heard = {}
            while not all(answer.done() for answer in answers):
                question = asyncio.ensure_future(sky.station.receive())
                await asyncio.wait([question, *answers], return_when=asyncio.FIRST_COMPLETED)
                await asyncio.wait(
                    [question, *(each for each in answers if not each.done())],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not question.done():
                    question.cancel()
                    continue
                parcel = question.result().parcel
                assert parcel.sender not in heard
                heard[parcel.sender] = question.result().content
                sky.station.answer(parcel, question.result().content[::-1], 1000 * HOUR_MS)
            assert heard == asked
            assert [answer.result().content for answer in answers] == [
                asked[address][::-1] for address in WALLETS
            ]

    virtual_time.run(scenario())


@pytest.mark.feature("R-06", "D-14")
def test_a_broadcast_reaches_everybody_under_loss():
    """What the station sends to its broadcast address arrives at each of its terminals, once."""

    async def scenario():
        async with Sky(Bds2(), Conditions(loss=0.2)) as sky:
            content = random.Random(1).randbytes(3_000)
            sky.station.broadcast(content, BROADCAST, lifetime_ms=100 * HOUR_MS)
            assert {(await wallet.receive()).content for wallet in sky.wallets} == {content}

    virtual_time.run(scenario())


@pytest.mark.feature("W-06")
def test_a_terminal_without_coverage_waits_for_it():
    """A message posted where no satellite is seen leaves when one comes, and not before."""

    async def scenario():
        async with Sky(Bds3()) as sky:
            sky.simulator.cover(WALLETS[0], NEVER)
            sky.wallets[0].send(b"from the valley", STATION, lifetime_ms=100 * HOUR_MS)
            receiving = asyncio.ensure_future(sky.station.receive())
            await virtual_time.pass_time(HOUR_MS / 1000)
            assert sky.constellation.taken == 0
            sky.simulator.cover(WALLETS[0], ALWAYS)
            assert (await receiving).content == b"from the valley"

    virtual_time.run(scenario())


def test_an_orbit_is_waited_for():
    """With a satellite in sight for a tenth of each round, everything still arrives."""

    async def scenario():
        async with Sky(Bds3(RDSS3_GLOBAL)) as sky:
            for address in WALLETS:
                sky.simulator.cover(address, Coverage(round_ms=HOUR_MS, visible_ms=HOUR_MS // 10))
            sky.wallets[0].send(bytes(600), STATION, lifetime_ms=1000 * HOUR_MS)
            assert (await sky.station.receive()).content == bytes(600)

    virtual_time.run(scenario())


@pytest.mark.feature("W-06")
def test_the_service_is_never_asked_too_often():
    """A carrier on an idle and on a busy outbox keeps the period: the service refuses nothing."""

    async def scenario():
        async with Sky(Bds2()) as sky:
            refused = []
            submit = sky.constellation.submit

            def listening(*arguments):
                feedback = submit(*arguments)
                refused.append(feedback.reason)
                return feedback

            sky.constellation.submit = listening
            for _ in range(3):
                sky.wallets[0].send(random.randbytes(500), STATION, lifetime_ms=HOUR_MS)
            await virtual_time.pass_time(2 * HOUR_MS / 1000)
            assert len(refused) > 20
            assert set(refused) == {None}

    virtual_time.run(scenario())


@pytest.mark.feature("W-06")
def test_a_carrier_that_is_started_anew_waits_when_told():
    """A second host on the same module is refused with the waiting time, and sends after it."""

    async def scenario():
        async with Sky(Bds3()) as sky:
            sky.wallets[0].send(b"one", STATION, lifetime_ms=HOUR_MS)
            assert (await sky.station.receive()).content == b"one"
            await virtual_time.pass_time(PERIOD_S / 2)
            again = await sky.carrier(WALLETS[0])
            started = asyncio.get_running_loop().time()
            again.send(b"two", STATION, lifetime_ms=HOUR_MS)
            assert (await sky.station.receive()).content == b"two"
            assert asyncio.get_running_loop().time() - started <= PERIOD_S / 2 + 4

    virtual_time.run(scenario())


def test_a_lost_module_ends_its_carrier_until_it_has_another():
    """When the module goes, the carrier says unavailable; with another it sends what it still had."""

    async def scenario():
        async with Sky(Bds3()) as sky:
            await sky.modules[1].close()
            with pytest.raises(Refusal) as refused:
                await sky.tasks[2]
            assert refused.value.outcome is Outcome.UNAVAILABLE
            sky.wallets[0].send(b"still here", STATION, lifetime_ms=HOUR_MS)
            line = sky.simulator.connect(WALLETS[0])
            sky.modules.append(await RdssModule.sign_on(line, sky.dialect))
            sky.wallets[0].take_module(sky.modules[-1])
            sky.tasks.append(asyncio.ensure_future(sky.wallets[0].run()))
            assert (await sky.station.receive()).content == b"still here"

    virtual_time.run(scenario())


def test_a_question_outlives_its_answer():
    """Asked again after the answer has expired, a question is delivered again, to be answered anew."""

    async def scenario():
        async with Sky(Bds3(), Conditions(loss=0)) as sky:
            wallet = sky.wallets[0]
            wallet.send(b"who am I", STATION, lifetime_ms=10 * HOUR_MS)
            first = await sky.station.receive()
            sky.simulator.cover(WALLETS[0], NEVER)
            sky.station.answer(first.parcel, b"lost", lifetime_ms=HOUR_MS)
            await virtual_time.pass_time(2 * HOUR_MS / 1000)
            sky.simulator.cover(WALLETS[0], ALWAYS)
            again = await sky.station.receive()
            assert again == first
            sky.station.answer(again.parcel, b"found", lifetime_ms=HOUR_MS)
            assert (await wallet.receive()).content == b"found"

    virtual_time.run(scenario())


def test_a_module_without_a_card_or_permission_is_told_apart():
    """No card is unavailable at once; a card that may not send is, when it tries."""

    async def scenario():
        async with Sky(Bds3()) as sky:
            old = sky.constellation.subscription(WALLETS[0])
            sky.constellation._subscriptions[WALLETS[0]] = replace(old, permitted=False)
            module = sky.modules[1]
            with pytest.raises(Refusal) as refused:
                await module.send(b"x", STATION)
            assert refused.value.outcome is Outcome.UNAVAILABLE
            nobody = replace(old, identity=replace(old.identity, address="0"))
            sky.constellation._subscriptions[WALLETS[0]] = nobody
            with pytest.raises(Refusal) as refused:
                await RdssModule.sign_on(sky.simulator.connect(WALLETS[0]), sky.dialect)
            assert refused.value.outcome is Outcome.UNAVAILABLE

    virtual_time.run(scenario())


def test_a_silent_module_is_noticed():
    """A module that answers nothing is unavailable when signing on, and timed out when sending."""

    async def scenario():
        async with Sky(Bds3()) as sky:
            silent = sky.simulator._terminals[WALLETS[0]]
            silent.answer = lambda *_: b""
            with pytest.raises(Refusal) as refused:
                await RdssModule.sign_on(sky.simulator.connect(WALLETS[0]), sky.dialect)
            assert refused.value.outcome is Outcome.UNAVAILABLE
            with pytest.raises(Refusal) as refused:
                await sky.modules[1].send(b"x", STATION)
            assert refused.value.outcome is Outcome.TIMED_OUT

    virtual_time.run(scenario())


@pytest.mark.feature("W-06")
def test_a_carrier_finds_its_module_again():
    """A module that is lost is opened again, however often that fails, and nothing posted is lost."""

    async def scenario():
        async with Sky(Bds3()) as sky:
            await sky.modules[1].close()
            with pytest.raises(Refusal):
                await sky.tasks[2]
            told: list[str] = []
            tries: list[int] = []

            async def reopen():
                tries.append(1)
                if len(tries) < 3:
                    raise Refusal(Outcome.UNAVAILABLE, "no line yet")
                sky.modules.append(
                    await RdssModule.sign_on(sky.simulator.connect(WALLETS[0]), sky.dialect)
                )
                return sky.modules[-1]

            wallet = sky.wallets[0]
            running = asyncio.ensure_future(wallet.run_on(reopen, told.append))
            wallet.send(b"still here", STATION, lifetime_ms=HOUR_MS)
            assert (await sky.station.receive()).content == b"still here"
            assert (len(tries), len(told)) == (3, 2)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    virtual_time.run(scenario())
