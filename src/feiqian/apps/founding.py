"""Founding a network: the root key, its certificate, the operator's token, the configuration.

It happens once in a directory: a root key that is there is never replaced, because everything that
the network ever signed hangs on it.
"""

from pathlib import Path

from feiqian.adapters.clock import SystemClock, system_entropy
from feiqian.apps.configuration import CentralConfig, write_secret, write_toml
from feiqian.central.authority import self_signed_root
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suite_names import suite_named
from feiqian.outcomes import Outcome, Refusal

CONFIG_FILE = "central.toml"
DATABASE_FILE = "central.sqlite"
KEY_FILE = "root.key"
ROOT_FILE = "root.cose"
SEALING_KEY_FILE = "sealing.key"
TOKEN_FILE = "operator.token"  # noqa: S105 - the name of the file
TOKEN_BYTES = 24


def found_network(directory: Path, suite_name: str, host: str, port: int) -> Path:
    """Make all that a platform needs to start; the path of its configuration file.

    Raises `Refusal`: key_reused when a network was founded there before, unknown_suite.
    """
    config_path, key_path = directory / CONFIG_FILE, directory / KEY_FILE
    if config_path.exists() or key_path.exists():
        raise Refusal(Outcome.KEY_REUSED, f"expected no network in {directory} yet")
    suite = suite_named(suite_name)
    directory.mkdir(parents=True, exist_ok=True)
    key = suite.generate()
    write_secret(key_path, key.secret.hex())
    write_secret(directory / SEALING_KEY_FILE, P256_SHA256.generate().secret.hex())
    now_ms = SystemClock().now().midpoint_ms
    (directory / ROOT_FILE).write_bytes(self_signed_root(suite, key, now_ms))
    write_secret(directory / TOKEN_FILE, system_entropy(TOKEN_BYTES).hex())
    config = CentralConfig(
        suite_name,
        host,
        port,
        DATABASE_FILE,
        KEY_FILE,
        ROOT_FILE,
        TOKEN_FILE,
        SEALING_KEY_FILE,
    )
    write_toml(config_path, config)
    return config_path
