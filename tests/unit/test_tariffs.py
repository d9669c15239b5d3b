"""Tariffs: what the documents may say, and what a fee is to the minor unit."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.tariffs.ceilings import until_ceiling, volume_for, within_ceiling
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.shelf import EXAMPLES, example_shelf, example_tariff
from feiqian.vehicle.tariffs.tariff import MAX_TARIFF_BYTES, Tariff, read_tariff
from feiqian.wire.usage import MeterSlice, Usage

pytestmark = pytest.mark.feature("V-06")

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def at(zone: str, *local: int, fold: int = 0) -> int:
    """Unix milliseconds of a local time."""
    return int(datetime(*local, fold=fold, tzinfo=ZoneInfo(zone)).timestamp()) * 1_000  # type: ignore[arg-type, misc]  # the fields of a date


def amounts(tariff: Tariff, usage: Usage) -> dict[str, int]:
    """The lines of a fee."""
    return {line.label: line.amount_minor for line in fee_of(tariff, usage).lines}


def tariff_of(body: str, service: str = "parking", zone: str = "UTC") -> Tariff:
    """A tariff from the part of its document that matters."""
    head = f'name = "t"\nservice = "{service}"\nzone = "{zone}"\n'
    return read_tariff((head + body).encode())


FLAT_ENERGY = "[energy]\nbands = [{ price_minor = 33 }]"
STARTED_HALF_HOURS = "[time]\nper_s = 1800\nbands = [{ price_minor = 150 }]\n"


# Documents ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body",
    [
        "maximum = 3",
        "minimum_minor = 5\nmaximum_minor = 4",
        "minimum_minor = -1",
        "minimum_minor = 1.5",
        "[energy]\nbands = []",
        "[energy]\nbands = [{ price_minor = 1, until = '12:00' }]",
        "[energy]\nbands = [{ price_minor = 1 }, { price_minor = 2, from = '12:00' }]",
        "[energy]\nbands = [{ price_minor = 1, days = ['mon'] }]",
        "[energy]\nbands = [{ price_minor = 1, from = '25:00' }]",
        "[energy]\nper_wh = 0\nbands = [{ price_minor = 1 }]",
        "[time]\nper_s = 0\nbands = [{ price_minor = 1 }]",
        "[[volume]]\nproduct = '95'\nprice_minor = 1\n[[volume]]\nproduct = '95'\nprice_minor = 2",
        "[[volume]]\nproduct = 'a b'\nprice_minor = 1",
        "not toml",
    ],
)
def test_a_tariff_that_says_too_little_or_too_much_is_refused(body: str) -> None:
    """A document with a gap, an overlap, a negative, a fraction or an unknown word is refused."""
    with pytest.raises(Refusal) as info:
        tariff_of(body)
    assert info.value.outcome is Outcome.MALFORMED


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", ""])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    """A zone that is not known, or is no zone's name, is refused."""
    with pytest.raises(Refusal) as info:
        tariff_of(FLAT_ENERGY, zone=zone)
    assert info.value.outcome is Outcome.MALFORMED


def test_a_long_document_is_refused_unread() -> None:
    """A document above the limit is refused."""
    with pytest.raises(Refusal) as info:
        read_tariff(b"#" * (MAX_TARIFF_BYTES + 1))
    assert info.value.outcome is Outcome.TOO_LARGE


def test_the_shipped_examples_are_tariffs() -> None:
    """Every example of the package can be read, is found by its name, and no other name is."""
    for service in EXAMPLES:
        tariff = example_tariff(service)
        assert tariff.service == service
        assert example_shelf().tariff(tariff.name) == tariff
    with pytest.raises(Refusal) as info:
        example_shelf().tariff("unheard-of")
    assert info.value.outcome is Outcome.UNKNOWN_IDENTIFIER


# Energy ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("energy_wh", "minor"), [(0, 0), (15, 0), (16, 1), (1_000, 33), (1_500, 50), (1_515, 50)]
)
def test_energy_is_rounded_half_up_once(energy_wh: int, minor: int) -> None:
    """33 a kWh: 15 Wh are 0.495 and cost nothing, 16 Wh cost 1, 1.5 kWh are 49.5 and cost 50."""
    tariff = tariff_of(FLAT_ENERGY, "charging")
    assert fee_of(tariff, Usage(0, HOUR_MS, energy_wh=energy_wh)).amount_minor == minor


def test_energy_costs_what_it_costs_when_it_flows() -> None:
    """Slices of the meter are priced by their time of day; one across an edge is split by time."""
    tariff = example_tariff("charging")
    zone = tariff.zone
    begin = at(zone, 2026, 3, 2, 22, 0)
    slices = (
        MeterSlice(begin, begin + HOUR_MS // 2, 10_000, 0),
        MeterSlice(begin + HOUR_MS // 2, begin + 3 * HOUR_MS // 2, 20_000, 0),
    )
    usage = Usage(begin, begin + 3 * HOUR_MS // 2, energy_wh=30_000, slices=slices)
    assert amounts(tariff, usage) == {
        "energy 23:00-07:00": 420,
        "energy 07:00-23:00": 2_360,
        "time": 180,
    }


def test_energy_that_no_slice_tells_is_spread_over_the_use() -> None:
    """Without slices, half of a use on each side of an edge means half of the energy on each side."""
    tariff = example_tariff("charging")
    begin = at(tariff.zone, 2026, 3, 2, 6, 0)
    lines = amounts(tariff, Usage(begin, begin + 2 * HOUR_MS, energy_wh=20_000))
    assert (lines["energy 23:00-07:00"], lines["energy 07:00-23:00"]) == (420, 1_180)


def test_energy_of_one_instant_has_the_price_of_that_instant() -> None:
    """A reading without duration is priced at its moment."""
    tariff = example_tariff("charging")
    noon = at(tariff.zone, 2026, 3, 2, 12, 0)
    usage = Usage(noon, noon, energy_wh=1_000, slices=(MeterSlice(noon, noon, 1_000, 0),))
    assert amounts(tariff, usage) == {"energy 07:00-23:00": 118}


# Time and idling ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("minutes", "minor"), [(0, 0), (15, 0), (16, 300), (45, 300), (46, 600), (75, 600), (76, 900)]
)
def test_parking_charges_every_half_hour_begun_after_the_free_minutes(
    minutes: int, minor: int
) -> None:
    """Fifteen minutes are free, then every half hour begun costs the whole price."""
    tariff = example_tariff("parking")
    begin = at(tariff.zone, 2026, 3, 2, 9, 0)
    assert fee_of(tariff, Usage(begin, begin + minutes * MINUTE_MS)).amount_minor == minor


def test_a_period_costs_what_it_cost_when_it_began() -> None:
    """A half hour that begins before the evening's price has the day's price."""
    tariff = example_tariff("parking")
    begin = at(tariff.zone, 2026, 3, 2, 19, 25)
    assert fee_of(tariff, Usage(begin, begin + 65 * MINUTE_MS)).amount_minor == 300 + 100


def test_each_calendar_day_has_its_cap() -> None:
    """Three days: two of them cost their cap, and what is below a cap is not touched by another."""
    tariff = example_tariff("parking")
    begin = at(tariff.zone, 2026, 3, 2, 7, 45)
    end = at(tariff.zone, 2026, 3, 4, 1, 0)
    assert fee_of(tariff, Usage(begin, end)).amount_minor == 4_000 + 4_000 + 2 * 100


def test_days_are_those_of_the_zone() -> None:
    """The same stay lies on one day in one zone and on two in another, and is capped accordingly."""
    begin = at("UTC", 2026, 3, 2, 12, 0)
    usage = Usage(begin, begin + 8 * HOUR_MS)
    capped = STARTED_HALF_HOURS + "day_cap_minor = 500"
    assert fee_of(tariff_of(capped, zone="UTC"), usage).amount_minor == 500
    assert fee_of(tariff_of(capped, zone="Asia/Shanghai"), usage).amount_minor == 1_000


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25)])
def test_a_day_on_which_clocks_are_set_has_its_own_hours(
    day: tuple[int, int, int], hours: int
) -> None:
    """A day of 23 or 25 hours costs so many hours, and is one day."""
    zone = "Europe/Berlin"
    begin = at(zone, *day, 0, 0)
    body = "[time]\nper_s = 3600\nday_cap_minor = 10000\nbands = [{ price_minor = 100 }]"
    usage = Usage(begin, begin + hours * HOUR_MS)
    assert fee_of(tariff_of(body, zone=zone), usage).amount_minor == hours * 100


def test_an_hour_that_comes_twice_has_its_price_twice() -> None:
    """Where clocks go back from 3 to 2, a price from 2:30 to 3 is paid in both of these half hours."""
    zone = "Europe/Berlin"
    body = """[time]
per_s = 60
started = false
[[time.bands]]
from = "02:30"
until = "03:00"
price_minor = 1
[[time.bands]]
from = "03:00"
until = "02:30"
price_minor = 0
"""
    begin = at(zone, 2026, 10, 25, 0, 0)
    assert fee_of(tariff_of(body, zone=zone), Usage(begin, begin + 6 * HOUR_MS)).amount_minor == 60


def test_exact_time_is_rounded_once() -> None:
    """Where time is not charged by periods begun, 90 s at 5 a minute are 7.5 and cost 8."""
    tariff = tariff_of("[time]\nstarted = false\nbands = [{ price_minor = 5 }]")
    assert fee_of(tariff, Usage(0, 90_000)).amount_minor == 8


@pytest.mark.parametrize(
    ("idle_minutes", "minor"), [(0, 0), (10, 0), (11, 50), (12, 100), (200, 6_000)]
)
def test_a_blocked_charger_costs_after_a_grace(idle_minutes: int, minor: int) -> None:
    """Idling is free for ten minutes, then every minute begun costs, up to its own maximum."""
    tariff = example_tariff("charging")
    idle_ms = idle_minutes * MINUTE_MS
    lines = amounts(tariff, Usage(0, idle_ms, idle_ms=idle_ms))
    assert lines.get("idle", 0) == minor


# Volume and bounds -------------------------------------------------------------------------------
def test_fuel_is_priced_by_its_grade() -> None:
    """45.37 litres of one grade at 8.449; a grade without a price is refused."""
    tariff = example_tariff("fueling")
    assert amounts(tariff, Usage(0, 90_000, volume_ml=45_370, product="95")) == {"95": 38_333}
    with pytest.raises(Refusal) as info:
        fee_of(tariff, Usage(0, 90_000, volume_ml=1, product="98"))
    assert info.value.outcome is Outcome.MALFORMED


def test_minimum_and_maximum_bound_the_fee_and_its_lines_add_up() -> None:
    """A small fee is raised to the minimum, none stays none, a large one is cut from its last line."""
    tariff = tariff_of(
        f"minimum_minor = 100\nmaximum_minor = 400\n{FLAT_ENERGY}\n{STARTED_HALF_HOURS}", "charging"
    )
    assert fee_of(tariff, Usage(0, 0)).lines == ()
    assert amounts(tariff, Usage(0, 0, energy_wh=1_000)) == {
        "energy 00:00-24:00": 33,
        "up to the minimum": 67,
    }
    assert amounts(tariff, Usage(0, 90 * MINUTE_MS, energy_wh=5_000)) == {
        "energy 00:00-24:00": 165,
        "time": 235,
    }


def test_a_usage_that_cannot_be_is_refused() -> None:
    """A use that ends before it begins, or lasts beyond reason, has no fee."""
    tariff = example_tariff("parking")
    for usage, outcome in (
        (Usage(1, 0), Outcome.MALFORMED),
        (Usage(0, 401 * DAY_MS), Outcome.TOO_LARGE),
    ):
        with pytest.raises(Refusal) as info:
            fee_of(tariff, usage)
        assert info.value.outcome is outcome


# Ceilings ----------------------------------------------------------------------------------------
@pytest.mark.feature("V-09")
def test_a_ceiling_pays_for_parking_up_to_a_moment() -> None:
    """6.00 pays for the free quarter and two half hours of the day, to the millisecond."""
    tariff = example_tariff("parking")
    begin = at(tariff.zone, 2026, 3, 2, 9, 0)
    until = until_ceiling(tariff, Usage(begin, begin), 600, begin + DAY_MS)
    assert until == begin + 75 * MINUTE_MS
    assert until_ceiling(tariff, Usage(begin, begin), 600, begin + 1) == begin + 1
    with pytest.raises(Refusal) as info:
        until_ceiling(tariff, Usage(begin, begin + 2 * HOUR_MS), 600, begin + DAY_MS)
    assert info.value.outcome is Outcome.OVER_CEILING


@pytest.mark.feature("V-09")
def test_a_ceiling_pays_for_so_many_litres() -> None:
    """100.00 pays for 11.83 litres at 8.449, in steps of 10 ml; nothing pays for nothing."""
    tariff = example_tariff("fueling")
    assert volume_for(tariff, "95", 0, 10_000, 10) == 11_830
    assert volume_for(tariff, "95", 0, 0, 10) == 0


@pytest.mark.feature("V-09")
def test_what_was_measured_beyond_a_ceiling_is_cut() -> None:
    """A usage above the ceiling becomes its longest beginning within; one within stays as it is."""
    tariff = tariff_of(FLAT_ENERGY, "charging")
    slices = (MeterSlice(0, HOUR_MS, 10_000, 0), MeterSlice(HOUR_MS, 2 * HOUR_MS, 10_000, 0))
    usage = Usage(0, 2 * HOUR_MS, energy_wh=20_000, idle_ms=1_000, slices=slices)
    assert within_ceiling(tariff, usage, 660) == usage
    cut = within_ceiling(tariff, usage, 500)
    assert fee_of(tariff, cut).amount_minor == 500
    assert cut.energy_wh == 15_166
    assert sum(part.energy_wh for part in cut.slices) == cut.energy_wh
    assert cut.idle_ms == 0


def test_the_tariff_that_is_explained_is_the_one_that_is_shipped():
    """The document in docs/services.md is a tariff, and the very example of the package."""
    page = (Path(__file__).parents[2] / "docs" / "services.md").read_text(encoding="utf-8")
    begin = page.index('    name = "charging-city"')
    lines = page[begin : page.index("\n30 kWh", begin)].splitlines()
    text = "\n".join(line.removeprefix("    ") for line in lines)
    assert read_tariff(text.encode()) == example_tariff("charging")
