"""Configuration files: TOML into checked structs; paths in them are relative to the file."""

from pathlib import Path
from typing import TypeVar

import msgspec

from feiqian.crypto.certificates import InstitutionCode
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal

C = TypeVar("C", bound=msgspec.Struct)


class CentralConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`central.toml`: how the platform runs."""

    suite: str
    host: str
    port: int
    database: str
    key_file: str
    """The root's private key, 32 bytes in hexadecimal, mode 0600."""
    root_file: str
    """The root certificate (COSE)."""
    operator_token_file: str
    sealing_key_file: str = "sealing.key"
    """The private key that satellite channels are sealed with; made when there is none."""


class GroundConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`ground.toml`: how a ground station runs."""

    suite: str
    name: str
    central_url: str
    key_file: str
    root_file: str
    module: str
    """Its terminal, such as rdss3-regional://127.0.0.1:7000."""
    broadcast_address: str
    """Where its terminal reaches all others; of its short-message service."""


class InstitutionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`institution.toml`: how an operating institution runs."""

    suite: str
    code: InstitutionCode
    host: str
    port: int
    central_url: str
    database: str
    key_file: str
    root_file: str
    operator_token_file: str
    opening_balance_minor: int = 0
    """What a new bank account starts with: for trial networks; 0 in earnest."""


def load(path: Path, shape: type[C]) -> C:
    """Read a configuration file. `Refusal` malformed says what was expected where."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        raise Refusal(Outcome.MALFORMED, f"expected a configuration file at {path}") from None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Refusal(Outcome.MALFORMED, f"{path}: {error}") from error


def write_toml(path: Path, value: msgspec.Struct) -> None:
    """Write a configuration file; who reads it meanwhile sees the old one or the new one, whole."""
    written = path.with_name(f".{path.name}.new")
    written.write_bytes(msgspec.toml.encode(value))
    written.replace(path)


def write_secret(path: Path, secret: str) -> None:
    """Write a secret that only this user can read."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(secret + "\n", encoding="ascii")


def read_secret(path: Path) -> str:
    """Read a secret; `Refusal` malformed when it is missing or empty, or others can read it."""
    if not path.is_file():
        raise Refusal(Outcome.MALFORMED, f"expected a secret in {path}")
    if path.stat().st_mode & 0o077:
        raise Refusal(Outcome.MALFORMED, f"expected {path} to be readable by its owner alone")
    try:
        secret = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(Outcome.MALFORMED, f"expected a secret in {path}: {error}") from error
    if not secret:
        raise Refusal(Outcome.MALFORMED, f"expected a secret in {path}, which is empty")
    return secret


def read_secret_bytes(path: Path) -> bytes:
    """Read a secret in hexadecimal; `Refusal` malformed names the file, never what is in it."""
    try:
        return bytes.fromhex(read_secret(path))
    except ValueError:
        raise Refusal(Outcome.MALFORMED, f"expected hexadecimal digits in {path}") from None


def read_key(path: Path, suite: Suite) -> PrivateKey:
    """Read a private key in hexadecimal; `Refusal` malformed names the file, never what is in it."""
    raw = read_secret_bytes(path)
    try:
        return suite.load(raw)
    except ValueError:
        raise Refusal(
            Outcome.MALFORMED, f"expected a private key of {suite.name} in {path}"
        ) from None


def read_root(path: Path, suite: Suite) -> TrustStore:
    """Read the root certificate that everything is trusted by. `Refusal` names the file."""
    try:
        return TrustStore.pinned(suite, path.read_bytes())
    except OSError as error:
        raise Refusal(Outcome.MALFORMED, f"expected a root certificate in {path}") from error
    except Refusal as refusal:
        raise Refusal(refusal.outcome, f"{path}: {refusal.detail}") from refusal
