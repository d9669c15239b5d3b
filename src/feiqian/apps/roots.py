"""Which root a command believes: a root certificate in a file, or that of a network directory."""

from pathlib import Path

from feiqian.apps import founding
from feiqian.apps.configuration import load, read_root
from feiqian.apps.network import CENTRAL, NETWORK_FILE, NetworkConfig
from feiqian.crypto.suite_names import suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Outcome, Refusal


def trust_in(root: Path, suite_name: str) -> TrustStore:
    """A store that pins the root at `root`: a certificate, or a network directory that names its suite.

    Raises `Refusal` malformed when there is none.
    """
    if (root / NETWORK_FILE).is_file():
        suite_name = load(root / NETWORK_FILE, NetworkConfig).suite
        root = root / CENTRAL / founding.ROOT_FILE
    if not root.is_file():
        raise Refusal(Outcome.MALFORMED, f"expected a root certificate or a network at {root}")
    return read_root(root, suite_named(suite_name))
