"""A served network as seen from outside: real processes over HTTP, for wallets of the testing kit.

Keys and randomness come from the seed as everywhere in this kit; the clock is the computer's,
because servers judge the freshness of what they are sent by theirs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from feiqian.adapters.clock import SystemClock
from feiqian.adapters.http_client import HttpCourier
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.ports import Courier
from feiqian.wire.published import DIRECTORY_PATH


@dataclass(frozen=True, slots=True)
class ServedNetwork:
    """What one needs to know of a network to use it; a `bare_wallets.Network`."""

    trust: TrustStore
    courier: Courier
    clock: SystemClock
    seed: str

    @property
    def suite(self) -> Suite:
        """The suite of the network."""
        return self.trust.suite

    def url(self, code: str) -> str:
        """Where an institution answers. `Refusal` unknown_issuer."""
        return self.trust.url(code)

    def public_key(self, code: str) -> bytes:
        """An institution's. `Refusal` unknown_issuer."""
        return self.trust.institution(code).value.public_key


@asynccontextmanager
async def served_network(
    suite: Suite, root_raw: bytes, url: str, seed: str
) -> AsyncIterator[ServedNetwork]:
    """The network whose directory any server at `url` gives. `Refusal` when it cannot be had."""
    courier = HttpCourier()
    try:
        trust = TrustStore.pinned(suite, root_raw)
        trust.learn_directory(await courier.get(f"{url}{DIRECTORY_PATH}"))
        yield ServedNetwork(trust, courier, SystemClock(), seed)
    finally:
        await courier.close()
