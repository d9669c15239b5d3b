"""Which institutions belong to the network (P-02): their certificates, and the signed directory.

Admitting certifies an institution's public key, with the address where it answers; the institution
keeps the private key. Every change makes a directory with the next number, so that nobody who has
seen it goes back to an older one. Admitting again renews the certificate or moves the address. The
key stays: what it has signed is in circulation, and would no longer verify under another.
"""

from dataclasses import dataclass

from feiqian.central.authority import Authority
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.crypto.trust import DIRECTORY, MAX_INSTITUTIONS, Directory, DirectoryEntry
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Row, Transaction

_SELECT = "SELECT code, certificate, url, admitted_at_ms FROM institutions"


@dataclass(frozen=True, slots=True)
class Member:
    """An institution as admitted; `certificate` is COSE bytes."""

    code: str
    certificate: bytes
    url: str
    admitted_at_ms: int
    """When it was first admitted; a renewed certificate is valid from then on, too."""


def members(tx: Transaction) -> tuple[Member, ...]:
    """All institutions, by code."""
    rows = tx.query(f"{_SELECT} ORDER BY code")
    return tuple(_member(row) for row in rows)


def member_of(tx: Transaction, code: str) -> Member | None:
    """The institution of that code, if it was admitted."""
    rows = tx.query(f"{_SELECT} WHERE code = ?", (code,))
    return _member(rows[0]) if rows else None


def _member(row: Row) -> Member:
    code, certificate, url, admitted_at_ms = row
    assert isinstance(code, str)
    assert isinstance(certificate, bytes)
    assert isinstance(url, str)
    assert isinstance(admitted_at_ms, int)
    return Member(code, certificate, url, admitted_at_ms)


def admit(
    tx: Transaction, authority: Authority, code: str, public_key: bytes, url: str, now_ms: int
) -> Member:
    """Certify an institution, or renew it, and publish the next directory.

    Raises `Refusal`: malformed when `public_key` is no key of the suite, too_large when the
    directory is full, wrong_owner when `code` was admitted with another key.
    """
    authority.suite.fingerprint(public_key)  # refuses what is no point of the curve
    known = member_of(tx, code)
    if known is None:
        _check_room(tx)
    else:
        _check_same_key(authority, known, public_key)
    since_ms = known.admitted_at_ms if known else now_ms
    member = Member(code, authority.certify(code, public_key, since_ms, now_ms), url, since_ms)
    tx.execute(
        "INSERT INTO institutions (code, certificate, url, admitted_at_ms) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (code) DO UPDATE SET certificate = excluded.certificate, url = excluded.url",
        (code, member.certificate, url, since_ms),
    )
    publish(tx, authority, now_ms)
    return member


def _check_room(tx: Transaction) -> None:
    [[count]] = tx.query("SELECT COUNT(*) FROM institutions")
    if int(count or 0) >= MAX_INSTITUTIONS:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_INSTITUTIONS} institutions")


def _check_same_key(authority: Authority, known: Member, public_key: bytes) -> None:
    certificate = parse_certificate(authority.suite, known.certificate)
    if certificate.value.public_key != public_key:
        raise Refusal(Outcome.WRONG_OWNER, f"expected the key {known.code} was admitted with")


def require_member(tx: Transaction, code: str) -> None:
    """Raise `Refusal` unknown_issuer unless `code` is an institution of the network."""
    if member_of(tx, code) is None:
        raise Refusal(Outcome.UNKNOWN_ISSUER, f"expected an admitted institution, got {code!r}")


def publish(tx: Transaction, authority: Authority, now_ms: int) -> int:
    """Sign the directory of all members under the next number, which it returns."""
    number = directory_number(tx) + 1
    entries = tuple(
        DirectoryEntry(member.code, member.certificate, member.url) for member in members(tx)
    )
    directory = Directory(VERSION, number, now_ms, entries)
    raw = DIRECTORY.sign(authority.suite, authority.key, directory)
    tx.execute("INSERT INTO directories (number, raw) VALUES (?, ?)", (number, raw))
    return number


def directory_number(tx: Transaction) -> int:
    """The number of the newest directory; 0 before the first."""
    [[number]] = tx.query("SELECT COALESCE(MAX(number), 0) FROM directories")
    return int(number or 0)


def newer_directory(tx: Transaction, than: int) -> bytes | None:
    """The newest directory when its number is above `than`."""
    rows = tx.query(
        "SELECT raw FROM directories WHERE number > ? ORDER BY number DESC LIMIT 1", (than,)
    )
    if not rows:
        return None
    raw = rows[0][0]
    assert isinstance(raw, bytes)
    return raw
