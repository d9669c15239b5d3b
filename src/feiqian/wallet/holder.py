"""What every part of a wallet works with: whose it is, whom it trusts, its chip and its ports."""

from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct

from feiqian.chip.session import ChipSession
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.trust import TrustStore
from feiqian.ports import Clock, Courier, Entropy, Library, Store
from feiqian.protocol.answers import read_answer
from feiqian.protocol.payment.chain import Chain
from feiqian.wallet import holdings
from feiqian.wallet.rules import WALLET_RULES, WalletRules
from feiqian.wallet.sessions import Journal
from feiqian.wire.request_envelope import REQUESTS_PATH, Action, Request

S = TypeVar("S", bound=Struct)

KEY_BYTES = 16
"""Length of nonces and request ids."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The world as a wallet meets it, before it is anybody's."""

    trust: TrustStore
    chip: ChipSession
    store: Store
    courier: Courier
    library: Library
    clock: Clock
    entropy: Entropy
    rules: WalletRules = WALLET_RULES

    def now_ms(self) -> int:
        """The current moment's midpoint."""
        return self.clock.now().midpoint_ms


@dataclass(frozen=True, slots=True)
class Holder:
    """An open wallet's identity and surroundings."""

    around: Surroundings
    certificate: SignedCertificate
    """Of our own chip."""
    account: str
    """The bank account behind the wallet; empty when anonymous."""

    @property
    def number(self) -> str:
        """The wallet's number."""
        return self.certificate.value.subject

    @property
    def institution(self) -> str:
        """The code of our own institution."""
        return self.certificate.value.issuer

    @property
    def journal(self) -> Journal:
        """Where machines' records go."""
        return Journal(self.around.trust.suite, self.certificate)

    def fresh_key(self) -> bytes:
        """A new nonce or request id."""
        return self.around.entropy(KEY_BYTES)

    async def spendable(self) -> tuple[Chain, ...]:
        """Pieces that the chip holds, whose history we can show, and that nothing waits for."""
        held = {piece.identifier for piece in self.around.chip.pieces()}
        chains = await self.around.store.read(holdings.free)
        return tuple(chain for chain in chains if chain.identifier in held)

    def sign_request(self, request_id: bytes, action: Action, body: bytes) -> bytes:
        """A request to our institution, signed by the chip, which must be unlocked."""
        request = Request(
            version=VERSION,
            request_id=request_id,
            sender=self.number,
            addressee=self.institution,
            sent_at_ms=self.around.now_ms(),
            action=action,
            body=body,
        )
        return self.around.chip.sign_request(cbor.encode(request))

    async def ask(self, request_id: bytes, signed: bytes, shape: type[S]) -> S:
        """Send a signed request to our institution. `Refusal` as it, or the way there, says."""
        around = self.around
        url = around.trust.url(self.institution) + REQUESTS_PATH
        answered = await around.courier.post(url, signed)
        return read_answer(around.trust, self.institution, answered, request_id, shape)

    async def look_up(self, action: Action, body: Struct, shape: type[S]) -> S:
        """Ask what changes nothing, so that it need not be stored first."""
        request_id = self.fresh_key()
        signed = self.sign_request(request_id, action, cbor.encode(body))
        return await self.ask(request_id, signed, shape)
