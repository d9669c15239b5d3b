"""Orders of the platform for the chip under test, as it would sign them, and as others would."""

from dataclasses import dataclass

from feiqian.crypto.suites import PrivateKey
from feiqian.money.limits import Limits
from feiqian.testing.chip_conformance.bench import NOW, NUMBER, Bench
from feiqian.testing.keys import NOW_MS
from feiqian.timing.moment import Moment
from feiqian.wire.control import (
    CONTROL_ORDER,
    CONTROL_RECEIPT,
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

ISSUED_S = NOW_MS // 1_000
ENDS_S = ISSUED_S + 3_600
FREEZE = OrderKind.FREEZE, FreezeParameter(1, frozen=True)
THAW = OrderKind.FREEZE, FreezeParameter(1, frozen=False)

EVERY_KIND: tuple[tuple[OrderKind, Parameter | None], ...] = (
    FREEZE,
    (OrderKind.LIMITS, LimitsParameter(1, Limits(500, 400, 300, 200, 1))),
    (OrderKind.SYNCHRONISE, None),
    (OrderKind.CLOCK, None),
    (OrderKind.LIST, ListParameter(1, 7)),
    (OrderKind.NOTIFY, NoticeParameter(1, "call your bank")),
    (OrderKind.GROUPS, GroupsParameter(1, (3, 17))),
)


@dataclass(frozen=True)
class Orders:
    """The platform's desk; `bench` has the chip."""

    bench: Bench

    def signed(
        self,
        number: int,
        what: tuple[OrderKind, Parameter | None] = FREEZE,
        scope: Scope | None = None,
        *,
        valid_s: tuple[int, int] = (ISSUED_S, ENDS_S),
        key: PrivateKey | None = None,
    ) -> bytes:
        """A signed order, for the chip unless `scope` says otherwise."""
        kind, parameter = what
        order = make_order(number, scope or wallet_scope(NUMBER), kind, valid_s, parameter)
        world = self.bench.world
        return CONTROL_ORDER.sign(world.suite, key or world.root.key, order)

    def give(self, order: bytes, moment: Moment = NOW) -> ControlReceipt:
        """Have the chip judge an order; its receipt, verified as the chip's."""
        receipt = self.bench.session.control(order, moment)
        suite = self.bench.world.suite
        return CONTROL_RECEIPT.read(suite, receipt, self.bench.status.public_key)
