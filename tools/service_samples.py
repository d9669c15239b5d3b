"""Samples of a service from request to receipts: what vehicle, provider, server and entity sign.

The signers of this file stand in: the payer is the vehicle, institution B the provider, the platform
the management server, the payee the entity.
"""

from typing import Any

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.signed import SignedKind
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire import fees, presence, service, visit
from feiqian.wire.positions import Position, PositionSourceKind
from feiqian.wire.usage import FeeLine, MeterSlice, ServiceClass, Usage
from tools.samples import Samples

V = cbor.VERSION
NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
MOMENT = Moment(NOW_MS, 500)
REQUEST_ID = bytes.fromhex("01a0c4f3b400700080000000000000aa")
ORDER_ID = bytes.fromhex("01a0c4f3b400700080000000000000bb")
NAMES = {
    "payer": "car-1",
    "institution_b": "provider-1",
    "platform": "management-1",
    "payee": "charger-1",
}
_TARIFF = "charging-centre"


def add_service_samples(to: Samples) -> None:
    """Every message of a service, and what a visitor says."""
    _requested(to)
    _served(to)
    _paid(to)
    carried = (visit.CarriedMessage("service-matched", to.raw("service_matched")),)
    to.message("visit", visit.Visit(carried, to.raw("fee_order"), offline=True))
    ended = (visit.CarriedMessage("service-ended", to.raw("service_ended")),)
    to.message("visited", visit.Visited(ended, Outcome.ACCEPTED, ""))
    to.message("link_frame", visit.LinkFrame(REQUEST_ID, True, 0, b"first"))
    to.message("link_frame_closing", visit.LinkFrame(REQUEST_ID, False, 3, None))


def _requested(to: Samples) -> None:
    membership = service.Membership(
        V,
        "management-1",
        "car-1",
        service.Member.VEHICLE,
        to.keys["payer"].public,
        NOW_MS + 24 * HOUR_MS,
    )
    raw = to.sign("membership", service.MEMBERSHIP, "platform", membership)
    wish = (REQUEST_ID, ServiceClass.CHARGING, None, raw, MOMENT)
    request = _say(to, service.REQUEST, "payer", ("institution_b",), *wish)
    _say(to, service.ACKNOWLEDGED, "institution_b", ("payer",), to.suite.digest(request))
    statement = to.raw("entity_statement")
    until_ms = NOW_MS + HOUR_MS
    offer = (REQUEST_ID, ServiceClass.CHARGING, statement, "management-1", _TARIFF, until_ms)
    offered = _say(to, service.OFFER, "institution_b", ("payer",), *offer)
    declined = (REQUEST_ID, Outcome.UNKNOWN_NAME, "provider-1 does not have charger-9")
    _say(to, service.DECLINED, "institution_b", ("payer",), *declined)
    authorised = (REQUEST_ID, offered, to.raw("authorisation"), to.raw("payer_certificate"))
    _say(to, service.AUTHORISED, "payer", ("platform",), *authorised)


def _served(to: Samples) -> None:
    gnss = PositionSourceKind.GNSS
    position = Position(MOMENT, 312_304_000, 1_214_737_000, 2_500, 0, None, gnss)
    _say(to, presence.POSITION, "payer", ("platform",), NOW_MS, position)
    _say(to, presence.QUESTION, "platform", ("payee",), ORDER_ID, MOMENT)
    _say(to, presence.ANSWER, "payee", ("platform",), ORDER_ID, True, MOMENT)
    matched = ("car-1", "charger-1", ServiceClass.CHARGING, _TARIFF, 50_00, NOW_MS + HOUR_MS)
    _say(to, service.MATCHED, "platform", ("payer", "payee"), REQUEST_ID, *matched, MOMENT)
    _say(to, service.STARTED, "payee", ("platform",), REQUEST_ID, MOMENT)
    _say(to, service.STOP, "platform", ("payee",), REQUEST_ID, Outcome.VEHICLE_LEFT, MOMENT)
    part = MeterSlice(NOW_MS, NOW_MS + HOUR_MS, 11_000, 0)
    usage = Usage(NOW_MS, NOW_MS + HOUR_MS, energy_wh=11_000, slices=(part,))
    _say(to, service.ENDED, "payee", ("platform",), REQUEST_ID, True, usage)
    reason = (REQUEST_ID, Outcome.CANCELLED, "the holder wants no more of it")
    _say(to, service.CANCELLED, "payer", ("platform",), *reason)


def _paid(to: Samples) -> None:
    order = (
        REQUEST_ID,
        ORDER_ID,
        "car-1",
        "charger-1",
        12_50,
        (FeeLine("energy", 12_50),),
        to.raw("entity_statement"),
        NOW_MS + 24 * HOUR_MS,
        MOMENT,
    )
    _say(to, fees.FEE_ORDER, "platform", ("payer", "payee"), *order)
    owed = (REQUEST_ID, ORDER_ID, Outcome.INSUFFICIENT_BALANCE)
    _say(to, fees.FEE_OWED, "payer", ("platform",), *owed)
    receipt = (
        REQUEST_ID,
        ORDER_ID,
        fees.Side.PAYER,
        12_50,
        to.fingerprint("payee"),
        bytes(range(16)),
        (bytes(32),),
        False,
        to.raw("confirmation"),
        to.raw("payee_certificate"),
    )
    _say(to, fees.FEE_RECEIPT, "payer", ("platform",), *receipt)
    _say(to, fees.RECONCILED, "payee", ("platform",), REQUEST_ID, ORDER_ID, Outcome.ACCEPTED)
    closed = (REQUEST_ID, service.Ending.PAID, Outcome.ACCEPTED, "", 12_50, 1)
    _say(to, service.CLOSED, "platform", ("payer", "payee", "institution_b"), *closed)


def _say(
    to: Samples,
    kind: SignedKind[Any],
    signer: str,
    recipients: tuple[str, ...],
    *fields: object,
) -> bytes:
    name = kind.domain.decode().removeprefix("feiqian/").replace("-", "_")
    names = tuple(NAMES[recipient] for recipient in recipients)
    value: Struct = kind.shape(V, NAMES[signer], names, *fields)
    return to.sign(name, kind, signer, value)
