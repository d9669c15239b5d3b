"""What the operator says and is told about the double-spending list, as JSON-shaped values."""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.central.documents import OperatorKey

MAX_SHOWN = 256
"""Most offenders, or pieces of evidence, in one answer."""

Subject = Annotated[
    str,
    Meta(
        pattern=r"^([0-9a-f]{64}|[A-Z0-9]{1,11}-[A-Z0-9]{4,12})$",
        description="64 hexadecimal digits, or a wallet number",
    ),
]
Reason = Annotated[str, Meta(min_length=1, max_length=300)]


class ListedOffender(Struct, frozen=True):
    """A key that stands on the list; the fingerprint in hexadecimal."""

    fingerprint: str
    wallet: str
    since_ms: int


class ListReport(Struct, frozen=True):
    """The newest version; at most `MAX_SHOWN` offenders, those listed last first."""

    number: int
    issued_at_ms: int
    identifiers: int
    offenders: int
    digest: str
    evidence: int
    newest_offenders: tuple[ListedOffender, ...]


class ListRevocation(Struct, frozen=True, forbid_unknown_fields=True):
    """Take an identifier, or a wallet's keys, off the list (D-16); the reason is kept."""

    key: OperatorKey
    subject: Subject
    reason: Reason


class ListRevoked(Struct, frozen=True):
    """The version that does not have it any more."""

    number: int
    identifiers: int
    offenders: int


class EvidenceQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Evidence by its name, by identifier, by an offender's fingerprint, or by wallet number."""

    subject: Subject


class EvidenceStanding(Struct, frozen=True):
    """Evidence as it is kept; bytes in hexadecimal."""

    identifier: str
    consumed: str
    recorded: str
    wallet: str
    reporter: str
    reported_at_ms: int
    evidence: str


class EvidenceFound(Struct, frozen=True):
    """At most `MAX_SHOWN`, the newest first."""

    found: tuple[EvidenceStanding, ...]
