"""Pockets: a security chip with the simplest host that can pay, receive and verify offline.

The chip is the reference applet and the institutions are the real ones; only the client is small: no
store, no sessions to resume, one call for each side of a payment. That makes a pocket cheap enough
for populations and for tens of thousands of random steps. Its memory of chains outlives a power cut
of its chip, whose command is then simply given again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from msgspec import Struct

from feiqian.chip.commands import Accept, AcceptAnswer, Command, Export, Pay, TransfersAnswer
from feiqian.chip.session import ChipSession
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.trust import TrustStore
from feiqian.money.currency import SignedCurrency, parse_currency
from feiqian.money.double_spending import check_chain
from feiqian.money.limits import DEFAULT_TIER
from feiqian.money.offline_policy import LIST_SHARES, ceiling_with_list, check_hands, check_piece
from feiqian.money.piece import MAX_HOPS, hands_of, walk
from feiqian.money.piece import issued_output as issued
from feiqian.money.transfer import Acceptor, parse_transfer
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.protocol.chain import Chain
from feiqian.testing.chips import PIN, PUK, RemovableChip
from feiqian.testing.memories import PowerCutError, TornMemory
from feiqian.testing.network import SeededEntropy, SimulatedNetwork
from feiqian.timing.moment import Moment
from feiqian.wire.double_spending import (
    EVIDENCE_PATH,
    LIST_PATH,
    DocumentKind,
    HeldList,
    apply_delta,
    assemble_base,
    document_name,
    read_chunk,
    read_version,
)
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.evidence import Accusation, verify_evidence
from feiqian.wire.items import MAX_ITEMS, CheckedItem, PaymentItem, check_item
from feiqian.wire.payment import OFFER, OfferMessage, PaymentRequest
from feiqian.wire.requests import (
    ANSWER,
    MAX_BODY_BYTES,
    NEW_WALLET,
    Action,
    DepositResult,
    IssuedResult,
    OpenBody,
    OpenResult,
    RedeemBody,
    Request,
    WithdrawBody,
)
from feiqian.wire.verification import (
    VERDICT,
    VerificationRequest,
    VerificationResult,
    VerifiedItem,
)

OFFER_VALID_MS = 120_000
NONCE_BYTES = 16
MAX_PAID_TRANSFERS = MAX_HOPS - 4
"""A longer chain is only deposited: whoever gets it must be able to pay it on."""

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
class Pocket:
    """A chip, its chains, and what it still has to tell its institution."""

    network: SimulatedNetwork
    code: str
    chip: RemovableChip
    label: str
    trust: TrustStore
    entropy: SeededEntropy
    session: ChipSession
    tier: int = DEFAULT_TIER
    max_hands: int | None = None
    """A policy stricter than the tier's."""
    max_list_age_ms: int = LIST_SHARES[-1][0]
    number: str = NEW_WALLET
    certificate: SignedCertificate = field(init=False)
    chains: dict[bytes, Chain] = field(default_factory=dict)
    offers: dict[bytes, bytes] = field(default_factory=dict)
    receipts: dict[bytes, bytes] = field(default_factory=dict)
    """Of what was taken in, by session."""
    unverified: dict[bytes, PaymentItem] = field(default_factory=dict)
    """By the name of the transfer that pays us."""
    asked: list[PaymentItem] = field(default_factory=list)
    """All that an institution was ever asked to verify."""
    void: dict[bytes, Refusal] = field(default_factory=dict)
    """Worth nothing by the issuer's word, by identifier of the state."""
    found: list[Found] = field(default_factory=list)
    errands: dict[bytes, RedeemBody] = field(default_factory=dict)
    """Deposits that are not answered yet, by identifier of the piece."""
    deposited: dict[bytes, RedeemBody] = field(default_factory=dict)
    listed: HeldList | None = None

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
        chip = chip or RemovableChip(network.suite, seed=sum(f"{network.seed}{label}".encode()))
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

    @property
    def now(self) -> Moment:
        """The time."""
        return self.network.clock.now()

    @property
    def fingerprint(self) -> bytes:
        """Of the chip's key."""
        return self.certificate.fingerprint

    @property
    def held(self) -> dict[bytes, int]:
        """What the chip holds: amount by identifier."""
        return {piece.identifier: piece.amount_minor for piece in self.session.pieces()}

    # The chip's power ----------------------------------------------------------------------------
    def power_up(self) -> None:
        """Off and on again."""
        if isinstance(self.chip.memory, TornMemory):
            self.chip.memory.restore_power()
        self.chip.reset()
        self.session = ChipSession(self.chip)
        self.session.verify_pin(PIN)

    def perform(self, command: Command) -> Struct:
        """A command; when the power fails under it, it is given again."""
        try:
            return self.session.perform(command)
        except PowerCutError:
            self.power_up()
            return self.session.perform(command)

    # Paying and receiving without a network ------------------------------------------------------
    def offer(self, amount_minor: int | None = None) -> OfferMessage:
        """Open an offline session. `Refusal`: stale_list, limits."""
        listed_at_ms = self.listed.state.issued_at_ms if self.listed else None
        ceiling_minor = ceiling_with_list(self.tier, listed_at_ms, self.now)
        if listed_at_ms and self.now.latest_ms - listed_at_ms > self.max_list_age_ms:
            raise Refusal(Outcome.STALE_LIST, "expected a more recent list")
        ends_ms = self.now.midpoint_ms + OFFER_VALID_MS
        raw = self.session.offer(amount_minor, self.now, ends_ms, Acceptor.CHIP, ceiling_minor)
        self.offers[OFFER.peek(self.trust.suite, raw).nonce] = raw
        return OfferMessage(raw, self.certificate.raw)

    def pay(self, message: OfferMessage, amount_minor: int) -> PaymentRequest:
        """Pay the maker of an offer. `Refusal`: insufficient_balance, limits."""
        payee = self.trust.verify_chip(message.payee_certificate, self.now.midpoint_ms)
        offer = OFFER.read(self.trust.suite, message.offer, payee.value.public_key)
        inputs = self._choose(amount_minor, payee.value.tier)
        command = Pay(
            payee=payee.fingerprint,
            amount_minor=amount_minor,
            nonce=offer.nonce,
            moment=self.now,
            inputs=tuple(chain.identifier for chain in inputs),
            acceptor=Acceptor.CHIP,
        )
        return PaymentRequest(offer.nonce, self._spent(inputs, self.perform(command)))

    def accept(self, request: PaymentRequest) -> bytes:
        """Judge a request alone and take it in; the receipt, the same one when it comes again.

        Raises `Refusal` for what is wrong with it: nothing was taken in.
        """
        if request.nonce in self.receipts:
            return self.receipts[request.nonce]
        return self._take_in(request, [self.judge(item) for item in request.items])

    async def accept_checked(self, request: PaymentRequest) -> bytes:
        """Have the back end judge a request, then take it in (D-04); as `accept` otherwise.

        Raises `Refusal`: what the verdict says, unavailable when an issuer gave none.
        """
        if request.nonce in self.receipts:
            return self.receipts[request.nonce]
        checked = [self._check(item) for item in request.items]
        for each, result in zip(checked, await self._ask_verdicts(request.items), strict=True):
            _, refusal = self._read(each.read.item, result)
            if refusal is not None:
                raise refusal
        return self._take_in(request, checked)

    def _take_in(self, request: PaymentRequest, checked: Sequence[CheckedItem]) -> bytes:
        payer = checked[0].payer
        command = Accept(
            offer=self.offers[request.nonce],
            institution_certificate=self.trust.institution(payer.value.issuer).raw,
            payer_certificate=payer.raw,
            transfers=tuple(item.transfers[-1] for item in request.items),
        )
        answer = self.perform(command)
        assert isinstance(answer, AcceptAnswer)
        self.receipts[request.nonce] = answer.receipt
        for each in checked:
            self._keep(each)
        return answer.receipt

    def judge(self, item: PaymentItem) -> CheckedItem:
        """Whether this payment is taken without asking anybody. `Refusal` by name."""
        checked = self._check(item)
        if self.listed is not None:
            steps = walk(issued(_currency(checked)), checked.read.transfers)
            check_chain(self.listed.listed, steps)
        return checked

    def _check(self, item: PaymentItem) -> CheckedItem:
        checked = check_item(self.trust, item, self.now.midpoint_ms)
        transfers = checked.read.transfers
        check_piece(self.tier, _currency(checked).value, transfers, self.now)
        if self.max_hands is not None and hands_of(transfers) > self.max_hands:
            raise Refusal(Outcome.CHAIN_TOO_LONG, f"expected at most {self.max_hands} hands")
        return checked

    def _choose(self, amount_minor: int, payee_tier: int | None) -> tuple[Chain, ...]:
        """The fewest, largest pieces; for a payee's chip only what its tier takes."""
        free = sorted(self.spendable(), key=lambda chain: (chain.amount_minor, chain.identifier))
        chosen: list[Chain] = []
        while free and len(chosen) < MAX_ITEMS:
            chain = free.pop()
            if payee_tier is not None and not self._passes(chain, payee_tier):
                continue
            chosen.insert(0, chain)
            if sum(each.amount_minor for each in chosen) >= amount_minor:
                return tuple(chosen)
        raise Refusal(Outcome.INSUFFICIENT_BALANCE, f"expected {amount_minor} in suitable pieces")

    def spendable(self) -> Iterable[Chain]:
        """What the chip holds and nobody has shown to be void."""
        held = self.held
        return (
            chain
            for identifier, chain in self.chains.items()
            if identifier in held and identifier not in self.void
        )

    def _passes(self, chain: Chain, payee_tier: int) -> bool:
        transfers = [parse_transfer(self.trust.suite, raw) for raw in chain.transfers]
        consumed = {each.value.consumed for each in transfers} | {chain.identifier}
        hands = sum(each.payee_output in consumed for each in transfers) + 1
        try:
            check_hands(payee_tier, hands)
        except Refusal:
            return False
        return len(transfers) <= MAX_PAID_TRANSFERS

    def _spent(self, inputs: Sequence[Chain], answer: Struct) -> tuple[PaymentItem, ...]:
        """The items that a chip's transfers make of their inputs; the change takes their place."""
        assert isinstance(answer, TransfersAnswer)
        own = self.certificate.raw
        items = tuple(
            chain.item(raw, own, by_identifier=False)
            for chain, raw in zip(inputs, answer.transfers, strict=True)
        )
        for chain in inputs:
            del self.chains[chain.identifier]
        last = parse_transfer(self.trust.suite, answer.transfers[-1])
        if last.change_output is not None:
            self._put(items[-1], last.change_output, last.value.change_minor)
        return items

    def _keep(self, checked: CheckedItem) -> None:
        payment, item = checked.payment, checked.read.item
        self._put(item, payment.payee_output, payment.value.amount_minor)
        self.unverified[payment.identifier] = item

    def _put(self, item: PaymentItem, identifier: bytes, amount_minor: int) -> None:
        currency = item.currency or b""
        self.chains[identifier] = Chain(
            VERSION,
            identifier,
            amount_minor,
            item.issuer,
            currency,
            item.transfers,
            item.certificates,
        )

    # With the own institution --------------------------------------------------------------------
    async def ask(self, action: Action, body: Struct, shape: type[R]) -> R:
        """Ask the institution. `Refusal` by name."""
        return await self._send(self._signed(action, body), shape)

    async def withdraw(self, amount_minor: int) -> None:
        """Bank money into one currency on the chip; all or nothing happens while it is in touch."""
        result = await self.ask(Action.WITHDRAW, WithdrawBody(VERSION, amount_minor), IssuedResult)
        for raw in result.currencies:
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
        items = self._spent((chain,), self.perform(command))
        self.errands[identifier] = RedeemBody(VERSION, items)
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

    async def _ask_verdicts(self, items: Sequence[PaymentItem]) -> tuple[VerifiedItem, ...]:
        self.asked += items
        request = encode_message(VerificationRequest(tuple(items)))
        url = self.network.url(self.code) + "/v1/verifications"
        raw = await self.network.courier.post(url, request)
        return decode_message(raw, VerificationResult).results

    def _read(self, item: PaymentItem, result: VerifiedItem) -> tuple[Found | None, Refusal | None]:
        """What is anomalous by the issuer's word, and why it cannot be taken in."""
        if result.verdict is None:
            return None, Refusal(Outcome.UNAVAILABLE, "expected the issuer's verdict")
        payment = parse_transfer(self.trust.suite, item.transfers[-1])
        self.unverified.pop(payment.identifier, None)
        public = self.trust.institution(item.issuer).value.public_key
        verdict = VERDICT.read(self.trust.suite, result.verdict, public)
        if verdict.outcome in SUCCESSES:
            if result.renewal is not None:
                self.renew(result.renewal)
            return None, None
        refusal = Refusal(verdict.outcome, verdict.detail)
        self.void[payment.payee_output] = refusal
        found = Found(payment.identifier, verdict.outcome, verdict.decided_by, verdict.evidence)
        self.found.append(found)
        return found, refusal

    def renew(self, raw: bytes) -> None:
        """Let one signature take the place of a chain, or begin one."""
        currency = parse_currency(self.trust.suite, raw)
        held = currency.value.renewal_of is None or currency.identifier in self.chains
        if held:
            item = PaymentItem(currency.value.issuer, raw, (), ())
            self._put(item, currency.identifier, currency.value.amount_minor)

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
        url = self.network.url(self.code) + "/v1/requests"
        answered = await self.network.courier.post(url, signed)
        answer = ANSWER.read(self.trust.suite, answered, self.network.public_key(self.code))
        if answer.outcome not in SUCCESSES:
            raise Refusal(answer.outcome, answer.detail)
        return cbor.decode(answer.result, shape, limit=MAX_BODY_BYTES)


def _currency(checked: CheckedItem) -> SignedCurrency:
    if checked.read.piece is None:
        raise Refusal(Outcome.HISTORY_REQUIRED, "expected the full piece")
    return checked.read.piece.currency
