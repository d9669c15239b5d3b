"""Money is a whole number of minor units; text with a decimal point exists only for people."""

import re
from typing import Annotated

from msgspec import Meta

from feiqian.outcomes import Outcome, Refusal

MAX_AMOUNT_MINOR = 10**15
"""Largest amount anything may have; sums of all stay far below 2**63."""

MINOR_DIGITS = 2
"""Digits behind the decimal point when people read or write an amount."""

AmountMinor = Annotated[int, Meta(ge=1, le=MAX_AMOUNT_MINOR)]
AmountOrZeroMinor = Annotated[int, Meta(ge=0, le=MAX_AMOUNT_MINOR)]

_WRITTEN = re.compile(r"(\d{1,14})(?:\.(\d{1,2}))?", re.ASCII)


def parse_amount(text: str) -> int:
    """Minor units from what a person writes: ``12``, ``12.5`` or ``12.50``.

    Raises `Refusal` malformed for anything else, zero included.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise Refusal(Outcome.MALFORMED, f"expected an amount such as 12.50, got {text[:40]!r}")
    whole, fraction = match.group(1), (match.group(2) or "").ljust(MINOR_DIGITS, "0")
    amount_minor: int = int(whole) * 10**MINOR_DIGITS + int(fraction)
    if not 1 <= amount_minor <= MAX_AMOUNT_MINOR:
        raise Refusal(
            Outcome.MALFORMED, f"expected more than zero, at most {MAX_AMOUNT_MINOR} minor units"
        )
    return amount_minor


def format_amount(amount_minor: int) -> str:
    """What people read: ``1250`` becomes ``12.50``."""
    sign = "-" if amount_minor < 0 else ""
    whole, fraction = divmod(abs(amount_minor), 10**MINOR_DIGITS)
    return f"{sign}{whole}.{fraction:0{MINOR_DIGITS}d}"
