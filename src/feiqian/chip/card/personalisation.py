"""Personalisation: how a blank chip gets its key, its PIN, its root of trust and its certificates.

The chip trusts nothing but the root key pinned at INITIALISE. Certificates must chain to it and
name the chip's own key. An operational chip takes newer certificates of the same wallet (longer
validity, another tier), never older ones, so that a lowered tier cannot be undone by its host.
"""

from msgspec.structs import replace

from feiqian.chip.card.memory import CardState
from feiqian.chip.card.pin import new_code
from feiqian.chip.card.purse import Card, Step
from feiqian.chip.card.verification import verified_chip, verified_institution
from feiqian.chip.commands import (
    PIN_TRIES,
    PUK_TRIES,
    Empty,
    Initialise,
    InitialiseAnswer,
    LifeCycle,
    Personalise,
)
from feiqian.crypto.certificates import SignedCertificate, parse_certificate
from feiqian.outcomes import Outcome, Refusal


def initialise(card: Card, command: Initialise) -> Step:
    """INITIALISE: make the key, pin the root, set PIN and PUK."""
    suite = card.suite
    suite.fingerprint(command.root_public_key)  # Refuses bytes that are no key of this suite.
    key = suite.generate()
    state = CardState(
        life_cycle=LifeCycle.INITIALISED,
        secret=key.secret,
        public_key=key.public,
        root_public_key=command.root_public_key,
        pin=new_code(suite, card.entropy, command.pin, PIN_TRIES),
        puk=new_code(suite, card.entropy, command.puk, PUK_TRIES),
    )
    return state, InitialiseAnswer(public_key=key.public)


def personalise(card: Card, command: Personalise) -> Step:
    """PERSONALISE: become operational, or take newer certificates."""
    suite, state = card.suite, card.state
    institution = verified_institution(suite, state, command.institution_certificate)
    chip = verified_chip(suite, institution, command.chip_certificate)
    if chip.value.public_key != state.public_key:
        raise Refusal(Outcome.WRONG_OWNER, "expected a certificate of this chip's key")
    if state.life_cycle is LifeCycle.OPERATIONAL:
        _check_renewal(card, institution, chip)
    following = replace(
        state,
        life_cycle=LifeCycle.OPERATIONAL,
        institution_certificate=institution.raw,
        chip_certificate=chip.raw,
    )
    return following, Empty()


def _check_renewal(card: Card, institution: SignedCertificate, chip: SignedCertificate) -> None:
    owner = card.owner
    if chip.value.subject != owner.number:
        raise Refusal(Outcome.UNKNOWN_WALLET, f"expected a certificate of {owner.number}")
    known = parse_certificate(card.suite, card.state.chip_certificate)
    _check_not_older(owner.institution, institution)
    _check_not_older(known, chip)


def _check_not_older(known: SignedCertificate, renewed: SignedCertificate) -> None:
    if renewed.raw != known.raw and renewed.value.not_before_ms <= known.value.not_before_ms:
        raise Refusal(Outcome.CERTIFICATE_EXPIRED, "expected a newer certificate than the known")
