"""A small population with rogues: what is spent twice is refused or found, by the same seed the same."""

import asyncio
from dataclasses import replace

import pytest

from bench import detection
from feiqian.testing.audit.auditor import audit
from feiqian.testing.network_evidence import evidence_of
from feiqian.testing.population import Parameters, Population, SpendFate
from tools import draw_detection

SMALL = Parameters(
    wallets=20, rogue_percent=10, connections_per_week=7, payments_per_day=4, days=3, seed=7
)


async def live(parameters):
    """A whole life, from the first purse to the last verification."""
    population = await Population.create(parameters)
    return population, await population.live()


@pytest.fixture(scope="module")
def lived():
    """One small population that has lived."""
    return asyncio.run(live(SMALL))


@pytest.mark.feature("D-03", "D-05", "D-12", "D-13", "D-14")
def test_no_double_spend_stays_hidden_once_everybody_was_in_touch(lived):
    """Some are refused at once, some found later, none never; and the books are in order."""
    population, spends = lived
    fates = [each.fate for each in spends]
    assert SpendFate.NEVER not in fates
    assert {SpendFate.REFUSED, SpendFate.FOUND} <= set(fates)
    assert all(each.delay_ms >= 0 for each in spends if each.fate is SpendFate.FOUND)
    assert audit(evidence_of(population.network)).discrepancies == ()


@pytest.mark.feature("D-12")
def test_what_nobody_has_shown_to_its_issuer_is_not_found():
    """The simulation can tell: while nobody is in touch every double spend is hidden."""

    async def story():
        population = await Population.create(replace(SMALL, connections_per_week=0))
        await population.pass_days()
        return population.double_spends()

    spends = asyncio.run(story())
    assert spends
    assert {each.fate for each in spends} == {SpendFate.NEVER}


@pytest.mark.feature("D-17")
def test_the_same_seed_lives_the_same_life(lived):
    """Signatures differ from run to run, what happens does not."""
    assert asyncio.run(live(SMALL))[1] == lived[1]


def test_the_published_page_is_of_this_benchmark():
    """Its plot has a line for each way of connecting, and in its last column nothing stayed hidden."""
    rows = [line for line in draw_detection.PAGE.read_text("utf-8").splitlines() if "|" in line]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]
    assert [row[0] for row in cells] == list(detection.RUNS)
    assert {row[-1] for row in cells} == {"0"}
    assert draw_detection.PLOT.read_text("utf-8").count("connections a week") == 4
