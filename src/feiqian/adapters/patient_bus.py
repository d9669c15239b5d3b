"""`ports.MessageBus` that may be joined later: who serves or drives without a bus goes on without it.

Joining is tried again, with growing pauses, for as long as nobody answers; meanwhile nothing can be
published and nothing arrives. Only a word against this member (a wrong token, a certificate) ends it.
Once joined, the bus itself keeps the connection.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Self

from feiqian.outcomes import UNDECIDED, Outcome, Refusal
from feiqian.ports import Delivery, MessageBus

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
"""Between attempts to join; each pause is twice the one before."""
FIRST_PATIENCE_S = 3.0
"""How long the first attempt is waited for; after that it goes on by itself."""

Join = Callable[[], Awaitable[MessageBus]]


class PatientBus:
    """A member of a bus that may not be there yet."""

    def __init__(self, join: Join, note: Callable[[str], None]) -> None:
        self._join = join
        self._note = note
        self._bus: MessageBus | None = None
        self._trouble = Refusal(Outcome.UNAVAILABLE, "the bus has not answered yet")
        self._tried = asyncio.Event()
        """Set by the end of the first attempt."""
        self._decided = asyncio.Event()
        """Set once joined, or once it is clear that this will not be."""
        self._joining = asyncio.ensure_future(self._keep_trying())

    @classmethod
    async def open(cls, join: Join, note: Callable[[str], None]) -> Self:
        """Join, or go on trying; `note` hears that. `Refusal`: what the bus has against us."""
        bus = cls(join, note)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_PATIENCE_S):
                await bus._tried.wait()
        if bus._bus is None and bus._decided.is_set():
            await bus.close()
            raise bus._trouble
        if bus._bus is None:
            note(f"going on without the bus, until it is there: {bus._trouble.detail}")
        return bus

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        """Hand over to the bus. `Refusal` unavailable while there is none."""
        if self._bus is None:
            raise Refusal(self._trouble.outcome, self._trouble.detail)
        await self._bus.publish(recipient, kind, payload)

    async def receive(self) -> Delivery:
        """The next message, once there is a bus."""
        await self._decided.wait()
        if self._bus is None:
            raise Refusal(self._trouble.outcome, self._trouble.detail)
        return await self._bus.receive()

    async def close(self) -> None:
        """Leave, or stop trying."""
        self._joining.cancel()
        await asyncio.gather(self._joining, return_exceptions=True)
        self._decided.set()
        if self._bus is not None:
            await self._bus.close()

    async def _keep_trying(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not await self._attempted():
            self._tried.set()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        self._decided.set()
        self._tried.set()

    async def _attempted(self) -> bool:
        """Whether nothing more is to be tried."""
        try:
            self._bus = await self._join()
        except Refusal as refusal:
            self._trouble = refusal
            return refusal.outcome not in UNDECIDED
        if self._tried.is_set():
            self._note("the bus is there")
        return True
