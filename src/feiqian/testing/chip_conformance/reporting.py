"""Chapter 9, reporting: the chip's own word on itself, numbered, and small."""

import pytest
from msgspec.structs import replace

from feiqian.crypto import compact
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NOW, Bench, Chapter, refused
from feiqian.testing.chip_conformance.orders import EVERY_KIND, Orders
from feiqian.testing.chips import PUK
from feiqian.testing.keys import NOW_MS
from feiqian.timing.moment import Moment
from feiqian.wire.key_information import (
    KEY_INFORMATION,
    ORDINARY_PAYLOAD_BYTES,
    ChipCondition,
    KeyInformation,
)

DIGEST = bytes(range(6))


def _report(bench: Bench, moment: Moment = NOW) -> KeyInformation:
    raw = bench.session.report(DIGEST, 12, moment)
    return KEY_INFORMATION.read(bench.world.suite, raw, bench.status.public_key)


class Reporting(Chapter):
    """What the platform learns of a silent wallet."""

    @pytest.mark.feature("W-05")
    def test_a_report_says_what_the_chip_knows(self, bench: Bench) -> None:
        """Counter, balance, offline totals, synchronisation and orders are the chip's own figures."""
        bench.session.synchronise(bench.synchronisation(3))
        Orders(bench).give(Orders(bench).signed(9, EVERY_KIND[3]))
        bench.accept(70)
        bench.session.pay(bench.payment(30, bench.load(100)))
        moment = Moment(NOW_MS + 1_600, 2_500)
        assert _report(bench, moment) == KeyInformation(
            version=1,
            number=1,
            counter=1,
            balance_minor=140,
            offline_paid_minor=0,
            offline_received_minor=70,
            log_digest=DIGEST,
            list_number=12,
            moment_s=NOW_MS // 1_000 + 1,
            radius_s=4,
            synchronised_number=3,
            executed_number=9,
            condition=0,
        )

    @pytest.mark.feature("W-05")
    def test_reports_are_numbered(self, bench: Bench) -> None:
        """No two reports have one number, also across a reset; nothing else changes by reporting."""
        before = bench.session.pieces()
        assert [_report(bench).number for _ in range(3)] == [1, 2, 3]
        bench.reset()
        assert _report(bench).number == 4
        assert bench.status.report_number == 4
        assert bench.session.pieces() == before

    @pytest.mark.feature("W-05", "W-09")
    def test_a_report_says_what_is_out_of_the_ordinary(self, bench: Bench) -> None:
        """Frozen, blocked, under other limits: told in one byte, by a chip that still reports."""
        orders = Orders(bench)
        assert _report(bench).condition == 0
        orders.give(orders.signed(1))
        assert _report(bench).condition == ChipCondition.FROZEN
        orders.give(orders.signed(2, EVERY_KIND[1]))
        for _ in range(3):
            with refused(Outcome.PIN_WRONG):
                bench.session.verify_pin(b"0000")
        expected = ChipCondition.FROZEN | ChipCondition.OTHER_LIMITS | ChipCondition.PIN_BLOCKED
        assert _report(bench).condition == expected
        bench.session.unblock_pin(PUK, b"4321")
        assert _report(bench).condition == ChipCondition.FROZEN | ChipCondition.OTHER_LIMITS

    @pytest.mark.feature("W-05", "W-06")
    def test_an_ordinary_report_fits_two_short_messages(self, bench: Bench) -> None:
        """A wallet in use reports in what two messages of the narrowest service carry."""
        bench.session.synchronise(bench.synchronisation(300))
        bench.load(9_000_000, 100)
        bench.accept(400_000)
        raw = bench.session.report(DIGEST, 40_000, Moment(NOW_MS, 3_600_000))
        short = compact.shorten(bench.world.suite, raw)
        assert len(short) <= ORDINARY_PAYLOAD_BYTES + 64

    @pytest.mark.feature("W-06", "R-08")
    def test_no_message_number_is_given_twice(self, bench: Bench) -> None:
        """Numbers count on across resets, also of a chip that is locked and frozen; nothing else moves."""
        assert [bench.session.next_message() for _ in range(3)] == [1, 2, 3]
        Orders(bench).give(Orders(bench).signed(1))
        bench.reset()
        before = bench.status
        assert bench.session.next_message() == 4
        assert bench.status == replace(before, message_number=4)
