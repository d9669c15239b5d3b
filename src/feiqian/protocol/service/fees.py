"""Fee orders: one for a request, named by it, read and judged alike by whoever pays and whoever is paid."""

from typing import Any

from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.service.facts import Settlement
from feiqian.timing.moment import Moment
from feiqian.wire.fees import FEE_ORDER, FeeOrder

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


def check_order(
    order: FeeOrder, vehicle: str, entity: str, ceiling_minor: int, now: Moment
) -> None:
    """Raise `Refusal` wrong_addressee, over_ceiling or expired unless this service may pay it now."""
    if (order.vehicle, order.entity) != (vehicle, entity):
        raise Refusal(Outcome.WRONG_ADDRESSEE, f"expected an order for {vehicle}, at {entity}")
    if order.amount_minor > ceiling_minor:
        raise Refusal(Outcome.OVER_CEILING, f"expected at most {ceiling_minor}")
    if now.certainly_after(order.expires_at_ms):
        raise Refusal(Outcome.EXPIRED, "expected an order that still stands")
