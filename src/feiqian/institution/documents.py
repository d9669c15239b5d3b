"""What an institution's operator says and hears, in JSON; amounts in minor units."""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.money.amounts import MAX_AMOUNT_MINOR, AmountMinor
from feiqian.outcomes import Outcome

MAX_REPORTS = 512
"""Most key information sets in one answer."""

Key = Annotated[str, Meta(min_length=1, max_length=64, description="idempotency key")]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]{32}([0-9a-f]{32})?$")]
WalletText = Annotated[str, Meta(min_length=1, max_length=24)]


class InstitutionReport(Struct, frozen=True):
    """The institution at a glance; amounts in minor units."""

    code: str
    wallets: int
    frozen_wallets: int
    accounts_minor: int
    pending_items: int
    double_spends: int
    balances: dict[str, int]


class OrderIssuance(Struct, frozen=True, forbid_unknown_fields=True):
    """Order issuance from the platform (negative: give it back)."""

    key: Key
    amount_minor: Annotated[int, Meta(ge=-MAX_AMOUNT_MINOR, le=MAX_AMOUNT_MINOR)]


class OrderedIssuance(Struct, frozen=True):
    """The platform's order."""

    number: int
    amount_minor: int
    authorised_minor: int


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class Claimed(Struct, frozen=True):
    """What became of one debtor's statement."""

    debtor: str
    outcome: Outcome
    claimed_total_minor: int
    settled_total_minor: int


class Settled(Struct, frozen=True):
    """What was claimed from others, and where the institution stands at the platform."""

    claims: tuple[Claimed, ...]
    reserves_minor: int
    authorised_minor: int
    owed_to_minor: int
    owes_minor: int


class PayIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Bank money from outside into an account."""

    key: Key
    account: WalletText
    amount_minor: AmountMinor


class AccountBalance(Struct, frozen=True):
    """A bank account."""

    account: str
    balance_minor: int


class ListStanding(Struct, frozen=True):
    """The double-spending list that is held."""

    number: int
    issued_at_ms: int
    identifiers: int
    offenders: int


class Freeze(Struct, frozen=True, forbid_unknown_fields=True):
    """Freeze or unfreeze a wallet."""

    wallet: WalletText
    frozen: bool


class ReportsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Wallets' key information sets: of one wallet, or with an empty name the newest of all."""

    wallet: Annotated[str, Meta(max_length=24)] = ""


class KeyReport(Struct, frozen=True):
    """A key information set, and what the risk check found; amounts in minor units."""

    wallet: str
    number: int
    counter: int
    balance_minor: int
    offline_paid_minor: int
    offline_received_minor: int
    list_number: int
    received_at_ms: int
    findings: tuple[str, ...]
    synchronised: bool


class KeyReports(Struct, frozen=True):
    """The newest first, at most `MAX_REPORTS`."""

    reports: tuple[KeyReport, ...]


class TraceQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A circulation identifier (64 hexadecimal digits) or a serial (32)."""

    identifier: Hex
