"""The table of a service, its diagram, and the machines that keep to it."""

from pathlib import Path

import pytest

from feiqian.protocol.service.entity import EntityMachine
from feiqian.protocol.service.management import ManagementMachine
from feiqian.protocol.service.provider import ProviderMachine
from feiqian.protocol.service.states import ENDS, State, closed_event
from feiqian.protocol.service.table import TRANSITIONS
from feiqian.protocol.service.vehicle import VehicleMachine
from feiqian.wire.service import Ending, Member
from feiqian.wire.service_kinds import KINDS
from tools.draw_service import page

ROOT = Path(__file__).parents[2]


def test_the_documented_service_is_the_table():
    """docs/service-protocol.md is what the generator draws from the table now."""
    assert (ROOT / "docs" / "service-protocol.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("member", Member)
def test_every_state_leads_to_an_end(member):
    """Nobody can be left in a state from which no end is reached."""
    table = TRANSITIONS[member]
    reached = {State.START} | {to for row in table.values() for to in row.values()}
    for state in reached:
        seen, frontier = {state}, {state}
        while frontier:
            frontier = {to for each in frontier for to in table.get(each, {}).values()} - seen
            seen |= frontier
        assert seen & ENDS, state


def test_endings_and_end_states_bear_the_same_names():
    """What the server closes a service as is a state on every other side."""
    assert {ending.value for ending in Ending} == {state.value for state in ENDS}
    assert len({closed_event(ending) for ending in Ending}) == len(Ending)


def test_a_machine_enters_only_states_of_the_table():
    """No machine has an entry for a state that its table never comes to."""
    for machine in (VehicleMachine, ProviderMachine, ManagementMachine, EntityMachine):
        rows = TRANSITIONS[machine.MEMBER]
        reached = {to.name.lower() for row in rows.values() for to in row.values()}
        entries = {name[7:] for name in vars(machine) if name.startswith("_enter_")}
        assert entries <= reached, machine


def test_every_message_has_its_kind_on_the_bus():
    """A kind is short and plain, and each message is carried under one of its own."""
    assert len({kind.shape for kind in KINDS.values()}) == len(KINDS) == 18
