"""Chip hosts: a security chip with the simplest host that can pay and receive without a network.

The chip is the reference applet. The host keeps the chains of what the chip holds and judges what it
is paid as any client does, by list and policy. It outlives a power cut of its chip, whose command is
then simply given again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from feiqian.chip.commands import Accept, AcceptAnswer, Command, Pay, TransfersAnswer
from feiqian.chip.session import ChipSession
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.trust import TrustStore
from feiqian.money.currency import SignedCurrency, parse_currency
from feiqian.money.double_spending import check_chain
from feiqian.money.limits import DEFAULT_TIER
from feiqian.money.offline_policy import LIST_SHARES, ceiling_with_list, check_hands, check_piece
from feiqian.money.piece import MAX_HOPS, hands_of, issued_output, walk
from feiqian.money.transfer import Acceptor, SignedTransfer, parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.chain import Chain
from feiqian.testing.chips import PIN, RemovableChip
from feiqian.testing.memories import PowerCutError, TornMemory
from feiqian.testing.network import SeededEntropy, SimulatedNetwork
from feiqian.timing.moment import Moment
from feiqian.wire.double_spending import HeldList
from feiqian.wire.items import MAX_ITEMS, CheckedItem, PaymentItem, check_item
from feiqian.wire.payment import OFFER, OfferMessage, PaymentRequest

OFFER_VALID_MS = 120_000
MAX_PAID_TRANSFERS = MAX_HOPS - 4
"""A longer chain is only deposited: whoever gets it must be able to pay it on."""


@dataclass
class ChipHost:
    """A chip, and the chains of what it holds."""

    network: SimulatedNetwork
    code: str
    chip: RemovableChip
    label: str
    trust: TrustStore
    entropy: SeededEntropy
    session: ChipSession
    tier: int = DEFAULT_TIER
    max_hands: int | None = None
    """A policy stricter than the tier's, which everybody shares."""
    max_list_age_ms: int = LIST_SHARES[-1][0]
    certificate: SignedCertificate = field(init=False)
    chains: dict[bytes, Chain] = field(default_factory=dict)
    offers: dict[bytes, bytes] = field(default_factory=dict)
    receipts: dict[bytes, bytes] = field(default_factory=dict)
    """Of what was taken in, by session."""
    unverified: dict[bytes, PaymentItem] = field(default_factory=dict)
    """What was taken in on its own judgement, by the name of the transfer that pays us."""
    void: dict[bytes, Refusal] = field(default_factory=dict)
    """Worth nothing by the issuer's word, by identifier of the state."""
    listed: HeldList | None = None

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
        return PaymentRequest(offer.nonce, self.spent(inputs, self.perform(command)))

    def accept(self, request: PaymentRequest) -> bytes:
        """Judge a request alone and take it in; the receipt, the same one when it comes again.

        Raises `Refusal` for what is wrong with it: nothing was taken in.
        """
        if request.nonce in self.receipts:
            return self.receipts[request.nonce]
        return self.take_in(request, [self.judge(item) for item in request.items])

    def take_in(self, request: PaymentRequest, checked: Sequence[CheckedItem]) -> bytes:
        """Have the chip accept what was judged; its receipt."""
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
        checked = self.check(item)
        if self.listed is not None:
            steps = walk(issued_output(_currency(checked)), checked.read.transfers)
            check_chain(self.listed.listed, steps)
        return checked

    def check(self, item: PaymentItem) -> CheckedItem:
        """What can be judged of a payment without a list. `Refusal` by name."""
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
        if self.max_hands is not None and hands > self.max_hands:
            return False
        return len(transfers) <= MAX_PAID_TRANSFERS

    def spent(self, inputs: Sequence[Chain], answer: Struct) -> tuple[PaymentItem, ...]:
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
            self.put(items[-1], last.change_output, last.value.change_minor)
        return items

    def _keep(self, checked: CheckedItem) -> None:
        payment, item = checked.payment, checked.read.item
        self.put(item, payment.payee_output, payment.value.amount_minor)
        self.unverified[payment.name] = item

    def put(self, item: PaymentItem, identifier: bytes, amount_minor: int) -> None:
        """Keep the chain of a piece."""
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

    def mark_void(self, payment: SignedTransfer, refusal: Refusal) -> None:
        """What we were paid, and what we have left of it."""
        self.void[payment.payee_output] = refusal
        for identifier, chain in self.chains.items():
            if payment.raw in chain.transfers:
                self.void.setdefault(identifier, refusal)

    def renew(self, raw: bytes) -> None:
        """Let one signature take the place of a chain, or begin one."""
        currency = parse_currency(self.trust.suite, raw)
        held = currency.value.renewal_of is None or currency.identifier in self.chains
        if held:
            item = PaymentItem(currency.value.issuer, raw, (), ())
            self.put(item, currency.identifier, currency.value.amount_minor)


def _currency(checked: CheckedItem) -> SignedCurrency:
    if checked.read.piece is None:
        raise Refusal(Outcome.HISTORY_REQUIRED, "expected the full piece")
    return checked.read.piece.currency
