"""The payment machines without a manager: every line of the table, and every verdict by its rule."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from feiqian.chip.commands import Accept, AcceptAnswer, OfferAnswer, Pay, TransfersAnswer
from feiqian.crypto.cbor import VERSION
from feiqian.money.double_spending import Changes, Offender, empty_list, pack_entry
from feiqian.money.offline_policy import DAY_MS, MAX_CURRENCY_AGE_MS, MAX_OFFLINE_RADIUS_MS
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import UNDECIDED, Outcome
from feiqian.protocol.payment.effects import (
    AskServer,
    Effect,
    Finish,
    Keep,
    PerformOnChip,
    Probe,
    Send,
)
from feiqian.protocol.payment.facts import (
    ChipAnswered,
    Fact,
    Kept,
    Probed,
    Received,
    ServerAnswered,
    Started,
)
from feiqian.protocol.payment.machine import PaymentMachine
from feiqian.protocol.payment.payee import PayeeMachine
from feiqian.protocol.payment.payer import PayerMachine
from feiqian.protocol.payment.records import HandoverTaken, JudgementMade, SessionRefused
from feiqian.protocol.payment.states import ENDS, Event, Role, State
from feiqian.protocol.payment.table import TRANSITIONS
from feiqian.protocol.payment.verification import Judgement, Soundness
from feiqian.testing.keys import NOW_MS
from feiqian.testing.payment_bench import AMOUNT_MINOR, EARLIER_NONCE, NONCE, NOW, PaymentBench
from feiqian.timing.moment import Moment
from feiqian.wire.double_spending import HeldList, state_of
from feiqian.wire.envelope import encode_message
from feiqian.wire.payment import MAILBOX_PATH, MailboxAnswer, PaymentReceipt, Refused
from feiqian.wire.verification import VERIFICATIONS_PATH, VerificationResult, VerifiedItem
from tests.scenario import test_payment_machine as online
from tests.scenario.test_payment_machine import (
    KEPT,
    OPEN_WAIT,
    chip_says,
    finish,
    only,
    said,
    server_says,
)

Step = tuple[State, Event]
VAGUE = Moment(NOW_MS, MAX_OFFLINE_RADIUS_MS + 1)
ANOTHER = b"another transfer".ljust(32)


def held(changes: Changes | None = None, issued_at_ms: int = NOW_MS) -> HeldList:
    """A list of version 1, with changes if any."""
    listed = empty_list(BENCH.world.suite)
    if changes is not None:
        listed = listed.changed(changes)
    return HeldList(state_of(listed, 1, issued_at_ms), listed)


BENCH = PaymentBench(acceptor=Acceptor.CHIP)
BENCH.listed = held()
SPENT_TWICE = Changes(pack_entry(BENCH.held.identifier, ANOTHER), b"", (), ())
THIS_ONE_COUNTS = Changes(pack_entry(BENCH.held.identifier, BENCH.transfer().name), b"", (), ())
OFFENDING = Changes(b"", b"", (Offender(BENCH.payer.fingerprint, "A-PAYER1", NOW_MS),), ())
SOUND = Judgement(VERSION, Soundness.SOUND, Outcome.ACCEPTED, "", "back end")
SIGNED = ChipAnswered(TransfersAnswer(transfers=(BENCH.transfer().raw,)))
ACCEPTED = ChipAnswered(
    AcceptAnswer(repeated=False, balance_minor=AMOUNT_MINOR, receipt=BENCH.receipt())
)
RECEIPT = PaymentReceipt(BENCH.receipt())
EARLIER = BENCH.request(BENCH.item(BENCH.transfer(nonce=EARLIER_NONCE)), nonce=EARLIER_NONCE)

FACTS: dict[Role, dict[State, dict[Event, Fact]]] = {
    Role.PAYER: {
        State.AWAITING_OFFER: {Event.OFFER: said(BENCH.offer_message())},
        State.APPROVING: online.PAYER_FACTS[State.APPROVING],
        State.KEEPING_INTENT: KEPT,
        State.PAYING: {Event.CHIP_DONE: SIGNED},
        State.KEEPING_PAYMENT: KEPT,
        State.AWAITING_CONFIRMATION: {Event.RECEIPT: said(RECEIPT), **OPEN_WAIT},
        State.SUBMITTING: {
            Event.RECEIPT: ServerAnswered(encode_message(MailboxAnswer(BENCH.receipt()))),
            Event.LEFT_IN_MAILBOX: ServerAnswered(encode_message(MailboxAnswer(None))),
            **online.SERVER,
        },
        State.KEEPING_RECEIPT: KEPT,
    },
    Role.PAYEE: {
        State.OFFERING: {
            Event.CHIP_DONE: ChipAnswered(OfferAnswer(offer=BENCH.offer_message().offer))
        },
        State.KEEPING_OFFER: KEPT,
        State.AWAITING_REQUEST: {
            Event.HANDOVER: said(BENCH.request()),
            Event.REQUEST_ANSWERED_BEFORE: said(EARLIER),
        },
        State.KEEPING_HANDOVER: KEPT,
        State.PROBING: {Event.CONNECTED: Probed(True), Event.SOUND: Probed(False)},
        State.ASKING_BACK_END: {
            Event.SOUND: ServerAnswered(BENCH.verified()),
            Event.ANOMALOUS: ServerAnswered(BENCH.verified(Outcome.DOUBLE_SPENT)),
        },
        State.KEEPING_JUDGEMENT: KEPT,
        State.ACCEPTING: {
            Event.CHIP_DONE: ACCEPTED,
            Event.NO_ROOM: chip_says(Outcome.OVER_OFFLINE_LIMIT),
            Event.CHIP_REFUSED: chip_says(Outcome.WRONG_SESSION),
            Event.CHIP_SILENT: chip_says(Outcome.UNAVAILABLE),
        },
        State.KEEPING_ACCEPTANCE: KEPT,
        State.KEEPING_REFUSAL: KEPT,
    },
}
STARTS: dict[Role, dict[Event, Callable[[], PaymentMachine]]] = {
    Role.PAYER: {
        Event.STARTED: lambda: BENCH.payer_machine(by_identifier=True),
        Event.PAYMENT_RESUMED: lambda: BENCH.payer_machine(BENCH.past(signed=True)),
    },
    Role.PAYEE: {
        Event.STARTED: BENCH.payee_machine,
        Event.HANDOVER_RESUMED: lambda: BENCH.payee_machine(BENCH.handed()),
        Event.JUDGEMENT_RESUMED: lambda: BENCH.payee_machine(BENCH.handed(SOUND)),
    },
}
# These depend on what the payee's list says; the tests of verdicts below take them.
BY_THE_LIST: set[tuple[Role, State, Event]] = {
    (Role.PAYEE, State.PROBING, Event.ANOMALOUS),
    (Role.PAYEE, State.PROBING, Event.UNDECIDABLE),
    (Role.PAYEE, State.ASKING_BACK_END, Event.UNDECIDABLE),
}
ALL = [
    (role, state, event)
    for role, table in TRANSITIONS.items()
    for state, events in table.items()
    for event in events
    if event in (STARTS[role] if state is State.START else FACTS[role].get(state, ()))
]


def way_to(role: Role, goal: State) -> tuple[Step, ...]:
    """The shortest steps to `goal` that are offline."""
    queue: deque[tuple[State, tuple[Step, ...]]] = deque(
        (TRANSITIONS[role][State.START][start], ((State.START, start),)) for start in STARTS[role]
    )
    while goal is not State.START:
        state, steps = queue.popleft()
        if state is goal:
            return steps
        for event in FACTS[role].get(state, {}):
            queue.append((TRANSITIONS[role][state][event], (*steps, (state, event))))
    return ()


def walk(role: Role, steps: Sequence[Step]) -> tuple[PaymentMachine, Sequence[Effect]]:
    """A machine taken along `steps`; the last step's effects."""
    (_, start), *rest = steps
    machine = STARTS[role][start]()
    effects = machine.handle(Started(), NOW)
    for state, event in rest:
        assert machine.state is state
        effects = machine.handle(FACTS[role][state][event], NOW)
        assert machine.state is TRANSITIONS[role][state][event], (state, event)
    return machine, effects


def payee_at(state: State, listed: HeldList | None) -> PayeeMachine:
    """A payee that holds this list and goes on with a request it has kept, taken to `state`."""
    machine = PayeeMachine(replace(BENCH.payee_setup(), listed=listed), BENCH.handed())
    machine.handle(Started(), NOW)
    if state is State.ASKING_BACK_END:
        machine.handle(Probed(True), NOW)
    assert machine.state is state
    return machine


# The table ------------------------------------------------------------------------------------------
@pytest.mark.feature("C-18", "C-22")
@pytest.mark.parametrize(("role", "state", "event"), ALL, ids=str)
def test_every_offline_transition_happens_as_the_table_says(
    role: Role, state: State, event: Event
) -> None:
    """Each line is reached by real facts; a step that keeps a record does nothing else."""
    machine, effects = walk(role, (*way_to(role, state), (state, event)))
    assert machine.state is TRANSITIONS[role][state][event]
    assert bool(only(effects, Finish)) == (machine.state in ENDS)
    if only(effects, Keep):
        assert len(effects) == 1


def test_every_line_of_the_table_is_walked() -> None:
    """What the two walks and the tests of verdicts take is the whole table."""
    table = {
        (role, state, event)
        for role, states in TRANSITIONS.items()
        for state, events in states.items()
        for event in events
    }
    assert table == {*ALL, *online.ALL, *BY_THE_LIST}


# What is signed and accepted ------------------------------------------------------------------------
@pytest.mark.feature("C-05", "C-18")
def test_the_payer_follows_the_offer() -> None:
    """To a chip the payer signs for a chip, and sends full pieces even if it meant to send none."""
    _, effects = walk(Role.PAYER, way_to(Role.PAYER, State.PAYING))
    (command,) = only(effects, PerformOnChip)
    assert isinstance(command, PerformOnChip)
    assert isinstance(command.command, Pay)
    assert command.command.acceptor is Acceptor.CHIP
    _, effects = walk(Role.PAYER, way_to(Role.PAYER, State.AWAITING_CONFIRMATION))
    assert effects[0] == Send(BENCH.request())


@pytest.mark.feature("C-18")
def test_a_payer_that_wants_no_manager_refuses_one() -> None:
    """Paying offline only, an offer for the payee's manager is refused before anything is signed."""
    machine = PayerMachine(replace(BENCH.payer_setup(), offline_only=True))
    machine.handle(Started(), NOW)
    effects = machine.handle(said(online.BENCH.offer_message()), NOW)
    assert finish(effects).outcome is Outcome.WRONG_SESSION


@pytest.mark.feature("P-03")
@pytest.mark.parametrize(
    ("amount_minor", "ceiling_minor"), [(1_000_01, 1_000_01), (AMOUNT_MINOR, AMOUNT_MINOR - 1)]
)
def test_more_than_the_offline_limit_is_refused_by_name(
    amount_minor: int, ceiling_minor: int
) -> None:
    """Neither above the payer's own limit, nor above the payee's ceiling, is the chip asked."""
    machine = BENCH.payer_machine()
    machine.handle(Started(), NOW)
    offer = BENCH.offer_message(amount_minor=amount_minor, ceiling_minor=ceiling_minor)
    effects = machine.handle(said(offer), NOW)
    assert finish(effects).outcome is Outcome.OVER_OFFLINE_LIMIT


@pytest.mark.feature("C-20", "C-24")
@pytest.mark.parametrize(
    "changed",
    [
        {"by": BENCH.payer},
        {"nonce": b"X" * 16},
        {"amount_minor": AMOUNT_MINOR + 1},
        {"transfers": (b"T" * 32,)},
    ],
    ids=lambda changed: next(iter(changed)),
)
@pytest.mark.parametrize("where", [State.AWAITING_CONFIRMATION, State.SUBMITTING])
def test_a_false_receipt_proves_nothing(where: State, changed: dict[str, object]) -> None:
    """A receipt that is not this payment's leaves it pending, on the link and from the mailbox."""
    machine, _ = walk(Role.PAYER, way_to(Role.PAYER, where))
    raw = BENCH.receipt(**changed)  # type: ignore[arg-type]  # fields of Receipt, or the signer
    fact = (
        said(PaymentReceipt(raw))
        if where is State.AWAITING_CONFIRMATION
        else ServerAnswered(encode_message(MailboxAnswer(raw)))
    )
    effects = machine.handle(fact, NOW)
    assert machine.state is State.PENDING
    assert finish(effects).outcome in UNDECIDED


@pytest.mark.feature("C-11", "C-22")
def test_what_the_chip_takes_in_goes_to_no_manager() -> None:
    """A payer that hands in for an absent payee uses the mailbox; nobody is asked to cash."""
    _, effects = walk(Role.PAYER, way_to(Role.PAYER, State.SUBMITTING))
    (question,) = only(effects, AskServer)
    assert isinstance(question, AskServer)
    assert question.path == MAILBOX_PATH


@pytest.mark.feature("C-22")
def test_the_chip_accepts_what_was_kept_under_its_own_offer() -> None:
    """ACCEPT carries the kept transfers, the payer's certificates and the chip's own offer."""
    _, effects = walk(Role.PAYEE, way_to(Role.PAYEE, State.ACCEPTING))
    (asked,) = only(effects, PerformOnChip)
    assert isinstance(asked, PerformOnChip)
    assert asked.command == Accept(
        offer=BENCH.offer_message().offer,
        institution_certificate=BENCH.world.institutions["A"].certificate.raw,
        payer_certificate=BENCH.payer.certificate.raw,
        transfers=(BENCH.transfer().raw,),
    )


@pytest.mark.feature("D-09", "C-20")
@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Outcome.HISTORY_REQUIRED, BENCH.request(BENCH.item(by_identifier=True))),
        (
            Outcome.BAD_SIGNATURE,
            BENCH.request(BENCH.item(BENCH.transfer(by=online.STRANGER))),
        ),
        (
            Outcome.WRONG_SESSION,
            BENCH.request(BENCH.item(BENCH.transfer(acceptor=Acceptor.MANAGER))),
        ),
        (Outcome.BROKEN_CHAIN, BENCH.request(BENCH.item(BENCH.transfer(consumed=b"Z" * 32)))),
        (
            Outcome.AMOUNT_MISMATCH,
            BENCH.request(BENCH.item(BENCH.transfer(amount_minor=12_49, change_minor=7_51))),
        ),
        (Outcome.DOUBLE_SPENT, BENCH.request(BENCH.item(), BENCH.item())),
        (Outcome.TIME_UNKNOWN, BENCH.request(BENCH.item(BENCH.transfer(moment=VAGUE)))),
    ],
    ids=str,
)
def test_forged_pieces_are_refused_offline(outcome: Outcome, message: object) -> None:
    """Payer and currency are verified without a network, before anything is kept."""
    machine, _ = walk(Role.PAYEE, way_to(Role.PAYEE, State.AWAITING_REQUEST))
    effects = machine.handle(said(message), NOW)
    assert finish(effects).outcome is outcome
    assert not only(effects, Keep)
    assert not only(effects, Probe)


@pytest.mark.feature("D-09")
def test_currency_that_is_too_old_is_refused() -> None:
    """What its issuer has not seen for too long is not taken without a manager."""
    machine, _ = walk(Role.PAYEE, way_to(Role.PAYEE, State.AWAITING_REQUEST))
    late = Moment(NOW_MS + MAX_CURRENCY_AGE_MS + 1)
    effects = machine.handle(said(BENCH.request()), late)
    assert finish(effects).outcome is Outcome.EXPIRED


# Verdicts -------------------------------------------------------------------------------------------
def judged(effects: Sequence[Effect]) -> Judgement:
    """The one judgement that the last step keeps."""
    (kept,) = only(effects, Keep)
    assert isinstance(kept, Keep)
    assert isinstance(kept.record, JudgementMade | SessionRefused)
    assert kept.record.judgement is not None
    return kept.record.judgement


@pytest.mark.feature("D-02", "D-04")
def test_connected_the_back_end_is_asked() -> None:
    """A payee that reaches its institution asks it, with full pieces, and asks no list."""
    machine = payee_at(State.PROBING, held(SPENT_TWICE))
    effects = machine.handle(Probed(True), NOW)
    (question,) = effects
    assert isinstance(question, AskServer)
    assert (question.institution, question.path) == ("B", VERIFICATIONS_PATH)
    assert question.timeout_ms is not None
    judgement = judged(machine.handle(ServerAnswered(BENCH.verified()), NOW))
    assert (judgement.soundness, judgement.checked_by) == (Soundness.SOUND, "back end")


@pytest.mark.feature("D-02", "D-03")
def test_not_connected_only_the_list_is_searched() -> None:
    """Without a connection nothing is sent to anybody between the probe and the verdict."""
    machine = payee_at(State.PROBING, held())
    effects = machine.handle(Probed(False), NOW)
    assert not only(effects, AskServer)
    judgement = judged(effects)
    assert judgement.soundness is Soundness.SOUND
    assert judgement.checked_by == "list 1 of 2027-01-15 08:00:00Z"


@pytest.mark.feature("D-05")
@pytest.mark.parametrize(
    ("changes", "outcome"),
    [(SPENT_TWICE, Outcome.DOUBLE_SPENT), (OFFENDING, Outcome.LISTED_OFFENDER)],
)
def test_a_hit_in_the_list_is_an_anomaly(changes: Changes, outcome: Outcome) -> None:
    """A listed piece is refused by name, the payer hears it, and the chip is never asked."""
    machine = payee_at(State.PROBING, held(changes))
    judgement = judged(machine.handle(Probed(False), NOW))
    assert (judgement.soundness, judgement.outcome) == (Soundness.ANOMALOUS, outcome)
    effects = machine.handle(Kept(), NOW)
    assert machine.state is State.REFUSED
    assert not only(effects, PerformOnChip)
    assert finish(effects).outcome is outcome
    (told,) = only(effects, Send)
    assert isinstance(told, Send)
    assert isinstance(told.message, Refused)


@pytest.mark.feature("D-17")
def test_the_transfer_that_counts_is_no_anomaly() -> None:
    """The honest one of two transfers of a listed state passes."""
    machine = payee_at(State.PROBING, held(THIS_ONE_COUNTS))
    assert judged(machine.handle(Probed(False), NOW)).soundness is Soundness.SOUND


@pytest.mark.feature("D-06")
@pytest.mark.parametrize(
    "outcome", [Outcome.DOUBLE_SPENT, Outcome.UNKNOWN_IDENTIFIER, Outcome.BROKEN_CHAIN]
)
def test_the_back_ends_verdict_can_be_an_anomaly(outcome: Outcome) -> None:
    """What the issuer's verdict calls wrong is refused, whatever a clean list might say."""
    machine = payee_at(State.ASKING_BACK_END, held())
    judgement = judged(machine.handle(ServerAnswered(BENCH.verified(outcome)), NOW))
    assert (judgement.soundness, judgement.outcome) == (Soundness.ANOMALOUS, outcome)
    assert judgement.checked_by == "back end"


@pytest.mark.feature("D-06")
def test_a_back_end_that_refuses_is_not_overruled() -> None:
    """What the back end will not even look at is not accepted on the word of the list."""
    machine = payee_at(State.ASKING_BACK_END, held())
    judgement = judged(machine.handle(server_says(Outcome.MALFORMED), NOW))
    assert judgement.soundness is Soundness.ANOMALOUS


NOTHING_DECIDED: dict[str, Fact] = {
    "silent": server_says(Outcome.TIMED_OUT),
    "lost": server_says(Outcome.UNAVAILABLE),
    "busy": server_says(Outcome.BUSY),
    "no message": ServerAnswered(b"\x80"),
    "issuer out of reach": ServerAnswered(
        encode_message(VerificationResult((VerifiedItem(None, None),)))
    ),
    "on another transfer": ServerAnswered(BENCH.verified(transfer=b"T" * 32)),
    "not by the issuer": ServerAnswered(BENCH.verified(by="B")),
    "nothing said": ServerAnswered(encode_message(VerificationResult(()))),
}


@pytest.mark.feature("D-11")
@pytest.mark.parametrize("name", NOTHING_DECIDED)
def test_a_check_that_is_cut_off_falls_back_to_the_list(name: str) -> None:
    """Lost in mid-check there is one fall-back, the list, and one verdict, which names it."""
    machine = payee_at(State.ASKING_BACK_END, held())
    effects = machine.handle(NOTHING_DECIDED[name], NOW)
    assert not only(effects, AskServer)
    assert judged(effects).checked_by.startswith("list 1")
    machine = payee_at(State.ASKING_BACK_END, held(SPENT_TWICE))
    assert judged(machine.handle(NOTHING_DECIDED[name], NOW)).soundness is Soundness.ANOMALOUS


STALE = held(issued_at_ms=NOW_MS - 8 * DAY_MS)


@pytest.mark.feature("D-11", "D-16")
@pytest.mark.parametrize("listed", [None, STALE], ids=["no list", "stale list"])
@pytest.mark.parametrize("connected", [True, False])
def test_nothing_is_accepted_by_default(listed: HeldList | None, connected: bool) -> None:
    """Without verdict and list the payment waits: not accepted, not lost, and both sides know."""
    if connected:
        machine = payee_at(State.ASKING_BACK_END, listed)
        effects = machine.handle(server_says(Outcome.UNAVAILABLE), NOW)
    else:
        machine = payee_at(State.PROBING, listed)
        effects = machine.handle(Probed(False), NOW)
    assert machine.state is State.PENDING
    assert not only(effects, PerformOnChip)
    assert "stale_list" in finish(effects).detail
    (told,) = only(effects, Send)
    assert isinstance(told, Send)
    assert isinstance(told.message, Refused)
    assert told.message.outcome is Outcome.STALE_LIST


@pytest.mark.feature("D-16")
def test_an_older_list_is_enough_for_less() -> None:
    """What was offered with a connection may be too much for the list that is left."""
    offer = BENCH.offer(amount_minor=None)
    assert offer.ceiling_minor > 300_00
    older = held(issued_at_ms=NOW_MS - 5 * DAY_MS)
    setup = BENCH.payee_setup()
    for amount_minor, state in ((200_00, State.KEEPING_JUDGEMENT), (200_01, State.PENDING)):
        handed = HandoverTaken(
            NONCE, BENCH.request(), amount_minor, "A-PAYER1", BENCH.offer_message().offer
        )
        machine = PayeeMachine(replace(setup, listed=older), handed)
        machine.handle(Started(), NOW)
        machine.handle(Probed(False), NOW)
        assert machine.state is state


def test_the_repeated_answer_is_the_receipt() -> None:
    """A payment presented again after it was accepted gets the same receipt, and nothing more."""
    steps = (
        *way_to(Role.PAYEE, State.AWAITING_REQUEST),
        (State.AWAITING_REQUEST, Event.REQUEST_ANSWERED_BEFORE),
    )
    _, effects = walk(Role.PAYEE, steps)
    assert effects[0] == Send(PaymentReceipt(BENCH.receipt()))
    assert finish(effects).outcome is Outcome.REPEATED


def test_only_messages_of_an_offline_payment_are_expected() -> None:
    """A manager's confirmation is none of a payment that the chip takes in."""
    machine, _ = walk(Role.PAYER, way_to(Role.PAYER, State.AWAITING_CONFIRMATION))
    machine.handle(Received(encode_message(BENCH.confirmed())), NOW)
    assert machine.state is State.PENDING
