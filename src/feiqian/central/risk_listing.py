"""Risk wallets on the operators' word: two of them put a wallet's key on the list of offenders (R-02).

The list is the one that double spends lead to, so every payee refuses the wallet, also without a
network. Here no evidence stands behind it but the reason that is kept with the proposal; it is taken
off like any other offender.
"""

from feiqian.central import channels, listings
from feiqian.central.control_documents import ListingWish
from feiqian.central.list_book import ListBook
from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.suites import Suite
from feiqian.money.double_spending import Changes, Offender
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction


def fingerprint_of(suite: Suite, wish: ListingWish, tx: Transaction) -> bytes:
    """The key that is meant. `Refusal` unknown_wallet when it is neither given nor known."""
    if wish.fingerprint:
        return bytes.fromhex(wish.fingerprint)
    channel = channels.channel_of(tx, wish.wallet)
    if channel is None:
        raise Refusal(Outcome.UNKNOWN_WALLET, "expected the fingerprint of the wallet's chip")
    return parse_certificate(suite, channel.chip_certificate).fingerprint


def list_wallet(
    suite: Suite, book: ListBook, wish: ListingWish, tx: Transaction, now_ms: int
) -> int:
    """Publish a list that names the wallet's key; the number of the version that has it."""
    fingerprint = fingerprint_of(suite, wish, tx)
    before = book.current(tx)
    if fingerprint in before.listed.offenders:
        return before.state.number
    offender = Offender(fingerprint, wish.wallet, now_ms)
    number = book.publish(tx, Changes(b"", b"", (offender,), ()), now_ms).state.number
    listings.list_offender(tx, offender, number)
    return number
