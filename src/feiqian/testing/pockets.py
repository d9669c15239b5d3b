"""Pockets: chip hosts that are in touch with their institution now and then.

Chip and institutions are the real ones; only the client is small: no store, no sessions to resume, one
call for each side of a payment. That makes a pocket cheap enough for populations and for tens of
thousands of random steps. What it could not finish stays in its lists until it is asked to go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from msgspec import Struct

from feiqian.chip.commands import Export
from feiqian.chip.session import ChipSession
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.trust import TrustStore
from feiqian.money.limits import DEFAULT_TIER
from feiqian.money.transfer import parse_transfer
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.testing.chip_hosts import ChipHost
from feiqian.testing.chips import PIN, PUK, RemovableChip
from feiqian.testing.network import SeededEntropy, SimulatedNetwork
from feiqian.wire.double_spending import (
    EVIDENCE_PATH,
    LIST_PATH,
    DocumentKind,
    apply_delta,
    assemble_base,
    document_name,
    read_chunk,
    read_version,
)
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.evidence import Accusation, verify_evidence
from feiqian.wire.items import MAX_ITEMS, PaymentItem
from feiqian.wire.payment import PaymentRequest
from feiqian.wire.request_envelope import (
    ANSWER,
    MAX_BODY_BYTES,
    NEW_WALLET,
    REQUESTS_PATH,
    Action,
    Request,
)
from feiqian.wire.verification import (
    VERDICT,
    VERIFICATIONS_PATH,
    VerificationRequest,
    VerificationResult,
    VerifiedItem,
)
from feiqian.wire.wallet_requests import (
    DepositResult,
    IssuedBody,
    IssuedResult,
    OpenBody,
    OpenResult,
    RedeemBody,
    WithdrawBody,
)

NONCE_BYTES = 16

R = TypeVar("R", bound=Struct)


@dataclass(frozen=True, slots=True)
class Found:
    """A payment taken in that turned out to be anomalous."""

    transfer: bytes
    outcome: Outcome
    decided_by: str
    evidence: bytes | None
    """Its name, on a double spend."""


@dataclass
class Pocket(ChipHost):
    """A chip host that is also in touch with its institution, now and then."""

    number: str = NEW_WALLET
    shown: list[PaymentItem] = field(default_factory=list)
    """All that was ever sent to an institution, to verify or to deposit; it may not have arrived."""
    decided: list[PaymentItem] = field(default_factory=list)
    """What an issuer's verdict has come back for."""
    found: list[Found] = field(default_factory=list)
    errands: dict[bytes, RedeemBody] = field(default_factory=dict)
    """Deposits that are not answered yet, by identifier of the piece."""
    deposited: dict[bytes, RedeemBody] = field(default_factory=dict)

    @classmethod
    async def open(
        cls,
        network: SimulatedNetwork,
        code: str,
        label: str,
        *,
        tier: int = DEFAULT_TIER,
        chip: RemovableChip | None = None,
    ) -> Self:
        """Make a blank chip a wallet of institution `code`."""
        chip = chip or RemovableChip(network.suite, seed=chip_seed(network, label))
        trust = TrustStore.pinned(network.suite, network.platform.root())
        trust.learn_directory(network.platform.directory())
        session = ChipSession(chip)
        public_key = session.initialise(trust.root.value.public_key, PIN, PUK)
        session.verify_pin(PIN)
        entropy = SeededEntropy(f"{network.seed}/{label}")
        pocket = cls(network, code, chip, label, trust, entropy, session, tier)
        opened = await pocket.ask(Action.OPEN, OpenBody(VERSION, public_key, tier), OpenResult)
        session.personalise(trust.institution(code).raw, opened.chip_certificate)
        pocket.certificate = trust.verify_chip(opened.chip_certificate, pocket.now.midpoint_ms)
        pocket.number = pocket.certificate.value.subject
        return pocket

    async def accept_checked(self, request: PaymentRequest) -> bytes:
        """Have the back end judge a request, then take it in (D-04); as `accept` otherwise.

        Raises `Refusal`: what the verdict says, unavailable when an issuer gave none.
        """
        if request.nonce in self.receipts:
            return self.receipts[request.nonce]
        checked = [self.check(item) for item in request.items]
        for each, result in zip(checked, await self._ask_verdicts(request.items), strict=True):
            _, refusal = self._read(each.read.item, result)
            if refusal is not None:
                raise refusal
        return self.take_in(request, checked)

    async def ask(self, action: Action, body: Struct, shape: type[R]) -> R:
        """Ask the institution. `Refusal` by name."""
        return await self._send(self._signed(action, body), shape)

    async def withdraw(self, amount_minor: int) -> None:
        """Bank money into one currency on the chip; what an answer was lost for is loaded later."""
        await self.ask(Action.WITHDRAW, WithdrawBody(VERSION, amount_minor), IssuedResult)
        await self.load()

    async def load(self) -> None:
        """Load all that was issued to us and is not on the chip yet."""
        after = self.session.status().loaded_sequence
        issued_to_us = await self.ask(Action.ISSUED, IssuedBody(VERSION, after), IssuedResult)
        for raw in issued_to_us.currencies:
            self.session.load(raw)
            self.renew(raw)

    async def deposit(self, identifier: bytes) -> None:
        """One whole piece into the bank account, now or when the institution can be reached."""
        chain = self.chains[identifier]
        command = Export(
            amount_minor=chain.amount_minor,
            nonce=self.entropy(NONCE_BYTES),
            moment=self.now,
            inputs=(identifier,),
        )
        items = self.spent((chain,), self.perform(command))
        self.errands[identifier] = RedeemBody(VERSION, items)
        self.shown += items
        await self.settle_errands()

    async def settle_errands(self) -> None:
        """Send deposits that are not answered; the issuer's refusal of one makes its piece void."""
        for identifier, body in tuple(self.errands.items()):
            try:
                await self.ask(Action.DEPOSIT, body, DepositResult)
            except Refusal as refusal:
                if refusal.outcome is not Outcome.DOUBLE_SPENT:
                    continue
                self.void.setdefault(identifier, refusal)
            self.deposited[identifier] = self.errands.pop(identifier)

    async def verify(self) -> list[Found]:
        """Have everything verified that was taken in since; what is anomalous (D-12).

        Raises `Refusal` when the institution cannot be reached; an issuer that cannot be leaves its
        items unverified.
        """
        found = []
        waiting = list(self.unverified.values())
        for start in range(0, len(waiting), MAX_ITEMS):
            batch = waiting[start : start + MAX_ITEMS]
            for item, result in zip(batch, await self._ask_verdicts(batch), strict=True):
                anomaly, _ = self._read(item, result)
                found += [anomaly] if anomaly is not None else []
        return found

    async def ask_again(self) -> None:
        """Have everything verified once more that ever was; that changes nothing."""
        items = tuple(self.decided)
        for start in range(0, len(items), MAX_ITEMS):
            await self._ask_verdicts(items[start : start + MAX_ITEMS])

    async def _ask_verdicts(self, items: Sequence[PaymentItem]) -> tuple[VerifiedItem, ...]:
        self.shown += items
        request = encode_message(VerificationRequest(tuple(items)))
        url = self.network.url(self.code) + VERIFICATIONS_PATH
        raw = await self.network.courier.post(url, request)
        results = decode_message(raw, VerificationResult).results
        pairs = zip(items, results, strict=True)
        self.decided += [item for item, result in pairs if result.verdict is not None]
        return results

    def _read(self, item: PaymentItem, result: VerifiedItem) -> tuple[Found | None, Refusal | None]:
        """What is anomalous by the issuer's word, and why it cannot be taken in."""
        if result.verdict is None:
            return None, Refusal(Outcome.UNAVAILABLE, "expected the issuer's verdict")
        payment = parse_transfer(self.trust.suite, item.transfers[-1])
        self.unverified.pop(payment.name, None)
        public = self.trust.institution(item.issuer).value.public_key
        verdict = VERDICT.read(self.trust.suite, result.verdict, public)
        if verdict.outcome in SUCCESSES:
            if result.renewal is not None:
                self.renew(result.renewal)
            return None, None
        refusal = Refusal(verdict.outcome, verdict.detail)
        self.mark_void(payment, refusal)
        found = Found(payment.name, verdict.outcome, verdict.decided_by, verdict.evidence)
        self.found.append(found)
        return found, refusal

    async def read_list(self) -> None:
        """Take the newest list that the institution has. `Refusal` by name."""
        newest = read_version(self.trust, await self._document(DocumentKind.VERSION))
        if self.listed is None:
            raws = [await self._document(DocumentKind.CHUNK)]
            count = read_chunk(self.trust, raws[0]).chunks
            raws += [await self._document(DocumentKind.CHUNK, place) for place in range(1, count)]
            self.listed = assemble_base(self.trust, raws)
        held = self.listed
        for number in range(held.state.number + 1, newest.number + 1):
            raw = await self._document(DocumentKind.DELTA, number)
            held = apply_delta(self.trust, held, raw)
        self.listed = held

    async def accusation(self, found: Found) -> Accusation:
        """The issuer's evidence of a double spend, verified with the root alone. `Refusal` by name."""
        name = (found.evidence or b"").hex()
        url = f"{self.network.url(found.decided_by)}{EVIDENCE_PATH}/{name}"
        raw = await self.network.courier.get(url)
        alone = TrustStore.pinned(self.trust.suite, self.trust.root.raw)
        return verify_evidence(alone, raw)

    async def _document(self, kind: DocumentKind, number: int = 0) -> bytes:
        url = f"{self.network.url(self.code)}{LIST_PATH}/{document_name(kind, number)}"
        return await self.network.courier.get(url)

    def _signed(self, action: Action, body: Struct) -> bytes:
        request = Request(
            version=VERSION,
            request_id=self.entropy(NONCE_BYTES),
            sender=self.number,
            addressee=self.code,
            sent_at_ms=self.now.midpoint_ms,
            action=action,
            body=cbor.encode(body),
        )
        return self.session.sign_request(cbor.encode(request))

    async def _send(self, signed: bytes, shape: type[R]) -> R:
        url = self.network.url(self.code) + REQUESTS_PATH
        answered = await self.network.courier.post(url, signed)
        answer = ANSWER.read(self.trust.suite, answered, self.network.public_key(self.code))
        if answer.outcome not in SUCCESSES:
            raise Refusal(answer.outcome, answer.detail)
        return cbor.decode(answer.result, shape, limit=MAX_BODY_BYTES)


def chip_seed(network: SimulatedNetwork, label: str) -> int:
    """What decides the key of a pocket's chip: another label, another key."""
    return int.from_bytes(network.suite.digest(f"{network.seed}/{label}".encode()))
