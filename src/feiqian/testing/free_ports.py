"""Free TCP ports on this machine: several in a row, as a network takes them.

They lie below the range from which systems take the ports of outgoing connections, so that a server
that is stopped for a moment finds its port again.
"""

import socket
from random import SystemRandom

from feiqian.outcomes import Outcome, Refusal

HOST = "127.0.0.1"
# Not the shared generator: test runners seed that alike in every process of theirs.
_RANDOM = SystemRandom()
FIRST, END = 20_000, 32_000
MAX_TRIES = 64


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on now.

    Somebody else may take one before it is used; then the server that wanted it says so. Raises
    `Refusal` busy when none are found.
    """
    for _ in range(MAX_TRIES):
        first = _RANDOM.randrange(FIRST, END - count)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise Refusal(Outcome.BUSY, f"expected {count} free ports in a row on {HOST}")


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((HOST, port)):
            return True
    except OSError:
        return False
