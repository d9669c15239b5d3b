"""What a payee takes in without a manager: how old, through how many hands, how much (D-16, P-03).

Both sides know these numbers: the payer chooses pieces that the payee will take, and the payee's
offer carries its ceiling, so that nothing honest is signed that would be refused. The chip enforces
its tier's totals by itself; what depends on the double-spending list is the host's.
"""

from collections.abc import Sequence

from feiqian.money.currency import Currency
from feiqian.money.limits import limits_of
from feiqian.money.piece import hands_of
from feiqian.money.transfer import Acceptor, SignedTransfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.timing.moment import Moment

DAY_MS = 24 * 60 * 60 * 1000

MAX_CURRENCY_AGE_MS = 180 * DAY_MS
"""Since issue or renewal: what is older must be seen by its issuer before it is paid on."""

MAX_OFFLINE_RADIUS_MS = 60 * 60 * 1000
"""Most that the moment of an offline transfer may be uncertain, for every tier: an hour. Beyond, it is
no moment: one of any size may have been before the offer ended."""

LIST_SHARES: tuple[tuple[int, int], ...] = (
    (1 * DAY_MS, 100),
    (3 * DAY_MS, 50),
    (7 * DAY_MS, 20),
)
"""Up to which age of the list which percentage of the limits holds; beyond, nothing is taken."""


def ceiling_with_list(tier: int, list_issued_at_ms: int | None, now: Moment) -> int:
    """Most that is taken in one payment on the word of a list (minor units); None: there is none.

    The list is as old as it can be, given the clock's uncertainty. Raises `Refusal` stale_list.
    """
    if list_issued_at_ms is None:
        raise Refusal(Outcome.STALE_LIST, "expected a connection or a double-spending list")
    age_ms = now.latest_ms - list_issued_at_ms
    for limit_ms, percent in LIST_SHARES:
        if age_ms <= limit_ms:
            return limits_of(tier).offline_payment_minor * percent // 100
    oldest_days = LIST_SHARES[-1][0] // DAY_MS
    raise Refusal(Outcome.STALE_LIST, f"expected a list not older than {oldest_days} days")


def ceiling_with_back_end(tier: int) -> int:
    """Most that is taken in one payment which the back end verifies (minor units)."""
    return limits_of(tier).offline_payment_minor


def check_piece(
    tier: int, currency: Currency, transfers: Sequence[SignedTransfer], now: Moment
) -> None:
    """Whether a payee of `tier` takes a piece whose last transfer pays it.

    Raises `Refusal`: chain_too_long after too many hands, expired when the currency is too old,
    time_unknown when a transfer without a manager was signed in ignorance of the time.
    """
    check_hands(tier, hands_of(transfers))
    check_age(currency, now)
    for transfer in transfers:
        if transfer.value.acceptor is Acceptor.CHIP:
            check_certainty(transfer.value.moment)


def check_certainty(moment: Moment) -> None:
    """Raise `Refusal` time_unknown at a moment that is too uncertain to pay or be paid offline."""
    if moment.radius_ms > MAX_OFFLINE_RADIUS_MS:
        raise Refusal(Outcome.TIME_UNKNOWN, f"expected a moment within {MAX_OFFLINE_RADIUS_MS} ms")


def check_hands(tier: int, hands: int) -> None:
    """Raise `Refusal` chain_too_long above what a payee of `tier` takes."""
    most = limits_of(tier).offline_hops
    if hands > most:
        raise Refusal(Outcome.CHAIN_TOO_LONG, f"expected at most {most} hands, got {hands}")


def check_age(currency: Currency, now: Moment) -> None:
    """Raise `Refusal` expired when the currency was issued, or renewed, too long ago."""
    if now.certainly_after(currency.issued_at_ms + MAX_CURRENCY_AGE_MS):
        raise Refusal(Outcome.EXPIRED, "expected currency that its issuer has seen more recently")
