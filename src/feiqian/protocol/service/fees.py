"""Fee orders and the proofs of their payment: built, read, and verified the same way everywhere.

A receipt of a fee is believed for the proof in it: the confirmation of the payee's manager, or the
receipt of the payee's chip, both about the very transfers named. So a party can say that a fee was
paid only if it was.
"""

from typing import Any

from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.service.facts import Settlement
from feiqian.wire.fees import FEE_ORDER, FeeOrder, FeeReceipt
from feiqian.wire.payment import CONFIRMATION, RECEIPT

_ORDER_ID = b"feiqian/fee-order-id\x00"
_QUESTION_ID = b"feiqian/presence-question-id\x00"
ID_BYTES = 16


def order_id_of(suite: Suite, request_id: bytes) -> bytes:
    """The one order id of a request: a request is charged once, whatever is repeated (V-09)."""
    return suite.digest(_ORDER_ID + request_id)[:ID_BYTES]


def question_id_of(suite: Suite, request_id: bytes, count: int) -> bytes:
    """The name of the `count`-th time that entities are asked for a request."""
    return suite.digest(_QUESTION_ID + request_id + count.to_bytes(4, "big"))[:ID_BYTES]


def read_order(suite: Suite, raw: bytes) -> FeeOrder:
    """An order whose signature was verified when it was stored."""
    return FEE_ORDER.peek(suite, raw)


def receipt_fields(order: FeeOrder, settlement: Settlement) -> dict[str, Any]:
    """What a party's receipt of an order says; the request id and names are added by the machine."""
    return {
        "order_id": order.order_id,
        "side": settlement.side,
        "amount_minor": settlement.amount_minor,
        "payee": settlement.payee,
        "nonce": settlement.nonce,
        "transfers": settlement.transfers,
        "offline": settlement.offline,
        "proof": settlement.proof,
        "certificate": settlement.certificate,
    }


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
