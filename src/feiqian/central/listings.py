"""What stands, or stood, on the double-spending list: one row for each listing, never deleted.

A row says which version of the list brought it and which one revoked it, so the content of every
version can be told, and what is listed again after it was revoked has a row of its own.
"""

from dataclasses import dataclass

from feiqian.money.double_spending import Offender, pack_entry
from feiqian.ports import Transaction


@dataclass(frozen=True, slots=True)
class Listing:
    """One entry that stands on the newest list."""

    consumed: bytes
    """The identifier that is listed, whole."""
    honoured: bytes
    """The name of the transfer that its issuer has recorded, whole."""
    offender: bytes

    @property
    def entry(self) -> bytes:
        """As the list has it."""
        return pack_entry(self.consumed, self.honoured)


def packed_entries(tx: Transaction, number: int) -> bytes:
    """The entries that version `number` has, packed, in order."""
    rows = tx.query(
        "SELECT consumed, honoured FROM listed_identifiers"
        " WHERE listed_in <= ? AND (revoked_in IS NULL OR revoked_in > ?) ORDER BY consumed",
        (number, number),
    )
    return b"".join(pack_entry(consumed, honoured) for consumed, honoured in rows)


def offenders_in(tx: Transaction, number: int) -> list[Offender]:
    """The offenders that version `number` names, in order."""
    rows = tx.query(
        "SELECT fingerprint, wallet, since_ms FROM listed_offenders"
        " WHERE listed_in <= ? AND (revoked_in IS NULL OR revoked_in > ?) ORDER BY fingerprint",
        (number, number),
    )
    return [Offender(*row) for row in rows]


def list_identifier(tx: Transaction, listing: Listing, number: int) -> None:
    """Enter a listing that version `number` brings."""
    tx.execute(
        "INSERT INTO listed_identifiers (consumed, honoured, offender, listed_in, revoked_in)"
        " VALUES (?, ?, ?, ?, NULL)",
        (listing.consumed, listing.honoured, listing.offender, number),
    )


def list_offender(tx: Transaction, offender: Offender, number: int) -> None:
    """Enter an offender that version `number` brings."""
    tx.execute(
        "INSERT INTO listed_offenders (fingerprint, wallet, since_ms, listed_in, revoked_in)"
        " VALUES (?, ?, ?, ?, NULL)",
        (offender.fingerprint, offender.wallet, offender.since_ms, number),
    )


def listing_of(tx: Transaction, consumed: bytes) -> Listing | None:
    """The listing of an identifier that is not revoked."""
    rows = tx.query(
        "SELECT honoured, offender FROM listed_identifiers"
        " WHERE consumed = ? AND revoked_in IS NULL",
        (consumed,),
    )
    return Listing(consumed, *rows[0]) if rows else None


def revoke_identifier(tx: Transaction, consumed: bytes, number: int) -> None:
    """Version `number` has the listing no more."""
    tx.execute(
        "UPDATE listed_identifiers SET revoked_in = ? WHERE consumed = ? AND revoked_in IS NULL",
        (number, consumed),
    )


def revoke_offender(tx: Transaction, fingerprint: bytes, number: int) -> None:
    """Version `number` names the offender no more."""
    tx.execute(
        "UPDATE listed_offenders SET revoked_in = ? WHERE fingerprint = ? AND revoked_in IS NULL",
        (number, fingerprint),
    )


def listings_against(tx: Transaction, fingerprint: bytes) -> int:
    """How many listings that are not revoked an offender has caused."""
    [[count]] = tx.query(
        "SELECT COUNT(*) FROM listed_identifiers WHERE offender = ? AND revoked_in IS NULL",
        (fingerprint,),
    )
    return int(count)


def offender_of_wallet(tx: Transaction, wallet: str) -> list[bytes]:
    """The listed keys of a wallet number: one, as a rule."""
    rows = tx.query(
        "SELECT fingerprint FROM listed_offenders WHERE wallet = ? AND revoked_in IS NULL"
        " ORDER BY fingerprint",
        (wallet,),
    )
    return [fingerprint for (fingerprint,) in rows]
