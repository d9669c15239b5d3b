"""What somebody with a party's database in their hands could change, and what an audit must call it.

Each change is as thorough as it can be without the keys of others: whoever invents a row also
corrects the rows that belong to it, so that the audit is not merely tripped by sloppiness.
"""

from contextlib import suppress

from feiqian.crypto.cbor import VERSION
from feiqian.institution import books, standing
from feiqian.money.currency import Currency, sign_currency
from feiqian.money.transfer import Acceptor, parse_transfer
from feiqian.outcomes import Refusal
from feiqian.testing.audit.checks import Check
from feiqian.testing.bare_wallets import BareWallet
from feiqian.testing.network import CENTRAL_URL, key_of
from feiqian.testing.platform_world import run
from feiqian.wire.cashing import OBLIGATION_STATEMENT, ObligationStatement
from feiqian.wire.requests import ISSUANCE_ORDER, IssuanceOrder
from tests.scenario.lived_network import IN_FLIGHT_MINOR


def _forged_currency(lived, **changes):
    suite = lived.network.institutions["A"].office.suite
    fields = {
        "version": VERSION,
        "issuer": "A",
        "serial": bytes(16),
        "amount_minor": 50_00,
        "owner": lived.alice.fingerprint,
        "issued_at_ms": 1,
        "sequence": 3,
        "renewal_of": None,
    }
    signer = changes.pop("signer", "A")
    return sign_currency(
        suite, key_of(suite, lived.network.seed, signer), Currency(**{**fields, **changes})
    )


def currency_of_another_key(lived):
    """Another institution has signed a currency of this one."""
    forged = _forged_currency(lived, sequence=1, signer="B")
    lived.change(
        "A",
        "UPDATE issued SET raw = ? WHERE owner = ? AND sequence = 1",
        forged.raw,
        lived.alice.fingerprint,
    )


def currency_row_moved(lived):
    """A currency is filed under an owner it was not issued to."""
    lived.change(
        "A",
        "UPDATE issued SET owner = ? WHERE owner = ? AND sequence = 1",
        bytes(32),
        lived.alice.fingerprint,
    )


def currency_lost(lived):
    """The newest currency of a wallet is gone."""
    lived.change(
        "A", "DELETE FROM issued WHERE owner = ? AND sequence = 2", lived.alice.fingerprint
    )


def currency_without_cover(lived):
    """The issuer itself signs value that nobody paid for, and keeps its record in order."""
    forged = _forged_currency(lived)
    owner = lived.alice.fingerprint
    lived.change(
        "A",
        "INSERT INTO issued (serial, owner, sequence, cause, raw) VALUES (?, ?, 3, ?, ?)",
        forged.value.serial,
        owner,
        bytes(16),
        forged.raw,
    )
    lived.change(
        "A",
        "INSERT INTO record (identifier, serial, amount_minor, owner, state, consumed_by)"
        " VALUES (?, ?, 5000, ?, 0, NULL)",
        forged.identifier,
        forged.value.serial,
        owner,
    )
    lived.change("A", "UPDATE wallets SET issued_sequence = 3 WHERE fingerprint = ?", owner)


def currency_for_more_than_was_cashed(lived):
    """A second currency for a payment that has brought its money already."""
    payment, _ = lived.one(
        "A",
        "SELECT p.payment, w.number FROM payments p JOIN wallets w ON w.number = p.wallet"
        " WHERE w.fingerprint = ? AND p.purpose = 0",
        lived.carol.fingerprint,
    )
    [last] = lived.one(
        "A", "SELECT issued_sequence FROM wallets WHERE fingerprint = ?", lived.carol.fingerprint
    )
    owner = lived.carol.fingerprint
    forged = _forged_currency(lived, owner=owner, sequence=last + 1)
    lived.change(
        "A",
        "INSERT INTO issued (serial, owner, sequence, cause, raw) VALUES (?, ?, ?, ?, ?)",
        forged.value.serial,
        owner,
        last + 1,
        payment,
        forged.raw,
    )
    lived.change(
        "A",
        "INSERT INTO record (identifier, serial, amount_minor, owner, state, consumed_by)"
        " VALUES (?, ?, 5000, ?, 0, NULL)",
        forged.identifier,
        forged.value.serial,
        owner,
    )
    lived.change(
        "A", "UPDATE wallets SET issued_sequence = ? WHERE fingerprint = ?", last + 1, owner
    )


def transfer_of_another_signature(lived):
    """One bit of a signature is turned."""
    name, raw = lived.one("A", "SELECT transfer, raw FROM transfers ORDER BY transfer")
    flipped = raw[:-1] + bytes([raw[-1] ^ 1])
    lived.change("A", "UPDATE transfers SET raw = ? WHERE transfer = ?", flipped, name)


def transfer_under_another_name(lived):
    """A transfer is filed under a name that is not its own."""
    lived.change(
        "A",
        "UPDATE transfers SET transfer = ? WHERE transfer = (SELECT MIN(transfer) FROM transfers)",
        bytes(32),
    )


def transfer_deleted(lived):
    """A payment forgotten: the state it consumed would be spendable again."""
    lived.change(
        "A",
        "DELETE FROM transfers WHERE transfer = (SELECT r.consumed_by FROM record r"
        " JOIN issued i ON i.serial = r.serial WHERE i.owner = ? AND i.sequence = 2"
        " AND r.consumed_by IS NOT NULL)",
        lived.alice.fingerprint,
    )


def transfer_of_another_root(lived):
    """Transfers are filed under another currency of the same owner."""
    lived.change(
        "A",
        "UPDATE transfers SET serial = (SELECT serial FROM issued WHERE owner = ? AND"
        " sequence = 2) WHERE serial = (SELECT serial FROM issued WHERE owner = ? AND sequence = 1)",
        lived.alice.fingerprint,
        lived.alice.fingerprint,
    )


def state_spent_twice(lived):
    """The second, conflicting transfer is recorded beside the first."""
    lived.change(
        "B",
        "INSERT INTO transfers (transfer, serial, raw, certificate, redeemer, recorded_at_ms)"
        " SELECT c.transfer, r.serial, c.raw, c.certificate, 'A', c.found_at_ms FROM conflicts c"
        " JOIN record r ON r.identifier = c.consumed",
    )


def redeemed_and_handed_on(lived):
    """What was handed on offline is redeemed as well."""
    lived.change("A", "UPDATE transfers SET redeemer = 'B' WHERE redeemer IS NULL")


def transfer_by_a_stranger(lived):
    """Carol signs for what alice owns, with the very amounts."""
    serial, identifier, amount_minor = _change_of_alice(lived)
    raw = lived.carol.sign(identifier, lived.bob.fingerprint, amount_minor, 0, bytes(16))
    _record_transfer(lived, serial, identifier, raw, lived.carol)


def transfer_that_makes_money(lived):
    """Alice signs for more than she has."""
    serial, identifier, amount_minor = _change_of_alice(lived)
    raw = lived.alice.sign(identifier, lived.bob.fingerprint, amount_minor + 1, 0, bytes(16))
    _record_transfer(lived, serial, identifier, raw, lived.alice)


def redeemed_though_a_chip_holds_it(lived):
    """An offline payment is cashed without the chip that took it in."""
    holding = next(each for each in lived.alice.holdings if each.transfers)
    handed, _ = lived.alice.spend(
        holding, lived.bob.fingerprint, holding.output.amount_minor, bytes(16), Acceptor.CHIP
    )
    raw = handed.transfers[-1].raw
    _record_transfer(
        lived, holding.currency.value.serial, holding.output.identifier, raw, lived.alice
    )
    lived.change("A", "UPDATE transfers SET redeemer = 'B' WHERE raw = ?", raw)
    lived.change("A", "UPDATE record SET state = 2 WHERE identifier = ?", handed.output.identifier)


def _change_of_alice(lived):
    return lived.one(
        "A",
        "SELECT serial, identifier, amount_minor FROM record WHERE owner = ? AND state = 0",
        lived.alice.fingerprint,
    )


def _record_transfer(lived, serial, identifier, raw, signer):
    transfer = parse_transfer(lived.network.institutions["A"].office.suite, raw)
    now_ms = lived.network.clock.now().midpoint_ms
    lived.change(
        "A",
        "INSERT INTO transfers (transfer, serial, raw, certificate, redeemer, recorded_at_ms)"
        " VALUES (?, ?, ?, ?, NULL, ?)",
        transfer.identifier,
        serial,
        raw,
        signer.certificate,
        now_ms,
    )
    lived.change(
        "A",
        "UPDATE record SET state = 1, consumed_by = ? WHERE identifier = ?",
        transfer.identifier,
        identifier,
    )
    lived.change(
        "A",
        "INSERT INTO record (identifier, serial, amount_minor, owner, state, consumed_by)"
        " VALUES (?, ?, ?, ?, 0, NULL)",
        transfer.payee_output,
        serial,
        transfer.value.amount_minor,
        transfer.value.payee,
    )


def record_row_lost(lived):
    """What carol holds is not in the record any more."""
    lived.change("A", "DELETE FROM record WHERE state = 0 AND owner = ?", lived.carol.fingerprint)


def record_amount_raised(lived):
    """The record is generous."""
    lived.change(
        "A",
        "UPDATE record SET amount_minor = amount_minor + 1 WHERE state = 0 AND owner = ?",
        lived.alice.fingerprint,
    )


def spent_state_circulates_again(lived):
    """The record says that alice could spend again what she spent."""
    lived.change(
        "A",
        "UPDATE record SET state = 0, consumed_by = NULL WHERE state = 1 AND owner = ?",
        lived.alice.fingerprint,
    )


def record_row_invented(lived):
    """The record knows a state that nobody made."""
    serial, _, _ = _change_of_alice(lived)
    lived.change(
        "A",
        "INSERT INTO record (identifier, serial, amount_minor, owner, state, consumed_by)"
        " VALUES (?, ?, 100, ?, 0, NULL)",
        bytes(32),
        serial,
        lived.alice.fingerprint,
    )


def conflict_of_one_transfer(lived):
    """Somebody is accused with the transfer that was recorded."""
    lived.change(
        "A",
        "INSERT INTO conflicts (transfer, consumed, raw, certificate, presenter, found_at_ms)"
        " SELECT t.transfer, r.identifier, t.raw, t.certificate, 'B', t.recorded_at_ms"
        " FROM transfers t JOIN record r ON r.consumed_by = t.transfer"
        " WHERE t.redeemer IS NOT NULL ORDER BY t.transfer LIMIT 1",
    )


def item_for_more(lived):
    """The redeemer books more than the transfer pays."""
    lived.change("B", "UPDATE presented SET amount_minor = amount_minor + 1 WHERE state = 1")


def item_cashed_on_its_own_word(lived):
    """The redeemer calls cashed what the issuer has not confirmed."""
    lived.change("B", "UPDATE presented SET state = 1 WHERE state = 0")


def response_lost(lived):
    """The issuer's word is gone."""
    lived.change("B", "DELETE FROM cash_responses")


def response_of_another_key(lived):
    """One bit of the issuer's signature is turned."""
    [raw] = lived.one("B", "SELECT raw FROM cash_responses")
    flipped = raw[:-1] + bytes([raw[-1] ^ 1])
    lived.change("B", "UPDATE cash_responses SET raw = ?", flipped)


def statement_raised(lived):
    """The creditor notes more than the debtor has signed."""
    lived.change("B", "UPDATE claims SET stated_total_minor = stated_total_minor + 1")


def order_of_another_key(lived):
    """An order that the platform has not signed."""
    lived.change("A", "UPDATE issuance_orders SET raw = ?", _order(lived, "B", 1))


def order_missing_in_the_row(lived):
    """Orders that do not start at the first."""
    lived.change("A", "UPDATE issuance_orders SET number = 2")


def payment_credited_twice(lived):
    """A payment is said to have brought twice what was cashed of it."""
    lived.change("B", "UPDATE payments SET credited_minor = 2 * credited_minor")


def payment_lost(lived):
    """An item is presented for no payment."""
    lived.change("B", "DELETE FROM payments WHERE credited_minor = 0")


def owed_total_lowered(lived):
    """The issuer wants to owe less than it has redeemed."""
    lived.change("A", "UPDATE obligations SET owed_total_minor = owed_total_minor - 1")


def settled_above_what_is_owed(lived):
    """The issuer has settled what it never owed."""
    lived.change("A", "UPDATE obligations SET settled_total_minor = owed_total_minor + 1")


def claimed_total_raised(lived):
    """The redeemer claims more than it has cashed."""
    lived.change("B", "UPDATE claims SET claimed_total_minor = claimed_total_minor + 1")


def balance_altered(lived):
    """A balance that its postings do not make."""
    lived.change(
        "A", "UPDATE balances SET balance_minor = balance_minor + 1 WHERE account = 'headroom'"
    )


def _post(lived, debit, credit, amount_minor, party="A"):
    """One posting with its balances."""
    lived.network.stores[party].run(
        lambda tx: books.post(tx, debit, credit, amount_minor, "quietly", 1)
    )


def books_that_agree_with_themselves(lived):
    """Books that are right in themselves, and not what the evidence says."""
    _post(lived, "circulation", books.HEADROOM, 5_00)


def bank_account_raised(lived):
    """Bank money in an account that came from nowhere."""
    lived.change("A", "UPDATE accounts SET balance_minor = balance_minor + 1")


def _order(lived, signer, number, amount_minor=1_00):
    suite = lived.network.institutions["A"].office.suite
    order = IssuanceOrder(VERSION, number, "A", amount_minor, amount_minor, 1)
    return ISSUANCE_ORDER.sign(suite, key_of(suite, lived.network.seed, signer), order)


def platform_order_of_another_key(lived):
    """An order in the platform's own files that it has not signed."""
    lived.change(
        "platform",
        "UPDATE issuance_orders SET order_raw = ? WHERE institution = 'A'",
        _order(lived, "A", 1),
    )


def platform_order_of_another_amount(lived):
    """An order that was booked for another amount than signed."""
    lived.change("platform", "UPDATE issuance_orders SET amount_minor = amount_minor + 1")


def ledger_entry_unbalanced(lived):
    """A ledger entry that makes money."""
    lived.change(
        "platform",
        "UPDATE postings SET amount_minor = amount_minor + 1"
        " WHERE account = 'reserves:A' AND amount_minor > 0",
    )


def ledger_balance_altered(lived):
    """A ledger balance that its postings do not make."""
    lived.change(
        "platform",
        "UPDATE balances SET balance_minor = balance_minor + 1 WHERE account = 'reserves:A'",
    )


def claim_without_its_statement(lived):
    """The platform notes a higher claim than the debtor signed."""
    lived.change("platform", "UPDATE obligations SET claimed_total_minor = claimed_total_minor + 1")


def settled_twice(lived):
    """The platform forgets what was settled, so that it would settle again."""
    lived.change("platform", "UPDATE obligations SET settled_total_minor = 0")


def settlement_without_a_claim(lived):
    """A settlement that nobody has claimed."""
    lived.change(
        "platform",
        "INSERT INTO settlements (number, cycle, debtor, creditor, amount_minor,"
        " settled_total_minor, settled_at_ms) VALUES (99, NULL, 'B', 'C', 1, 1, 1)",
    )


def issuance_moved_without_settlement(lived):
    """An entry that adds up, with its balances, and no settlement behind it."""
    for sql in (
        "INSERT INTO entries (number, kind, reference, booked_at_ms) VALUES (99, 'gross', '', 1)",
        "INSERT INTO postings (entry, account, amount_minor) VALUES (99, 'issuance:A', -1)",
        "INSERT INTO postings (entry, account, amount_minor) VALUES (99, 'issuance:B', 1)",
        "UPDATE balances SET balance_minor = balance_minor - 1 WHERE account = 'issuance:A'",
        "UPDATE balances SET balance_minor = balance_minor + 1 WHERE account = 'issuance:B'",
    ):
        lived.change("platform", sql)


def institution_not_in_the_directory(lived):
    """The newest directory is gone, so one institution is none."""
    lived.change("platform", "DELETE FROM directories WHERE number > 2")


def directory_of_another_key(lived):
    """One bit of the directory's signature is turned."""
    [raw] = lived.one("platform", "SELECT raw FROM directories ORDER BY number DESC")
    flipped = raw[:-1] + bytes([raw[-1] ^ 1])
    lived.change("platform", "UPDATE directories SET raw = ?", flipped)


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
    _post(lived, "obligations:B", "obligations:A", IN_FLIGHT_MINOR)


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
    _post(lived, "obligations:A", books.CIRCULATION, amount_minor, "B")


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
    raw = _order(lived, "root", 2)
    lived.change(
        "A", "INSERT INTO issuance_orders (number, amount_minor, raw) VALUES (2, 100, ?)", raw
    )
    _post(lived, books.AUTHORISED, books.HEADROOM, 1_00)


def returned_and_spent(lived):
    """The platform has taken back what the institution goes on issuing."""
    courier = lived.network.courier
    courier.losing_answers.add(CENTRAL_URL)
    with suppress(Refusal):
        run(standing.order_issuance(lived.network.institutions["A"].office, "back", -1_00))
    courier.losing_answers.clear()
    _post(lived, "returning", books.HEADROOM, 1_00)


def settlement_booked_too_early(lived):
    """An institution books as settled what the platform has not settled."""
    _post(lived, "obligations:B", books.AUTHORISED, 1)
    lived.change(
        "A",
        "UPDATE obligations SET settled_total_minor = settled_total_minor + 1 WHERE creditor = 'B'",
    )


TAMPERINGS = (
    (institution_not_in_the_directory, Check.DIRECTORY),
    (directory_of_another_key, Check.DIRECTORY),
    (currency_of_another_key, Check.CURRENCY),
    (currency_row_moved, Check.CURRENCY),
    (currency_lost, Check.CURRENCY_SEQUENCE),
    (transfer_of_another_signature, Check.TRANSFER),
    (transfer_under_another_name, Check.TRANSFER),
    (transfer_of_another_root, Check.TRANSFER_INPUT),
    (state_spent_twice, Check.TRANSFER_INPUT),
    (redeemed_and_handed_on, Check.TRANSFER_INPUT),
    (transfer_by_a_stranger, Check.TRANSFER_OWNER),
    (transfer_that_makes_money, Check.TRANSFER_VALUE),
    (redeemed_though_a_chip_holds_it, Check.TRANSFER_ACCEPTOR),
    (transfer_deleted, Check.RECORD_STATE),
    (record_row_lost, Check.RECORD_MISSING),
    (record_amount_raised, Check.RECORD_STATE),
    (spent_state_circulates_again, Check.RECORD_STATE),
    (record_row_invented, Check.RECORD_EXTRA),
    (conflict_of_one_transfer, Check.CONFLICT),
    (item_for_more, Check.PRESENTED),
    (item_cashed_on_its_own_word, Check.CASH_RESPONSE),
    (response_lost, Check.CASH_RESPONSE),
    (response_of_another_key, Check.CASH_RESPONSE),
    (statement_raised, Check.STATEMENT),
    (order_of_another_key, Check.ORDER),
    (order_missing_in_the_row, Check.ORDER),
    (payment_credited_twice, Check.CREDIT),
    (payment_lost, Check.CREDIT),
    (currency_without_cover, Check.COVER),
    (currency_for_more_than_was_cashed, Check.COVER),
    (owed_total_lowered, Check.OBLIGATION),
    (settled_above_what_is_owed, Check.OBLIGATION),
    (claimed_total_raised, Check.CLAIM),
    (balance_altered, Check.POSTINGS),
    (books_that_agree_with_themselves, Check.BOOKS),
    (bank_account_raised, Check.BANK_MONEY),
    (platform_order_of_another_key, Check.PLATFORM_ORDER),
    (platform_order_of_another_amount, Check.PLATFORM_ORDER),
    (ledger_entry_unbalanced, Check.PLATFORM_ENTRY),
    (ledger_balance_altered, Check.PLATFORM_BALANCE),
    (claim_without_its_statement, Check.PLATFORM_STATEMENT),
    (settled_twice, Check.PLATFORM_SETTLEMENT),
    (settlement_without_a_claim, Check.PLATFORM_SETTLEMENT),
    (issuance_moved_without_settlement, Check.PLATFORM_ISSUANCE),
    (item_in_flight_lost, Check.NOT_PRESENTED),
    (redeemed_for_another, Check.NOT_PRESENTED),
    (credited_to_another_wallet, Check.PAYEE),
    (redemption_withdrawn, Check.NOT_REDEEMED),
    (statement_without_redemption, Check.OVERSTATED),
    (order_unknown_to_the_platform, Check.BOOKED_ORDER),
    (returned_and_spent, Check.RETURNED),
    (settlement_booked_too_early, Check.BOOKED_SETTLEMENT),
)
