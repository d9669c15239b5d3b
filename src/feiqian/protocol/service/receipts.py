"""Receipts of a fee: each is believed for the proof in it, and two have to tell of one payment (V-11).

The proof is the confirmation of the payee's manager, or the receipt of the payee's chip, about the very
transfers named. So a party can say that a fee was paid only if it was; what it could still do is show
the proof of another payment, and then the two do not agree.
"""

from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.protocol.service.records import ManagementService
from feiqian.protocol.service.states import Event
from feiqian.wire.fees import FEE_RECEIPT, FeeReceipt, Side
from feiqian.wire.payment import CONFIRMATION, RECEIPT


def check_proof(trust: TrustStore, receipt: FeeReceipt, wallet: bytes, now_ms: int) -> None:
    """Verify that the transfers named paid the wallet with this fingerprint that amount.

    Raises `Refusal`: certificates' names, malformed and its kin, bad_signature, wrong_addressee,
    wrong_session, amount_mismatch.
    """
    payee = trust.verify_chip(receipt.certificate, now_ms)
    if (receipt.payee, payee.fingerprint) != (wallet, wallet):
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected a payment to the entity's wallet")
    said = _read_receipt(trust, receipt, payee) if receipt.offline else _read(trust, receipt, payee)
    if said[:2] != (receipt.nonce, receipt.transfers):
        raise Refusal(Outcome.WRONG_SESSION, "expected a proof of the transfers named")
    if said[2] != receipt.amount_minor:
        raise Refusal(Outcome.AMOUNT_MISMATCH, f"expected a proof of {receipt.amount_minor}")


def _read(
    trust: TrustStore, receipt: FeeReceipt, payee: SignedCertificate
) -> tuple[bytes, tuple[bytes, ...], int]:
    manager = trust.institution(payee.value.issuer)
    said = CONFIRMATION.read(trust.suite, receipt.proof, manager.value.public_key)
    if said.payee != payee.fingerprint:
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected a confirmation for the entity's wallet")
    return said.nonce, said.transfers, said.amount_minor


def _read_receipt(
    trust: TrustStore, receipt: FeeReceipt, payee: SignedCertificate
) -> tuple[bytes, tuple[bytes, ...], int]:
    said = RECEIPT.read(trust.suite, receipt.proof, payee.value.public_key)
    return said.nonce, said.transfers, said.amount_minor


def agree(one: FeeReceipt, other: FeeReceipt) -> bool:
    """Whether payer and payee speak of one payment (V-11)."""
    return _payment(one) == _payment(other) and one.side is not other.side


def _payment(receipt: FeeReceipt) -> tuple[object, ...]:
    return (
        receipt.order_id,
        receipt.amount_minor,
        receipt.payee,
        receipt.nonce,
        receipt.transfers,
        receipt.offline,
    )


def compare(record: ManagementService, side: Side, suite: Suite) -> tuple[Event, Outcome, str]:
    """What the receipts kept come to, now that one of this side has come, and why."""
    if not record.payer_receipt or not record.payee_receipt:
        event = Event.PAYER_RECEIPT if side is Side.PAYER else Event.PAYEE_RECEIPT
        return event, record.outcome, record.detail
    payers = FEE_RECEIPT.peek(suite, record.payer_receipt)
    payees = FEE_RECEIPT.peek(suite, record.payee_receipt)
    if not agree(payers, payees) or payers.amount_minor != record.amount_minor:
        detail = f"the payer proves {_told(payers)}, the payee {_told(payees)}"
        return Event.DISAGREED, Outcome.AMOUNT_MISMATCH, detail
    if payers.offline and record.reconciled is None:
        return Event.AGREED_OFFLINE, Outcome.ACCEPTED, ""
    if record.reconciled is None or record.reconciled in SUCCESSES:
        return Event.AGREED, Outcome.ACCEPTED, ""
    return Event.ANOMALOUS, record.reconciled, ANOMALOUS


ANOMALOUS = "what was paid offline is anomalous"


def _told(receipt: FeeReceipt) -> str:
    names = ", ".join(name.hex()[:16] for name in receipt.transfers)
    return f"{receipt.amount_minor} by {names}"
