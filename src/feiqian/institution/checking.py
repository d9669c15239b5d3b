"""Static validity of a presented item, and to whom it pays: judged without the record.

Both managers run the same checks, the redeemer so that it never sends what must be refused, the
issuer because it trusts nobody's word.
"""

from feiqian.crypto.trust import TrustStore
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.cashing import CashItem
from feiqian.wire.items import CheckedItem, PaymentItem, check_item


def check_cashable(trust: TrustStore, item: PaymentItem, now_ms: int) -> CheckedItem:
    """Check an item that a manager is to cash. `Refusal` by name; wrong_session for a chip's."""
    checked = check_item(trust, item, now_ms)
    if checked.payment.value.acceptor is not Acceptor.MANAGER:
        raise Refusal(Outcome.WRONG_SESSION, "the payee's chip takes this in, and cashes it later")
    return checked


def check_verifiable(trust: TrustStore, item: PaymentItem, now_ms: int) -> CheckedItem:
    """Check an item that a chip has taken in. `Refusal` by name; wrong_session for a manager's."""
    checked = check_item(trust, item, now_ms)
    if checked.payment.value.acceptor is not Acceptor.CHIP:
        raise Refusal(Outcome.WRONG_SESSION, "the payee's manager takes this in: bring it to cash")
    return checked


def check_cash_item(
    trust: TrustStore, cash_item: CashItem, redeemer: str, now_ms: int
) -> CheckedItem:
    """Verify an item and that `redeemer` is the one to whom it pays. `Refusal` by name."""
    checked = check_cashable(trust, cash_item.item, now_ms)
    if checked.payment.value.payee != _payee_of(trust, cash_item, redeemer, now_ms):
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a transfer that pays through {redeemer}")
    return checked


def _payee_of(trust: TrustStore, cash_item: CashItem, redeemer: str, now_ms: int) -> bytes:
    if cash_item.payee_certificate is None:
        return trust.institution(redeemer).fingerprint
    chip = trust.verify_chip(cash_item.payee_certificate, now_ms)
    if chip.value.issuer != redeemer:
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected a payee's chip certified by {redeemer}")
    return chip.fingerprint
