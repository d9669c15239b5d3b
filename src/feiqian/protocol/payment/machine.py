"""What the two payment machines share: fact in, one event by judgement, next state, effects out.

`handle` is the whole interface. A role adds a judgement for each state that waits (`_judge_...`) and
an entry for each state it can come to (`_enter_...`); both are found by the state's name, and a test
holds them to the table. States that keep a record wait for nothing else and share one judgement.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

from msgspec import Struct

from feiqian.outcomes import UNDECIDED, LocalProtocolError, Outcome, Refusal
from feiqian.protocol.payment.effects import Effect, Finish, Send
from feiqian.protocol.payment.facts import (
    Cancelled,
    ChipAnswered,
    ChipFailed,
    Fact,
    Kept,
    LinkLost,
    Received,
    ServerAnswered,
    ServerFailed,
    TimerExpired,
)
from feiqian.protocol.payment.states import ENDS, Event, Role, State
from feiqian.protocol.payment.table import next_state
from feiqian.timing.moment import Moment
from feiqian.wire.envelope import decode_message
from feiqian.wire.payment import Refused

M = TypeVar("M", bound=Struct)
T = TypeVar("T")

MAX_DETAIL = 300

_ENDED: dict[type, tuple[Event, Outcome, str]] = {
    TimerExpired: (Event.TIMED_OUT, Outcome.TIMED_OUT, "the other side did not answer in time"),
    LinkLost: (Event.LINK_LOST, Outcome.UNAVAILABLE, "the link was lost"),
    Cancelled: (Event.CANCELLED, Outcome.CANCELLED, "cancelled here"),
}


class PaymentMachine:
    """One side of one session; feed it facts until it has finished."""

    ROLE: ClassVar[Role]

    def __init__(self) -> None:
        self.state = State.START
        self.peer = ""
        """The other wallet's number, once known."""
        self.amount_minor = 0
        """What is paid, once known."""
        self._reason = Refusal(Outcome.CANCELLED, "nothing happened")
        self._peer_knows = True
        self._chip_refused = False
        self._last_message = b""

    def handle(self, fact: Fact, now: Moment) -> Sequence[Effect]:
        """What to do about `fact`. Raises `LocalProtocolError` when it cannot come now."""
        if self.state in ENDS:
            raise LocalProtocolError(f"the session has ended: {self.state}")
        event = self._judge(fact, now)
        self.state = next_state(self.ROLE, self.state, event)
        if event is Event.ECHO:
            return ()
        enter: Callable[[Moment], Sequence[Effect]] = getattr(self, _method("_enter", self.state))
        return enter(now)

    def _judge(self, fact: Fact, now: Moment) -> Event:
        if self.state.name.startswith("KEEPING_"):
            return self._judge_kept(fact)
        judge: Callable[[Fact, Moment], Event] = getattr(self, _method("_judge", self.state))
        return judge(fact, now)

    # Judgements that mean the same in every state ------------------------------------------------
    def _judge_wait(self, fact: Fact, expected: type[M]) -> Event | M:
        """An end of waiting or a repetition as its event; otherwise the message that came."""
        if type(fact) in _ENDED:
            event, outcome, detail = _ENDED[type(fact)]
            self._reason, self._peer_knows = Refusal(outcome, detail), event is not Event.CANCELLED
            return event
        if not isinstance(fact, Received):
            raise LocalProtocolError(f"{type(fact).__name__} while {self.state}")
        if fact.message == self._last_message:
            return Event.ECHO
        return self._judge_message(fact.message, expected)

    def _judge_message(self, raw: bytes, expected: type[M]) -> Event | M:
        kinds: tuple[type[Struct], ...] = (expected, Refused)
        try:
            message = decode_message(raw, *kinds)
        except Refusal as refusal:
            return self._unacceptable(refusal)
        self._last_message = raw
        if isinstance(message, Refused):
            self._reason, self._peer_knows = Refusal(message.outcome, message.detail), True
            return Event.REFUSAL
        if not isinstance(message, expected):
            raise LocalProtocolError("expected what was asked of the decoder")
        return message

    def _unacceptable(self, refusal: Refusal) -> Event:
        self._reason, self._peer_knows = refusal, False
        return Event.UNACCEPTABLE

    def _judge_kept(self, fact: Fact) -> Event:
        if not isinstance(fact, Kept):
            raise LocalProtocolError(f"{type(fact).__name__} while {self.state}")
        return Event.KEPT

    def _judge_chip(self, fact: Fact) -> Event | Struct:
        if isinstance(fact, ChipAnswered):
            return fact.answer
        if not isinstance(fact, ChipFailed):
            raise LocalProtocolError(f"{type(fact).__name__} while {self.state}")
        self._reason, self._peer_knows = fact.refusal, False
        if fact.refusal.outcome in UNDECIDED:
            return Event.CHIP_SILENT
        if fact.refusal.outcome is Outcome.SEQUENCE_GAP:
            return Event.SEQUENCE_GAP
        return Event.CHIP_REFUSED

    def _judge_server(self, fact: Fact) -> Event | bytes:
        if isinstance(fact, ServerAnswered):
            return fact.body
        if not isinstance(fact, ServerFailed):
            raise LocalProtocolError(f"{type(fact).__name__} while {self.state}")
        return self._server_failed(fact.refusal)

    def _server_failed(self, refusal: Refusal) -> Event:
        self._reason, self._peer_knows = refusal, False
        if refusal.outcome in UNDECIDED:
            return Event.SERVER_SILENT
        return Event.SERVER_REFUSED

    # Ends ----------------------------------------------------------------------------------------
    def _enter_refused(self, _: Moment) -> Sequence[Effect]:
        return (*self._tell_peer(), self._finish(self._reason.outcome, self._reason.detail))

    def _enter_pending(self, _: Moment) -> Sequence[Effect]:
        outcome = self._reason.outcome
        if outcome not in UNDECIDED:
            outcome = Outcome.UNAVAILABLE
        detail = f"{self._reason}; it is stored and will be presented again"
        return (*self._tell_peer(), self._finish(outcome, detail))

    def _tell_peer(self) -> Sequence[Effect]:
        if self._peer_knows:
            return ()
        return (Send(Refused(self._reason.outcome, self._reason.detail[:MAX_DETAIL])),)

    def _finish(self, outcome: Outcome, detail: str, *, loaded: bool = True) -> Finish:
        return Finish(outcome, detail, self.amount_minor, self.peer, loaded, self._chip_refused)


def _method(prefix: str, state: State) -> str:
    return f"{prefix}_{state.name.lower()}"


def known(value: T | None) -> T:
    """What an earlier state must have set; `LocalProtocolError` when it has not."""
    if value is None:
        raise LocalProtocolError("expected an earlier state to have set this")
    return value
