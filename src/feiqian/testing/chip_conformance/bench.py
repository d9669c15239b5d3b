"""The test bench: a chip under test, and a world that can issue to it and pay it.

The counterparties' keys are in the test's own hands, so a test can sign what no honest chip would.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import pytest

from feiqian.chip.commands import Accept, Export, Pay, StatusAnswer
from feiqian.chip.session import ChipSession
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suites import Suite
from feiqian.money.currency import SignedCurrency
from feiqian.money.limits import DEFAULT_TIER
from feiqian.money.transfer import TRANSFER, Acceptor, Transfer, sign_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.chips import PIN, personalise
from feiqian.testing.keys import NOW_MS, CertifiedParty, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.payment import OFFER, Offer
from feiqian.wire.synchronisation import SYNCHRONISATION, Synchronisation

NOW = Moment(NOW_MS, 1_000)
LATER_MS = NOW_MS + 60_000
NUMBER = "A-7K2Q9D4M"


class ChipUnderTest(Protocol):
    """A blank chip of the kind that is tested."""

    def transmit(self, apdu: bytes) -> bytes:
        """One command APDU for one response APDU."""
        ...

    def reset(self) -> None:
        """Power off and on; no applet is selected then."""
        ...


@contextmanager
def refused(outcome: Outcome) -> Iterator[None]:
    """Expect a refusal of exactly this name."""
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.outcome is outcome, caught.value


class Bench:
    """A chip and its world; `session` is the host's."""

    def __init__(self, chip: ChipUnderTest, suite: Suite = P256_SHA256) -> None:
        self.chip = chip
        self.world = TrustWorld(suite=suite)
        self.session = ChipSession(chip)
        self._issued = 0
        self._drawn = 0
        self._offers: dict[bytes, bytes] = {}

    def personalise(self, tier: int = DEFAULT_TIER) -> None:
        """Make the chip operational in `tier`, and unlock it."""
        self.session = personalise(self.world, self.chip, "A", NUMBER, tier)

    def reset(self) -> None:
        """Take the power away and come back, locked."""
        self.chip.reset()
        self.session = ChipSession(self.chip)

    def unlock(self) -> None:
        """Give the PIN."""
        self.session.verify_pin(PIN)

    @property
    def status(self) -> StatusAnswer:
        """The chip's status now."""
        return self.session.status()

    @property
    def balance_minor(self) -> int:
        """The chip's balance now."""
        return self.status.balance_minor

    @property
    def fingerprint(self) -> bytes:
        """Of the chip's key."""
        return self.status.fingerprint

    @property
    def institution(self) -> CertifiedParty:
        """The chip's own institution."""
        return self.world.institutions["A"]

    @property
    def stranger(self) -> CertifiedParty:
        """Another wallet, at institution B."""
        return self.world.chip("B", "B-STRANGER")

    @contextmanager
    def unchanged(self, outcome: Outcome) -> Iterator[None]:
        """Expect a refusal of this name that leaves status and pieces as they were."""
        before = self.status, self.session.pieces()
        with refused(outcome):
            yield
        assert (self.status, self.session.pieces()) == before

    def issue(self, amount_minor: int) -> SignedCurrency:
        """The next currency for the chip, not loaded."""
        self._issued += 1
        return self.world.issue("A", self.fingerprint, amount_minor, self._issued)

    def load(self, *amounts_minor: int) -> tuple[bytes, ...]:
        """Issue and load; the new pieces' identifiers."""
        currencies = [self.issue(amount_minor) for amount_minor in amounts_minor]
        for currency in currencies:
            self.session.load(currency.raw)
        return tuple(currency.identifier for currency in currencies)

    def nonce(self) -> bytes:
        """A session nonce never used before."""
        self._drawn += 1
        return self._drawn.to_bytes(16, "big")

    def payment(
        self,
        amount_minor: int,
        inputs: tuple[bytes, ...],
        payee: bytes | None = None,
        acceptor: Acceptor = Acceptor.MANAGER,
    ) -> Pay:
        """A payment to the stranger, or to `payee`."""
        return Pay(
            payee=self.stranger.fingerprint if payee is None else payee,
            amount_minor=amount_minor,
            nonce=self.nonce(),
            moment=NOW,
            inputs=inputs,
            acceptor=acceptor,
        )

    def exportation(self, amount_minor: int, inputs: tuple[bytes, ...]) -> Export:
        """An export of the inputs."""
        return Export(amount_minor=amount_minor, nonce=self.nonce(), moment=NOW, inputs=inputs)

    def offer(
        self,
        amount_minor: int | None = None,
        expires_at_ms: int = LATER_MS,
        acceptor: Acceptor = Acceptor.CHIP,
        ceiling_minor: int | None = None,
    ) -> Offer:
        """Open a session as payee; the offer, its signature checked."""
        raw = self.session.offer(amount_minor, NOW, expires_at_ms, acceptor, ceiling_minor)
        offer = OFFER.read(self.world.suite, raw, self.status.public_key)
        self._offers[offer.nonce] = raw
        return offer

    def transfer(
        self,
        amount_minor: int,
        nonce: bytes,
        *,
        payer: CertifiedParty | None = None,
        payee: bytes | None = None,
        consumed: bytes | None = None,
        moment: Moment = NOW,
        acceptor: Acceptor = Acceptor.CHIP,
    ) -> bytes:
        """A transfer to the chip, signed by the stranger or by `payer`."""
        value = Transfer(
            version=VERSION,
            consumed=consumed or self.world.suite.digest(self.nonce()),
            payee=self.fingerprint if payee is None else payee,
            amount_minor=amount_minor,
            change_minor=0,
            counter=1,
            moment=moment,
            nonce=nonce,
            acceptor=acceptor,
        )
        return sign_transfer(self.world.suite, (payer or self.stranger).key, value).raw

    def acceptance(
        self, *transfers: bytes, payer: CertifiedParty | None = None, offer: bytes | None = None
    ) -> Accept:
        """What the host hands to its chip for these transfers; `offer` in place of their own."""
        payer = payer or self.stranger
        institution = self.world.institutions[payer.certificate.value.issuer]
        return Accept(
            institution_certificate=institution.certificate.raw,
            payer_certificate=payer.certificate.raw,
            transfers=transfers,
            offer=self._offer_of(transfers[0]) if offer is None else offer,
        )

    def _offer_of(self, transfer: bytes) -> bytes:
        """The offer of a transfer's session; of a session that is none, the newest offer."""
        nonce = TRANSFER.peek(self.world.suite, transfer).nonce
        return self._offers.get(nonce) or list(self._offers.values())[-1]

    def accept(self, amount_minor: int) -> None:
        """Be paid by the stranger, offline."""
        nonce = self.offer(amount_minor).nonce
        self.session.accept(self.acceptance(self.transfer(amount_minor, nonce)))

    def synchronisation(
        self,
        number: int,
        wallet: str = NUMBER,
        by: CertifiedParty | None = None,
        moment: Moment = NOW,
    ) -> bytes:
        """A synchronisation by the chip's institution (or by another) for it (or another wallet)."""
        statement = Synchronisation(VERSION, wallet, moment, number)
        return SYNCHRONISATION.sign(self.world.suite, (by or self.institution).key, statement)


class Chapter:
    """What every chapter of the suite starts from."""

    @pytest.fixture
    def suite(self) -> Suite:
        """The suite of the network that the chip is for; override it for another."""
        return P256_SHA256

    @pytest.fixture
    def blank(self, chip: ChipUnderTest, suite: Suite) -> Bench:
        """A bench with a blank chip."""
        return Bench(chip, suite)

    @pytest.fixture
    def bench(self, blank: Bench) -> Bench:
        """A bench with an operational chip, unlocked."""
        blank.personalise()
        return blank
