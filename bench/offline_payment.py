"""Offline payments between software chips: commands, bytes over the link, payments a second.

All that a payment takes is done: the chips' memories are files, flushed at every command; the payee's
host verifies the whole chain and searches its list. Records and the link are in memory. Bytes are the
messages of one session, both ways together; a hand is a wallet that a piece has come through.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

from bench.measure import verification_rate
from feiqian.adapters.clock import system_entropy
from feiqian.adapters.softchip import FileMemory, SoftChip
from feiqian.chip.session import ChipSession
from feiqian.crypto.cbor import VERSION
from feiqian.money.double_spending import empty_list
from feiqian.money.transfer import Acceptor, parse_transfer
from feiqian.outcomes import Outcome
from feiqian.protocol.payment.chain import Chain
from feiqian.protocol.payment.effects import (
    Approve,
    Effect,
    Finish,
    Keep,
    PerformOnChip,
    Probe,
    Send,
)
from feiqian.protocol.payment.facts import (
    Approved,
    ChipAnswered,
    Fact,
    Kept,
    Probed,
    Received,
    Started,
)
from feiqian.protocol.payment.machine import PaymentMachine
from feiqian.protocol.payment.payee import PayeeMachine
from feiqian.protocol.payment.payer import PayerMachine
from feiqian.protocol.payment.setup import PayeeSetup, PayerSetup
from feiqian.testing.chips import personalise
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.double_spending import HeldList, state_of
from feiqian.wire.envelope import encode_message
from feiqian.wire.items import PaymentItem
from feiqian.wire.payment import PaymentRequest

NOW = Moment(NOW_MS, 500)
AMOUNT_MINOR = 12_50
PAYMENTS = 120
"""Of one piece each; a chip holds 128."""
HANDS = 4
"""How far one piece is passed to see what a hand adds."""
MERCHANT_TIER = 3
AIM_FIRST_HAND_BYTES = 700
AIM_EARLIER_HAND_BYTES = 350


@dataclass
class Wallet:
    """A chip in a file, and the chains of what it holds."""

    world: TrustWorld
    number: str
    chip: ChipSession
    chains: list[Chain] = field(default_factory=list)
    commands: int = 0
    issued: int = 0

    @classmethod
    def open(cls, world: TrustWorld, folder: Path, number: str) -> "Wallet":
        """A new wallet of institution A."""
        memory = FileMemory(folder / f"{number}.bin")
        connection = SoftChip(memory, world.suite, system_entropy)
        return cls(world, number, personalise(world, connection, "A", number, MERCHANT_TIER))

    def withdraw(self) -> None:
        """Load one currency worth a payment."""
        self.issued += 1
        status = self.chip.status()
        currency = self.world.issue(
            "A", status.fingerprint, AMOUNT_MINOR, self.issued, salt=self.number
        )
        self.chip.load(currency.raw)
        chain = Chain(VERSION, currency.identifier, AMOUNT_MINOR, "A", currency.raw, (), ())
        self.chains.append(chain)

    def choose(self, _: int, __: int | None) -> Sequence[Chain]:
        """The next piece."""
        return (self.chains.pop(0),)

    def take(self, item: PaymentItem) -> None:
        """Hold what the chip has accepted."""
        transfer = parse_transfer(self.world.suite, item.transfers[-1])
        assert item.currency is not None
        chain = Chain(
            VERSION,
            transfer.payee_output,
            AMOUNT_MINOR,
            item.issuer,
            item.currency,
            item.transfers,
            item.certificates,
        )
        self.chains.append(chain)


@dataclass
class Session:
    """Two machines face to face; what they send is counted."""

    payer: Wallet
    payee: Wallet
    listed: HeldList
    sent_bytes: dict[str, int] = field(default_factory=dict)
    """By message."""
    request: PaymentRequest | None = None

    def run(self) -> None:
        """One payment."""
        trust = self.payer.world.trust_store()
        own = [
            trust.verify_chip(wallet.chip.status().certificate, NOW_MS)
            for wallet in (self.payer, self.payee)
        ]
        payer = PayerMachine(PayerSetup(trust, own[0], self.payer.choose))
        setup = PayeeSetup(
            trust=trust,
            certificate=own[1],
            loaded_sequence=0,
            fetch_id=bytes(16),
            amount_minor=AMOUNT_MINOR,
            acceptor=Acceptor.CHIP,
            listed=self.listed,
        )
        self._converse(payer, PayeeMachine(setup))
        assert self.request is not None
        self.payee.take(self.request.items[0])

    def _converse(self, payer: PaymentMachine, payee: PaymentMachine) -> None:
        self._pump(payer, self.payer, [Started()])
        to_payer = self._pump(payee, self.payee, [Started()])
        to_payee = self._pump(payer, self.payer, to_payer)
        to_payer = self._pump(payee, self.payee, to_payee)
        self._pump(payer, self.payer, to_payer)

    def _pump(self, machine: PaymentMachine, wallet: Wallet, facts: Sequence[Fact]) -> list[Fact]:
        """Feed facts, carry out what comes of them; the messages for the other side."""
        waiting, outgoing = list(facts), list[Fact]()
        while waiting:
            for effect in machine.handle(waiting.pop(0), NOW):
                if isinstance(effect, Send):
                    outgoing.append(self._send(effect.message))
                else:
                    waiting += _carry_out(effect, wallet)
        return outgoing

    def _send(self, message: Struct) -> Fact:
        raw = encode_message(message)
        self.sent_bytes[type(message).__name__] = len(raw)
        if isinstance(message, PaymentRequest):
            self.request = message
        return Received(raw)


def _carry_out(effect: Effect, wallet: Wallet) -> list[Fact]:
    match effect:
        case PerformOnChip(command):
            wallet.commands += 1
            return [ChipAnswered(wallet.chip.perform(command))]
        case Keep():
            return [Kept()]
        case Approve():
            return [Approved()]
        case Probe():
            return [Probed(False)]
        case Finish(outcome):
            assert outcome is Outcome.ACCEPTED, effect
        case _:
            pass  # a timer that is not needed, for nobody is late
    return []


def run() -> dict[str, object]:
    """Pass one piece on, then make many payments of a piece each."""
    world = TrustWorld()
    listed = empty_list(world.suite)
    held = HeldList(state_of(listed, 1, NOW_MS), listed)
    with tempfile.TemporaryDirectory(prefix="feiqian-bench-") as name:
        folder = Path(name)
        by_hand = _bytes_by_hand(world, folder, held)
        payer, payee = (Wallet.open(world, folder, f"A-{side}") for side in ("PAYER", "PAYEE"))
        for _ in range(PAYMENTS):
            payer.withdraw()
        start = time.perf_counter()
        for _ in range(PAYMENTS):
            Session(payer, payee, held).run()
        elapsed_s = time.perf_counter() - start
    verify = verification_rate()
    per_second, first_hand = PAYMENTS / elapsed_s, sum(by_hand[0].values())
    return {
        "payments_per_s": round(per_second, 1),
        "ratio_to_verify": round(per_second / verify, 4),
        "payer_commands": payer.commands / PAYMENTS,
        "payee_commands": payee.commands / PAYMENTS,
        "first_hand_bytes": first_hand,
        "first_hand_bytes_by_message": by_hand[0],
        "first_hand_aim_bytes": AIM_FIRST_HAND_BYTES,
        "earlier_hand_bytes": sum(by_hand[1].values()) - first_hand,
        "earlier_hand_aim_bytes": AIM_EARLIER_HAND_BYTES,
        "payments": PAYMENTS,
    }


def _bytes_by_hand(world: TrustWorld, folder: Path, listed: HeldList) -> list[dict[str, int]]:
    """What each further payment of one piece takes over its link."""
    wallets = [Wallet.open(world, folder, f"A-HAND{place}") for place in range(HANDS + 1)]
    wallets[0].withdraw()
    counts = []
    for payer, payee in pairwise(wallets):
        session = Session(payer, payee, listed)
        session.run()
        counts.append(session.sent_bytes)
    return counts
