"""A bus that is joined later: nobody waits for it who can go on without it."""

import asyncio
from dataclasses import dataclass, field

import pytest

from feiqian.adapters import patient_bus
from feiqian.adapters.local_bus import LocalBus
from feiqian.adapters.patient_bus import PatientBus
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import MessageBus
from feiqian.testing.bus_conformance import BusConformance

PATIENCE_S = 30


@dataclass
class Gate:
    """The way to a bus, shut with a refusal until it is opened."""

    bus: LocalBus = field(default_factory=LocalBus)
    refusal: Refusal | None = None
    attempts: int = 0
    notes: list[str] = field(default_factory=list)
    joined: asyncio.Event = field(default_factory=asyncio.Event)

    async def join(self) -> MessageBus:
        self.attempts += 1
        if self.refusal is not None:
            raise Refusal(self.refusal.outcome, self.refusal.detail)
        self.joined.set()
        return self.bus.join("vehicle")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_bus, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(patient_bus, "LONGEST_PAUSE_S", 0.002)


@pytest.mark.feature("V-03")
class TestPatientBus(BusConformance):
    async def open(self) -> None:
        self.bus = LocalBus()

    async def join(self, name: str) -> MessageBus:
        async def joined() -> MessageBus:
            return self.bus.join(name)

        return await PatientBus.open(joined, print)

    async def shut(self) -> None:
        pass


@pytest.mark.feature("V-10")
def test_a_member_goes_on_without_a_bus_and_joins_it_later():
    """Until it is there nothing is published and nothing is lost by waiting; then it is as any other."""

    async def scene() -> None:
        gate = Gate(refusal=Refusal(Outcome.UNAVAILABLE, "nobody answers"))
        bus = await PatientBus.open(gate.join, gate.notes.append)
        assert gate.notes == ["going on without the bus, until it is there: nobody answers"]
        with pytest.raises(Refusal) as refused:
            await bus.publish("management", "kind", b"payload")
        assert refused.value.outcome is Outcome.UNAVAILABLE
        receiving = asyncio.create_task(bus.receive())
        gate.refusal = None
        other = gate.bus.join("management")
        async with asyncio.timeout(PATIENCE_S):
            await gate.joined.wait()
            await other.publish("vehicle", "kind", b"payload")
            assert (await receiving).payload == b"payload"
        assert gate.attempts > 1
        await bus.close()

    asyncio.run(scene())


@pytest.mark.feature("V-10")
def test_a_word_against_the_member_is_told_at_once():
    """A wrong token does not become right by waiting."""

    async def scene() -> None:
        gate = Gate(refusal=Refusal(Outcome.BAD_CERTIFICATE, "expected another name"))
        with pytest.raises(Refusal) as refused:
            await PatientBus.open(gate.join, gate.notes.append)
        assert refused.value.outcome is Outcome.BAD_CERTIFICATE
        assert gate.attempts == 1

    asyncio.run(scene())


@pytest.mark.feature("V-10")
def test_a_word_against_the_member_heard_later_ends_its_waiting():
    """Whoever waits for a message then hears why none will come, and no attempt follows."""

    async def scene() -> None:
        gate = Gate(refusal=Refusal(Outcome.UNAVAILABLE, "nobody answers"))
        bus = await PatientBus.open(gate.join, gate.notes.append)
        gate.refusal = Refusal(Outcome.BAD_CERTIFICATE, "expected another name")
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(Refusal) as refused:
                await bus.receive()
        assert refused.value.outcome is Outcome.BAD_CERTIFICATE
        attempts = gate.attempts
        await bus.close()
        assert gate.attempts == attempts

    asyncio.run(scene())


@pytest.mark.feature("V-10")
def test_closing_ends_the_attempts():
    """Nobody goes on knocking for a member that has left."""

    async def scene() -> None:
        gate = Gate(refusal=Refusal(Outcome.UNAVAILABLE, "nobody answers"))
        bus = await PatientBus.open(gate.join, gate.notes.append)
        await bus.close()
        attempts = gate.attempts
        await asyncio.sleep(0.01)
        assert gate.attempts == attempts
        with pytest.raises(Refusal):
            await bus.receive()

    asyncio.run(scene())
