"""What charge points write as text: moments and meter readings, read with bounds.

OCPP leaves much open: energy in Wh or kWh, with or without a decimal point, several measurands in one
value. Only the import register of active energy counts; what cannot be read is left out, because a
reading more or less only makes slices coarser.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from feiqian.outcomes import Outcome, Refusal

REGISTER = "Energy.Active.Import.Register"
MAX_REGISTER_WH = 10**12
MAX_TEXT = 64
_UNITS = {"Wh": 1, "kWh": 1_000}


def moment_ms(text: str) -> int:
    """Unix milliseconds of an ISO 8601 moment; UTC where it has no zone. `Refusal` malformed."""
    try:
        moment = datetime.fromisoformat(text[:MAX_TEXT])
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        milliseconds = round(moment.timestamp() * 1_000)
    except (ValueError, OverflowError) as error:
        raise Refusal(Outcome.MALFORMED, "expected a moment of ISO 8601") from error
    if milliseconds < 0:
        raise Refusal(Outcome.MALFORMED, "expected a moment after 1970")
    return milliseconds


def written_moment(milliseconds: int) -> str:
    """A moment as OCPP writes it."""
    moment = datetime.fromtimestamp(milliseconds // 1_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1_000:03}Z"


def energies(meter_values: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """(moment, watt-hours) of every reading of the import register, in the order given."""
    found = []
    for value in meter_values:
        for sample in value.get("sampled_value", ()):
            energy_wh = _energy_wh(sample)
            if energy_wh is not None:
                found.append((moment_ms(value["timestamp"]), energy_wh))
    return found


def _energy_wh(sample: dict[str, Any]) -> int | None:
    if sample.get("measurand", REGISTER) != REGISTER or sample.get("phase") is not None:
        return None
    described = sample.get("unit_of_measure") or {}
    unit = sample.get("unit") or described.get("unit", "Wh")
    try:
        number = Decimal(str(sample["value"])[:MAX_TEXT]) * _UNITS[unit]
        energy_wh = int(number.scaleb(described.get("multiplier", 0)))
    except (InvalidOperation, KeyError, ValueError, OverflowError):
        return None
    return energy_wh if 0 <= energy_wh <= MAX_REGISTER_WH else None
