"""A real Mosquitto for tests: started on a free port, ended with the test.

Where it is not installed, tests that need it are skipped; with ``CI=true`` they fail, so that a build
server cannot be green without it.
"""

import os
from pathlib import Path

import pytest

from feiqian.adapters.mosquitto import Broker, find_mosquitto, set_up
from feiqian.testing.free_ports import HOST, free_ports


def require_mosquitto() -> None:
    """Skip the test, or fail it on a build server, when there is no broker."""
    if find_mosquitto() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("expected an installed mosquitto; see tools/install-system")
        pytest.skip("mosquitto is not installed; see README, Limits")


def started_broker(folder: Path) -> Broker:
    """A new broker with its own authority."""
    require_mosquitto()
    return Broker.start(set_up(folder, HOST, free_ports(1)))
