"""Static validity of a presented item: all that can be judged without the record.

Both managers run the same checks, the redeemer so that it never sends what must be refused, the
issuer because it trusts nobody's word.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.trust import TrustStore
from feiqian.money.piece import verify_piece
from feiqian.money.transfer import SignedTransfer, verify_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.cashing import CashItem
from feiqian.wire.payment import PaymentItem, ReadItem, read_item


@dataclass(frozen=True, slots=True)
class CheckedItem:
    """An item whose certificates and signatures hold."""

    read: ReadItem
    chips: Mapping[bytes, SignedCertificate]
    """The chips that signed, by key fingerprint."""
    payer: SignedCertificate
    """The chip that signed the payment."""

    @property
    def payment(self) -> SignedTransfer:
        """The transfer that pays."""
        return self.read.payment

    def certificate_of(self, owner: bytes) -> bytes:
        """The certificate (raw) of the chip that owns what it spent."""
        return self.chips[owner].raw


def check_item(trust: TrustStore, item: PaymentItem, now_ms: int) -> CheckedItem:
    """Verify certificates, signatures and the chain. `Refusal` by name."""
    read = read_item(trust.suite, item)
    chips = [trust.verify_chip(raw, now_ms) for raw in item.certificates]
    payer = chips[-1]
    if read.piece is not None:
        steps = verify_piece(trust, read.piece, now_ms)
        if steps[-1][0].owner != payer.fingerprint:
            raise Refusal(Outcome.WRONG_OWNER, "expected the paying chip's certificate last")
    else:
        verify_transfer(trust.suite, payer.value.public_key, read.payment)
    return CheckedItem(read, {chip.fingerprint: chip for chip in chips}, payer)


def check_cash_item(
    trust: TrustStore, cash_item: CashItem, redeemer: str, now_ms: int
) -> CheckedItem:
    """Verify an item and that `redeemer` is the one to whom it pays. `Refusal` by name."""
    checked = check_item(trust, cash_item.item, now_ms)
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
