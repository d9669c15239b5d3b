"""Chapter 5, paying: exact amounts, change, and the same bytes for the same command."""

import pytest
from msgspec.structs import replace

from feiqian.chip.card.memory import MAX_JOURNAL
from feiqian.chip.commands import MAX_EXPORT_RECORDS, ExportRecord, HeldPiece
from feiqian.money.limits import DEFAULT_TIER, limits_of
from feiqian.money.transfer import Acceptor, SignedTransfer, parse_transfer, verify_transfer
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NOW, Bench, Chapter

PAYMENT_MINOR = limits_of(DEFAULT_TIER).payment_minor
OFFLINE = limits_of(DEFAULT_TIER)


def _read(bench: Bench, transfers: tuple[bytes, ...]) -> list[SignedTransfer]:
    """The transfers, verified as the chip's."""
    parsed = [parse_transfer(bench.world.suite, raw) for raw in transfers]
    for one in parsed:
        verify_transfer(bench.world.suite, bench.status.public_key, one)
    return parsed


class Paying(Chapter):
    """How value leaves."""

    @pytest.mark.feature("C-15", "C-18")
    def test_payment_and_change(self, bench: Bench) -> None:
        """A larger piece gives the payee exactly the amount and the chip exactly the rest."""
        (piece,) = bench.load(100)
        payment = bench.payment(30, (piece,))
        (transfer,) = _read(bench, bench.session.pay(payment))
        assert (transfer.value.amount_minor, transfer.value.change_minor) == (30, 70)
        assert (transfer.value.consumed, transfer.value.payee) == (piece, payment.payee)
        assert (transfer.value.nonce, transfer.value.moment) == (payment.nonce, NOW)
        assert transfer.change_output is not None
        assert bench.session.pieces() == (HeldPiece(transfer.change_output, 70),)

    @pytest.mark.feature("C-15")
    def test_several_pieces_pay_together(self, bench: Bench) -> None:
        """All inputs but the last are spent whole; every transfer has the next counter."""
        inputs = bench.load(10, 20, 30)
        transfers = _read(bench, bench.session.pay(bench.payment(45, inputs)))
        amounts = [(one.value.amount_minor, one.value.change_minor) for one in transfers]
        assert amounts == [(10, 0), (20, 0), (15, 15)]
        assert [one.value.counter for one in transfers] == [1, 2, 3]
        assert (bench.balance_minor, bench.status.counter) == (15, 3)

    def test_change_pays_again_at_once(self, bench: Bench) -> None:
        """The change of a payment can be spent without anybody's help."""
        bench.session.pay(bench.payment(30, bench.load(100)))
        (change,) = bench.session.pieces()
        (transfer,) = _read(bench, bench.session.pay(bench.payment(70, (change.identifier,))))
        assert transfer.change_output is None
        assert bench.session.pieces() == ()

    @pytest.mark.feature("C-22")
    def test_the_same_payment_gives_the_same_bytes(self, bench: Bench) -> None:
        """A lost answer is asked for again, also after a reset, and nothing is spent twice."""
        payment = bench.payment(30, bench.load(100))
        first = bench.session.pay(payment)
        bench.reset()
        bench.unlock()
        before = bench.status
        assert bench.session.pay(payment) == first
        assert bench.status == before

    @pytest.mark.feature("C-22")
    def test_the_last_payments_are_remembered(self, bench: Bench) -> None:
        """As many payments as the journal holds are repeated; an older one is refused."""
        payments = [bench.payment(1, bench.load(1)) for _ in range(MAX_JOURNAL + 1)]
        answers = [bench.session.pay(payment) for payment in payments]
        assert [bench.session.pay(payment) for payment in payments[1:]] == answers[1:]
        with bench.unchanged(Outcome.WRONG_OWNER):
            bench.session.pay(payments[0])

    @pytest.mark.feature("C-20")
    def test_a_nonce_stands_for_one_payment(self, bench: Bench) -> None:
        """The same nonce with another amount, payee, moment or input is refused."""
        first, second = bench.load(100, 100)
        payment = bench.payment(30, (first,))
        bench.session.pay(payment)
        for other in (
            replace(payment, amount_minor=31),
            replace(payment, payee=bytes(32)),
            replace(payment, moment=replace(NOW, radius_ms=0)),
            replace(payment, inputs=(second,)),
        ):
            with bench.unchanged(Outcome.KEY_REUSED):
                bench.session.pay(other)

    def test_an_export_is_no_payment(self, bench: Bench) -> None:
        """An export under the nonce of a payment is refused."""
        payment = bench.payment(30, bench.load(100))
        bench.session.pay(payment)
        (change,) = bench.session.pieces()
        export = replace(bench.exportation(30, (change.identifier,)), nonce=payment.nonce)
        with bench.unchanged(Outcome.KEY_REUSED):
            bench.session.export(export)

    @pytest.mark.feature("C-13")
    def test_no_payment_above_the_inputs(self, bench: Bench) -> None:
        """An amount above what the inputs hold is refused by name and signs nothing."""
        inputs = bench.load(60, 39)
        with bench.unchanged(Outcome.INSUFFICIENT_BALANCE):
            bench.session.pay(bench.payment(100, inputs))
        with bench.unchanged(Outcome.INSUFFICIENT_BALANCE):
            bench.session.export(bench.exportation(100, inputs))

    @pytest.mark.feature("C-11")
    def test_a_spent_piece_is_gone(self, bench: Bench) -> None:
        """A piece is spent once, also after a reset."""
        inputs = bench.load(100)
        bench.session.pay(bench.payment(100, inputs))
        bench.reset()
        bench.unlock()
        with bench.unchanged(Outcome.WRONG_OWNER):
            bench.session.pay(bench.payment(100, inputs))

    def test_an_unknown_piece_cannot_pay(self, bench: Bench) -> None:
        """A piece the chip does not hold cannot be among the inputs."""
        (piece,) = bench.load(100)
        with bench.unchanged(Outcome.WRONG_OWNER):
            bench.session.pay(bench.payment(150, (piece, bytes(32))))

    def test_an_input_counts_once(self, bench: Bench) -> None:
        """A piece named twice does not pay twice."""
        (piece,) = bench.load(100)
        with bench.unchanged(Outcome.MALFORMED):
            bench.session.pay(bench.payment(150, (piece, piece)))

    def test_no_input_without_need(self, bench: Bench) -> None:
        """Only the last input leaves change, so one too many is refused."""
        inputs = bench.load(100, 100)
        with bench.unchanged(Outcome.AMOUNT_MISMATCH):
            bench.session.pay(bench.payment(100, inputs))

    @pytest.mark.feature("P-03")
    def test_the_payment_limit_is_exact(self, bench: Bench) -> None:
        """A chip pays its tier's limit at once, and not one minor unit more."""
        inputs = bench.load(PAYMENT_MINOR + 1)
        with bench.unchanged(Outcome.OVER_PAYMENT_LIMIT):
            bench.session.pay(bench.payment(PAYMENT_MINOR + 1, inputs))
        bench.session.pay(bench.payment(PAYMENT_MINOR, inputs))

    @pytest.mark.feature("P-03")
    def test_the_offline_payment_limit_is_exact(self, bench: Bench) -> None:
        """Offline a chip pays its tier's limit at once, and not one minor unit more."""
        inputs = bench.load(OFFLINE.offline_payment_minor + 1)
        over = bench.payment(OFFLINE.offline_payment_minor + 1, inputs, acceptor=Acceptor.CHIP)
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.session.pay(over)
        bench.session.pay(replace(over, amount_minor=OFFLINE.offline_payment_minor))
        assert bench.status.offline_paid_minor == OFFLINE.offline_payment_minor

    @pytest.mark.feature("P-03", "C-22")
    def test_the_offline_total_is_paid_once(self, bench: Bench) -> None:
        """Offline a chip pays its tier's total in all; repeats cost nothing, nor does the manager."""
        most, total = OFFLINE.offline_payment_minor, OFFLINE.offline_total_minor
        pieces = bench.load(*[most] * (total // most + 1))
        payments = [bench.payment(most, (one,), acceptor=Acceptor.CHIP) for one in pieces]
        for payment in payments[:-1]:
            bench.session.pay(payment)
        bench.session.pay(payments[0])
        assert bench.status.offline_paid_minor == total
        bench.reset()
        bench.unlock()
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.session.pay(payments[-1])
        bench.session.pay(replace(payments[-1], acceptor=Acceptor.MANAGER))

    def test_nobody_pays_oneself(self, bench: Bench) -> None:
        """A payment to the own wallet, or past the export record to the institution, is refused."""
        inputs = bench.load(100)
        for payee in (bench.fingerprint, bench.institution.fingerprint):
            with bench.unchanged(Outcome.WRONG_ADDRESSEE):
                bench.session.pay(bench.payment(100, inputs, payee))

    @pytest.mark.feature("C-19")
    def test_an_export_goes_home_and_is_recorded(self, bench: Bench) -> None:
        """An export pays the own institution; the chip keeps count, sum and record of it."""
        export = bench.exportation(30, bench.load(100))
        (transfer,) = _read(bench, bench.session.export(export))
        assert transfer.value.payee == bench.institution.fingerprint
        bench.reset()
        status = bench.status
        assert (status.exported_count, status.exported_minor) == (1, 30)
        assert status.balance_minor == 70
        assert bench.session.exports() == (ExportRecord(export.nonce, 30, NOW, 1),)

    @pytest.mark.feature("C-19", "C-22")
    def test_an_export_is_recorded_once(self, bench: Bench) -> None:
        """The same export again gives the same bytes and no second record."""
        export = bench.exportation(100, bench.load(100))
        first = bench.session.export(export)
        assert bench.session.export(export) == first
        assert (bench.status.exported_count, bench.status.exported_minor) == (1, 100)

    @pytest.mark.feature("C-19")
    def test_the_export_sum_outlives_its_records(self, bench: Bench) -> None:
        """The oldest record makes room for the newest; count and sum stay those of a life."""
        count = MAX_EXPORT_RECORDS + 1
        for _ in range(count):
            bench.session.export(bench.exportation(2, bench.load(2)))
        assert len(bench.session.exports()) == MAX_EXPORT_RECORDS
        assert (bench.status.exported_count, bench.status.exported_minor) == (count, 2 * count)
