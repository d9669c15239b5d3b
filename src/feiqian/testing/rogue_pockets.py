"""Rogue pockets: hosts of rogue chips, who keep the chains of what they have spent.

They break no rule but the one that their chips let them break, so nothing about their payments tells
a payee that is not on a list. A twin is a second device with the same key.
"""

import copy
from dataclasses import dataclass
from typing import Self

from feiqian.chip.session import ChipSession
from feiqian.protocol.payment.chain import Chain
from feiqian.testing.chips import PIN
from feiqian.testing.network import SeededEntropy
from feiqian.testing.pockets import Pocket, chip_seed
from feiqian.testing.rogue_chips import ForgetfulChip, RogueChip
from feiqian.wire.payment import OfferMessage, PaymentRequest


@dataclass(frozen=True, slots=True)
class Past:
    """All that a pocket held at a moment."""

    image: bytes
    chains: dict[bytes, Chain]


@dataclass
class RoguePocket(Pocket):
    """A pocket whose past can come back."""

    @property
    def rogue_chip(self) -> RogueChip:
        """The chip; a pocket of any other is not a rogue."""
        if not isinstance(self.chip, RogueChip):
            raise TypeError("expected a rogue chip")
        return self.chip

    def pay(self, message: OfferMessage, amount_minor: int) -> PaymentRequest:
        """Pay; the host of a forgetful chip forgets with it."""
        before = dict(self.chains)
        request = super().pay(message, amount_minor)
        if isinstance(self.chip, ForgetfulChip):
            self.chains = before
        return request

    def remember(self) -> Past:
        """What can be come back to."""
        return Past(self.rogue_chip.image, dict(self.chains))

    def roll_back(self, past: Past) -> None:
        """Hold again what was held then."""
        self.rogue_chip.roll_back(past.image)
        self.chains = dict(past.chains)
        self.session = ChipSession(self.chip)
        self.session.verify_pin(PIN)

    def twin(self, label: str) -> Self:
        """A second device of this very wallet, which goes its own way from here."""
        twin = copy.copy(self)
        twin.label = label
        twin.chip = self.rogue_chip.clone(chip_seed(self.network, label))
        twin.entropy = SeededEntropy(f"{self.network.seed}/{label}")
        twin.chains, twin.offers, twin.receipts = dict(self.chains), {}, {}
        twin.unverified, twin.shown, twin.decided, twin.found = {}, [], [], []
        twin.errands, twin.deposited, twin.void = {}, {}, {}
        twin.session = ChipSession(twin.chip)
        twin.session.verify_pin(PIN)
        return twin
