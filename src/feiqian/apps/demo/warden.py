"""The warden ends what a demonstration has started, however the demonstration itself ended.

It is a process of its own, in a session of its own, that reads a pipe from the demonstration. The
system closes that pipe when the demonstration ends: orderly, by Ctrl-C, by a failure or killed. Then
the warden stops the network of the directory and its broker, and, unless it is to be kept, removes the directory.
"""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

from feiqian.apps import network as networks
from feiqian.apps.demo.buses import end_broker
from feiqian.outcomes import Refusal

NETWORK = "network"
"""The network's directory within the demonstration's."""
_KEEP = "keep"
DISMISSED_WITHIN_S = 60.0


class Warden:
    """The demonstration's end of the pipe."""

    def __init__(self, folder: Path, *, keep: bool) -> None:
        """Set a warden over `folder`."""
        self._process = subprocess.Popen(  # noqa: S603 - our own module with our own arguments
            [sys.executable, "-m", __name__, str(folder), *([_KEEP] if keep else [])],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Have it do its work, and wait until that is done."""
        self._process.communicate(timeout=DISMISSED_WITHIN_S)


def watch(folder: Path, *, keep: bool) -> None:
    """Wait for the end of the demonstration, then clean up after it."""
    sys.stdin.buffer.read()
    # Refused when it ended before there was a network.
    with contextlib.suppress(Refusal):
        networks.down(folder / NETWORK)
    end_broker(folder)
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), keep=_KEEP in sys.argv[2:])
