"""Synchronising: the own institution's signed word that chip and network have been in touch.

It begins the offline totals anew and is the moment from which being offline is counted. Statements
are numbered; a chip takes each number once and never goes back, so none can be used again to pass
the limits twice.
"""

from msgspec.structs import replace

from feiqian.chip.card.purse import Card, Step, after
from feiqian.chip.commands import Synchronise, SynchroniseAnswer
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.synchronisation import SYNCHRONISATION


def synchronise(card: Card, command: Synchronise) -> Step:
    """SYNCHRONISE (W-10). `Refusal`: malformed and its kin, bad_signature, wrong_addressee."""
    state, owner = card.state, card.owner
    public = owner.institution.value.public_key
    statement = SYNCHRONISATION.read(card.suite, command.statement, public)
    if statement.wallet != owner.number:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a statement for {owner.number}")
    if statement.number <= state.synchronised_number:
        return state, SynchroniseAnswer(repeated=True)
    following = replace(
        after(state, max(0, statement.moment.earliest_ms)),
        offline_paid_minor=0,
        offline_received_minor=0,
        synchronised_at=statement.moment,
        synchronised_number=statement.number,
    )
    return following, SynchroniseAnswer(repeated=False)
