"""What every part of an institution works with: who it is, whom it trusts, and its ports."""

from dataclasses import dataclass

from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.crypto.trust import TrustStore
from feiqian.ports import Clock, Courier, Entropy, Store


@dataclass(frozen=True, slots=True)
class Office:
    """An operating institution's identity and surroundings."""

    code: str
    key: PrivateKey
    trust: TrustStore
    store: Store
    clock: Clock
    entropy: Entropy
    courier: Courier
    central_url: str

    @property
    def suite(self) -> Suite:
        """The suite of the network."""
        return self.trust.suite

    @property
    def fingerprint(self) -> bytes:
        """Of the institution's own key: the payee of exports."""
        return self.suite.fingerprint(self.key.public)

    def now_ms(self) -> int:
        """The current moment's midpoint."""
        return self.clock.now().midpoint_ms
