"""The applet: one APDU in, one out; each command happens whole or not at all.

`RULES` is the whole policy of who may do what when: the stage of life, the PIN, what a command does
to the session. A command is checked against its rule, its function computes the next state and the
answer, the state is committed once, and only then does the answer leave. A refusal commits nothing;
PIN commands alone pay their try beforehand (`pin`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from feiqian.chip.apdu import MAX_EXPECTED_BYTES, CommandApdu, ResponseApdu, parse_command
from feiqian.chip.card import (
    authorising,
    controlling,
    fees,
    inspection,
    loading,
    paying,
    personalisation,
    pin,
    receiving,
    reporting,
    requests,
    synchronising,
)
from feiqian.chip.card.memory import CardState, Memory, decode_state, encode_state
from feiqian.chip.card.purse import Card, Entropy, Step, read_owner
from feiqian.chip.commands import (
    AID,
    SELECT_BY_NAME,
    Accept,
    Authorise,
    ChangePin,
    Command,
    Control,
    Export,
    GetAuthorisations,
    GetExports,
    GetPieces,
    GetStatus,
    Initialise,
    Instruction,
    LifeCycle,
    Load,
    Lock,
    MakeOffer,
    NextMessage,
    Pay,
    PayFee,
    Personalise,
    Report,
    Revoke,
    SignRequest,
    Synchronise,
    UnblockPin,
    VerifyPin,
)
from feiqian.chip.status_words import StatusError, StatusWord, word_of
from feiqian.crypto import cbor
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.request_envelope import MAX_REQUEST_BYTES

_ANY = frozenset(LifeCycle)
_STARTED = frozenset({LifeCycle.INITIALISED, LifeCycle.OPERATIONAL})
_OPERATIONAL = frozenset({LifeCycle.OPERATIONAL})


class Effect(Enum):
    """What a command does to the verified PIN of the session."""

    NONE = auto()
    LOCKS = auto()
    """From its start, also when it is refused."""
    UNLOCKS = auto()
    """When it is done; it locks from its start."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a command is allowed, and which function carries it out."""

    command: type[Command]
    # Each function takes the command class beside it; a table of mixed classes cannot say so.
    carry_out: Callable[[Card, Any], Step]
    stages: frozenset[LifeCycle]
    needs_pin: bool = False
    effect: Effect = Effect.NONE
    charge: Callable[[CardState], CardState] | None = None
    """Committed before the command is carried out."""


RULES: dict[int, Rule] = {
    rule.command.INSTRUCTION: rule
    for rule in (
        Rule(GetStatus, inspection.status, _ANY),
        Rule(Initialise, personalisation.initialise, frozenset({LifeCycle.BLANK})),
        Rule(Personalise, personalisation.personalise, _STARTED),
        Rule(VerifyPin, pin.verify_pin, _STARTED, effect=Effect.UNLOCKS, charge=pin.charge_pin),
        Rule(ChangePin, pin.change_pin, _STARTED, effect=Effect.LOCKS, charge=pin.charge_pin),
        Rule(UnblockPin, pin.unblock_pin, _STARTED, effect=Effect.LOCKS, charge=pin.charge_puk),
        Rule(Lock, pin.lock, _ANY, effect=Effect.LOCKS),
        Rule(GetPieces, inspection.pieces, _OPERATIONAL),
        Rule(GetExports, inspection.exports, _OPERATIONAL),
        Rule(Load, loading.load, _OPERATIONAL),
        Rule(MakeOffer, receiving.offer, _OPERATIONAL),
        Rule(Accept, receiving.accept, _OPERATIONAL),
        Rule(Synchronise, synchronising.synchronise, _OPERATIONAL),
        Rule(Control, controlling.control, _OPERATIONAL),
        Rule(Report, reporting.report, _OPERATIONAL),
        Rule(NextMessage, reporting.next_message, _OPERATIONAL),
        Rule(GetAuthorisations, authorising.authorisations, _OPERATIONAL),
        Rule(Authorise, authorising.authorise, _OPERATIONAL, needs_pin=True),
        Rule(Revoke, authorising.revoke, _OPERATIONAL),
        Rule(PayFee, fees.pay_fee, _OPERATIONAL),
        Rule(Pay, paying.pay, _OPERATIONAL, needs_pin=True),
        Rule(Export, paying.export, _OPERATIONAL, needs_pin=True),
        Rule(SignRequest, requests.sign_request, _STARTED, needs_pin=True),
    )
}


class Applet:
    """A powered chip; what it forgets without power is here, what it keeps is in `memory`."""

    def __init__(self, memory: Memory, suite: Suite, entropy: Entropy) -> None:
        """Power up. `Refusal` by name when the memory is unreadable."""
        self._memory = memory
        self._suite = suite
        self._entropy = entropy
        self._selected = False
        self._unlocked = False
        self._state = decode_state(memory.load())
        self._owner = read_owner(suite, self._state)

    def process(self, raw: bytes) -> bytes:
        """Answer one command APDU; never raises for anything that a host can send."""
        try:
            data = self._answer(parse_command(raw))
        except StatusError as error:
            return ResponseApdu(b"", error.status).encode()
        except Refusal as refusal:
            return ResponseApdu(b"", word_of(refusal.outcome)).encode()
        return ResponseApdu(data, StatusWord.SUCCESS).encode()

    def _answer(self, apdu: CommandApdu) -> bytes:
        if (apdu.cla, apdu.ins) == (0x00, Instruction.SELECT):
            return self._select(apdu)
        rule = self._rule(apdu)
        command = cbor.decode(apdu.data, rule.command, limit=MAX_REQUEST_BYTES)
        self._admit(rule)
        return cbor.encode(self._carry_out(rule, command))

    def _select(self, apdu: CommandApdu) -> bytes:
        self._selected = self._unlocked = False
        if (apdu.p1, apdu.p2) != (SELECT_BY_NAME, 0):
            raise StatusError(StatusWord.WRONG_PARAMETERS)
        if apdu.data != AID:
            raise StatusError(StatusWord.NO_APPLET)
        self._selected = True
        return b""

    def _rule(self, apdu: CommandApdu) -> Rule:
        """The rule of a well-framed command; everything judged here needs no state but SELECT's."""
        if not self._selected:
            raise StatusError(StatusWord.WRONG_STATE)
        if apdu.cla not in (0x00, 0x80):
            raise StatusError(StatusWord.UNKNOWN_CLASS)
        rule = RULES.get(apdu.ins)
        if rule is None:
            raise StatusError(StatusWord.UNKNOWN_INSTRUCTION)
        if apdu.cla != rule.command.INSTRUCTION.class_byte:
            raise StatusError(StatusWord.UNKNOWN_CLASS)
        if (apdu.p1, apdu.p2) != (0, 0):
            raise StatusError(StatusWord.WRONG_PARAMETERS)
        # An answer must never be lost to a short Le after the command has happened.
        if apdu.expected != MAX_EXPECTED_BYTES:
            raise StatusError(StatusWord.WRONG_LENGTH)
        return rule

    def _admit(self, rule: Rule) -> None:
        if self._state.life_cycle not in rule.stages:
            raise StatusError(StatusWord.WRONG_STATE)
        if rule.needs_pin and not self._unlocked:
            raise Refusal(Outcome.PIN_REQUIRED, "expected the PIN first")

    def _carry_out(self, rule: Rule, command: Command) -> object:
        if rule.effect is not Effect.NONE:
            self._unlocked = False
        if rule.charge is not None:
            self._commit(rule.charge(self._state))
        card = Card(self._suite, self._entropy, self._state, self._unlocked, self._owner)
        state, answer = rule.carry_out(card, command)
        if state is not self._state:
            self._commit(state)
        self._unlocked = self._unlocked or rule.effect is Effect.UNLOCKS
        return answer

    def _commit(self, state: CardState) -> None:
        """Make `state` durable. `Refusal` malformed for a certificate of a tier nobody knows."""
        known = state.chip_certificate == self._state.chip_certificate
        same = known and state.institution_certificate == self._state.institution_certificate
        owner = self._owner if same else read_owner(self._suite, state)
        self._memory.commit(encode_state(state))
        self._state, self._owner = state, owner
