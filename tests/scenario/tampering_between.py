"""What one party could change so that its own evidence agrees, and only another's does not."""

from contextlib import suppress

from feiqian.crypto.cbor import VERSION
from feiqian.institution import books, standing
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import Refusal
from feiqian.testing.audit.checks import Check
from feiqian.testing.bare_wallets import BareWallet
from feiqian.testing.network import CENTRAL_URL, key_of
from feiqian.testing.platform_world import run
from feiqian.wire.cashing import OBLIGATION_STATEMENT, ObligationStatement
from tests.scenario.lived_network import IN_FLIGHT_MINOR
from tests.scenario.tampering import order, post


def item_in_flight_lost(lived):
    """The redeemer has forgotten what it presented and never heard of again."""
    lived.change("B", "DELETE FROM presented WHERE state = 0")


def redeemed_for_another(lived):
    """Both sides' totals agree, but the transfer in flight was redeemed for the issuer itself."""
    [in_flight] = lived.one("B", "SELECT transfer FROM presented WHERE state = 0")
    lived.change("A", "UPDATE transfers SET redeemer = 'A' WHERE transfer = ?", in_flight)
    for creditor, sign in (("A", 1), ("B", -1)):
        change_minor = sign * IN_FLIGHT_MINOR
        lived.change(
            "A",
            "UPDATE obligations SET owed_total_minor = owed_total_minor + ? WHERE creditor = ?",
            change_minor,
            creditor,
        )
    post(lived, "obligations:B", "obligations:A", IN_FLIGHT_MINOR)


def credited_to_another_wallet(lived):
    """A payment in flight is going to be somebody else's."""
    dave = run(BareWallet.open(lived.network, "B", "dave"))
    lived.change("B", "UPDATE payments SET wallet = ? WHERE credited_minor = 0", dave.number)


def redemption_withdrawn(lived):
    """The issuer forgets that it redeemed what was credited long ago, and all that says so."""
    transfer, output, amount_minor = _first_redemption(lived)
    lived.change("B", "UPDATE transfers SET redeemer = NULL WHERE transfer = ?", transfer)
    lived.change("B", "UPDATE record SET state = 0 WHERE identifier = ?", output)
    lived.change(
        "B",
        "UPDATE obligations SET owed_total_minor = owed_total_minor - ? WHERE creditor = 'A'",
        amount_minor,
    )
    post(lived, "obligations:A", books.CIRCULATION, amount_minor, "B")


def _first_redemption(lived):
    """A transfer that A has cashed with B: its name, its payee's output, what it pays."""
    transfer, raw = lived.one(
        "B", "SELECT transfer, raw FROM transfers WHERE redeemer = 'A' ORDER BY recorded_at_ms"
    )
    found = parse_transfer(lived.network.institutions["B"].office.suite, raw)
    return transfer, found.payee_output, found.value.amount_minor


def statement_without_redemption(lived):
    """The debtor has really signed for more than it redeemed, and the platform has seen it."""
    suite = lived.network.institutions["A"].office.suite
    [owed_minor] = lived.one("A", "SELECT owed_total_minor FROM obligations WHERE creditor = 'B'")
    stated = ObligationStatement(VERSION, "A", "B", owed_minor + 1, 1)
    raw = OBLIGATION_STATEMENT.sign(suite, key_of(suite, lived.network.seed, "A"), stated)
    lived.change(
        "platform",
        "UPDATE obligations SET claimed_total_minor = ?, statement_raw = ? WHERE debtor = 'A'",
        owed_minor + 1,
        raw,
    )


def order_unknown_to_the_platform(lived):
    """The platform has lost an order that the institution shows, and its traces."""
    raw = order(lived, "root", 2)
    lived.change(
        "A", "INSERT INTO issuance_orders (number, amount_minor, raw) VALUES (2, 100, ?)", raw
    )
    post(lived, books.AUTHORISED, books.HEADROOM, 1_00)


def returned_and_spent(lived):
    """The platform has taken back what the institution goes on issuing."""
    courier = lived.network.courier
    courier.losing_answers.add(CENTRAL_URL)
    with suppress(Refusal):
        run(standing.order_issuance(lived.network.institutions["A"].office, "back", -1_00))
    courier.losing_answers.clear()
    post(lived, "returning", books.HEADROOM, 1_00)


def settlement_booked_too_early(lived):
    """An institution books as settled what the platform has not settled."""
    post(lived, "obligations:B", books.AUTHORISED, 1)
    lived.change(
        "A",
        "UPDATE obligations SET settled_total_minor = settled_total_minor + 1 WHERE creditor = 'B'",
    )


TAMPERINGS = (
    (item_in_flight_lost, Check.NOT_PRESENTED),
    (redeemed_for_another, Check.NOT_PRESENTED),
    (credited_to_another_wallet, Check.PAYEE),
    (redemption_withdrawn, Check.NOT_REDEEMED),
    (statement_without_redemption, Check.OVERSTATED),
    (order_unknown_to_the_platform, Check.BOOKED_ORDER),
    (returned_and_spent, Check.RETURNED),
    (settlement_booked_too_early, Check.BOOKED_SETTLEMENT),
)
