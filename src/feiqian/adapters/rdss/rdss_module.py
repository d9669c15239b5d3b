"""`ports.ShortMessages` from a BeiDou module, of either generation, on whatever line.

The module is asked who it is before anything is sent; its card says how often it may send. Every
request is answered by the module's feedback: sent, or not and why, and how long to wait. Sentences
that mean nothing here are passed over; damaged ones are counted. Nothing is asked while an answer is
awaited, because an answer does not say which request it is for.
"""

import asyncio
from dataclasses import replace
from typing import Self

from feiqian.adapters.rdss.line import Line
from feiqian.outcomes import Outcome, Refusal
from feiqian.tasks import end_tasks
from feiqian.wire.rdss.module import (
    WAITING,
    AskIdentity,
    AskSend,
    Dialect,
    Feedback,
    ModuleIdentity,
    ModuleMessage,
    ModuleReport,
    Reason,
    Signal,
    read_address,
)
from feiqian.wire.rdss.sentences import parse_sentence
from feiqian.wire.short_messages import MustWait, ShortMessage

SIGN_ON_TIMEOUT_S = 10.0
SIGN_ON_ATTEMPTS = 3
FEEDBACK_TIMEOUT_S = 15.0
MAX_WAITING = 1_024
"""Messages that were heard and not taken; further ones are lost, as in the air."""

_LOST = "the module is lost or closed"


class RdssModule:
    """One module; open it with `sign_on`."""

    def __init__(self, line: Line, dialect: Dialect) -> None:
        self._line = line
        self._dialect = dialect
        self._messages: asyncio.Queue[ShortMessage | None] = asyncio.Queue(MAX_WAITING)
        self._awaited: asyncio.Future[ModuleReport] | None = None
        self._asking = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None
        self._lost = False
        self.channel = dialect.channel
        self.identity = ModuleIdentity("0", "0", 0, 0)
        self.beams: int | None = None
        """How many beams are heard, if the module says so."""
        self.damaged = 0
        """Lines that were no sentences, or broken ones."""

    @classmethod
    async def sign_on(cls, line: Line, dialect: Dialect) -> Self:
        """Ask the module who it is. `Refusal` unavailable when it does not answer, or has no card.

        The line is the module's from now on, and closed with it, also when this fails.
        """
        module = cls(line, dialect)
        module._listening = asyncio.ensure_future(module._listen())
        try:
            await module._identify()
        except BaseException:
            await module.close()
            raise
        return module

    @property
    def address(self) -> str:
        """The address under which others reach this module."""
        return self.identity.address

    async def send(self, content: bytes, to: str) -> None:
        """Have one message sent."""
        if not 0 < len(content) <= self.channel.max_bytes:
            raise Refusal(Outcome.TOO_LARGE, f"expected 1 to {self.channel.max_bytes} bytes")
        report = await self._ask(AskSend(read_address(to), content), Feedback, FEEDBACK_TIMEOUT_S)
        if isinstance(report, Feedback) and report.reason is not None:
            raise self._not_sent(report.reason, report.wait_s)

    async def receive(self) -> ShortMessage:
        """The next message for this module."""
        message = None if self._lost and self._messages.empty() else await self._messages.get()
        if message is None:
            self._tell_receivers()
            raise Refusal(Outcome.UNAVAILABLE, _LOST)
        return message

    async def close(self) -> None:
        """Stop listening and let go of the line."""
        if self._listening is not None:
            await end_tasks([self._listening])
        await self._line.close()

    # Asking --------------------------------------------------------------------------------------
    async def _identify(self) -> None:
        for attempt in range(SIGN_ON_ATTEMPTS):
            try:
                report = await self._ask(
                    AskIdentity(), ModuleIdentity, SIGN_ON_TIMEOUT_S / SIGN_ON_ATTEMPTS
                )
            except Refusal as refusal:
                if refusal.outcome is not Outcome.TIMED_OUT or attempt + 1 == SIGN_ON_ATTEMPTS:
                    raise Refusal(Outcome.UNAVAILABLE, f"no module: {refusal.detail}") from None
                continue
            if isinstance(report, ModuleIdentity):
                self._take_identity(report)
                return

    def _take_identity(self, identity: ModuleIdentity) -> None:
        if identity.address == "0":
            raise Refusal(Outcome.UNAVAILABLE, "the module has no card")
        self.identity = identity
        if identity.period_s:
            self.channel = replace(self.channel, period_ms=identity.period_s * 1000)

    async def _ask(
        self, request: AskIdentity | AskSend, expected: type[ModuleReport], patience_s: float
    ) -> ModuleReport:
        async with self._asking:
            if self._lost:
                raise Refusal(Outcome.UNAVAILABLE, _LOST)
            self._awaited = asyncio.get_running_loop().create_future()
            self._expected = expected
            try:
                await self._line.write(self._dialect.request(request).encode())
                async with asyncio.timeout(patience_s):
                    return await self._awaited
            except TimeoutError:
                detail = f"no answer from the module within {patience_s:.0f} s"
                raise Refusal(Outcome.TIMED_OUT, detail) from None
            finally:
                self._awaited = None

    def _not_sent(self, reason: Reason, wait_s: int) -> Refusal:
        detail = f"not sent: {reason.name.lower().replace('_', ' ')}"
        if reason in WAITING:
            wait_ms = wait_s * 1000 or self.channel.period_ms
            return MustWait(wait_ms, f"{detail}; again in {wait_ms / 1000:.0f} s")
        return Refusal(Outcome.UNAVAILABLE, detail)

    # Listening -----------------------------------------------------------------------------------
    async def _listen(self) -> None:
        try:
            while True:
                self._hear(await self._line.read())
        except Refusal as refusal:
            self._lost = True
            if self._awaited is not None and not self._awaited.done():
                self._awaited.set_exception(Refusal(refusal.outcome, refusal.detail))
        finally:
            self._lost = True
            self._tell_receivers()

    def _hear(self, line: bytes) -> None:
        try:
            report = self._dialect.read_report(parse_sentence(line))
        except Refusal:
            self.damaged += 1
            return
        if isinstance(report, ModuleMessage):
            if not self._messages.full():
                self._messages.put_nowait(ShortMessage(report.sender, report.content))
        elif isinstance(report, Signal):
            self.beams = report.beams
        elif report is not None:
            self._answered(report)

    def _answered(self, report: ModuleReport) -> None:
        awaited = self._awaited
        if awaited is not None and not awaited.done() and isinstance(report, self._expected):
            awaited.set_result(report)

    def _tell_receivers(self) -> None:
        """Wake whoever waits; the mark stays for the next who asks."""
        if self._lost and not self._messages.full():
            self._messages.put_nowait(None)
