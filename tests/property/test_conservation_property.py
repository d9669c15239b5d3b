"""However a currency is split and handed on, what all its states are worth never changes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.crypto.cbor import VERSION
from feiqian.money.currency import parse_currency
from feiqian.money.piece import Output, Piece, issued_output, outputs_of, verify_piece
from feiqian.money.transfer import Acceptor, SignedTransfer, Transfer, sign_transfer
from feiqian.timing.moment import Moment
from tests.golden import NOW_MS, golden, golden_trust

PARTIES = ("payer", "payee")


@pytest.mark.feature("C-15")
@given(data=st.data(), hops=st.integers(1, 6))
@settings(max_examples=25)
def test_value_is_conserved_however_it_is_split(data, hops):
    """After any payments and change, all states together are worth what was issued."""
    world = golden()
    owners = {world.fingerprint(party): party for party in PARTIES}
    currency = parse_currency(world.suite, world.raw("currency"))
    history: dict[Output, tuple[SignedTransfer, ...]] = {issued_output(currency): ()}
    for counter in range(1, hops + 1):
        consumed = data.draw(st.sampled_from(sorted(history, key=lambda state: state.identifier)))
        amount_minor = data.draw(st.integers(1, consumed.amount_minor))
        transfer = Transfer(
            version=VERSION,
            consumed=consumed.identifier,
            payee=world.fingerprint(data.draw(st.sampled_from(PARTIES))),
            amount_minor=amount_minor,
            change_minor=consumed.amount_minor - amount_minor,
            counter=counter,
            moment=Moment(NOW_MS),
            nonce=bytes(16),
            acceptor=Acceptor.CHIP,
        )
        key = world.keys[owners[consumed.owner]]
        signed = sign_transfer(world.suite, key, transfer)
        chain = (*history.pop(consumed), signed)
        history |= dict.fromkeys(outputs_of(signed, consumed.owner), chain)

    assert sum(state.amount_minor for state in history) == currency.value.amount_minor
    assert len({state.identifier for state in history}) == len(history)
    certificates = tuple(world.raw(f"{party}_certificate") for party in PARTIES)
    for chain in history.values():
        verify_piece(golden_trust(world), Piece(currency, chain, certificates), NOW_MS)
