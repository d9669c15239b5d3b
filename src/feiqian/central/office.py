"""What every part of the platform works with: its authority, whom it trusts, and its ports."""

from dataclasses import dataclass

from feiqian.central.authority import Authority
from feiqian.central.list_book import ListBook
from feiqian.crypto.suites import Suite
from feiqian.crypto.trust import TrustStore
from feiqian.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class Office:
    """The platform's identity and surroundings."""

    authority: Authority
    trust: TrustStore
    book: ListBook
    store: Store
    clock: Clock

    @property
    def suite(self) -> Suite:
        """The suite of the network."""
        return self.authority.suite

    def now_ms(self) -> int:
        """The current moment's midpoint."""
        return self.clock.now().midpoint_ms
