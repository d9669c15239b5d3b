"""Control orders, their receipts and the key information set, as structures: what is sound, what is small."""

import pytest
from msgspec.structs import replace

from feiqian.crypto import cbor, compact
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.sealing import TAG_BYTES
from feiqian.money.limits import Limits
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.control import (
    CONTROL_ORDER,
    CONTROL_RECEIPT,
    EVERYBODY,
    MAX_GROUP,
    MAX_GROUPS,
    MAX_NOTICE_BYTES,
    MAX_ORDER_NUMBER,
    MAX_RECEIPT_BYTES,
    PARAMETERS,
    ControlReceipt,
    FreezeParameter,
    GroupsParameter,
    LimitsParameter,
    ListParameter,
    NoticeParameter,
    OrderKind,
    Parameter,
    group_scope,
    institution_scope,
    make_order,
    read_parameter,
    wallet_scope,
)
from feiqian.wire.key_information import (
    KEY_INFORMATION,
    MAX_INFORMATION_BYTES,
    MAX_PAYLOAD_BYTES,
    ORDINARY_PAYLOAD_BYTES,
    KeyInformation,
)
from feiqian.wire.satellite import HEADER_BYTES, MAX_REPORT_BYTES
from feiqian.wire.short_messages import RDSS3_GLOBAL

KEY = P256_SHA256.load(bytes([7]) * 32)
VALID_S = 1_800_000_000, 1_800_600_000
WALLET = wallet_scope("A-7K2Q9D4M")
LIMITS = Limits(100_000_00, 50_000_00, 1_000_00, 5_000_00, 8)
ORDERS: dict[OrderKind, tuple[Parameter | None, int]] = {
    OrderKind.FREEZE: (FreezeParameter(1, frozen=True), 2),
    OrderKind.LIMITS: (LimitsParameter(1, LIMITS), 3),
    OrderKind.SYNCHRONISE: (None, 2),
    OrderKind.CLOCK: (None, 2),
    OrderKind.LIST: (ListParameter(1, 65_535), 2),
    OrderKind.NOTIFY: (NoticeParameter(1, "x" * MAX_NOTICE_BYTES), 3),
    OrderKind.GROUPS: (GroupsParameter(1, (3, 17)), 2),
}
"""Of each kind the parameter, and how many messages an order with it may take."""
OPEN_ORDERS_BYTES = 5
"""What a list of one order adds to it."""
ORDINARY = KeyInformation(
    version=1,
    number=65_535,
    counter=65_535,
    balance_minor=2**32 - 1,
    offline_paid_minor=2**32 - 1,
    offline_received_minor=2**32 - 1,
    log_digest=bytes(6),
    list_number=65_535,
    moment_s=1_800_000_000,
    radius_s=65_535,
    synchronised_number=65_535,
    executed_number=65_535,
    condition=15,
)


@pytest.mark.feature("R-01", "R-03")
@pytest.mark.parametrize("kind", OrderKind)
def test_orders_are_small(kind):
    """An order for one wallet takes two messages of the narrowest service, limits and notices three."""
    parameter, messages = ORDERS[kind]
    order = make_order(65_535, WALLET, kind, VALID_S, parameter)
    short = compact.shorten(P256_SHA256, CONTROL_ORDER.sign(P256_SHA256, KEY, order))
    length = HEADER_BYTES + OPEN_ORDERS_BYTES + len(short) + TAG_BYTES
    assert -(-length // RDSS3_GLOBAL.symbol_bytes) <= messages
    assert read_parameter(order) == parameter


@pytest.mark.parametrize("kind", OrderKind)
def test_the_largest_order_has_room(kind):
    """No bound of a field lets an order, or its receipt, outgrow its limit."""
    largest: dict[OrderKind, Parameter] = {
        OrderKind.LIMITS: LimitsParameter(1, Limits(10**15, 10**15, 10**15, 10**15, 16)),
        OrderKind.NOTIFY: NoticeParameter(1, "\N{CJK UNIFIED IDEOGRAPH-98DE}" * 20),
        OrderKind.GROUPS: GroupsParameter(
            1, tuple(range(MAX_GROUP - MAX_GROUPS + 1, MAX_GROUP + 1))
        ),
    }
    parameter = largest.get(kind, ORDERS[kind][0])
    scope = wallet_scope("ABCDEFGHIJK-ABCDEFGHIJKL")
    valid_s = 2**32 - 1, 2**32 - 1
    order = make_order(MAX_ORDER_NUMBER, scope, kind, valid_s, parameter)
    raw = CONTROL_ORDER.sign(P256_SHA256, KEY, order)
    assert CONTROL_ORDER.read(P256_SHA256, raw, KEY.public) == order
    receipt = ControlReceipt(1, MAX_ORDER_NUMBER, Outcome.ACCEPTED, 2**32 - 1, frozen=True)
    assert len(CONTROL_RECEIPT.sign(P256_SHA256, KEY, receipt)) <= MAX_RECEIPT_BYTES


@pytest.mark.feature("R-06")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: wallet_scope("A"),
        lambda: wallet_scope("a-7K2Q9D4M"),
        lambda: group_scope(0),
        lambda: group_scope(-3),
        lambda: group_scope(100_000),
        lambda: institution_scope("A-7K2Q9D4M"),
        lambda: make_order(0, WALLET, OrderKind.CLOCK, VALID_S),
        lambda: make_order(1, WALLET, OrderKind.CLOCK, VALID_S[::-1]),
        lambda: make_order(1, WALLET, OrderKind.CLOCK, VALID_S, FreezeParameter(1, frozen=True)),
        lambda: make_order(1, WALLET, OrderKind.FREEZE, VALID_S),
        lambda: make_order(1, WALLET, OrderKind.FREEZE, VALID_S, ListParameter(1, 7)),
        lambda: make_order(1, WALLET, OrderKind.NOTIFY, VALID_S, NoticeParameter(1, "")),
        lambda: make_order(1, WALLET, OrderKind.NOTIFY, VALID_S, NoticeParameter(1, "é" * 31)),
        lambda: make_order(1, WALLET, OrderKind.GROUPS, VALID_S, GroupsParameter(1, (3, 3))),
        lambda: make_order(1, WALLET, OrderKind.GROUPS, VALID_S, GroupsParameter(1, (17, 3))),
        lambda: make_order(1, WALLET, OrderKind.GROUPS, VALID_S, GroupsParameter(1, (65_536,))),
        lambda: make_order(1, EVERYBODY, OrderKind.GROUPS, VALID_S, GroupsParameter(1, (3,))),
    ],
)
def test_nobody_makes_an_order_that_no_chip_takes(wrong):
    """Names, numbers, times and parameters are judged where an order is made, as in the chip."""
    with pytest.raises(Refusal) as refused:
        wrong()
    assert refused.value.outcome is Outcome.MALFORMED


def test_every_kind_has_its_parameter():
    """No kind is left without saying what belongs to it."""
    assert set(PARAMETERS) == set(OrderKind) == set(ORDERS)
    assert [int(kind) for kind in OrderKind] == list(range(1, len(OrderKind) + 1))


@pytest.mark.feature("W-05", "W-06")
def test_the_key_information_keeps_to_its_budget():
    """At the ordinary bounds it takes exactly what two short messages leave; nothing makes it too long."""
    assert len(cbor.encode(ORDINARY)) == ORDINARY_PAYLOAD_BYTES
    short = compact.shorten(P256_SHA256, KEY_INFORMATION.sign(P256_SHA256, KEY, ORDINARY))
    assert HEADER_BYTES + len(short) + TAG_BYTES == MAX_REPORT_BYTES
    assert RDSS3_GLOBAL.messages_for(MAX_REPORT_BYTES) == 2
    largest = replace(
        ORDINARY,
        balance_minor=10**15,
        offline_paid_minor=10**15,
        offline_received_minor=10**15,
        **dict.fromkeys(
            (
                "number",
                "counter",
                "list_number",
                "moment_s",
                "radius_s",
                "synchronised_number",
                "executed_number",
            ),
            2**32 - 1,
        ),
    )
    assert len(cbor.encode(largest)) <= MAX_PAYLOAD_BYTES
    assert len(KEY_INFORMATION.sign(P256_SHA256, KEY, largest)) <= MAX_INFORMATION_BYTES
