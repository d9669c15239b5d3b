"""A platform and an institution of the last release take up satellites and control, and keep all."""

import asyncio

import pytest

from feiqian.adapters.sqlite import SqliteStore
from feiqian.central import channels, control
from feiqian.central.authority import self_signed_root
from feiqian.central.platform import Platform
from feiqian.central.satellite_gateway import SatelliteGateway
from feiqian.central.schema import MIGRATIONS as CENTRAL_MIGRATIONS
from feiqian.crypto.p256 import P256_SHA256
from feiqian.institution import key_reports
from feiqian.institution.schema import MIGRATIONS as INSTITUTION_MIGRATIONS
from feiqian.testing.network import RoutingCourier
from feiqian.testing.platform_world import START_MS, StandingClock

pytestmark = pytest.mark.feature("P-07")


async def _with(path, migrations, job):
    store = SqliteStore.open(path, migrations)
    try:
        return await job(store)
    finally:
        await store.close()


def test_a_platform_keeps_its_list_and_begins_to_serve_satellites(tmp_path):
    """What the second migration's platform published stays; channels and orders begin empty."""
    key = P256_SHA256.load(bytes([7]) * 32)
    root_raw = self_signed_root(P256_SHA256, key, START_MS)
    path = tmp_path / "central.sqlite"

    async def found(store):
        platform = await Platform.open(P256_SHA256, root_raw, key, store, StandingClock())
        return (await platform.list_report()).digest

    async def serve(store):
        platform = await Platform.open(P256_SHA256, root_raw, key, store, StandingClock())
        await SatelliteGateway(platform.office, key, RoutingCourier()).open()
        known = await store.read(lambda tx: channels.channel_of(tx, "A-1234"))
        orders = await store.read(lambda tx: control.newest(tx, 1))
        return (await platform.list_report()).digest, known, orders

    digest = asyncio.run(_with(path, CENTRAL_MIGRATIONS[:2], found))
    assert asyncio.run(_with(path, CENTRAL_MIGRATIONS, serve)) == (digest, None, [])


def test_an_institution_keeps_its_synchronisations(tmp_path):
    """The numbers of statements signed before stay, and reports begin."""
    path = tmp_path / "institution.sqlite"
    sql = (
        "INSERT INTO synchronisations (wallet, number, synchronised_at_ms) VALUES ('A-1234', 5, 1)"
    )

    async def enter(store):
        await store.write(lambda tx: tx.execute(sql))

    async def read(store):
        reports = await store.read(lambda tx: key_reports.newest(tx, "", 1))
        return reports, await store.read(lambda tx: tx.query("SELECT number FROM synchronisations"))

    asyncio.run(_with(path, INSTITUTION_MIGRATIONS[:3], enter))
    assert asyncio.run(_with(path, INSTITUTION_MIGRATIONS, read)) == ([], [(5,)])
