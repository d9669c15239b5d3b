"""What one command works on, and the arithmetic of pieces that all value commands share.

A command is a function from (`Card`, its data) to (next state, answer). It changes nothing itself;
the applet commits the next state before the answer leaves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import Struct
from msgspec.structs import replace

from feiqian.chip.card.memory import CardState
from feiqian.chip.commands import MAX_PIECES, HeldPiece, LifeCycle, LoadAnswer
from feiqian.crypto.certificates import SignedCertificate, parse_certificate
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.money.limits import Limits, check_holding, limits_of
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal

Entropy = Callable[[int], bytes]
Step = tuple[CardState, Struct]
"""The state to commit, and the answer to give then."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who an operational chip is, read from its key and certificates."""

    key: PrivateKey
    fingerprint: bytes
    number: str
    limits: Limits
    institution: SignedCertificate


@dataclass(frozen=True, slots=True)
class Card:
    """What one command sees of the chip."""

    suite: Suite
    entropy: Entropy
    state: CardState
    unlocked: bool
    known_owner: Owner | None

    @property
    def owner(self) -> Owner:
        """The owner; only commands of an operational chip may ask."""
        if self.known_owner is None:
            raise LocalProtocolError("the chip is not operational")
        return self.known_owner


def read_owner(suite: Suite, state: CardState) -> Owner | None:
    """The owner; None before the chip is operational."""
    if state.life_cycle is not LifeCycle.OPERATIONAL:
        return None
    certificate = parse_certificate(suite, state.chip_certificate)
    return Owner(
        key=suite.load(state.secret),
        fingerprint=certificate.fingerprint,
        number=certificate.value.subject,
        limits=limits_of(certificate.value.tier),
        institution=parse_certificate(suite, state.institution_certificate),
    )


def take_in(card: Card, added: Sequence[HeldPiece]) -> CardState:
    """The state with `added` pieces. `Refusal`: over_holding_limit, chip_full."""
    state = card.state
    added_minor = sum(piece.amount_minor for piece in added)
    check_holding(card.owner.limits, state.balance_minor, added_minor)
    if len(state.pieces) + len(added) > MAX_PIECES:
        raise Refusal(Outcome.CHIP_FULL, f"expected to hold at most {MAX_PIECES} pieces")
    return replace(state, pieces=(*state.pieces, *added))


def receipt(state: CardState, *, repeated: bool) -> LoadAnswer:
    """The answer to LOAD."""
    return LoadAnswer(repeated=repeated, balance_minor=state.balance_minor)
