"""Software chips for tests: in memory, seeded, and made operational in one call."""

import random

from feiqian.adapters.softchip import SoftChip
from feiqian.chip.card.memory import Memory
from feiqian.chip.session import ChipSession, Connection
from feiqian.crypto.suites import Suite
from feiqian.money.limits import DEFAULT_TIER
from feiqian.testing.keys import TrustWorld
from feiqian.testing.memories import PlainMemory

PIN = b"1234"
PUK = b"87654321"


class RemovableChip:
    """A software chip that can be powered off and on; its memory stays."""

    def __init__(self, suite: Suite, memory: Memory | None = None, seed: int = 0) -> None:
        self.suite = suite
        self.memory = memory or PlainMemory()
        self._entropy = random.Random(seed).randbytes
        self._powered = SoftChip(self.memory, suite, self._entropy)

    def transmit(self, apdu: bytes) -> bytes:
        """One command APDU for one response APDU."""
        return self._powered.transmit(apdu)

    def reset(self) -> None:
        """Power off and on."""
        self._powered = SoftChip(self.memory, self.suite, self._entropy)


def personalise(
    world: TrustWorld, connection: Connection, code: str, number: str, tier: int = DEFAULT_TIER
) -> ChipSession:
    """Take a blank chip through its whole personalisation; unlocked with `PIN` when it returns."""
    session = ChipSession(connection)
    public_key = session.initialise(world.root.certificate.value.public_key, PIN, PUK)
    certificate = world.certify(code, number, public_key, tier=tier)
    session.personalise(world.institutions[code].certificate.raw, certificate.raw)
    session.verify_pin(PIN)
    return session
