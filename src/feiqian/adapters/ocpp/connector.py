"""One connector of a charge point as the entity's equipment, whichever version it speaks.

A service's key is the id tag: only a tag that was given out here is authorised, so a card that
somebody holds to the reader starts nothing. The charge point may be away at any time: what it did
meanwhile it reports later, with its own moments, and what it reports twice means the same. The plug's
state is what the charge point said last.
"""

from collections import OrderedDict
from typing import Protocol

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.equipment import (
    KEY_LENGTH,
    Began,
    Begin,
    Command,
    Event,
    Finished,
    Listener,
    Metered,
    Paused,
)

MAX_KEYS = 64
"""Services, begun or to begin, that are remembered; the oldest make room."""


class Conversation(Protocol):
    """A charge point that is connected now."""

    async def remote_start(self, connector: int, key: str) -> bool:
        """Ask it to begin; whether it will. `Refusal` timed_out, unavailable."""
        ...

    async def remote_stop(self, transaction: str) -> bool:
        """Ask it to stop; whether it will. `Refusal` timed_out, unavailable."""
        ...


class Connector:
    """`protocol.equipment.Equipment` by OCPP."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.conversation: Conversation | None = None
        """With the charge point, while it is connected."""
        self._listener: Listener | None = None
        self._transactions: OrderedDict[str, str] = OrderedDict()
        """Of every key given out, what the charge point calls it; empty before it began."""
        self._occupied = False

    def report_to(self, listener: Listener) -> None:
        """Where events go from now on."""
        self._listener = listener

    def occupied(self) -> bool:
        """Whether a plug is in."""
        return self._occupied

    def plugged(self, *, occupied: bool) -> None:
        """What the charge point says of the plug."""
        self._occupied = occupied

    async def do(self, command: Command) -> None:
        """Carry out a command. `Refusal`: unavailable, timed_out."""
        if isinstance(command, Begin):
            await self._begin(command)
            return
        transaction = command.transaction or self._transactions.get(command.key, "")
        if not transaction:
            self._transactions.pop(command.key, None)
        elif not await self._speaking().remote_stop(transaction):
            raise Refusal(Outcome.UNAVAILABLE, "the charge point does not stop when asked")

    async def _begin(self, command: Begin) -> None:
        if len(command.key) > KEY_LENGTH:
            raise Refusal(Outcome.MALFORMED, f"expected a key of at most {KEY_LENGTH} letters")
        transaction = command.transaction or self._transactions.get(command.key, "")
        self._remember(command.key, transaction)
        if transaction:
            return
        accepted = await self._speaking().remote_start(self.number, command.key)
        if not accepted and not self._transactions.get(command.key):
            self._transactions.pop(command.key, None)
            raise Refusal(Outcome.UNAVAILABLE, "the charge point does not begin when asked")

    def _speaking(self) -> Conversation:
        if self.conversation is None:
            raise Refusal(Outcome.UNAVAILABLE, "the charge point is not connected")
        return self.conversation

    def _remember(self, key: str, transaction: str) -> None:
        self._transactions[key] = transaction
        self._transactions.move_to_end(key)
        while len(self._transactions) > MAX_KEYS:
            self._transactions.popitem(last=False)

    # What the charge point says ------------------------------------------------------------------
    def expects(self, key: str) -> bool:
        """Whether this key was given out."""
        return key in self._transactions

    def key_of(self, transaction: str) -> str | None:
        """The key of a transaction; None when it is none of ours."""
        for key, known in self._transactions.items():
            if known == transaction and transaction:
                return key
        return None

    async def began(self, key: str, at_ms: int, register: int, transaction: str) -> None:
        """A transaction began, under a key that is expected."""
        self._remember(key, transaction)
        await self._tell(Began(key, at_ms, register, transaction))

    async def metered(self, transaction: str, readings: list[tuple[int, int]]) -> None:
        """Readings of a transaction."""
        key = self.key_of(transaction)
        for at_ms, register in readings if key is not None else ():
            await self._tell(Metered(key or "", at_ms, register))

    async def paused(self, at_ms: int, *, paused: bool) -> None:
        """The flow of the transaction that began last stopped, or goes on."""
        for key, transaction in reversed(self._transactions.items()):
            if transaction:
                await self._tell(Paused(key, at_ms, paused))
                return

    async def finished(self, transaction: str, at_ms: int, register: int) -> None:
        """A transaction ended."""
        key = self.key_of(transaction)
        if key is not None:
            await self._tell(Finished(key, at_ms, register))

    async def _tell(self, event: Event) -> None:
        if self._listener is not None:
            await self._listener(event)
