"""Authorising: the holder lets the chip pay fees without being asked again (V-02, V-09).

What was authorised is kept as it was signed, with the number of its uses that are left; the signed
bytes are what the chip keeps to. One that is used up is forgotten at once, one whose time is over
when its place is needed. Taking back needs no PIN, for it only allows less.
"""

from msgspec.structs import replace

from feiqian.chip.card.paying import check_payee
from feiqian.chip.card.purse import Card, Step, check_not_frozen, latest_ms
from feiqian.chip.commands import (
    MAX_AUTHORISATIONS,
    AuthorisationsAnswer,
    Authorise,
    AuthoriseAnswer,
    Empty,
    GetAuthorisations,
    LiveAuthorisation,
    Revoke,
)
from feiqian.chip.status_words import StatusError, StatusWord
from feiqian.crypto.cbor import VERSION
from feiqian.money.limits import check_payment
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import AUTHORISATION, MAX_VALID_MS, Authorisation, Grant

MAX_NUMBER = 2**32 - 1


def authorise(card: Card, command: Authorise) -> Step:
    """AUTHORISE.

    Raises `Refusal`: malformed, wrong_addressee, expired, wallet_frozen, over_payment_limit, chip_full.
    """
    for live in card.state.authorisations:
        known = read_authorisation(card, live)
        if (known.grant, known.moment) == (command.grant, command.moment):
            return card.state, AuthoriseAnswer(authorisation=live.authorisation)
    _check_grant(card, command.grant, command.moment)
    kept = _still_of_use(card, command.moment)
    number = card.state.authorisation_number + 1
    if number > MAX_NUMBER:
        raise StatusError(StatusWord.WRONG_STATE)
    value = Authorisation(VERSION, number, card.owner.number, command.grant, command.moment)
    signed = AUTHORISATION.sign(card.suite, card.owner.key, value)
    following = replace(
        card.state,
        authorisation_number=number,
        authorisations=(*kept, LiveAuthorisation(signed, command.grant.uses)),
    )
    return following, AuthoriseAnswer(authorisation=signed)


def authorisations(card: Card, _command: GetAuthorisations) -> Step:
    """AUTHORISATIONS."""
    return card.state, AuthorisationsAnswer(authorisations=card.state.authorisations)


def revoke(card: Card, command: Revoke) -> Step:
    """REVOKE."""
    state = card.state
    kept = tuple(
        live
        for live in state.authorisations
        if read_authorisation(card, live).number != command.number
    )
    if kept == state.authorisations:
        return state, Empty()
    return replace(state, authorisations=kept), Empty()


def read_authorisation(card: Card, live: LiveAuthorisation) -> Authorisation:
    """What was authorised; it stands in the chip's own memory, so that no signature is checked."""
    return AUTHORISATION.peek(card.suite, live.authorisation)


def _check_grant(card: Card, grant: Grant, moment: Moment) -> None:
    card.suite.fingerprint(grant.provider)  # Refuses bytes that are no key of this suite.
    if not 0 < grant.valid_until_ms - grant.valid_from_ms <= MAX_VALID_MS:
        raise Refusal(Outcome.MALFORMED, f"expected to be valid for at most {MAX_VALID_MS} ms")
    if grant.payee is not None:
        check_payee(card, grant.payee)
    if latest_ms(card, moment) > grant.valid_until_ms:
        raise Refusal(Outcome.EXPIRED, "expected an authorisation that is not over yet")
    check_not_frozen(card)
    check_payment(card.limits, grant.ceiling_minor)


def _still_of_use(card: Card, moment: Moment) -> tuple[LiveAuthorisation, ...]:
    """Those to keep beside a new one. `Refusal` chip_full when there are too many."""
    kept = card.state.authorisations
    if len(kept) == MAX_AUTHORISATIONS:
        past_ms = max(moment.earliest_ms, card.state.floor_ms)
        kept = tuple(
            live for live in kept if read_authorisation(card, live).grant.valid_until_ms >= past_ms
        )
    if len(kept) == MAX_AUTHORISATIONS:
        raise Refusal(Outcome.CHIP_FULL, f"expected at most {MAX_AUTHORISATIONS} authorisations")
    return kept
