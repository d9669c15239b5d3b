"""What the operator says and is told, as JSON-shaped values; the OpenAPI document is made from them.

Amounts are minor units, keys and certificates hexadecimal. What comes in forbids unknown fields and
carries a key that the operator made (P-07).
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.central.audit import Invariant
from feiqian.central.settlement import SettlementMode
from feiqian.crypto.certificates import InstitutionCode
from feiqian.money.amounts import MAX_AMOUNT_MINOR

OperatorKey = Annotated[str, Meta(min_length=1, max_length=64, description="made by the operator")]
PublicKeyHex = Annotated[str, Meta(pattern="^[0-9a-f]{66}$", description="compressed (SEC 1)")]
Url = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$", max_length=200)]


class Admission(Struct, frozen=True, forbid_unknown_fields=True):
    """Admit an institution, renew its certificate, or move its address (P-02)."""

    key: OperatorKey
    code: InstitutionCode
    public_key: PublicKeyHex
    url: Url


class Admitted(Struct, frozen=True):
    """The institution's certificate (COSE, hexadecimal) and the directory that names it."""

    code: str
    certificate: str
    directory_number: int


class ReservesChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Pay reserves in, or with a negative amount out (P-01)."""

    key: OperatorKey
    code: InstitutionCode
    amount_minor: Annotated[int, Meta(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)]


class ReservesBalance(Struct, frozen=True):
    """An institution's reserves after the change."""

    code: str
    reserves_minor: int


class ModeChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Choose when claims settle (P-05)."""

    key: OperatorKey
    mode: SettlementMode


class ModeChosen(Struct, frozen=True):
    """The mode in force."""

    mode: SettlementMode


class CycleOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Run a net cycle over all that waits (P-05)."""

    key: OperatorKey


class OpenClaim(Struct, frozen=True):
    """An amount between two institutions."""

    debtor: str
    creditor: str
    amount_minor: int


class CycleReport(Struct, frozen=True):
    """What a cycle settled, whose claims it had to leave out, and what moved."""

    number: int
    settled: tuple[OpenClaim, ...]
    left_out: tuple[OpenClaim, ...]
    positions_minor: dict[str, int]


class InstitutionStanding(Struct, frozen=True):
    """One institution's books at the platform; minor units."""

    code: str
    url: str
    reserves_minor: int
    authorised_minor: int
    owed_to_minor: int
    owes_minor: int


class ObligationStanding(Struct, frozen=True):
    """One debtor and creditor: totals since the beginning; minor units."""

    debtor: str
    creditor: str
    claimed_total_minor: int
    settled_total_minor: int


class PlatformReport(Struct, frozen=True):
    """The platform's books and whether they are in order; minor units."""

    mode: SettlementMode
    directory_number: int
    paid_in_minor: int
    authorised_minor: int
    institutions: tuple[InstitutionStanding, ...]
    obligations: tuple[ObligationStanding, ...]
    invariants: tuple[Invariant, ...]

    @property
    def in_order(self) -> bool:
        """Whether every invariant holds."""
        return all(invariant.holds for invariant in self.invariants)
