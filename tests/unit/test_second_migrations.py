"""A database of the first release becomes one of this release, and keeps what it has."""

import asyncio

import pytest

from feiqian.adapters.sqlite import SqliteStore
from feiqian.central.authority import self_signed_root
from feiqian.central.platform import Platform
from feiqian.central.schema import MIGRATIONS as CENTRAL_MIGRATIONS
from feiqian.crypto.p256 import P256_SHA256
from feiqian.institution import record
from feiqian.institution.schema import MIGRATIONS as INSTITUTION_MIGRATIONS
from feiqian.testing.platform_world import START_MS, StandingClock

pytestmark = pytest.mark.feature("P-07")


def reopened(path, migrations, job):
    """What `job` reads from a database that had only the first migration and a row in it."""

    async def read():
        store = SqliteStore.open(path, migrations)
        try:
            return await job(store)
        finally:
            await store.close()

    return asyncio.run(read())


def test_an_institution_keeps_its_record(tmp_path):
    """A state of the first release is found as before: it circulates, and no manager awaits it."""
    path = tmp_path / "institution.sqlite"

    def enter(store):
        sql = (
            "INSERT INTO record (identifier, serial, amount_minor, owner, state, consumed_by)"
            " VALUES (?, ?, 5, ?, 0, NULL)"
        )
        return store.write(lambda tx: tx.execute(sql, (bytes(32), bytes(16), bytes(32))))

    reopened(path, INSTITUTION_MIGRATIONS[:1], enter)
    found = reopened(
        path,
        INSTITUTION_MIGRATIONS,
        lambda store: store.read(lambda tx: record.look_up(tx, bytes(32))),
    )
    assert (found.output.amount_minor, found.awaited) == (5, False)


def test_a_platform_begins_its_list(tmp_path):
    """A platform of the first release publishes the list that lists nothing when it starts."""
    path, suite = tmp_path / "central.sqlite", P256_SHA256
    key = suite.load(bytes([7]) * 32)
    root_raw = self_signed_root(suite, key, START_MS)
    reopened(
        path,
        CENTRAL_MIGRATIONS[:1],
        lambda store: store.write(
            lambda tx: tx.execute("INSERT INTO settings (name, value) VALUES ('kept', 'yes')")
        ),
    )

    async def report(store):
        platform = await Platform.open(suite, root_raw, key, store, StandingClock())
        kept = await store.read(lambda tx: tx.query("SELECT value FROM settings"))
        return await platform.list_report(), kept

    shown, kept = reopened(path, CENTRAL_MIGRATIONS, report)
    assert (shown.number, shown.identifiers, kept) == (1, 0, [("yes",)])
