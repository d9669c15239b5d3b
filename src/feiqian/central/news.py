"""Orders and receipts by network: an institution brings its wallets' news, and takes what is open (R-07).

The same orders and receipts as by satellite, in an institution's signed request. Doing it again is
harmless, so these requests and their answers are not kept.
"""

from feiqian.central import control, deliveries
from feiqian.central.deliveries import GenuineNews, Way
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.compact import shorten
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.timing.moment import Moment
from feiqian.wire.control_delivery import MAX_ORDERS, OpenOrders, WalletNews


def read_news(trust: TrustStore, body: WalletNews, sender: str, now: Moment) -> GenuineNews:
    """Judge a wallet's news from the message alone.

    Raises `Refusal`: malformed and its kin, bad_certificate, certificate_expired, bad_signature,
    wrong_owner when the chip is another institution's.
    """
    chip = trust.verify_chip(body.chip_certificate, now.midpoint_ms).value
    if chip.issuer != sender:
        raise Refusal(Outcome.WRONG_OWNER, f"expected a chip of {sender}")
    return deliveries.read_news(trust.suite, chip.subject, chip.public_key, Way.NETWORK, body.news)


def exchange(suite: Suite, news: GenuineNews, tx: Transaction, now_ms: int) -> OpenOrders:
    """Book the news; what is open for the wallet now."""
    deliveries.take_news(tx, news, now_ms)
    opened = control.open_for(tx, news.wallet, now_ms)[:MAX_ORDERS]
    for order in opened:
        deliveries.mark_sent(tx, order.number, news.wallet, Way.NETWORK, now_ms)
    return OpenOrders(VERSION, tuple(shorten(suite, order.raw) for order in opened))
