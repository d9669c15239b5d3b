"""Files that an operator can break are refused by name, and never shown."""

from pathlib import Path

import pytest

from feiqian.adapters.http_server import only_operator
from feiqian.adapters.sqlite import SqliteStore
from feiqian.apps.configuration import (
    read_key,
    read_root,
    read_secret,
    read_secret_bytes,
    write_secret,
)
from feiqian.crypto.p256 import P256_SHA256
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal

MIGRATIONS = ("CREATE TABLE kept (value BLOB) STRICT;",)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
def test_a_broken_secret_is_refused_by_its_file(tmp_path: Path, content: bytes):
    """An empty secret, or one that is no text, gets a refusal that names its file."""
    path = tmp_path / "token"
    write_secret(path, "x")
    path.write_bytes(content)
    with pytest.raises(Refusal, match=str(path)) as caught:
        read_secret(path)
    assert caught.value.outcome is Outcome.MALFORMED


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path):
    """A secret is used only while its file is its owner's alone."""
    path = tmp_path / "token"
    write_secret(path, "x")
    path.chmod(0o640)
    with pytest.raises(Refusal, match="owner alone"):
        read_secret(path)


@pytest.mark.parametrize("kept", ["not hexadecimal", "ab", "00" * 32])
def test_a_broken_key_is_refused_by_its_file_and_never_shown(tmp_path: Path, kept: str):
    """A key file that holds no key is refused by its path, without what is in it."""
    path = tmp_path / "key"
    write_secret(path, kept)
    with pytest.raises(Refusal, match=str(path)) as caught:
        read_key(path, P256_SHA256)
    assert caught.value.outcome is Outcome.MALFORMED
    assert kept not in caught.value.detail
    assert caught.value.__cause__ is None


def test_a_secret_in_hexadecimal_comes_back(tmp_path: Path):
    """What was written is what is read."""
    path = tmp_path / "token"
    write_secret(path, b"\x01\x02".hex())
    assert read_secret_bytes(path) == b"\x01\x02"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_broken_root_is_refused_by_its_file(tmp_path: Path, content: bytes | None):
    """Without a root certificate nothing is trusted, and the file that should hold it is named."""
    path = tmp_path / "root.cert"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Refusal, match=str(path)):
        read_root(path, P256_SHA256)


def test_what_is_no_database_is_refused_by_its_file(tmp_path: Path):
    """A file that is no database gets a refusal that names it."""
    path = tmp_path / "central.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(Refusal, match=str(path)) as caught:
        SqliteStore.open(path, MIGRATIONS)
    assert caught.value.outcome is Outcome.MALFORMED


def test_a_database_that_cannot_be_opened_is_unavailable(tmp_path: Path):
    """A path on which nothing can be opened is an outage, not a defect of the file."""
    with pytest.raises(Refusal, match=str(tmp_path)) as caught:
        SqliteStore.open(tmp_path, MIGRATIONS)
    assert caught.value.outcome is Outcome.UNAVAILABLE


def test_nobody_operates_with_an_empty_token():
    """An empty token would let in everybody who sends none."""
    with pytest.raises(LocalProtocolError):
        only_operator("")
