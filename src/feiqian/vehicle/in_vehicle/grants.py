"""Standing authorisations, as the client keeps them; the chip has its own, and decides."""

import msgspec

from feiqian.crypto.suites import Suite
from feiqian.ports import Transaction
from feiqian.wire.authorisation import AUTHORISATION


class Standing(msgspec.Struct, frozen=True):
    """A standing authorisation, for people."""

    number: int
    service: str
    ceiling_minor: int
    uses: int
    valid_until_ms: int
    revoked: bool


def keep(tx: Transaction, number: int, raw: bytes) -> None:
    """Remember one that the chip has signed."""
    tx.execute(
        "INSERT INTO authorisations (number, raw, revoked) VALUES (?, ?, 0)"
        " ON CONFLICT (number) DO NOTHING",
        (number, raw),
    )


def revoke(tx: Transaction, number: int) -> None:
    """Cover nothing by it any more."""
    tx.execute("UPDATE authorisations SET revoked = 1 WHERE number = ?", (number,))


def live(tx: Transaction) -> tuple[bytes, ...]:
    """Those that may cover an offer, the newest first."""
    rows = tx.query("SELECT raw FROM authorisations WHERE revoked = 0 ORDER BY number DESC")
    return tuple(bytes(raw) for (raw,) in rows)


def shown(tx: Transaction, suite: Suite) -> list[Standing]:
    """All, oldest first."""
    rows = tx.query("SELECT raw, revoked FROM authorisations ORDER BY number")
    return [_shown(suite, bytes(raw), bool(revoked)) for raw, revoked in rows]


def _shown(suite: Suite, raw: bytes, revoked: bool) -> Standing:
    authorisation = AUTHORISATION.peek(suite, raw)
    grant = authorisation.grant
    return Standing(
        authorisation.number,
        grant.service.value,
        grant.ceiling_minor,
        grant.uses,
        grant.valid_until_ms,
        revoked,
    )
