"""What a wallet's commands say to people: balances, and lines of its history."""

from collections.abc import Iterator
from datetime import UTC, datetime

from feiqian.money.amounts import format_amount
from feiqian.wallet.history import HistoryLine
from feiqian.wallet.orders import Judged
from feiqian.wallet.wallet import Balance

_SECOND_MS = 1_000
_HOUR_MS = 3_600_000


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


def history_line(entry: HistoryLine) -> str:
    """One entry."""
    checked = f"checked by: {entry.checked_by}" if entry.checked_by else ""
    told = filter(None, (entry.verification, checked, entry.detail))
    return (
        f"{moment(entry.at_ms)}  {entry.kind:<10} {format_amount(entry.amount_minor):>12}"
        f"  {entry.standing:<8} {entry.counterparty} {entry.reference} {', '.join(told)}"
    )


def order_line(judged: Judged) -> str:
    """What was ordered, as it was said at the platform, and what the chip made of it."""
    name = judged.kind.name.lower()
    if judged.frozen is not None:
        name = "freeze" if judged.frozen else "unfreeze"
    notice = f" ({judged.text})" if judged.text else ""
    return f"{judged.number} {name}: {judged.outcome}{notice}"


def duration(length_ms: int) -> str:
    """A duration in the unit that people would use: hours, or seconds below one."""
    if abs(length_ms) < _HOUR_MS:
        return f"{round(length_ms / _SECOND_MS, 1):g} s"
    return f"{round(length_ms / _HOUR_MS, 3):g} h"


def moment(at_ms: int) -> str:
    """A moment for people (UTC)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
