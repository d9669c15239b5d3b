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
from feiqian.timing.moment import Moment

Entropy = Callable[[int], bytes]
Step = tuple[CardState, Struct]
"""The state to commit, and the answer to give then."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who an operational chip is, read from its key and certificates."""

    key: PrivateKey
    fingerprint: bytes
    number: str
    tier_limits: Limits
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
    def limits(self) -> Limits:
        """In force: the platform's for this chip, or else the tier's."""
        return self.state.ordered_limits or self.owner.tier_limits

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
        tier_limits=limits_of(certificate.value.tier),
        institution=parse_certificate(suite, state.institution_certificate),
    )


def check_not_frozen(card: Card) -> None:
    """Raise `Refusal` wallet_frozen while the platform keeps value from leaving (R-03)."""
    if card.state.frozen:
        raise Refusal(Outcome.WALLET_FROZEN, "expected a chip that is not frozen")


def latest_ms(card: Card, moment: Moment) -> int:
    """The latest that it can be: never before what the chip knows to be past, whatever its host says."""
    return max(moment.latest_ms, card.state.floor_ms)


def after(state: CardState, past_ms: int) -> CardState:
    """The state that knows this moment to be past."""
    return replace(state, floor_ms=max(state.floor_ms, past_ms))


def take_in(card: Card, added: Sequence[HeldPiece]) -> CardState:
    """The state with `added` pieces. `Refusal`: over_holding_limit, chip_full."""
    state = card.state
    added_minor = sum(piece.amount_minor for piece in added)
    check_holding(card.limits, state.balance_minor, added_minor)
    if len(state.pieces) + len(added) > MAX_PIECES:
        raise Refusal(Outcome.CHIP_FULL, f"expected to hold at most {MAX_PIECES} pieces")
    return replace(state, pieces=(*state.pieces, *added))


def receipt(state: CardState, *, repeated: bool) -> LoadAnswer:
    """The answer to LOAD."""
    return LoadAnswer(repeated=repeated, balance_minor=state.balance_minor)
