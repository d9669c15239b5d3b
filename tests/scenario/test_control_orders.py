"""Orders from a proposal to the chip's receipt, by satellite and by network, and every state between."""

import pytest

from feiqian.central.control_documents import (
    ListingWish,
    NewOperator,
    OperatorRemoval,
    OrderLimits,
    OrderName,
    ProposalDecision,
    ScopeName,
)
from feiqian.central.proposals import ProposalStage
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.compact import restore, shorten
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.control_delivery import OpenOrders, OrderNews, UnjudgedOrder
from feiqian.wire.request_envelope import Action
from feiqian.wire.satellite import MessageKind
from tests.scenario.satellite_bench import broadcast_in, run

HOUR_MS = 3_600_000
CEILING = OrderLimits(100_00, 50_00, 10_00, 20_00, 2)


async def by_network(terminal, *receipts, held=(), refused=()):
    """Bring news and fetch orders over the network; the orders, compact."""
    suite = terminal.network.suite
    news = OrderNews(VERSION, tuple(shorten(suite, each) for each in receipts), held, refused)
    return (await terminal.wallet.holder.look_up(Action.ORDERS, news, OpenOrders)).orders


async def states(bench, number):
    """An order's state, and at each wallet."""
    order = await bench.standing(number)
    return order.state, {each.wallet: each.state for each in order.deliveries}


@pytest.mark.feature("R-01", "R-03", "R-07")
def test_wallet_without_network_is_frozen_by_satellite():
    """A freeze goes up on the air, is executed by the chip, and its receipt comes back."""

    async def scenario(bench):
        terminal = await bench.terminal()
        issued = await bench.order(OrderName.FREEZE, terminal.number)
        assert await states(bench, issued.order) == ("issued", {})
        [task] = await bench.exchange()
        assert task.to == terminal.address
        await bench.exchange(aired=(task.number,))
        assert (await states(bench, issued.order))[0] == "sent"
        [order] = terminal.orders_in(task)
        receipt = terminal.obey(order)
        assert terminal.session.status().frozen
        [answer] = await bench.exchange(terminal.receipts(receipt), aired=(task.number,))
        assert terminal.answer_in(answer).orders == ()
        assert await states(bench, issued.order) == ("executed", {terminal.number: "executed"})

    run(scenario)


@pytest.mark.feature("R-07")
def test_order_is_fetched_and_receipted_by_network():
    """A wallet that is online gets its open orders from its institution and answers the same way."""

    async def scenario(bench):
        terminal = await bench.terminal()
        issued = await bench.order(OrderName.LIMITS, terminal.number, limits=CEILING)
        [order] = await by_network(terminal)
        assert (await states(bench, issued.order))[0] == "sent"
        await by_network(terminal, held=(issued.order,))
        assert (await states(bench, issued.order))[0] == "delivered"
        assert await by_network(terminal, terminal.obey(order)) == ()
        [delivery] = (await bench.standing(issued.order)).deliveries
        assert (delivery.state, delivery.way) == ("executed", "network")
        assert await bench.exchange() == ()

    run(scenario)


@pytest.mark.feature("R-07", "R-08")
def test_sending_again_executes_once():
    """An order heard twice and receipts brought twice, by both ways, are one execution."""

    async def scenario(bench):
        terminal = await bench.terminal()
        issued = await bench.order(OrderName.FREEZE, terminal.number)
        [task] = await bench.exchange()
        [again] = await bench.exchange(aired=(task.number,))
        assert again == task, "the same bytes stay on the air until the chip has answered"
        [order] = terminal.orders_in(task)
        first, second = terminal.obey(order), terminal.obey(order)
        message = terminal.receipts(second)
        await bench.exchange(message, message)
        await by_network(terminal, first)
        assert await states(bench, issued.order) == ("executed", {terminal.number: "executed"})

    run(scenario)


@pytest.mark.feature("R-07")
def test_answer_that_was_lost_is_sent_again_in_the_same_bytes():
    """A wallet that repeats its receipts gets the answer it got before, and nothing is done twice."""

    async def scenario(bench):
        terminal = await bench.terminal()
        message = terminal.receipts(held=())
        [first] = await bench.exchange(message)
        assert await bench.exchange(aired=(first.number,)) == ()
        [second] = await bench.exchange(message)
        assert second.content == first.content
        assert second.number != first.number

    run(scenario)


@pytest.mark.feature("R-06")
@pytest.mark.parametrize("scope", [ScopeName.GROUP, ScopeName.INSTITUTION, ScopeName.ALL])
def test_order_to_many_takes_two_and_reaches_all_of_them(scope):
    """Nothing is sent before another operator approves; then every wallet in scope executes it."""

    async def scenario(bench):
        inside, outside = await bench.terminal("A", "in"), await bench.terminal("B", "out")
        grouped = await bench.order(OrderName.GROUPS, inside.number, groups=(7,))
        [task] = await bench.exchange()
        await bench.exchange(inside.receipts(inside.obey(inside.orders_in(task)[0])))
        addressee = {"group": "7", "institution": "A", "all": ""}[scope]
        proposed = await bench.order(OrderName.FREEZE, addressee, scope)
        assert (proposed.order, proposed.decision) == (None, ProposalStage.OPEN)
        with pytest.raises(Refusal) as caught:
            await bench.approve(proposed, "first")
        assert caught.value.outcome is Outcome.SECOND_PERSON_REQUIRED
        assert not [each for each in await bench.exchange() if not each.to]
        approved = await bench.approve(proposed, "second")
        assert (await states(bench, approved.order))[0] == "issued"
        tasks = [each for each in await bench.exchange() if not each.to]
        await bench.exchange(aired=tuple(each.number for each in tasks))
        assert (await states(bench, approved.order))[0] == "sent"
        [order] = [order for each in tasks for order in broadcast_in(each).orders]
        receipt = inside.obey(order)
        assert inside.session.status().frozen
        if scope is ScopeName.ALL:
            outside.obey(order)
        else:
            with pytest.raises(Refusal):
                outside.obey(order)
            assert not outside.session.status().frozen
        await bench.exchange(inside.receipts(receipt))
        state, met = await states(bench, approved.order)
        assert (state, met[inside.number]) == ("sent", "executed")
        assert grouped.order < approved.order

    run(scenario)


@pytest.mark.feature("R-06")
def test_proposal_is_decided_once():
    """What was rejected is not approved later, and what was approved is not rejected."""

    async def scenario(bench):
        proposed = await bench.order(OrderName.FREEZE, "", ScopeName.ALL)
        desk = bench.network.desk
        rejected = await desk.reject(ProposalDecision("no", proposed.number), "second")
        assert rejected.decision is ProposalStage.REJECTED
        with pytest.raises(Refusal) as caught:
            await bench.approve(proposed, "second")
        assert caught.value.outcome is Outcome.KEY_REUSED
        assert (await desk.report()).orders == ()

    run(scenario)


@pytest.mark.feature("R-06")
def test_a_second_person_is_not_brought_in_by_one():
    """Whoever is alone cannot make himself a second operator to approve his own proposals."""

    async def scenario(bench):
        desk = bench.network.desk
        double = await desk.add_operator(bench.operator("double"), "first")
        assert double.decision is ProposalStage.OPEN
        with pytest.raises(Refusal) as caught:
            await bench.approve(double, "first")
        assert caught.value.outcome is Outcome.SECOND_PERSON_REQUIRED
        digest = bytes.fromhex(bench.operator("double").token_digest)
        assert await desk.operator_of(digest) is None
        await bench.approve(double, "second")
        assert await desk.operator_of(digest) == "double"
        await desk.remove_operator(OperatorRemoval("out", "double"), "second")
        assert await desk.operator_of(digest) is None
        with pytest.raises(Refusal):
            await desk.add_operator(NewOperator("again", "operator", "00" * 32), "operator")

    run(scenario)


@pytest.mark.feature("R-05", "R-07")
def test_order_is_over_when_it_expires():
    """After its time an order is neither sent nor handed out, and shows as expired."""

    async def scenario(bench):
        terminal = await bench.terminal()
        issued = await bench.order(OrderName.FREEZE, terminal.number, lifetime_ms=HOUR_MS)
        [task] = await bench.exchange()
        await bench.exchange(aired=(task.number,))
        bench.network.clock.advance(2 * HOUR_MS)
        assert await bench.exchange() == ()
        assert await by_network(terminal) == ()
        assert (await states(bench, issued.order))[0] == "expired"
        receipt = terminal.obey(terminal.orders_in(task)[0])
        assert not terminal.session.status().frozen
        await by_network(terminal, receipt)
        assert (await bench.standing(issued.order)).deliveries[0].outcome == "expired"

    run(scenario)


@pytest.mark.feature("R-07")
def test_later_order_of_a_kind_supersedes_the_earlier():
    """Unfreezing takes the freeze off the air; a chip that hears the freeze late says outdated."""

    async def scenario(bench):
        terminal = await bench.terminal()
        freeze = await bench.order(OrderName.FREEZE, terminal.number)
        [late] = await bench.exchange()
        unfreeze = await bench.order(OrderName.UNFREEZE, terminal.number)
        [task] = await bench.exchange(aired=(late.number,))
        [order] = terminal.orders_in(task)
        await bench.exchange(terminal.receipts(terminal.obey(order)))
        assert (await states(bench, freeze.order))[0] == "superseded"
        outdated = terminal.obey(terminal.orders_in(late)[0])
        await by_network(terminal, outdated)
        assert (await states(bench, freeze.order))[0] == "superseded"
        assert (await states(bench, unfreeze.order))[0] == "executed"

    run(scenario)


@pytest.mark.feature("R-03", "R-06")
def test_unfreezing_all_does_not_free_who_was_frozen_alone():
    """Both orders stay in force beside each other, each is executed, and the wallet stays frozen."""

    async def scenario(bench):
        terminal = await bench.terminal()
        alone = await bench.order(OrderName.FREEZE, terminal.number)
        free = await bench.order(OrderName.UNFREEZE, "", ScopeName.ALL)
        free = await bench.approve(free)
        first, second = await by_network(terminal)
        assert await by_network(terminal, terminal.obey(second)) == (first,)
        assert (await states(bench, alone.order))[0] == "sent"
        assert await by_network(terminal, terminal.obey(first)) == ()
        assert terminal.session.status().frozen
        assert (await states(bench, alone.order))[0] == "executed"
        assert (await states(bench, free.order))[1] == {terminal.number: "executed"}

    run(scenario)


@pytest.mark.feature("R-03", "R-06")
@pytest.mark.parametrize("restriction", [OrderName.FREEZE, OrderName.LIMITS])
def test_taking_a_wallet_out_of_a_restricted_group_takes_two(restriction):
    """What two people ordered of a group, one alone does not lift by regrouping a wallet."""

    async def scenario(bench):
        terminal = await bench.terminal()
        await bench.order(OrderName.GROUPS, terminal.number, groups=(7, 8))
        limits = CEILING if restriction is OrderName.LIMITS else None
        proposed = await bench.order(restriction, "7", ScopeName.GROUP, limits=limits)
        await bench.approve(proposed)
        out_of_8 = await bench.order(OrderName.GROUPS, terminal.number, groups=(7,))
        assert out_of_8.order is not None
        out_of_7 = await bench.order(OrderName.GROUPS, terminal.number, groups=())
        assert (out_of_7.order, out_of_7.decision) == (None, ProposalStage.OPEN)
        freed = {OrderName.FREEZE: OrderName.UNFREEZE}.get(restriction, restriction)
        lifted = await bench.order(freed, "7", ScopeName.GROUP)
        await bench.approve(lifted)
        assert (await bench.order(OrderName.GROUPS, terminal.number, groups=())).order is not None

    run(scenario)


@pytest.mark.feature("R-03", "R-07")
def test_every_notice_is_open_and_counts_when_it_arrives():
    """A newer notice takes no older one's place, and a chip that had a newer one has this one, too."""

    async def scenario(bench):
        terminal = await bench.terminal()
        for text in ("first", "second"):
            await bench.order(OrderName.NOTIFY, terminal.number, text=text)
        freeze = await bench.order(OrderName.FREEZE, terminal.number)
        frozen, first, second = await by_network(terminal)
        assert await by_network(terminal, terminal.obey(second)) == (frozen, first)
        assert await by_network(terminal, terminal.obey(first)) == (frozen,)
        for number in range(1, freeze.order):
            assert (await states(bench, number))[0] == "executed"

    run(scenario)


@pytest.mark.feature("R-07")
def test_hosts_word_that_a_chip_refuses_gives_way_to_a_receipt():
    """The host's refusal is shown until the chip itself signs what it did."""

    async def scenario(bench):
        terminal = await bench.terminal()
        issued = await bench.order(OrderName.FREEZE, terminal.number)
        [order] = await by_network(terminal)
        refused = (UnjudgedOrder(issued.order, Outcome.PIN_BLOCKED),)
        assert await by_network(terminal, refused=refused) == ()
        assert (await states(bench, issued.order))[0] == "refused"
        await by_network(terminal, terminal.obey(order))
        assert (await states(bench, issued.order))[0] == "executed"

    run(scenario)


@pytest.mark.feature("R-05", "R-07")
def test_forged_receipts_change_nothing():
    """A receipt that another chip signed is refused, by network and by satellite."""

    async def scenario(bench):
        terminal, other = await bench.terminal(), await bench.terminal("A", "other")
        issued = await bench.order(OrderName.FREEZE, terminal.number)
        proposed = await bench.order(OrderName.FREEZE, "", ScopeName.ALL)
        everybody = await bench.approve(proposed)
        tasks = await bench.exchange()
        [order] = [each for task in tasks if not task.to for each in broadcast_in(task).orders]
        foreign = other.obey(order)
        await bench.exchange(terminal.receipts(foreign))
        with pytest.raises(Refusal) as caught:
            await by_network(terminal, foreign)
        assert caught.value.outcome is Outcome.BAD_SIGNATURE
        assert terminal.number not in (await states(bench, everybody.order))[1]
        assert (await states(bench, issued.order))[0] == "issued"

    run(scenario)


@pytest.mark.feature("R-02")
def test_risk_wallet_is_listed_by_two_and_broadcast():
    """Two operators list a wallet by number; the change goes on the air for whoever is offline."""

    async def scenario(bench):
        terminal, desk = await bench.terminal(), bench.network.desk
        before = (await bench.network.platform.list_report()).number
        proposed = await desk.list_wallet(ListingWish("k", terminal.number, "stolen"), "first")
        assert (await bench.network.platform.list_report()).offenders == 0
        await bench.approve(proposed)
        report = await bench.network.platform.list_report()
        assert [each.wallet for each in report.newest_offenders] == [terminal.number]
        news = await bench.order(OrderName.LIST, "", ScopeName.ALL, since_list=before)
        await bench.approve(news)
        broadcasts = [broadcast_in(task) for task in await bench.exchange() if not task.to]
        name = f"deltas/{report.number}"
        delta = await bench.network.platform.list_document(name)
        assert [each.delta for each in broadcasts if each.delta] == [delta]
        assert len([each for each in broadcasts if each.orders]) == 1

    run(scenario)


@pytest.mark.feature("R-02")
def test_report_of_an_old_list_brings_its_changes():
    """A wallet that reports an older list is sent what it lacks, where it was heard."""

    async def scenario(bench):
        terminal = await bench.terminal()
        clock = bench.network.clock
        clock.advance(7 * HOUR_MS)
        await bench.network.platform.keep_list_recent()
        tasks = await bench.exchange(terminal.report())
        assert [bool(broadcast_in(task).delta) for task in tasks] == [True]

    run(scenario)


@pytest.mark.feature("R-03")
def test_open_orders_ride_with_the_answer_to_a_report():
    """A wallet that reports learns in the answer what it was ordered, and is not asked twice."""

    async def scenario(bench):
        terminal = await bench.terminal()
        await bench.exchange(terminal.report())
        await bench.order(OrderName.NOTIFY, terminal.number, text="Please call")
        await bench.network.gateway.forward_reports()
        answers = [
            terminal.answer_in(task)
            for task in await bench.exchange()
            if task.content[0] == MessageKind.ANSWER
        ]
        [answer] = answers
        restored = restore(bench.network.suite, answer.orders[0])
        terminal.session.control(restored, bench.network.clock.now())
        assert len(answer.orders) == 1

    run(scenario)
