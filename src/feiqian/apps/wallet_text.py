"""What a wallet's commands say to people: balances, and lines of its history."""

from collections.abc import Iterator
from datetime import UTC, datetime

from feiqian.money.amounts import format_amount
from feiqian.wallet.history import Entry
from feiqian.wallet.wallet import Balance


def balance_lines(balance: Balance) -> Iterator[str]:
    """What there is to know besides what is held."""
    if balance.arriving_minor:
        yield f"{format_amount(balance.arriving_minor)} is on its way: feiqian wallet sync"
    if balance.unverified_minor:
        yield f"{format_amount(balance.unverified_minor)} is not verified yet: feiqian wallet sync"
    since = "never" if balance.synchronised_at_ms is None else moment(balance.synchronised_at_ms)
    yield (
        f"Offline it can pay {format_amount(balance.offline_to_pay_minor)} and receive"
        f" {format_amount(balance.offline_to_receive_minor)} more; synchronised: {since};"
        f" double spends known by: {balance.listed_by}"
    )


def history_line(entry: Entry) -> str:
    """One entry."""
    checked = f"checked by: {entry.checked_by}" if entry.checked_by else ""
    told = filter(None, (entry.verification, checked, entry.detail))
    return (
        f"{moment(entry.at_ms)}  {entry.kind:<10} {format_amount(entry.amount_minor):>12}"
        f"  {entry.standing:<8} {entry.counterparty} {entry.reference} {', '.join(told)}"
    )


def moment(at_ms: int) -> str:
    """A moment for people (UTC)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
