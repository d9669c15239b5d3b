"""What is taken in offline: hands, ages and amounts, each to the very limit."""

import pytest

from feiqian.crypto.cbor import VERSION
from feiqian.money.limits import TIERS, limits_of
from feiqian.money.offline_policy import (
    DAY_MS,
    LIST_SHARES,
    MAX_CURRENCY_AGE_MS,
    MAX_OFFLINE_RADIUS_MS,
    ceiling_with_back_end,
    ceiling_with_list,
    check_age,
    check_hands,
    check_piece,
)
from feiqian.money.piece import hands_of
from feiqian.money.transfer import Acceptor, SignedTransfer, Transfer, sign_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.timing.moment import Moment

WORLD = TrustWorld()
NOW = Moment(NOW_MS)
CURRENCY = WORLD.issue("A", WORLD.chip("A", "A-FIRST").fingerprint, 100_00)


def chain(
    spent: str, moment: Moment = NOW, acceptor: Acceptor = Acceptor.CHIP
) -> list[SignedTransfer]:
    """Transfers of which each but the first spends the payee's output (p) or the change (c)."""
    payer, transfers, consumed = WORLD.chip("A", "A-FIRST"), [], CURRENCY.identifier
    for counter, output in enumerate(f"{spent}p", start=1):
        value = Transfer(VERSION, consumed, bytes(32), 1, 1, counter, moment, bytes(16), acceptor)
        transfers.append(sign_transfer(WORLD.suite, payer.key, value))
        last = transfers[-1]
        consumed = last.payee_output if output == "p" else last.change_output or b""
    return transfers


@pytest.mark.feature("D-16")
@pytest.mark.parametrize(("spent", "hands"), [("", 1), ("c", 1), ("ccc", 1), ("p", 2), ("cpcp", 3)])
def test_change_stays_in_the_same_hand(spent: str, hands: int) -> None:
    """Only what was paid on by a payee has passed a hand."""
    assert hands_of(chain(spent)) == hands


@pytest.mark.feature("P-03", "D-09")
@pytest.mark.parametrize("tier", range(len(TIERS)))
def test_the_limit_of_hands_is_exact(tier: int) -> None:
    """As many hands as the tier says are taken, one more is refused by name."""
    most = limits_of(tier).offline_hops
    check_hands(tier, most)
    check_piece(tier, CURRENCY.value, chain("p" * (most - 1)), NOW)
    with pytest.raises(Refusal) as refused:
        check_piece(tier, CURRENCY.value, chain("p" * most), NOW)
    assert refused.value.outcome is Outcome.CHAIN_TOO_LONG


@pytest.mark.feature("C-20", "D-09")
@pytest.mark.parametrize("place", [0, 1], ids=["first", "last"])
def test_a_transfer_signed_in_ignorance_of_the_time_is_not_taken(place: int) -> None:
    """A moment may be uncertain by an hour in every hand, and by nothing more in any."""
    vague = Moment(NOW_MS, MAX_OFFLINE_RADIUS_MS + 1)
    check_piece(2, CURRENCY.value, chain("p", Moment(NOW_MS, MAX_OFFLINE_RADIUS_MS)), NOW)
    transfers = chain("p")
    transfers[place] = chain("p", vague)[place]
    with pytest.raises(Refusal) as refused:
        check_piece(2, CURRENCY.value, transfers, NOW)
    assert refused.value.outcome is Outcome.TIME_UNKNOWN


@pytest.mark.feature("D-09")
def test_change_of_an_online_payment_may_have_a_vague_moment() -> None:
    """Where a manager decided by its own clock, the payer's ignorance does no harm to what is left."""
    online = chain("", Moment(NOW_MS, 10**12), Acceptor.MANAGER)
    check_piece(2, CURRENCY.value, [*online, *chain("c")[1:]], NOW)


@pytest.mark.feature("D-09")
def test_the_age_of_a_currency_is_exact() -> None:
    """A currency is taken until it certainly is too old."""
    last_ms = CURRENCY.value.issued_at_ms + MAX_CURRENCY_AGE_MS
    check_age(CURRENCY.value, Moment(last_ms))
    check_age(CURRENCY.value, Moment(last_ms + 500, 500))
    with pytest.raises(Refusal) as refused:
        check_age(CURRENCY.value, Moment(last_ms + 1))
    assert refused.value.outcome is Outcome.EXPIRED


@pytest.mark.feature("D-16")
@pytest.mark.parametrize("place", range(len(LIST_SHARES)))
def test_an_older_list_takes_less(place: int) -> None:
    """Each age of the list has its share of the limit, to the very millisecond."""
    limit_ms, percent = LIST_SHARES[place]
    whole = ceiling_with_back_end(2)
    assert ceiling_with_list(2, NOW_MS - limit_ms, NOW) == whole * percent // 100
    if place + 1 < len(LIST_SHARES):
        lower = whole * LIST_SHARES[place + 1][1] // 100
        assert ceiling_with_list(2, NOW_MS - limit_ms - 1, NOW) == lower
        assert ceiling_with_list(2, NOW_MS - limit_ms, Moment(NOW_MS, 1)) == lower


@pytest.mark.feature("D-16")
@pytest.mark.parametrize("issued_at_ms", [None, NOW_MS - 7 * DAY_MS - 1])
def test_no_list_takes_nothing(issued_at_ms: int | None) -> None:
    """Without a list, or with one that is too old, nothing is taken, and the refusal says why."""
    with pytest.raises(Refusal) as refused:
        ceiling_with_list(2, issued_at_ms, NOW)
    assert refused.value.outcome is Outcome.STALE_LIST
