"""A road with one entity, one vehicle and a network of two institutions, made by commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feiqian.testing.free_ports import free_ports
from tests.system.processes import run

PLACE = "31.2304,121.4737"
PURSE_MINOR = 100_00


def entity(service: str = "parking") -> tuple[str, ...]:
    """Options that name the entity."""
    return "--road", "road", "--name", f"{service}-1"


def wish(service: str = "parking") -> tuple[str, ...]:
    """Options that ask for its service."""
    return "--vehicle", "v", "--service", service, "--ceiling", "50.00"


@contextmanager
def road_made(
    folder: Path, scheme: str = "stream", service: str = "parking", tariff: str = ""
) -> Iterator[int]:
    """The road in `folder`, its network up and down again; the first of six free ports.

    The network has the first three, the bus the fourth. The entity is `SERVICE-1`.
    """
    port = free_ports(6)
    url, bus = f"http://127.0.0.1:{port + 1}", f"{scheme}://127.0.0.1:{port + 3}"
    run(folder, "network", "init", "net", "--base-port", str(port))
    try:
        run(folder, "network", "up", "net")
        for wallet, code in (("car", "A"), ("park", "B")):
            wanted = ("--wallet", wallet, "--network", "net", "--institution", code)
            run(folder, "wallet", "open", *wanted)
        run(folder, "wallet", "withdraw", "--wallet", "car", "--amount", "100.00")
        run(folder, "positions", "init", "--road", "road", "--network", url, "--bus", bus)
        run(folder, "provider", "init", "--road", "road")
        place = ("--service", service, "--at", PLACE, "--wallet", "park")
        priced = ("--tariff", tariff) if tariff else ()
        run(folder, "entity", "init", *entity(service), *place, *priced)
        run(folder, "vehicle", "init", "--vehicle", "v", "--road", "road", "--wallet", "car")
        yield port
    finally:
        run(folder, "network", "down", "net")
