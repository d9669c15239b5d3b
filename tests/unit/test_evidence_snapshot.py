"""The auditor's view of a database: read-only, at one moment, whatever its owner does."""

import pytest

from feiqian.adapters.evidence import SqliteSnapshot
from feiqian.adapters.sqlite import connect
from feiqian.outcomes import Outcome, Refusal

pytestmark = pytest.mark.feature("P-06")

COUNT = "SELECT COUNT(*) FROM things"


@pytest.fixture
def owner(tmp_path):
    """A database with one row, open for writing."""
    connection = connect(tmp_path / "owned.sqlite")
    connection.executescript("CREATE TABLE things (name TEXT); INSERT INTO things VALUES ('one');")
    yield connection
    connection.close()


def test_a_snapshot_stays_while_the_owner_writes(owner, tmp_path):
    """What is committed after the snapshot is not in it, and the owner is not held up."""
    with SqliteSnapshot(tmp_path / "owned.sqlite") as early:
        owner.execute("INSERT INTO things VALUES ('two')")
        with SqliteSnapshot(tmp_path / "owned.sqlite") as late:
            assert next(early.rows(COUNT)) == (1,)
            assert next(late.rows(COUNT)) == (2,)


def test_several_results_are_read_side_by_side(owner, tmp_path):
    """A result that is half read does not disturb another."""
    owner.execute("INSERT INTO things VALUES ('two')")
    with SqliteSnapshot(tmp_path / "owned.sqlite") as snapshot:
        first = snapshot.rows("SELECT name FROM things ORDER BY name")
        second = snapshot.rows("SELECT name FROM things ORDER BY name DESC")
        assert [next(first), next(second), next(first), next(second)] == [
            ("one",),
            ("two",),
            ("two",),
            ("one",),
        ]


def test_what_a_crash_left_in_the_log_is_read(owner, tmp_path):
    """A copy of the files as a killed process leaves them shows all that was committed."""
    owner.execute("INSERT INTO things VALUES ('two')")
    for name in ("owned.sqlite", "owned.sqlite-wal"):
        (tmp_path / f"left-{name}").write_bytes((tmp_path / name).read_bytes())
    with SqliteSnapshot(tmp_path / "left-owned.sqlite") as snapshot:
        assert next(snapshot.rows(COUNT)) == (2,)


def test_nothing_can_be_written(owner, tmp_path):
    """Evidence cannot be changed through it."""
    with SqliteSnapshot(tmp_path / "owned.sqlite") as snapshot, pytest.raises(Refusal):
        list(snapshot.rows("DELETE FROM things"))
    assert owner.execute(COUNT).fetchone() == (1,)


@pytest.mark.parametrize("content", [None, b"no database, but long enough to be read as one" * 9])
def test_what_is_no_database_is_refused(tmp_path, content):
    """A missing or a damaged file is a refusal, and no file is made."""
    path = tmp_path / "missing.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal) as refused:
        SqliteSnapshot(path)
    assert refused.value.outcome is Outcome.MALFORMED
    assert path.exists() is (content is not None)


def test_a_missing_table_is_refused(owner, tmp_path):
    """A database of another schema is a refusal, never a traceback."""
    with SqliteSnapshot(tmp_path / "owned.sqlite") as snapshot, pytest.raises(Refusal):
        list(snapshot.rows("SELECT * FROM elsewhere"))
