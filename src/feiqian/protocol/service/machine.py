"""What the four machines of a service share: a record, a fact, one event, the next state, messages.

A machine is made from the stored record for one step and thrown away: `record` and `says` are what
the step leaves, to be stored together. Facts that the table does not list for the state change
nothing. A role adds a judgement for each fact that concerns it (`_on_...`, found by the fact's or
message's name) and an entry for each state in which it says something (`_enter_...`).
"""

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.service.facts import Fact, Heard, TimePassed
from feiqian.protocol.service.records import NEVER_MS, Service
from feiqian.protocol.service.states import ENDS, Event, State, closed_event
from feiqian.protocol.service.table import next_state
from feiqian.timing.moment import Moment
from feiqian.wire.service import Member, Said, ServiceClosed

MAX_DETAIL = 300

R = TypeVar("R", bound=Service)
M = TypeVar("M", bound=Said)
_NOTHING: Callable[[Moment], None] = lambda _: None  # noqa: E731 - a value, for want of an entry


class ServiceMachine(Generic[R]):
    """One step, or several, of one service on one side."""

    MEMBER: ClassVar[Member]

    def __init__(self, record: R, name: str) -> None:
        self.record = record
        self.name = name
        """Our own."""
        self.says: list[Said] = []
        self.problems: list[str] = []
        """What was not believed, for the log."""
        self.events: list[Event] = []
        """What moved it, for the log."""

    def handle(self, fact: Fact, now: Moment) -> bool:
        """Take a fact in. Returns whether it changed anything."""
        before = self.record
        event = self._judge(fact, now)
        state = None if event is None else next_state(self.MEMBER, self.record.state, event)
        if event is None or state is None:
            self.record = before
            return False
        self._set(state=state)
        self.events.append(event)
        if state is not before.state:
            self._enter(state, now)
        return True

    def _enter(self, state: State, now: Moment) -> None:
        if state in ENDS:
            self._set(deadline_ms=NEVER_MS)
        enter: Callable[[Moment], None] = getattr(self, f"_enter_{state.name.lower()}", _NOTHING)
        enter(now)

    def _judge(self, fact: Fact, now: Moment) -> Event | None:
        if isinstance(fact, TimePassed):
            return self._judge_time(now)
        named = type(fact.message if isinstance(fact, Heard) else fact).__name__
        judge: Callable[[Fact, Moment], Event | None] | None = getattr(
            self, f"_on_{_snake(named)}", None
        )
        if judge is None:
            self.problems.append(f"{named} is not for a {self.MEMBER}")
            return None
        try:
            return judge(fact, now)
        except Refusal as refusal:
            return self._unsound(named, refusal)

    def _unsound(self, named: str, refusal: Refusal) -> Event | None:
        """A message that is genuine and says what cannot be; nothing comes of it."""
        self.problems.append(f"{named}: {refusal}")
        return None

    def _judge_time(self, now: Moment) -> Event | None:
        deadline_ms = self.record.deadline_ms
        if deadline_ms == NEVER_MS or not now.certainly_after(deadline_ms):
            return None
        return Event.EXPIRED

    @property
    def _management(self) -> str:
        """The server that matches, orders, and says how it ended."""
        raise NotImplementedError

    def _on_service_closed(self, heard: Heard, _: Moment) -> Event | None:
        """The server's word on the end; an older one than was heard says nothing."""
        closed = heard.message
        require_sender(closed, self._management)
        assert isinstance(closed, ServiceClosed)
        if closed.number <= self.record.closed_number:
            return None
        self._set(closed_number=closed.number)
        self._because(closed.outcome, closed.detail)
        return closed_event(closed.ending)

    def _set(self, **fields: Any) -> None:  # noqa: ANN401 - the record's own fields
        self.record = msgspec.structs.replace(self.record, **fields)

    def _because(self, outcome: Outcome, detail: str) -> None:
        self._set(outcome=outcome, detail=detail[:MAX_DETAIL])

    def _say(self, shape: Callable[..., M], *recipients: str, **fields: Any) -> None:  # noqa: ANN401
        self.says.append(shape(VERSION, self.name, recipients, **fields))


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def require_sender(message: Said, *names: str) -> None:
    """Raise `Refusal` wrong_addressee unless one of these said it."""
    if message.sender not in names:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected this from {' or '.join(names)}")
