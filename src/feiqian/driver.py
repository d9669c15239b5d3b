"""The one loop that carries a machine through the ports.

A machine's effects are carried out in order; what comes of each is the next fact. Only when nothing
is left to do does the driver listen: to the link, the timer and the holder, whichever is first. It
decides nothing, so every rule stays in the table and every test of the table holds here.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from feiqian.chip.commands import Command
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.ports import Clock, Courier, Link
from feiqian.protocol.payment.effects import (
    Approve,
    AskServer,
    Effect,
    Finish,
    Keep,
    PerformOnChip,
    Probe,
    Send,
    SetTimer,
)
from feiqian.protocol.payment.facts import (
    Approved,
    Cancelled,
    ChipAnswered,
    ChipFailed,
    Fact,
    Kept,
    LinkLost,
    Probed,
    Received,
    ServerAnswered,
    ServerFailed,
    Started,
    TimerExpired,
)
from feiqian.protocol.payment.records import Record
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import encode_message


class Machine(Protocol):
    """A sans-I/O machine of the floor `protocol`."""

    def handle(self, fact: Fact, now: Moment) -> Sequence[Effect]:
        """What to do about a fact."""
        ...


class Chip(Protocol):
    """A session with a security chip; `chip.session.ChipSession` is one."""

    def perform(self, command: Command) -> Struct:
        """Give a command, get its answer. `Refusal` as the chip named it."""
        ...


@dataclass(frozen=True, slots=True)
class SessionPorts:
    """The ports that a session runs through."""

    chip: Chip
    link: Link
    courier: Courier
    clock: Clock
    keep: Callable[[Record], Awaitable[None]]
    """Durable when it returns."""
    url_of: Callable[[str], str]
    """Where an institution answers; `Refusal` unknown_issuer."""
    approve: Callable[[int, str], Awaitable[bool]]
    """Asks the holder: amount in minor units, payee's wallet number."""
    connected: Callable[[str], Awaitable[bool]]
    """Whether an institution can be reached, by the connection rule."""


class Driver:
    """Runs one machine once."""

    def __init__(self, surroundings: SessionPorts) -> None:
        self._ports = surroundings
        self._facts: deque[Fact] = deque([Started()])
        self._deadline: float | None = None
        self._cancelled = asyncio.Event()

    def cancel(self) -> None:
        """The holder wants no more; heard when the session next waits for the other side."""
        self._cancelled.set()

    async def run(self, machine: Machine) -> Finish:
        """Carry `machine` to its end."""
        while True:
            fact = self._facts.popleft() if self._facts else await self._listen()
            for effect in machine.handle(fact, self._ports.clock.now()):
                if isinstance(effect, Finish):
                    return effect
                await self._carry_out(effect)

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(message):
                await self._send(message)
            case PerformOnChip(command):
                self._facts.append(self._perform(command))
            case AskServer():
                self._facts.append(await self._ask(effect))
            case Probe(institution):
                self._facts.append(Probed(await self._ports.connected(institution)))
            case Keep(record):
                await self._ports.keep(record)
                self._facts.append(Kept())
            case Approve(amount_minor, payee):
                agrees = await self._ports.approve(amount_minor, payee)
                self._facts.append(Approved() if agrees else Cancelled())
            case SetTimer(delay_ms):
                self._deadline = asyncio.get_running_loop().time() + delay_ms / 1000
            case _:
                raise LocalProtocolError(f"expected an effect, got {effect!r}")

    async def _send(self, message: Struct) -> None:
        try:
            await self._ports.link.send(encode_message(message))
        except Refusal:
            self._facts.append(LinkLost())

    def _perform(self, command: Command) -> Fact:
        try:
            return ChipAnswered(self._ports.chip.perform(command))
        except Refusal as refusal:
            return ChipFailed(refusal)

    async def _ask(self, question: AskServer) -> Fact:
        patience_s = None if question.timeout_ms is None else question.timeout_ms / 1000
        try:
            url = self._ports.url_of(question.institution) + question.path
            async with asyncio.timeout(patience_s):
                return ServerAnswered(await self._ports.courier.post(url, question.body))
        except Refusal as refusal:
            return ServerFailed(refusal)
        except TimeoutError:
            detail = f"expected an answer from {question.institution} in time"
            return ServerFailed(Refusal(Outcome.TIMED_OUT, detail))

    async def _listen(self) -> Fact:
        message = asyncio.ensure_future(self._receive())
        holder = asyncio.ensure_future(self._cancelled.wait())
        try:
            async with asyncio.timeout_at(self._deadline):
                await asyncio.wait({message, holder}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return TimerExpired()
        finally:
            holder.cancel()
            if not message.done():
                message.cancel()
            await asyncio.gather(message, holder, return_exceptions=True)
        return message.result() if not message.cancelled() else Cancelled()

    async def _receive(self) -> Fact:
        try:
            return Received(await self._ports.link.receive())
        except Refusal:
            return LinkLost()


class NoLink:
    """A link to nobody: for sessions that are resumed without the other side."""

    async def send(self, message: bytes) -> None:
        """Lost at once."""
        del message
        raise _lost()

    async def receive(self) -> bytes:
        """Lost at once."""
        raise _lost()

    async def close(self) -> None:
        """Nothing to end."""


def _lost() -> Refusal:
    return Refusal(Outcome.UNAVAILABLE, "there is no link in this session")
