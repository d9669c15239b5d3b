"""``feiqian provider``: answers requests with a service entity of its own."""

from functools import partial
from pathlib import Path

import click
import msgspec

from feiqian.adapters.clockwork import repeat
from feiqian.apps import road as roads
from feiqian.apps.configuration import load, write_toml
from feiqian.apps.output import Output, command, counted
from feiqian.apps.road_options import road_option, run_until_ended
from feiqian.crypto.suite_names import suite_named
from feiqian.outcomes import Refusal
from feiqian.tasks import until_one_ends
from feiqian.vehicle.management.members import Registered
from feiqian.vehicle.provider.provider import OwnEntity, Provider, state
from feiqian.wire.service import Member

LOOK_EVERY_S = 2.0
"""How often a provider that serves looks whether it has other entities by now."""


class Made(msgspec.Struct, frozen=True):
    """What `init` answers, and `serve` when it is ready."""

    name: str
    public_key: str


@click.group()
def provider() -> None:
    """Offer service entities to vehicles."""


@provider.command()
@road_option
@click.option("--name", default="provider-1", show_default=True)
@command
async def init(output: Output, road: Path, name: str) -> None:
    """Make a provider, and register it at the road's management server."""
    management = roads.management_of(road)
    key = suite_named(management.suite).generate()
    config = roads.PartyConfig(
        name,
        Member.PROVIDER,
        management.suite,
        management.name,
        management.management_key,
        management.bus,
    )
    one = Registered(name, Member.PROVIDER, key.public)
    await roads.enrol(road, road / name, config, key, one)
    output.result(Made(name, key.public.hex()), f"{name} is in {road / name}")


@provider.command()
@road_option
@click.option("--name", default="provider-1", show_default=True)
@command
async def serve(output: Output, road: Path, name: str) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with roads.opened(road / name, output.progress, patient=True) as (config, office):
        own = _own_entities(config)
        public_key = office.post.key.public.hex()
        output.result(
            Made(name, public_key), f"{name} offers {counted(len(own), 'entity', 'entities')}"
        )
        serving = Provider(office, config.management, own)
        looking = repeat(partial(_offer_anew, serving, road / name), LOOK_EVERY_S)
        await run_until_ended(until_one_ends(serving.run(), looking))


async def _offer_anew(serving: Provider, folder: Path) -> None:
    """Offer what is configured by now: entities join while their provider serves."""
    try:
        serving.offer(_own_entities(load(folder / roads.PARTY_FILE, roads.PartyConfig)))
    except Refusal as refusal:
        serving.office.note(f"its entities stay as they were: {refusal}")


def _own_entities(config: roads.PartyConfig) -> list[OwnEntity]:
    return [_own(each) for each in config.entities]


def _own(stated: roads.StatedEntity) -> OwnEntity:
    return OwnEntity(
        stated.name,
        stated.service,
        bytes.fromhex(stated.wallet),
        stated.tariff,
        stated.stated_until_ms,
    )


def add_entity(road: Path, name: str, stated: roads.StatedEntity) -> tuple[OwnEntity, bytes]:
    """Have a provider offer one entity more; the provider's statement about it."""
    config = load(road / name / roads.PARTY_FILE, roads.PartyConfig)
    others = tuple(each for each in config.entities if each.name != stated.name)
    changed = msgspec.structs.replace(config, entities=(*others, stated))
    write_toml(road / name / roads.PARTY_FILE, changed)
    suite = suite_named(config.suite)
    own = _own(stated)
    return own, state(suite, roads.party_key(road / name, suite), own)
