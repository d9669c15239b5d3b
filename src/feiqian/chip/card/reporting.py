"""Reporting: the chip signs what is to be known of it when nobody has heard of it for long (W-05).

Its figures are the chip's own; log, list version and moment are what the host says. A frozen chip
reports as well, and no PIN is needed: a wallet may be overdue while nobody holds it. Reports are
numbered, so that an old one never passes for the newest. The chip also counts the host's sealed
messages, so that no number is used twice, whatever becomes of the host's store.
"""

from msgspec.structs import replace

from feiqian.chip.card.memory import CardState
from feiqian.chip.card.purse import Card, Step
from feiqian.chip.commands import NextMessage, NextMessageAnswer, Report, ReportAnswer
from feiqian.chip.status_words import StatusError, StatusWord
from feiqian.crypto.cbor import VERSION
from feiqian.timing.moment import Moment
from feiqian.wire.key_information import KEY_INFORMATION, ChipCondition, KeyInformation

MAX_REPORTS = 2**32 - 1
MAX_MESSAGES = 2**32 - 1
_MAX_SECONDS = 2**32 - 1


def report(card: Card, command: Report) -> Step:
    """REPORT."""
    state = card.state
    if state.report_number == MAX_REPORTS:
        raise StatusError(StatusWord.WRONG_STATE)
    following = replace(state, report_number=state.report_number + 1)
    moment_s, radius_s = _in_seconds(command.moment)
    information = KeyInformation(
        version=VERSION,
        number=following.report_number,
        counter=state.counter,
        balance_minor=state.balance_minor,
        offline_paid_minor=state.offline_paid_minor,
        offline_received_minor=state.offline_received_minor,
        log_digest=command.log_digest,
        list_number=command.list_number,
        moment_s=moment_s,
        radius_s=radius_s,
        synchronised_number=state.synchronised_number,
        executed_number=max(state.executed_numbers),
        condition=_condition(state),
    )
    signed = KEY_INFORMATION.sign(card.suite, card.owner.key, information)
    return following, ReportAnswer(information=signed)


def next_message(card: Card, _command: NextMessage) -> Step:
    """NEXT MESSAGE."""
    state = card.state
    if state.message_number == MAX_MESSAGES:
        raise StatusError(StatusWord.WRONG_STATE)
    following = replace(state, message_number=state.message_number + 1)
    return following, NextMessageAnswer(number=following.message_number)


def _condition(state: CardState) -> ChipCondition:
    found = ChipCondition(0)
    if state.frozen:
        found |= ChipCondition.FROZEN
    if state.pin is not None and state.pin.tries == 0:
        found |= ChipCondition.PIN_BLOCKED
    if state.ordered_limits is not None:
        found |= ChipCondition.OTHER_LIMITS
    if state.authorisations:
        found |= ChipCondition.AUTHORISING
    return found


def _in_seconds(moment: Moment) -> tuple[int, int]:
    """Whole seconds, and an uncertainty that covers the interval as before."""
    seconds, rest_ms = divmod(moment.midpoint_ms, 1_000)
    radius_s = -(-(moment.radius_ms + rest_ms) // 1_000)
    return min(seconds, _MAX_SECONDS), min(radius_s, _MAX_SECONDS)
