"""Chapter 11, fees: paid without PIN, and never but as the holder authorised."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from feiqian.chip.card.memory import MAX_JOURNAL
from feiqian.money.limits import DEFAULT_TIER, limits_of
from feiqian.money.transfer import Acceptor, parse_transfer, verify_transfer
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NOW, Bench, Chapter, refused
from feiqian.testing.chip_conformance.grants import CEILING_MINOR, STATED_MS, UNTIL_MS, Grants
from feiqian.testing.chip_conformance.orders import THAW, Orders
from feiqian.testing.chips import PUK
from feiqian.testing.keys import NOW_MS
from feiqian.timing.moment import Moment
from feiqian.wire.usage import ServiceClass

OFFLINE = limits_of(DEFAULT_TIER)
Changes = Callable[[Grants], dict[str, Any]]


class Fees(Chapter):
    """How a chip pays by itself."""

    @pytest.fixture
    def grants(self, bench: Bench) -> Grants:
        """A provider and its entities."""
        return Grants(bench)

    @pytest.mark.feature("V-05", "V-09")
    @pytest.mark.parametrize("acceptor", Acceptor)
    def test_a_fee_is_paid_without_pin(
        self, bench: Bench, grants: Grants, acceptor: Acceptor
    ) -> None:
        """A locked chip pays what was authorised, once; the transfer is as that of any payment."""
        (piece,) = bench.load(250)
        number = grants.authorise().number
        bench.reset()
        fee = grants.fee(number, 60, (piece,), acceptor=acceptor)
        (raw,) = bench.session.pay_fee(fee)
        transfer = parse_transfer(bench.world.suite, raw)
        verify_transfer(bench.world.suite, bench.status.public_key, transfer)
        value = transfer.value
        assert (value.payee, value.amount_minor) == (grants.entity(), 60)
        assert (value.nonce, value.acceptor, value.moment) == (fee.nonce, acceptor, NOW)
        assert bench.balance_minor == 190
        assert bench.status.offline_paid_minor == (60 if acceptor is Acceptor.CHIP else 0)
        assert bench.session.authorisations() == ()

    @pytest.mark.feature("V-07")
    def test_without_authorisation_nothing_is_paid(self, bench: Bench, grants: Grants) -> None:
        """No authorisation, one of another number, a revoked one: the chip pays no fee."""
        (piece,) = bench.load(250)
        with bench.unchanged(Outcome.NOT_AUTHORISED):
            bench.session.pay_fee(grants.fee(1, 60, (piece,)))
        number = grants.authorise().number
        with bench.unchanged(Outcome.NOT_AUTHORISED):
            bench.session.pay_fee(grants.fee(number + 1, 60, (piece,)))
        bench.session.revoke(number)
        with bench.unchanged(Outcome.NOT_AUTHORISED):
            bench.session.pay_fee(grants.fee(number, 60, (piece,)))

    @pytest.mark.feature("V-07", "V-09")
    @pytest.mark.parametrize(
        ("changed", "outcome"),
        [
            (lambda _: {"amount_minor": CEILING_MINOR + 1}, Outcome.OVER_CEILING),
            (lambda it: {"payee": it.entity("charger-2")}, Outcome.NOT_AUTHORISED),
            (lambda it: {"statement": it.statement("charger-2")}, Outcome.NOT_AUTHORISED),
            (
                lambda it: {"statement": it.statement(key=it.bench.stranger.key)},
                Outcome.BAD_SIGNATURE,
            ),
            (
                lambda it: {"statement": it.statement(key=it.bench.institution.key)},
                Outcome.BAD_SIGNATURE,
            ),
            (
                lambda it: {"statement": it.statement(service=ServiceClass.PARKING)},
                Outcome.NOT_AUTHORISED,
            ),
            (lambda it: {"statement": it.statement(not_after_ms=NOW_MS)}, Outcome.EXPIRED),
            (lambda _: {"statement": b""}, Outcome.MALFORMED),
            (lambda _: {"moment": Moment(NOW_MS - 1)}, Outcome.NOT_AUTHORISED),
            (lambda _: {"moment": Moment(UNTIL_MS - 5, 6)}, Outcome.EXPIRED),
        ],
        ids=range(10),
    )
    def test_a_fee_keeps_to_the_grant(
        self, bench: Bench, grants: Grants, changed: Changes, outcome: Outcome
    ) -> None:
        """Another amount, entity, provider, class or time than authorised: nothing is paid."""
        inputs = bench.load(250)
        fee = grants.fee(grants.authorise().number, 60, inputs)
        with bench.unchanged(outcome):
            bench.session.pay_fee(replace(fee, **changed(grants)))
        bench.session.pay_fee(fee)

    @pytest.mark.feature("V-07")
    def test_a_grant_for_one_wallet_pays_no_other(self, bench: Bench, grants: Grants) -> None:
        """Another entity of the same provider, soundly stated, is not paid."""
        inputs = bench.load(250)
        number = grants.authorise(payee=grants.entity()).number
        other = "charger-2"
        wrong = {"payee": grants.entity(other), "statement": grants.statement(other)}
        with bench.unchanged(Outcome.NOT_AUTHORISED):
            bench.session.pay_fee(grants.fee(number, 60, inputs, **wrong))
        bench.session.pay_fee(grants.fee(number, 60, inputs))

    @pytest.mark.feature("V-07", "V-09")
    def test_a_grant_for_a_class_pays_each_entity_of_it(self, bench: Bench, grants: Grants) -> None:
        """A standing authorisation pays at whatever charger the provider states, at its ceiling."""
        number = grants.authorise(uses=3).number
        for name in ("charger-1", "charger-2", "charger-3"):
            changed = {"payee": grants.entity(name), "statement": grants.statement(name)}
            fee = grants.fee(number, CEILING_MINOR, bench.load(CEILING_MINOR), **changed)
            bench.session.pay_fee(fee)
        inputs = bench.load(1)
        with bench.unchanged(Outcome.NOT_AUTHORISED):
            bench.session.pay_fee(grants.fee(number, 1, inputs))

    @pytest.mark.feature("V-09")
    @pytest.mark.parametrize("latest_ms", [UNTIL_MS - 1, UNTIL_MS, UNTIL_MS + 1])
    def test_the_last_moment_is_exact(self, bench: Bench, grants: Grants, latest_ms: int) -> None:
        """An authorisation holds until its last moment, by the latest that it can be, and no longer."""
        number = grants.authorise().number
        fee = grants.fee(number, 60, bench.load(250), moment=Moment(latest_ms - 7, 7))
        if latest_ms <= UNTIL_MS:
            bench.session.pay_fee(fee)
            return
        with bench.unchanged(Outcome.EXPIRED):
            bench.session.pay_fee(fee)

    @pytest.mark.feature("V-09")
    @pytest.mark.parametrize("past_ms", [UNTIL_MS, UNTIL_MS + 1])
    def test_a_host_cannot_lengthen_an_authorisation(
        self, bench: Bench, grants: Grants, past_ms: int
    ) -> None:
        """Once the chip knows the end to be past, no moment that its host says brings it back."""
        inputs = bench.load(250)
        number = grants.authorise().number
        bench.session.synchronise(bench.synchronisation(1, moment=Moment(past_ms)))
        fee = grants.fee(number, 60, inputs)
        if past_ms == UNTIL_MS:
            bench.session.pay_fee(fee)
            return
        with bench.unchanged(Outcome.EXPIRED):
            bench.session.pay_fee(fee)

    @pytest.mark.feature("V-09", "C-22")
    def test_the_same_fee_gives_the_same_bytes(self, bench: Bench, grants: Grants) -> None:
        """A lost answer is asked for again, also when the authorisation is used up and the chip frozen."""
        fee = grants.fee(grants.authorise().number, 60, bench.load(250))
        first = bench.session.pay_fee(fee)
        Orders(bench).give(Orders(bench).signed(1))
        bench.reset()
        before = bench.status
        assert bench.session.pay_fee(fee) == first
        assert bench.status == before

    @pytest.mark.feature("V-09")
    def test_an_order_is_charged_once(self, bench: Bench, grants: Grants) -> None:
        """The order again, with whatever else is different, or under another authorisation: refused."""
        first, second = bench.load(250, 250)
        standing, other = grants.authorise(uses=9).number, grants.authorise(uses=8).number
        fee = grants.fee(standing, 60, (first,))
        bench.session.pay_fee(fee)
        anew = {"nonce": bench.nonce(), "inputs": (second,)}
        for changed in (
            {"amount_minor": 59},
            anew,
            anew | {"amount_minor": 59},
            anew | {"authorisation": other},
        ):
            with bench.unchanged(Outcome.KEY_REUSED):
                bench.session.pay_fee(replace(fee, **changed))
        assert [each.uses_left for each in bench.session.authorisations()] == [8, 8]

    @pytest.mark.feature("V-09", "C-22")
    def test_an_order_stays_charged(self, bench: Bench, grants: Grants) -> None:
        """Also when its bytes are no longer remembered, it is not charged a second time."""
        numbers = [grants.authorise(uses=uses).number for uses in (1, 64)]
        fee = grants.fee(numbers[0], 1, bench.load(1))
        bench.session.pay_fee(fee)
        for _ in range(MAX_JOURNAL):
            bench.session.pay_fee(grants.fee(numbers[1], 1, bench.load(1)))
        with bench.unchanged(Outcome.KEY_REUSED):
            bench.session.pay_fee(fee)
        bench.reset()
        inputs = bench.load(1)
        with bench.unchanged(Outcome.KEY_REUSED):
            bench.session.pay_fee(replace(fee, authorisation=numbers[1], inputs=inputs))

    @pytest.mark.feature("V-09")
    def test_a_refused_fee_uses_nothing(self, bench: Bench, grants: Grants) -> None:
        """Too little value, a limit, a wrong input: the authorisation keeps its use, the order is open."""
        (piece,) = bench.load(50)
        number = grants.authorise(ceiling_minor=OFFLINE.offline_payment_minor + 1).number
        fee = grants.fee(number, 60, (piece,))
        with bench.unchanged(Outcome.INSUFFICIENT_BALANCE):
            bench.session.pay_fee(fee)
        with bench.unchanged(Outcome.WRONG_OWNER):
            bench.session.pay_fee(replace(fee, inputs=(bytes(32),)))
        over = {"amount_minor": OFFLINE.offline_payment_minor + 1, "acceptor": Acceptor.CHIP}
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.session.pay_fee(replace(fee, **over))
        assert [each.uses_left for each in bench.session.authorisations()] == [1]
        bench.session.pay_fee(replace(fee, inputs=(piece, *bench.load(10))))

    @pytest.mark.feature("V-09", "R-03")
    def test_a_frozen_chip_pays_no_fee(self, bench: Bench, grants: Grants) -> None:
        """Authorisations rest while the chip is frozen, and hold again afterwards."""
        fee = grants.fee(grants.authorise().number, 60, bench.load(250))
        orders = Orders(bench)
        orders.give(orders.signed(1))
        with bench.unchanged(Outcome.WALLET_FROZEN):
            bench.session.pay_fee(fee)
        orders.give(orders.signed(2, THAW))
        bench.session.pay_fee(fee)

    @pytest.mark.feature("V-09")
    def test_a_blocked_pin_suspends_authorisations(self, bench: Bench, grants: Grants) -> None:
        """Whoever guesses at the PIN of a wallet stops its fees, until the PUK unblocks it."""
        fee = grants.fee(grants.authorise().number, 60, bench.load(250))
        for _ in range(3):
            with refused(Outcome.PIN_WRONG):
                bench.session.verify_pin(b"0000")
        with bench.unchanged(Outcome.PIN_BLOCKED):
            bench.session.pay_fee(fee)
        bench.session.unblock_pin(PUK, b"4321")
        bench.session.pay_fee(fee)

    @pytest.mark.feature("V-07")
    def test_a_fee_is_no_way_around_the_pin(self, bench: Bench, grants: Grants) -> None:
        """With a live authorisation, PAY still takes the PIN; a fee's nonce is no payment's."""
        inputs = bench.load(250, 250)
        number = grants.authorise(uses=2).number
        payment = bench.payment(60, inputs[:1])
        bench.session.pay(payment)
        fee = grants.fee(number, 60, inputs[1:])
        with bench.unchanged(Outcome.KEY_REUSED):
            bench.session.pay_fee(replace(fee, nonce=payment.nonce))
        bench.session.lock()
        with bench.unchanged(Outcome.PIN_REQUIRED):
            bench.session.pay(bench.payment(60, inputs[1:]))
        bench.session.pay_fee(fee)

    @pytest.mark.feature("V-09")
    def test_a_statement_ends_on_its_own(self, bench: Bench, grants: Grants) -> None:
        """An entity's statement that is over pays nothing, though the authorisation goes on."""
        until_ms = STATED_MS + 1_000
        number = grants.authorise(valid_until_ms=until_ms, uses=2).number
        fee = grants.fee(number, 60, bench.load(250), moment=Moment(STATED_MS + 1))
        with bench.unchanged(Outcome.EXPIRED):
            bench.session.pay_fee(fee)
        bench.session.pay_fee(replace(fee, moment=Moment(STATED_MS)))
