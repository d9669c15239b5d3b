"""What an issuer could change in its currencies, transfers and record, without the keys of others."""

from feiqian.crypto.cbor import VERSION
from feiqian.money.currency import Currency, sign_currency
from feiqian.money.transfer import Acceptor, parse_transfer
from feiqian.testing.audit.checks import Check
from feiqian.testing.network import key_of


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
        transfer.name,
        serial,
        raw,
        signer.certificate,
        now_ms,
    )
    lived.change(
        "A",
        "UPDATE record SET state = 1, consumed_by = ? WHERE identifier = ?",
        transfer.name,
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


TAMPERINGS = (
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
    (currency_without_cover, Check.COVER),
    (currency_for_more_than_was_cashed, Check.COVER),
)
