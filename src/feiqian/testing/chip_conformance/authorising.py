"""Chapter 10, authorising: what the holder allows once with the PIN, and can take back without it."""

from typing import Any

import pytest

from feiqian.chip.commands import MAX_AUTHORISATIONS, LiveAuthorisation
from feiqian.money.limits import DEFAULT_TIER, limits_of
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NOW, NUMBER, Bench, Chapter
from feiqian.testing.chip_conformance.grants import UNTIL_MS, Grants
from feiqian.testing.chip_conformance.orders import THAW, Orders
from feiqian.testing.keys import NOW_MS
from feiqian.timing.moment import Moment
from feiqian.wire.authorisation import MAX_VALID_MS, Authorisation

PAYMENT_MINOR = limits_of(DEFAULT_TIER).payment_minor


class Authorising(Chapter):
    """How a holder lets a chip pay by itself."""

    @pytest.fixture
    def grants(self, bench: Bench) -> Grants:
        """A provider and its entities."""
        return Grants(bench)

    @pytest.mark.feature("V-02", "V-09")
    def test_an_authorisation_is_signed_and_kept(self, bench: Bench, grants: Grants) -> None:
        """It says number, wallet, grant and moment, and is live, also after a reset."""
        first, second = grants.authorise(), grants.authorise(payee=grants.entity(), uses=3)
        assert first == Authorisation(1, 1, NUMBER, grants.grant(), NOW)
        assert second.number == 2
        bench.reset()
        live = bench.session.authorisations()
        assert [each.uses_left for each in live] == [1, 3]
        assert bench.status.authorisation_count == 2

    @pytest.mark.feature("V-02", "C-22")
    def test_authorising_again_is_harmless(self, bench: Bench, grants: Grants) -> None:
        """A lost answer is asked for again and allows nothing twice."""
        first = bench.session.authorise(grants.grant(), NOW)
        assert bench.session.authorise(grants.grant(), NOW) == first
        assert bench.session.authorisations() == (LiveAuthorisation(first, 1),)
        assert bench.session.authorise(grants.grant(), Moment(NOW_MS + 1)) != first

    @pytest.mark.feature("V-02", "V-07")
    def test_authorising_takes_the_pin(self, bench: Bench, grants: Grants) -> None:
        """Nobody but the holder lets the chip pay by itself."""
        bench.session.lock()
        with bench.unchanged(Outcome.PIN_REQUIRED):
            grants.authorise()

    @pytest.mark.feature("V-09")
    @pytest.mark.parametrize(
        ("changed", "outcome"),
        [
            ({"valid_until_ms": NOW_MS}, Outcome.MALFORMED),
            ({"valid_until_ms": NOW_MS + MAX_VALID_MS + 1}, Outcome.MALFORMED),
            ({"uses": 0}, Outcome.MALFORMED),
            ({"uses": 65}, Outcome.MALFORMED),
            ({"ceiling_minor": 0}, Outcome.MALFORMED),
            ({"provider": bytes(33)}, Outcome.MALFORMED),
            ({"valid_from_ms": 0, "valid_until_ms": NOW_MS + 999}, Outcome.MALFORMED),
            ({"ceiling_minor": PAYMENT_MINOR + 1}, Outcome.OVER_PAYMENT_LIMIT),
        ],
        ids=str,
    )
    def test_every_grant_has_bounds(
        self, bench: Bench, grants: Grants, changed: dict[str, Any], outcome: Outcome
    ) -> None:
        """No grant without an end, without uses, or above what may be paid at once."""
        with bench.unchanged(outcome):
            grants.authorise(**changed)

    @pytest.mark.feature("V-09")
    def test_a_grant_that_is_over_is_none(self, bench: Bench, grants: Grants) -> None:
        """What may be over already is not authorised; what is certainly not over is."""
        over = grants.grant(valid_from_ms=NOW_MS - 9, valid_until_ms=NOW.latest_ms - 1)
        with bench.unchanged(Outcome.EXPIRED):
            bench.session.authorise(over, NOW)
        bench.session.authorise(
            grants.grant(valid_from_ms=NOW_MS - 9, valid_until_ms=NOW.latest_ms), NOW
        )

    def test_nobody_authorises_payments_to_oneself(self, bench: Bench, grants: Grants) -> None:
        """The chip itself and its institution are no service entities."""
        for payee in (bench.fingerprint, bench.institution.fingerprint):
            with bench.unchanged(Outcome.WRONG_ADDRESSEE):
                grants.authorise(payee=payee)

    @pytest.mark.feature("V-09", "R-03")
    def test_a_frozen_chip_authorises_nothing(self, bench: Bench, grants: Grants) -> None:
        """While it is frozen nothing new is allowed; taking back is."""
        number = grants.authorise().number
        orders = Orders(bench)
        orders.give(orders.signed(1))
        with bench.unchanged(Outcome.WALLET_FROZEN):
            grants.authorise(uses=2)
        bench.session.revoke(number)
        assert bench.session.authorisations() == ()
        orders.give(orders.signed(2, THAW))
        grants.authorise(uses=2)

    @pytest.mark.feature("V-09")
    def test_revoking_ends_one_authorisation(self, bench: Bench, grants: Grants) -> None:
        """It needs no PIN, hits no other, survives a reset, and is harmless the second time."""
        numbers = [grants.authorise(uses=uses).number for uses in (1, 2, 3)]
        bench.reset()
        for _ in range(2):
            bench.session.revoke(numbers[1])
        bench.session.revoke(99)
        bench.reset()
        assert [each.uses_left for each in bench.session.authorisations()] == [1, 3]

    @pytest.mark.feature("V-09")
    def test_room_is_made_by_what_is_over(self, bench: Bench, grants: Grants) -> None:
        """A full chip authorises nothing more until one is revoked, used up, or certainly over."""
        grants.authorise(valid_until_ms=UNTIL_MS - 1)
        for uses in range(2, MAX_AUTHORISATIONS + 1):
            grants.authorise(uses=uses)
        with bench.unchanged(Outcome.CHIP_FULL):
            grants.authorise(uses=40)
        uncertain = Moment(UNTIL_MS, 1)
        with bench.unchanged(Outcome.CHIP_FULL):
            bench.session.authorise(grants.grant(valid_until_ms=2 * UNTIL_MS - NOW_MS), uncertain)
        certain = Moment(UNTIL_MS + 1, 1)
        bench.session.authorise(grants.grant(valid_until_ms=2 * UNTIL_MS - NOW_MS), certain)
        assert bench.status.authorisation_count == MAX_AUTHORISATIONS
