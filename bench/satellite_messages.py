"""Every kind of satellite message, as real ones are: signed, compact, sealed."""

import hashlib

from feiqian.crypto.cbor import VERSION, encode
from feiqian.crypto.compact import shorten
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.sealing import derive
from feiqian.money.double_spending import ENTRY_BYTES, Changes
from feiqian.money.limits import DEFAULT_TIER, TIERS
from feiqian.outcomes import Outcome
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.control import (
    CONTROL_ORDER,
    CONTROL_RECEIPT,
    EVERYBODY,
    ControlReceipt,
    FreezeParameter,
    GroupsParameter,
    LimitsParameter,
    ListParameter,
    NoticeParameter,
    OrderKind,
    Parameter,
    Scope,
    make_order,
    wallet_scope,
)
from feiqian.wire.control_delivery import OpenOrders, OrderNews
from feiqian.wire.double_spending import LIST_DELTA, ListDelta, ListState
from feiqian.wire.key_information import KEY_INFORMATION, KeyInformation
from feiqian.wire.satellite import (
    Broadcast,
    Header,
    MessageKind,
    SatelliteAnswer,
    broadcast_message,
    seal_message,
)
from feiqian.wire.synchronisation import SYNCHRONISATION, Synchronisation

SUITE = P256_SHA256
WORLD = TrustWorld()
WALLET = "A-00000042"
CHIP = SUITE.load(hashlib.sha256(b"bench chip").digest())
KEYS = derive(CHIP, WORLD.root.key.public, 42)
NOW_S = NOW_MS // 1000
WEEK_S = 7 * 86_400
NUMBER = 1_234
PARAMETERS: dict[OrderKind, Parameter | None] = {
    OrderKind.FREEZE: FreezeParameter(VERSION, True),
    OrderKind.LIMITS: LimitsParameter(VERSION, TIERS[DEFAULT_TIER]),
    OrderKind.SYNCHRONISE: None,
    OrderKind.CLOCK: None,
    OrderKind.LIST: ListParameter(VERSION, NUMBER),
    OrderKind.NOTIFY: NoticeParameter(VERSION, "n" * 60),
    OrderKind.GROUPS: GroupsParameter(VERSION, (3, 17, 400)),
}


def report() -> bytes:
    """A key information set in ordinary circumstances."""
    information = KeyInformation(
        VERSION, NUMBER, 4_321, 123_456, 54_321, 12_345, bytes(6), 5_000, NOW_S, 30, 250, NUMBER, 0
    )
    signed = KEY_INFORMATION.sign(SUITE, CHIP, information)
    return seal_message(KEYS.up, Header(MessageKind.REPORT, 42, 7), shorten(SUITE, signed))


def answer() -> bytes:
    """The answer to it, with the institution's statement, without orders."""
    statement = Synchronisation(VERSION, WALLET, Moment(NOW_MS, 500), 251)
    signed = SYNCHRONISATION.sign(SUITE, WORLD.institutions["A"].key, statement)
    body = SatelliteAnswer(VERSION, 7, (), shorten(SUITE, signed), ())
    return seal_message(KEYS.down, Header(MessageKind.ANSWER, 42, 9), encode(body))


def receipts() -> bytes:
    """One receipt of the chip."""
    receipt = ControlReceipt(VERSION, NUMBER, Outcome.ACCEPTED, 4_321, True)
    signed = CONTROL_RECEIPT.sign(SUITE, CHIP, receipt)
    news = OrderNews(VERSION, (shorten(SUITE, signed),))
    return seal_message(KEYS.up, Header(MessageKind.RECEIPTS, 42, 8), encode(news))


def order_to_one(kind: OrderKind) -> bytes:
    """An order for one wallet, sealed."""
    body = encode(OpenOrders(VERSION, (_order(kind, wallet_scope(WALLET)),)))
    return seal_message(KEYS.down, Header(MessageKind.ORDERS, 42, 10), body)


def order_to_all(kind: OrderKind) -> bytes:
    """An order for everybody, broadcast."""
    return broadcast_message(11, encode(Broadcast(VERSION, (_order(kind, EVERYBODY),), b"")))


def list_delta(entries: int) -> bytes:
    """A change of the double-spending list by so many entries, broadcast."""
    added = b"".join(
        sorted(hashlib.sha512(b"%d" % number).digest()[:ENTRY_BYTES] for number in range(entries))
    )
    state = ListState(NUMBER, NOW_MS, 5_000 + entries, 12, bytes(32))
    delta = ListDelta(VERSION, state, Changes(added, b"", (), ()))
    signed = LIST_DELTA.sign(SUITE, WORLD.root.key, delta)
    return broadcast_message(12, encode(Broadcast(VERSION, (), signed)))


def _order(kind: OrderKind, scope: Scope) -> bytes:
    order = make_order(NUMBER, scope, kind, (NOW_S, NOW_S + WEEK_S), PARAMETERS[kind])
    return shorten(SUITE, CONTROL_ORDER.sign(SUITE, WORLD.root.key, order))
