"""Chapter 8, controlling: the platform's orders, each once, the highest number of a kind for good."""

import pytest
from msgspec.structs import replace

from feiqian.crypto import cbor
from feiqian.money.limits import DEFAULT_TIER, Limits, limits_of
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NOW, NUMBER, Bench, Chapter
from feiqian.testing.chip_conformance.orders import (
    ENDS_S,
    EVERY_KIND,
    FREEZE,
    ISSUED_S,
    THAW,
    Orders,
)
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.control import (
    CONTROL_ORDER,
    EVERYBODY,
    ControlOrder,
    ControlReceipt,
    FreezeParameter,
    GroupsParameter,
    LimitsParameter,
    OrderKind,
    Parameter,
    Scope,
    ScopeKind,
    group_scope,
    institution_scope,
    wallet_scope,
)

TIGHT = Limits(500, 400, 300, 200, 1)
ENDS_MS = ENDS_S * 1_000


class Controlling(Chapter):
    """How the platform reaches a chip."""

    @pytest.fixture
    def orders(self, bench: Bench) -> Orders:
        """The platform's desk."""
        return Orders(bench)

    @pytest.mark.feature("R-03", "R-04")
    @pytest.mark.parametrize("what", EVERY_KIND, ids=lambda what: what[0].name)
    def test_every_kind_is_executed_once(
        self, bench: Bench, orders: Orders, what: tuple[OrderKind, Parameter | None]
    ) -> None:
        """The receipt says executed, then repeated, also after a reset; the register stays."""
        order = orders.signed(5, what)
        frozen = what == FREEZE
        assert orders.give(order) == ControlReceipt(1, 5, Outcome.ACCEPTED, 0, frozen)
        bench.reset()
        after = bench.status
        assert after.executed_numbers[what[0] - 1] == 5
        assert sum(after.executed_numbers) == 5
        assert orders.give(order).outcome is Outcome.REPEATED
        assert bench.status == after

    @pytest.mark.feature("R-03", "R-04")
    def test_nothing_leaves_a_frozen_chip(self, bench: Bench, orders: Orders) -> None:
        """A frozen chip pays, exports, offers and authorises nothing, also after a reset."""
        (piece,) = bench.load(100)
        orders.give(orders.signed(1))
        bench.reset()
        bench.unlock()
        with bench.unchanged(Outcome.WALLET_FROZEN):
            bench.session.pay(bench.payment(30, (piece,)))
        with bench.unchanged(Outcome.WALLET_FROZEN):
            bench.session.export(bench.exportation(100, (piece,)))
        for acceptor in Acceptor:
            with bench.unchanged(Outcome.WALLET_FROZEN):
                bench.offer(1, acceptor=acceptor)
        orders.give(orders.signed(2, THAW))
        bench.session.pay(bench.payment(30, (piece,)))
        assert bench.offer(1).amount_minor == 1

    @pytest.mark.feature("R-03", "C-22")
    def test_freezing_destroys_no_value(self, bench: Bench, orders: Orders) -> None:
        """What was signed is answered again; what was under way, or issued, still enters."""
        payment = bench.payment(30, bench.load(100))
        signed = bench.session.pay(payment)
        export = bench.exportation(10, bench.load(10))
        exported = bench.session.export(export)
        transfer = bench.transfer(50, bench.offer(50).nonce)
        orders.give(orders.signed(1))
        assert bench.session.pay(payment) == signed
        assert bench.session.export(export) == exported
        assert bench.session.accept(bench.acceptance(transfer)).balance_minor == 120
        bench.load(5)
        assert bench.session.synchronise(bench.synchronisation(1))
        assert bench.balance_minor == 125

    @pytest.mark.feature("R-03", "P-03")
    def test_ordered_limits_take_the_tiers_place(self, bench: Bench, orders: Orders) -> None:
        """Other limits hold from the next command on, and the tier's again when that is ordered."""
        tier = limits_of(DEFAULT_TIER)
        assert (bench.status.limits, bench.status.has_ordered_limits) == (tier, False)
        inputs = bench.load(300, 1_000)
        orders.give(orders.signed(1, (OrderKind.LIMITS, LimitsParameter(1, TIGHT))))
        bench.reset()
        bench.unlock()
        assert (bench.status.limits, bench.status.has_ordered_limits) == (TIGHT, True)
        with bench.unchanged(Outcome.OVER_HOLDING_LIMIT):
            bench.load(1)
        with bench.unchanged(Outcome.OVER_HOLDING_LIMIT):
            bench.offer(1)
        with bench.unchanged(Outcome.OVER_PAYMENT_LIMIT):
            bench.session.pay(bench.payment(401, inputs[1:]))
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.session.pay(bench.payment(301, inputs[1:], acceptor=Acceptor.CHIP))
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.session.pay(bench.payment(201, inputs[:1], acceptor=Acceptor.CHIP))
        orders.give(orders.signed(2, (OrderKind.LIMITS, LimitsParameter(1, None))))
        assert (bench.status.limits, bench.status.has_ordered_limits) == (tier, False)
        bench.session.pay(bench.payment(301, inputs[1:], acceptor=Acceptor.CHIP))

    @pytest.mark.feature("R-03", "P-03")
    def test_limits_below_what_is_there_stop_the_rest(self, bench: Bench, orders: Orders) -> None:
        """Where more was received and is held than the new limits allow, nothing more enters."""
        waiting = bench.acceptance(bench.transfer(1, bench.offer(1).nonce))
        bench.accept(250)
        orders.give(orders.signed(1, (OrderKind.LIMITS, LimitsParameter(1, TIGHT))))
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.offer()
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.session.accept(waiting)

    @pytest.mark.feature("R-04", "R-05")
    @pytest.mark.parametrize("number", [1, 4])
    def test_the_highest_number_of_a_kind_wins(
        self, bench: Bench, orders: Orders, number: int
    ) -> None:
        """An order that was overtaken is outdated: a freeze is not lifted by an older thaw."""
        orders.give(orders.signed(5))
        before = bench.status
        receipt = orders.give(orders.signed(number, THAW))
        assert receipt == ControlReceipt(1, number, Outcome.OUTDATED, 0, frozen=True)
        assert bench.status == before

    @pytest.mark.feature("R-03", "R-06")
    @pytest.mark.parametrize("lifted", [2, 3, 4], ids=["group", "institution", "everybody"])
    def test_only_the_same_scope_lifts_a_freeze(
        self, bench: Bench, orders: Orders, lifted: int
    ) -> None:
        """Whoever is freed with others stays frozen for himself, and the other way round."""
        orders.give(orders.signed(1, (OrderKind.GROUPS, GroupsParameter(1, (17,)))))
        wider = (group_scope(17), institution_scope("A"), EVERYBODY)[lifted - 2]
        orders.give(orders.signed(2))
        assert orders.give(orders.signed(3, FREEZE, wider)).frozen
        receipt = orders.give(orders.signed(4, THAW, wider))
        assert receipt == ControlReceipt(1, 4, Outcome.ACCEPTED, 0, frozen=True)
        bench.reset()
        assert bench.status.frozen
        orders.give(orders.signed(5, FREEZE, wider))
        assert orders.give(orders.signed(6, THAW)).frozen
        assert not orders.give(orders.signed(7, THAW, wider)).frozen

    @pytest.mark.feature("R-04", "R-06")
    def test_scopes_do_not_overtake_each_other(self, bench: Bench, orders: Orders) -> None:
        """A freeze for one wallet that arrives after a later word to all is executed, and holds."""
        orders.give(orders.signed(9, THAW, EVERYBODY))
        assert orders.give(orders.signed(8)) == ControlReceipt(1, 8, Outcome.ACCEPTED, 0, True)
        assert bench.status.executed_numbers[0] == 9
        assert orders.give(orders.signed(7, THAW)).outcome is Outcome.OUTDATED
        assert bench.status.frozen

    @pytest.mark.feature("R-03", "R-06")
    def test_of_all_limits_ordered_the_strictest_hold(self, bench: Bench, orders: Orders) -> None:
        """Figure by figure the lowest that any scope orders; each scope takes back only its own."""
        loose = Limits(9_000, 100, 90, 80, 7)
        orders.give(orders.signed(1, (OrderKind.LIMITS, LimitsParameter(1, TIGHT))))
        orders.give(orders.signed(2, (OrderKind.LIMITS, LimitsParameter(1, loose)), EVERYBODY))
        assert bench.status.limits == Limits(500, 100, 90, 80, 1)
        orders.give(orders.signed(3, (OrderKind.LIMITS, LimitsParameter(1, None)), EVERYBODY))
        assert bench.status.limits == TIGHT

    @pytest.mark.feature("R-05", "R-06")
    def test_a_group_left_has_no_say_and_is_not_forgotten(
        self, bench: Bench, orders: Orders
    ) -> None:
        """Its freeze rests while the wallet is out of it; its old orders stay old on return."""
        joined, left = GroupsParameter(1, (17,)), GroupsParameter(1, (4,))
        orders.give(orders.signed(1, (OrderKind.GROUPS, joined)))
        thaw = orders.signed(2, THAW, group_scope(17))
        orders.give(thaw)
        orders.give(orders.signed(3, FREEZE, group_scope(17)))
        assert not orders.give(orders.signed(4, (OrderKind.GROUPS, left))).frozen
        assert not bench.status.frozen
        assert orders.give(orders.signed(5, (OrderKind.GROUPS, joined))).frozen
        assert orders.give(thaw).outcome is Outcome.OUTDATED
        assert bench.status.frozen

    @pytest.mark.feature("R-05", "R-06")
    def test_groups_beyond_counting_cannot_be_played_back(
        self, bench: Bench, orders: Orders
    ) -> None:
        """However many groups a wallet has left, an order executed before is never executed again."""
        number, freezes = 0, []
        for group in range(1, 81):
            joined = GroupsParameter(1, (group,))
            orders.give(orders.signed(number + 1, (OrderKind.GROUPS, joined)))
            freezes.append(orders.signed(number + 2, FREEZE, group_scope(group)))
            orders.give(freezes[-1])
            number += 3
            orders.give(orders.signed(number, THAW, group_scope(group)))
        for group in (1, 40, 80):
            number += 1
            orders.give(orders.signed(number, (OrderKind.GROUPS, GroupsParameter(1, (group,)))))
            assert orders.give(freezes[group - 1]).outcome is Outcome.OUTDATED
            assert not bench.status.frozen

    @pytest.mark.feature("R-05")
    def test_a_thaw_does_not_thaw_twice(self, bench: Bench, orders: Orders) -> None:
        """A thaw of the past that is played back after a new freeze lifts nothing."""
        orders.give(orders.signed(1))
        thaw = orders.signed(2, THAW)
        orders.give(thaw)
        orders.give(orders.signed(3))
        assert orders.give(thaw).outcome is Outcome.OUTDATED
        assert bench.status.frozen

    @pytest.mark.feature("R-05")
    def test_another_order_of_the_same_number_changes_nothing(
        self, bench: Bench, orders: Orders
    ) -> None:
        """Even the root key gets nothing executed under a number that was executed."""
        orders.give(orders.signed(5))
        before = bench.status
        assert orders.give(orders.signed(5, THAW)).outcome is Outcome.REPEATED
        assert bench.status == before

    @pytest.mark.feature("R-04")
    def test_kinds_do_not_overtake_each_other(self, bench: Bench, orders: Orders) -> None:
        """Orders of different kinds may arrive in any order; each kind has its own register."""
        for number, what in reversed(list(enumerate(EVERY_KIND, start=1))):
            assert orders.give(orders.signed(number, what)).outcome is Outcome.ACCEPTED
        assert bench.status.executed_numbers == tuple(range(1, len(EVERY_KIND) + 1))

    @pytest.mark.feature("R-04", "R-05")
    @pytest.mark.parametrize(
        ("latest_ms", "outcome"),
        [
            (ENDS_MS - 1, Outcome.ACCEPTED),
            (ENDS_MS, Outcome.ACCEPTED),
            (ENDS_MS + 1, Outcome.EXPIRED),
        ],
    )
    def test_an_order_is_executed_while_it_has_certainly_not_expired(
        self, bench: Bench, orders: Orders, latest_ms: int, outcome: Outcome
    ) -> None:
        """The whole interval decides: at its last moment an order holds, a millisecond later not."""
        before = bench.status
        receipt = orders.give(orders.signed(1), Moment(latest_ms - 9_000, 9_000))
        assert receipt.outcome is outcome
        assert (bench.status != before) is (outcome is Outcome.ACCEPTED)

    @pytest.mark.feature("R-04", "R-05")
    def test_a_host_cannot_turn_back_the_clock(self, bench: Bench, orders: Orders) -> None:
        """An order that expired before what the chip knows to be past stays expired."""
        later = Moment(ENDS_MS + 3_000, 2_000)
        bench.session.synchronise(bench.synchronisation(1, moment=later))
        assert bench.status.floor_ms == ENDS_MS + 1_000
        assert orders.give(orders.signed(1), Moment(0)).outcome is Outcome.EXPIRED
        fresh = orders.signed(2, THAW, valid_s=(ENDS_S + 5, ENDS_S + 9))
        assert orders.give(fresh, Moment(0)).outcome is Outcome.ACCEPTED
        assert bench.status.floor_ms == ENDS_MS + 5_000
        bench.session.synchronise(bench.synchronisation(2, moment=NOW))
        assert bench.status.floor_ms == ENDS_MS + 5_000

    @pytest.mark.feature("R-07")
    def test_an_executed_order_is_known_after_its_end(self, orders: Orders) -> None:
        """A receipt that was lost is given again however late, as that of a repetition."""
        order = orders.signed(1)
        orders.give(order)
        assert orders.give(order, Moment(ENDS_MS + 10**9)).outcome is Outcome.REPEATED

    @pytest.mark.feature("R-06")
    def test_an_order_reaches_whom_it_names(self, bench: Bench, orders: Orders) -> None:
        """A wallet, its groups, its institution, everybody; and no other wallet, group or institution."""
        groups = OrderKind.GROUPS, GroupsParameter(1, (3, 17))
        orders.give(orders.signed(1, groups))
        assert bench.status.groups == (3, 17)
        mine = (wallet_scope(NUMBER), group_scope(17), institution_scope("A"), EVERYBODY)
        for number, scope in enumerate(mine, start=2):
            assert orders.give(orders.signed(number, THAW, scope)).outcome is Outcome.ACCEPTED
        others = (wallet_scope("A-7K2Q9D4N"), group_scope(1), institution_scope("B"))
        for scope in others:
            with bench.unchanged(Outcome.WRONG_ADDRESSEE):
                orders.give(orders.signed(99, FREEZE, scope))
        orders.give(orders.signed(100, (OrderKind.GROUPS, GroupsParameter(1, ()))))
        with bench.unchanged(Outcome.WRONG_ADDRESSEE):
            orders.give(orders.signed(101, FREEZE, group_scope(17)))

    @pytest.mark.feature("R-04", "R-05")
    def test_only_the_root_orders(self, bench: Bench, orders: Orders) -> None:
        """The own institution's key, another platform's, or the wallet's own holder order nothing."""
        elsewhere = TrustWorld(suite=bench.world.suite, seed="another")
        others = bench.institution.key, bench.stranger.key, elsewhere.root.key
        for key in others:
            with bench.unchanged(Outcome.BAD_SIGNATURE):
                orders.give(orders.signed(1, key=key))

    @pytest.mark.feature("R-05")
    def test_a_receipt_or_another_signed_object_is_no_order(
        self, bench: Bench, orders: Orders
    ) -> None:
        """What is not an order is refused, whoever signed it."""
        receipt = bench.session.control(orders.signed(1), NOW)
        for raw in (receipt, bench.world.directory()[:256], b"", b"\x80"):
            with bench.unchanged(Outcome.MALFORMED):
                bench.session.control(raw, NOW)

    @pytest.mark.feature("R-05")
    @pytest.mark.parametrize(
        "altered",
        [
            {"parameter": b""},
            {"kind": OrderKind.CLOCK},
            {"kind": OrderKind.GROUPS, "scope": EVERYBODY},
            {"scope": Scope(ScopeKind.ALL, NUMBER)},
            {"scope": Scope(ScopeKind.GROUP, "017")},
            {"expires_at_s": ISSUED_S - 1},
        ],
        ids=str,
    )
    def test_an_order_that_makes_no_sense_is_refused(
        self, bench: Bench, altered: dict[str, object]
    ) -> None:
        """The root's own nonsense is refused as malformed, before anything is looked at."""
        sound = ControlOrder(
            version=1,
            number=1,
            scope=wallet_scope(NUMBER),
            kind=OrderKind.FREEZE,
            issued_at_s=ISSUED_S,
            expires_at_s=ENDS_S,
            parameter=cbor.encode(FreezeParameter(1, frozen=True)),
        )
        order = replace(sound, **altered)
        world = bench.world
        raw = CONTROL_ORDER.sign(world.suite, world.root.key, order)
        with bench.unchanged(Outcome.MALFORMED):
            bench.session.control(raw, NOW)

    @pytest.mark.feature("R-03", "V-07")
    def test_control_needs_no_pin(self, bench: Bench, orders: Orders) -> None:
        """The holder cannot keep an order out by withholding the PIN."""
        bench.session.lock()
        assert orders.give(orders.signed(1)).frozen
        assert bench.status.floor_ms == NOW_MS
