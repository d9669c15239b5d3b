"""Which pieces pay an amount."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feiqian.crypto.cbor import VERSION
from feiqian.money.limits import limits_of
from feiqian.money.offline_policy import MAX_CURRENCY_AGE_MS
from feiqian.money.piece import MAX_HOPS
from feiqian.money.transfer import Acceptor, Transfer, sign_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.chain import Chain
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wallet.selection import select, select_offline
from feiqian.wire.items import MAX_ITEMS


def chains(*amounts_minor: int) -> list[Chain]:
    """Pieces of these amounts."""
    return [
        Chain(VERSION, index.to_bytes(32, "big"), amount_minor, "A", b"", (), ())
        for index, amount_minor in enumerate(amounts_minor)
    ]


def amounts(chosen: tuple[Chain, ...]) -> list[int]:
    """What was chosen, in order."""
    return [chain.amount_minor for chain in chosen]


@pytest.mark.feature("C-15")
@pytest.mark.parametrize(
    ("held", "wanted", "chosen"),
    [
        ([100], 100, [100]),
        ([100, 30, 20], 25, [30]),
        ([100, 30, 20], 50, [100]),
        ([60, 50, 10], 70, [10, 60]),
        ([60, 50, 40, 5], 100, [40, 60]),
        ([1] * 8, 8, [1] * 8),
    ],
)
def test_few_pieces_and_little_change(held: list[int], wanted: int, chosen: list[int]) -> None:
    """The fewest pieces that reach, and of those the ones that leave little change."""
    assert amounts(select(chains(*held), wanted)) == chosen


@pytest.mark.feature("C-13")
@pytest.mark.parametrize(("held", "wanted"), [([], 1), ([5, 4], 10), ([1] * 9, 9)])
def test_what_does_not_reach_is_refused(held: list[int], wanted: int) -> None:
    """Too little, or too many pieces for one payment: insufficient_balance."""
    with pytest.raises(Refusal) as refused:
        select(chains(*held), wanted)
    assert refused.value.outcome is Outcome.INSUFFICIENT_BALANCE


def test_a_piece_with_the_longest_history_is_left_alone() -> None:
    """A piece that one more transfer would make unreadable is not chosen."""
    (long,) = chains(10)
    full = Chain(
        VERSION, long.identifier, 10, "A", b"", tuple(bytes([n]) for n in range(MAX_HOPS)), ()
    )
    with pytest.raises(Refusal):
        select([full], 5)


@given(held=st.lists(st.integers(1, 60), min_size=1, max_size=10), wanted=st.integers(1, 300))
def test_the_choice_is_what_the_chip_takes(held: list[int], wanted: int) -> None:
    """It reaches with all and not without the last, with as few pieces as any choice."""
    reachable = [
        count
        for count in range(1, min(MAX_ITEMS, len(held)) + 1)
        if any(sum(some) >= wanted for some in itertools.combinations(held, count))
    ]
    if not reachable:
        with pytest.raises(Refusal):
            select(chains(*held), wanted)
        return
    chosen = amounts(select(chains(*held), wanted))
    assert len(chosen) == reachable[0]
    assert sum(chosen) >= wanted > sum(chosen[:-1])


WORLD = TrustWorld()
OWNER = WORLD.chip("A", "A-OWNER1")


def piece(amount_minor: int, hands: int, salt: str = "") -> Chain:
    """A piece that this many wallets have handed over."""
    currency = WORLD.issue("A", OWNER.fingerprint, amount_minor, salt=f"{salt}{hands}")
    identifier = currency.identifier
    raws: list[bytes] = []
    for counter in range(1, hands + 1):
        value = Transfer(
            VERSION,
            identifier,
            OWNER.fingerprint,
            amount_minor,
            0,
            counter,
            Moment(NOW_MS),
            bytes(16),
            Acceptor.CHIP,
        )
        transfer = sign_transfer(WORLD.suite, OWNER.key, value)
        identifier, raws = transfer.payee_output, [*raws, transfer.raw]
    return Chain(VERSION, identifier, amount_minor, "A", currency.raw, tuple(raws), ())


@pytest.mark.feature("C-18", "P-03")
def test_pieces_of_few_hands_go_first_offline() -> None:
    """What has passed fewer hands pays if it reaches, even where another piece would fit better."""
    near, far = piece(100, 0), piece(30, 2)
    wanted = WORLD.suite, [far, near]
    assert select_offline(*wanted, 30, 2, Moment(NOW_MS)) == (near,)
    assert set(select_offline(*wanted, 130, 2, Moment(NOW_MS))) == {near, far}


@pytest.mark.feature("P-03", "D-09")
def test_only_what_the_payee_takes_is_chosen() -> None:
    """A piece with too many hands for the payee's tier, or too old, is not offered to it."""
    worn = piece(100, limits_of(0).offline_hops)
    assert select_offline(WORLD.suite, [worn], 100, 2, Moment(NOW_MS)) == (worn,)
    late = Moment(NOW_MS + MAX_CURRENCY_AGE_MS + 1)
    for tier, now in ((0, Moment(NOW_MS)), (2, late)):
        with pytest.raises(Refusal) as refused:
            select_offline(WORLD.suite, [worn], 100, tier, now)
        assert refused.value.outcome is Outcome.INSUFFICIENT_BALANCE
