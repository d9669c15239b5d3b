"""A whole sky from a few numbers: one ground station, some terminals, alike but for their addresses.

The station's card commands the others, so what it sends to its broadcast address reaches them all.
"""

from collections.abc import Callable
from dataclasses import dataclass

from feiqian.ports import Clock
from feiqian.satellite.constellation import (
    ALWAYS,
    Conditions,
    Constellation,
    Coverage,
    Subscription,
)
from feiqian.satellite.simulator import SECOND_MS, Simulator
from feiqian.satellite.terminal import Receiver, Terminal
from feiqian.timing.fixes import FixedPlace
from feiqian.wire.rdss.module import Dialect, ModuleIdentity

STATION_ADDRESS = "4000001"
BROADCAST_ADDRESS = "9000001"
MAX_TERMINALS = 1_000
MILD = Conditions()

_LEVEL = 3


@dataclass(frozen=True, slots=True)
class SkyPlan:
    """What a sky is like."""

    dialect: Dialect
    terminals: int
    """Besides the station's."""
    period_s: int
    """The pace of terminals."""
    station_period_s: int = 1
    """The pace of the station: whoever pays for a ground station buys more than a hiker."""
    conditions: Conditions = MILD
    coverage: Coverage = ALWAYS
    """Of terminals; a station has a view."""
    place: FixedPlace | None = None
    tick_ms: int = SECOND_MS


def terminal_addresses(count: int) -> tuple[str, ...]:
    """The addresses of the terminals, in order."""
    return tuple(str(int(STATION_ADDRESS) + 1 + place) for place in range(count))


def build_sky(plan: SkyPlan, draw: Callable[[], float], clock: Clock) -> Simulator:
    """The simulator of a plan; `draw` gives chance, from 0 to below 1."""
    max_bytes = plan.dialect.channel.max_bytes
    station = ModuleIdentity(
        STATION_ADDRESS, BROADCAST_ADDRESS, plan.station_period_s, _LEVEL, plan.terminals
    )
    subscriptions = [Subscription(station, max_bytes)]
    for address in terminal_addresses(plan.terminals):
        identity = ModuleIdentity(address, BROADCAST_ADDRESS, plan.period_s, _LEVEL)
        subscriptions.append(Subscription(identity, max_bytes, plan.coverage))
    constellation = Constellation(tuple(subscriptions), plan.conditions, draw)
    terminals = tuple(
        Terminal(each.identity.address, plan.dialect, Receiver(plan.place))
        for each in subscriptions
    )
    return Simulator(constellation, terminals, clock, plan.tick_ms)
