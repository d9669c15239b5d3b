"""A vehicle on the road, from the command line: where it hears its position, and telling it on."""

import asyncio

import click

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.position_addresses import open_positions
from feiqian.adapters.route_positions import RoutePositions, RouteStop
from feiqian.apps.places import parse_place
from feiqian.ports import PositionSource
from feiqian.protocol.service.records import VehicleService
from feiqian.protocol.service.states import ENDS
from feiqian.vehicle.in_vehicle.client import VehicleClient

LOOK_EVERY_S = 1.0
"""How often it is looked whether a service has ended."""


async def source_of(place: str | None, accuracy_m: int, positions: str | None) -> PositionSource:
    """A place to stand at, or a source by its address; exactly one of them."""
    if (place is None) is (positions is None):
        raise click.UsageError("expected either --at or --positions")
    clock = SystemClock()
    if positions is not None:
        return await open_positions(positions, clock)
    assert place is not None
    stops = (RouteStop(*parse_place(place)),)
    return RoutePositions(stops, clock, 0, accuracy_m * 1000, exact=True)


async def report_from(
    source: PositionSource, client: VehicleClient, seconds: int
) -> list[VehicleService]:
    """Until all services have ended, or for so long; in a tunnel there is nothing to report."""

    async def report() -> None:
        while True:
            await client.report(await source.position())

    reporting = asyncio.create_task(report())
    try:
        for _ in range(seconds):
            services = await client.services()
            if services and all(each.state in ENDS for each in services):
                break
            await asyncio.wait({reporting}, timeout=LOOK_EVERY_S)
            if reporting.done():
                reporting.result()
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)
    return await client.services()
