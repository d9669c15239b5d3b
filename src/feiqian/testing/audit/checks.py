"""The closed list of what the auditor checks; every discrepancy names exactly one of them.

The order of definition is the order of precedence: what a signature says comes before what a table
says, a single item before a sum, one party before two. So the first discrepancy of a report names
the cause, and those after it are often its consequences.
"""

from enum import StrEnum


class Check(StrEnum):
    """What must hold; the value is the discrepancy's name."""

    # Who they are ------------------------------------------------------------------------------
    DIRECTORY = "directory"
    """The institutions audited are those of the directory that the platform signed."""

    # An institution's signed evidence ----------------------------------------------------------
    CURRENCY = "currency"
    """Every currency is the issuer's word, and its row says what it says."""
    CURRENCY_SEQUENCE = "currency_sequence"
    """The currencies of an owner are numbered from 1 without a gap, up to the wallet's number."""
    TRANSFER = "transfer"
    """Every transfer is by a certified chip, and its row has its name."""
    TRANSFER_INPUT = "transfer_input"
    """Every transfer consumes a state of its root, which nothing else has consumed or redeemed."""
    TRANSFER_OWNER = "transfer_owner"
    """Every transfer is by the owner of the state that it consumes."""
    TRANSFER_VALUE = "transfer_value"
    """The outputs of a transfer are worth what it consumes (C-15)."""
    TRANSFER_ACCEPTOR = "transfer_acceptor"
    """What a chip took in was not redeemed, what a manager was to cash was not paid on."""
    RECORD_MISSING = "record_missing"
    """Every state that currencies and transfers make is in the record."""
    RECORD_STATE = "record_state"
    """The record says of each state what the transfers say: amount, owner, what became of it."""
    RECORD_EXTRA = "record_extra"
    """No state is in the record that no currency or transfer made."""
    ROOT_VALUE = "root_value"
    """What a currency was issued for is what circulates and what was redeemed of it."""
    CONFLICT = "conflict"
    """Every double spend kept as evidence is one: signed, and not the transfer that was recorded."""
    PRESENTED = "presented"
    """Every item presented is the transfer it is named after, for the amount in its row."""
    CASH_RESPONSE = "cash_response"
    """Every item cashed elsewhere has the issuer's signed word that it was cashed."""
    STATEMENT = "statement"
    """What an institution holds another to owe is what the other has signed."""
    ORDER = "order"
    """Every issuance order is the platform's word, numbered from 1 without a gap."""

    # An institution's sums ---------------------------------------------------------------------
    CREDIT = "credit"
    """A payment has brought what was cashed of it, no more and no less."""
    COVER = "cover"
    """Every currency was issued for a withdrawal, or for what was cashed, of the same sum (C-10)."""
    OBLIGATION = "obligation"
    """What an institution says it owes in all is what it has redeemed for the other."""
    CLAIM = "claim"
    """What an institution says it is owed in all is what it has cashed, and not above the word."""
    POSTINGS = "postings"
    """Every balance is the sum of its postings, and both sides of the books are equal."""
    BOOKS = "books"
    """Every balance is what the evidence says."""
    BANK_MONEY = "bank_money"
    """Bank money is what came in, less withdrawals, plus deposits, and stands in accounts."""

    # The platform ------------------------------------------------------------------------------
    PLATFORM_ORDER = "platform_order"
    """Every order is signed, numbered without a gap, and booked for its amount."""
    PLATFORM_ENTRY = "platform_entry"
    """Every ledger entry adds up to zero."""
    PLATFORM_BALANCE = "platform_balance"
    """Every ledger balance is the sum of its postings; only the outside is below zero."""
    PLATFORM_STATEMENT = "platform_statement"
    """Every claim is what its debtor has signed."""
    PLATFORM_SETTLEMENT = "platform_settlement"
    """What is settled of a claim is the sum of its settlements, and not above the claim."""
    PLATFORM_ISSUANCE = "platform_issuance"
    """What an institution may have issued is its orders and settlements."""

    # Between parties ---------------------------------------------------------------------------
    NOT_PRESENTED = "not_presented"
    """What was redeemed for an institution had been presented by it, for that amount."""
    PAYEE = "payee"
    """What was redeemed pays the wallet, or the institution, that it was credited to."""
    NOT_REDEEMED = "not_redeemed"
    """What an institution has cashed was redeemed for it by the issuer (C-11)."""
    OVERSTATED = "overstated"
    """Nobody has signed for owing more than it has redeemed."""
    BOOKED_ORDER = "booked_order"
    """Every order that an institution has booked is one of the platform's."""
    RETURNED = "returned"
    """What the platform has taken back is set aside until the institution has booked it."""
    BOOKED_SETTLEMENT = "booked_settlement"
    """No institution has booked more settlement than the platform has made."""

    # In all ------------------------------------------------------------------------------------
    INSTITUTION_TOTAL = "institution_total"
    """Issued is in circulation and redeemed (P-06)."""
    NETWORK_TOTAL = "network_total"
    """Headroom, circulation and what is in flight are the platform's issuance (P-06)."""


PRECEDENCE = {check: place for place, check in enumerate(Check)}
