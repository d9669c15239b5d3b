"""The payment machines against their table: every transition, and every refusal in its order."""

from collections import deque
from collections.abc import Callable, Sequence

import pytest

from feiqian.chip.commands import (
    HeldPiece,
    LoadAnswer,
    OfferAnswer,
    Pay,
    PiecesAnswer,
    SignedRequestAnswer,
    TransfersAnswer,
)
from feiqian.outcomes import UNDECIDED, LocalProtocolError, Outcome, Refusal
from feiqian.protocol.payment.effects import AskServer, Effect, Finish, Keep, PerformOnChip, Send
from feiqian.protocol.payment.facts import (
    Approved,
    Cancelled,
    ChipAnswered,
    ChipFailed,
    Fact,
    Kept,
    LinkLost,
    Received,
    ServerAnswered,
    ServerFailed,
    Started,
    TimerExpired,
)
from feiqian.protocol.payment.machine import PaymentMachine
from feiqian.protocol.payment.payer import PayerMachine
from feiqian.protocol.payment.states import ENDS, Event, Role, State
from feiqian.protocol.payment.table import TRANSITIONS
from feiqian.testing.keys import TrustWorld
from feiqian.testing.payment_bench import AMOUNT_MINOR, EARLIER_NONCE, NONCE, NOW, PaymentBench
from feiqian.wire.envelope import encode_message
from feiqian.wire.payment import OFFER, OfferMessage, Refused

BENCH = PaymentBench()
Step = tuple[State, Event]


def said(message: object) -> Fact:
    """A message came."""
    return Received(encode_message(message))  # type: ignore[arg-type]  # every caller's is a Struct


def chip_says(outcome: Outcome) -> Fact:
    """The chip refused."""
    return ChipFailed(Refusal(outcome, "as the chip says"))


def server_says(outcome: Outcome) -> Fact:
    """A server refused."""
    return ServerFailed(Refusal(outcome, "as the server says"))


SILENT_CHIP = chip_says(Outcome.UNAVAILABLE)
OPEN_WAIT: dict[Event, Fact] = {
    Event.UNACCEPTABLE: Received(b"\x80"),
    Event.REFUSAL: said(Refused(Outcome.CANCELLED, "no")),
    Event.TIMED_OUT: TimerExpired(),
    Event.LINK_LOST: LinkLost(),
    Event.CANCELLED: Cancelled(),
}
CHIP: dict[Event, Fact] = {
    Event.CHIP_REFUSED: chip_says(Outcome.PIN_REQUIRED),
    Event.CHIP_SILENT: SILENT_CHIP,
}
SERVER: dict[Event, Fact] = {
    Event.SERVER_REFUSED: server_says(Outcome.DOUBLE_SPENT),
    Event.SERVER_SILENT: server_says(Outcome.TIMED_OUT),
}
SIGNED = ChipAnswered(TransfersAnswer(transfers=(BENCH.transfer().raw,)))
HISTORY = Refused(Outcome.HISTORY_REQUIRED, "send all of it")
LOADED = ChipAnswered(LoadAnswer(repeated=False, balance_minor=0))
STILL_HELD = HeldPiece(BENCH.held.identifier, BENCH.held.value.amount_minor)
BY_IDENTIFIER = BENCH.request(BENCH.item(by_identifier=True))
KEPT: dict[Event, Fact] = {Event.KEPT: Kept()}

PAYER_FACTS: dict[State, dict[Event, Fact]] = {
    State.AWAITING_OFFER: {Event.OFFER: said(BENCH.offer_message()), **OPEN_WAIT},
    State.APPROVING: {Event.APPROVED: Approved(), Event.CANCELLED: Cancelled()},
    State.KEEPING_INTENT: KEPT,
    State.PAYING: {Event.CHIP_DONE: SIGNED, **CHIP},
    State.RECOVERING: {
        Event.WAS_SIGNED: ChipAnswered(PiecesAnswer(pieces=())),
        Event.NEVER_SIGNED: ChipAnswered(PiecesAnswer(pieces=(STILL_HELD,))),
        Event.CHIP_SILENT: SILENT_CHIP,
    },
    State.PAYING_AGAIN: {Event.CHIP_DONE: SIGNED, **CHIP},
    State.KEEPING_PAYMENT: KEPT,
    State.AWAITING_CONFIRMATION: {
        Event.CONFIRMATION: said(BENCH.confirmed()),
        Event.HISTORY_WANTED: said(HISTORY),
        Event.ECHO: said(BENCH.offer_message()),
        **OPEN_WAIT,
    },
    State.AWAITING_REUNION: {
        Event.SAME_PAYEE: said(BENCH.offer_message(nonce=b"L" * 16)),
        **OPEN_WAIT,
    },
    State.SUBMITTING: {
        Event.SERVER_DONE: ServerAnswered(encode_message(BENCH.result())),
        **SERVER,
    },
    State.KEEPING_CONFIRMATION: KEPT,
    State.KEEPING_REFUSAL: KEPT,
}
PAYEE_FACTS: dict[State, dict[Event, Fact]] = {
    State.OFFERING: {
        Event.CHIP_DONE: ChipAnswered(OfferAnswer(offer=BENCH.offer_message().offer)),
        **CHIP,
    },
    State.KEEPING_OFFER: KEPT,
    State.AWAITING_REQUEST: {
        Event.REQUEST: said(BY_IDENTIFIER),
        Event.REQUEST_ANSWERED_BEFORE: said(
            BENCH.request(BENCH.item(BENCH.transfer(nonce=EARLIER_NONCE)), nonce=EARLIER_NONCE)
        ),
        Event.ECHO: said(BY_IDENTIFIER),
        **OPEN_WAIT,
    },
    State.KEEPING_REQUEST: KEPT,
    State.CASHING: {
        Event.SERVER_DONE: ServerAnswered(encode_message(BENCH.result())),
        Event.HISTORY_WANTED: server_says(Outcome.HISTORY_REQUIRED),
        **SERVER,
    },
    State.KEEPING_RESULT: KEPT,
    State.LOADING: {
        Event.CHIP_DONE_MORE: LOADED,
        Event.CHIP_DONE: LOADED,
        Event.SEQUENCE_GAP: chip_says(Outcome.SEQUENCE_GAP),
        **CHIP,
    },
    State.ASKING_MISSING: {
        Event.CHIP_DONE: ChipAnswered(SignedRequestAnswer(signed=b"signed")),
        **CHIP,
    },
    State.FETCHING_MISSING: {Event.SERVER_DONE: ServerAnswered(BENCH.missing()), **SERVER},
    State.KEEPING_MISSING: KEPT,
    State.KEEPING_REFUSAL: KEPT,
}
FACTS = {Role.PAYER: PAYER_FACTS, Role.PAYEE: PAYEE_FACTS}

STARTS: dict[Role, dict[Event, Callable[[], PaymentMachine]]] = {
    Role.PAYER: {
        Event.STARTED: lambda: BENCH.payer_machine(by_identifier=True),
        Event.INTENT_RESUMED: lambda: BENCH.payer_machine(BENCH.past()),
        Event.PAYMENT_RESUMED: lambda: BENCH.payer_machine(BENCH.past(signed=True)),
        Event.PAYMENT_RESUMED_ON_LINK: lambda: BENCH.payer_machine(
            BENCH.past(signed=True, on_link=True)
        ),
    },
    Role.PAYEE: {
        Event.STARTED: BENCH.payee_machine,
        Event.REQUEST_RESUMED: lambda: BENCH.payee_machine(BENCH.taken()),
    },
}
# Transitions that need more than the shortest way to their state.
DETOURS: dict[tuple[Role, State, Event], tuple[Step, ...]] = {
    (Role.PAYEE, State.AWAITING_REQUEST, Event.ECHO): (
        (State.AWAITING_REQUEST, Event.REQUEST),
        (State.KEEPING_REQUEST, Event.KEPT),
        (State.CASHING, Event.HISTORY_WANTED),
    ),
    (Role.PAYEE, State.LOADING, Event.CHIP_DONE): ((State.LOADING, Event.CHIP_DONE_MORE),),
    (Role.PAYEE, State.CASHING, Event.HISTORY_WANTED): (),
}
ALL = [
    (role, state, event)
    for role, table in TRANSITIONS.items()
    for state, events in table.items()
    for event in events
    if event in (STARTS[role] if state is State.START else FACTS[role].get(state, ()))
]
"""The lines of the table that a manager has a part in; `test_offline_machine` has the others."""


def way_to(role: Role, goal: State) -> tuple[Step, ...]:
    """The shortest steps to `goal`: of a started session, or else of a resumed one."""
    if goal is State.START:
        return ()
    ways = [_way(role, start, goal) for start in STARTS[role]]
    return next(way for way in ways if way)


def _way(role: Role, start: Event, goal: State) -> tuple[Step, ...]:
    first = TRANSITIONS[role][State.START][start]
    queue: deque[tuple[State, tuple[Step, ...]]] = deque([(first, ((State.START, start),))])
    seen = {first}
    while queue:
        state, steps = queue.popleft()
        if state is goal:
            return steps
        for event in FACTS[role].get(state, {}):
            target = TRANSITIONS[role][state][event]
            if target not in seen:
                seen.add(target)
                queue.append((target, (*steps, (state, event))))
    return ()


def walk(role: Role, steps: Sequence[Step]) -> tuple[PaymentMachine, Sequence[Effect]]:
    """A machine taken along `steps`, each checked against the table; the last step's effects."""
    (_, start), *rest = steps
    machine = STARTS[role][start]()
    effects = machine.handle(Started(), NOW)
    for state, event in rest:
        assert machine.state is state
        effects = machine.handle(FACTS[role][state][event], NOW)
        assert machine.state is TRANSITIONS[role][state][event], (state, event)
    return machine, effects


def short(value: object) -> str:
    """A test's id: names in full, bytes by their length."""
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def only(effects: Sequence[Effect], kind: type) -> list[Effect]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def finish(effects: Sequence[Effect]) -> Finish:
    """The one end among the effects."""
    (found,) = only(effects, Finish)
    assert isinstance(found, Finish)
    return found


# The table ------------------------------------------------------------------------------------------
@pytest.mark.feature("C-01", "C-22")
@pytest.mark.parametrize(("role", "state", "event"), ALL, ids=str)
def test_every_transition_happens_as_the_table_says(role: Role, state: State, event: Event) -> None:
    """Each line of the table is reached by real facts, and only ends have no way on."""
    steps = (*way_to(role, state), *DETOURS.get((role, state, event), ()), (state, event))
    machine, effects = walk(role, steps)
    assert machine.state is TRANSITIONS[role][state][event]
    assert bool(only(effects, Finish)) == (machine.state in ENDS)


@pytest.mark.parametrize("role", Role)
def test_every_state_leads_to_an_end(role: Role) -> None:
    """No state of a role is a trap: from each, some end can be reached."""
    table = TRANSITIONS[role]
    ending = set(ENDS)
    for _ in table:
        ending |= {state for state, events in table.items() if ending & set(events.values())}
    assert ending >= set(table)


def test_an_ended_session_takes_no_more_facts() -> None:
    """Feeding a machine that has finished is our own slip, not a peer's."""
    machine, _ = walk(
        Role.PAYEE, (*way_to(Role.PAYEE, State.OFFERING), (State.OFFERING, Event.CHIP_REFUSED))
    )
    with pytest.raises(LocalProtocolError):
        machine.handle(Kept(), NOW)


@pytest.mark.parametrize(
    "fact", [Kept(), SIGNED, ServerAnswered(b""), Approved()], ids=lambda fact: type(fact).__name__
)
def test_a_fact_out_of_turn_is_our_own_slip(fact: Fact) -> None:
    """Only messages can come out of turn from outside; any other fact is a defect here."""
    machine, _ = walk(Role.PAYER, way_to(Role.PAYER, State.AWAITING_OFFER))
    with pytest.raises(LocalProtocolError):
        machine.handle(fact, NOW)


# Durable before visible -----------------------------------------------------------------------------
@pytest.mark.feature("C-22", "P-07")
@pytest.mark.parametrize(("role", "state", "event"), ALL, ids=str)
def test_nothing_depends_on_what_is_not_kept(role: Role, state: State, event: Event) -> None:
    """A step that keeps a record does nothing else, so what follows waits until it is durable."""
    steps = (*way_to(role, state), *DETOURS.get((role, state, event), ()), (state, event))
    _, effects = walk(role, steps)
    if only(effects, Keep):
        assert len(effects) == 1


@pytest.mark.feature("C-13", "C-22")
def test_the_payer_signs_only_what_was_kept() -> None:
    """The command that reaches the chip is the very one in the record kept just before."""
    _, kept = walk(Role.PAYER, way_to(Role.PAYER, State.KEEPING_INTENT))
    _, paying = walk(Role.PAYER, way_to(Role.PAYER, State.PAYING))
    (record,), (command,) = only(kept, Keep), only(paying, PerformOnChip)
    assert isinstance(record, Keep)
    assert isinstance(command, PerformOnChip)
    assert isinstance(command.command, Pay)
    assert record.record.nonce == NONCE
    assert getattr(record.record, "pay") == command.command  # noqa: B009 - one of many records


@pytest.mark.feature("C-05", "C-06")
def test_history_wanted_sends_the_same_transfers_in_full() -> None:
    """When the manager wants the history, the payer sends the same signed transfers with it."""
    way = way_to(Role.PAYER, State.AWAITING_CONFIRMATION)
    _, short = walk(Role.PAYER, way)
    _, full = walk(Role.PAYER, (*way, (State.AWAITING_CONFIRMATION, Event.HISTORY_WANTED)))
    assert short[0] == Send(BY_IDENTIFIER)
    assert full[0] == Send(BENCH.request())


def test_history_wanted_twice_leaves_the_payment_pending() -> None:
    """A payee that wants the history although it has it gets nothing more."""
    way = way_to(Role.PAYER, State.AWAITING_CONFIRMATION)
    machine, _ = walk(Role.PAYER, (*way, (State.AWAITING_CONFIRMATION, Event.HISTORY_WANTED)))
    machine.handle(said(Refused(Outcome.HISTORY_REQUIRED, "once more")), NOW)
    assert machine.state is State.PENDING


# Refusals by name -----------------------------------------------------------------------------------
STRANGER = BENCH.world.chip("A", "A-OTHER1")
EXPIRED_PAYEE = BENCH.world.certify(
    "B", "B-PAYEE1", BENCH.payee.key.public, not_before_ms=1, not_after_ms=2
)
INSTITUTION = BENCH.world.institutions["B"].certificate
ELSEWHERE = TrustWorld(codes=("B", "C"), seed="elsewhere")

NOT_SHORTEST = encode_message(BENCH.offer_message()).replace(b"\x01\x01", b"\x01\x18\x01", 1)
"""The message kind 1 in two bytes."""

BAD_OFFERS: list[tuple[Outcome, bytes, int | None]] = [
    (Outcome.TOO_LARGE, bytes(70_000), None),
    (Outcome.MALFORMED, b"\x80", None),
    (Outcome.UNKNOWN_VERSION, b"\x82\x02\x01", None),
    (Outcome.NOT_CANONICAL, NOT_SHORTEST, None),
    (
        Outcome.UNKNOWN_ISSUER,
        encode_message(
            OfferMessage(
                BENCH.offer_message().offer,
                ELSEWHERE.certify("C", "C-PAYEE1", BENCH.payee.key.public).raw,
            )
        ),
        None,
    ),
    (
        Outcome.BAD_CERTIFICATE,
        encode_message(
            OfferMessage(
                BENCH.offer_message().offer,
                ELSEWHERE.certify("B", "B-PAYEE1", BENCH.payee.key.public).raw,
            )
        ),
        None,
    ),
    (
        Outcome.CERTIFICATE_EXPIRED,
        encode_message(OfferMessage(BENCH.offer_message().offer, EXPIRED_PAYEE.raw)),
        None,
    ),
    (
        Outcome.BAD_SIGNATURE,
        encode_message(BENCH.offer_message(by=STRANGER)),
        None,
    ),
    (Outcome.AMOUNT_MISMATCH, encode_message(BENCH.offer_message()), AMOUNT_MINOR + 1),
    (Outcome.AMOUNT_MISMATCH, encode_message(BENCH.offer_message(amount_minor=None)), None),
    (
        Outcome.EXPIRED,
        encode_message(BENCH.offer_message(expires_at_ms=NOW.earliest_ms - 1)),
        None,
    ),
    (
        Outcome.OVER_PAYMENT_LIMIT,
        encode_message(BENCH.offer_message(amount_minor=50_000_01, ceiling_minor=50_000_01)),
        None,
    ),
    (
        Outcome.OVER_HOLDING_LIMIT,
        encode_message(BENCH.offer_message(ceiling_minor=AMOUNT_MINOR - 1)),
        None,
    ),
    (Outcome.INSUFFICIENT_BALANCE, encode_message(BENCH.offer_message(amount_minor=20_01)), None),
]


@pytest.mark.feature("C-07", "C-13", "C-20")
@pytest.mark.parametrize(("outcome", "message", "wanted"), BAD_OFFERS, ids=short)
def test_an_unacceptable_offer_is_refused_by_name_before_the_chip_is_asked(
    outcome: Outcome, message: bytes, wanted: int | None
) -> None:
    """The payer refuses with one name, tells the payee, and its chip hears nothing of it."""
    machine = PayerMachine(BENCH.payer_setup(wanted))
    machine.handle(Started(), NOW)
    effects = machine.handle(Received(message), NOW)
    assert machine.state is State.REFUSED
    assert finish(effects).outcome is outcome
    (told,) = only(effects, Send)
    assert isinstance(told, Send)
    assert isinstance(told.message, Refused)
    assert told.message.outcome is outcome
    assert not only(effects, PerformOnChip)


def bad_request(**changed: object) -> bytes:
    """A request whose transfer differs in the fields named."""
    return encode_message(BENCH.request(BENCH.item(BENCH.transfer(**changed))))  # type: ignore[arg-type]  # fields of Transfer


SHORT = {"amount_minor": 12_49, "change_minor": 7_51}
BAD_REQUESTS: list[tuple[Outcome, bytes]] = [
    (Outcome.MALFORMED, b"\x80"),
    (Outcome.MALFORMED, encode_message(BENCH.offer_message())),
    (Outcome.BAD_SIGNATURE, bad_request(by=STRANGER)),
    (
        Outcome.BAD_SIGNATURE,
        encode_message(BENCH.request(BENCH.item(BENCH.transfer(by=STRANGER), by_identifier=True))),
    ),
    (Outcome.WRONG_ADDRESSEE, bad_request(payee=STRANGER.fingerprint)),
    (Outcome.WRONG_SESSION, bad_request(nonce=b"X" * 16)),
    (Outcome.WRONG_SESSION, encode_message(BENCH.request(nonce=b"X" * 16))),
    (Outcome.AMOUNT_MISMATCH, bad_request(**SHORT)),
    (Outcome.VALUE_NOT_CONSERVED, bad_request(change_minor=7_51)),
    (Outcome.BROKEN_CHAIN, bad_request(consumed=b"Z" * 32)),
    (Outcome.DOUBLE_SPENT, encode_message(BENCH.request(BENCH.item(), BENCH.item()))),
]


@pytest.mark.feature("C-07", "C-20")
@pytest.mark.parametrize(("outcome", "message"), BAD_REQUESTS, ids=short)
def test_an_unacceptable_request_is_refused_by_name_before_it_is_kept(
    outcome: Outcome, message: bytes
) -> None:
    """The payee refuses with one name, and neither its records nor its manager hear of it."""
    machine, _ = walk(Role.PAYEE, way_to(Role.PAYEE, State.AWAITING_REQUEST))
    effects = machine.handle(Received(message), NOW)
    assert finish(effects).outcome is outcome
    assert not only(effects, Keep)
    assert not only(effects, AskServer)


BAD_CONFIRMATIONS = {
    "by another institution": BENCH.confirmed(by="A"),
    "of another session": BENCH.confirmed(nonce=b"X" * 16),
    "for another payee": BENCH.confirmed(payee=STRANGER.fingerprint),
    "of another amount": BENCH.confirmed(amount_minor=AMOUNT_MINOR + 1),
    "of other transfers": BENCH.confirmed(transfers=(b"T" * 32,)),
}


@pytest.mark.feature("C-20", "C-24")
@pytest.mark.parametrize("name", BAD_CONFIRMATIONS)
def test_a_false_confirmation_leaves_the_payment_pending(name: str) -> None:
    """A confirmation that is not of this payment is not held; the payment stays undecided."""
    machine, _ = walk(Role.PAYER, way_to(Role.PAYER, State.AWAITING_CONFIRMATION))
    effects = machine.handle(said(BAD_CONFIRMATIONS[name]), NOW)
    assert machine.state is State.PENDING
    assert finish(effects).outcome in UNDECIDED


@pytest.mark.feature("C-10", "C-20")
@pytest.mark.parametrize(
    "changed",
    [
        {"currencies": (BENCH.issued(5, AMOUNT_MINOR - 1),)},
        {"currencies": (BENCH.issued(5, AMOUNT_MINOR + 1),)},
        {"currencies": (BENCH.world.issue("B", STRANGER.fingerprint, AMOUNT_MINOR).raw,)},
        {"currencies": (BENCH.world.issue("A", BENCH.payee.fingerprint, AMOUNT_MINOR).raw,)},
        {"confirmation": BENCH.confirmation(by="A")},
    ],
    ids=["too little", "too much", "for another", "by another", "not our manager's"],
)
def test_a_false_result_decides_nothing(changed: dict[str, object]) -> None:
    """A manager's answer that is not exactly the second currency leaves the request to be repeated."""
    machine, _ = walk(Role.PAYEE, way_to(Role.PAYEE, State.CASHING))
    effects = machine.handle(ServerAnswered(encode_message(BENCH.result(**changed))), NOW)
    assert machine.state is State.PENDING
    assert finish(effects).outcome in UNDECIDED


def test_a_second_gap_is_left_to_synchronising() -> None:
    """Missing currencies are fetched once; if the chip still sees a gap, the session ends anyway."""
    way = (*way_to(Role.PAYEE, State.KEEPING_MISSING), (State.KEEPING_MISSING, Event.KEPT))
    machine, _ = walk(Role.PAYEE, way)
    effects = machine.handle(chip_says(Outcome.SEQUENCE_GAP), NOW)
    assert machine.state is State.DONE
    assert finish(effects).loaded is False


@pytest.mark.feature("C-16")
def test_missing_currencies_are_loaded_first() -> None:
    """After a gap the chip gets the missing currency, then the new ones, in their order."""
    way = (*way_to(Role.PAYEE, State.KEEPING_MISSING), (State.KEEPING_MISSING, Event.KEPT))
    machine, effects = walk(Role.PAYEE, way)
    loaded = []
    while machine.state is State.LOADING:
        (command,) = only(effects, PerformOnChip)
        assert isinstance(command, PerformOnChip)
        loaded.append(getattr(command.command, "currency"))  # noqa: B009 - LOAD's own field
        effects = machine.handle(LOADED, NOW)
    assert loaded == [BENCH.issued(4), *BENCH.second_currencies()]
    assert finish(effects).loaded is True


def test_the_offer_sent_is_the_one_the_chip_signed() -> None:
    """The payee's message carries the chip's own bytes and certificate."""
    _, effects = walk(Role.PAYEE, way_to(Role.PAYEE, State.AWAITING_REQUEST))
    sent = effects[0]
    assert isinstance(sent, Send)
    assert sent.message == BENCH.offer_message()
    assert OFFER.peek(BENCH.world.suite, BENCH.offer_message().offer).nonce == NONCE
