"""A world of pockets that pay each other offline, honest and rogue, and what must be true of it.

Actions may fail by name, as life has it. What is counted here is independent of the parties: what
each honest holder paid and was paid, every payment item that was ever sent to an institution, and
those among them that an issuer is known to have decided on.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

from feiqian.money.limits import ANONYMOUS_TIER, DEFAULT_TIER
from feiqian.outcomes import UNDECIDED, Outcome, Refusal
from feiqian.testing.chips import RemovableChip
from feiqian.testing.memories import TornMemory
from feiqian.testing.network import CENTRAL_URL, SimulatedNetwork, url_of
from feiqian.testing.network_evidence import PLATFORM
from feiqian.testing.pockets import Pocket
from feiqian.testing.rogue_chips import ForgetfulChip, RogueChip
from feiqian.testing.rogue_pockets import Past, RoguePocket
from feiqian.testing.seeded_suite import SeededSuite
from feiqian.wire.payment import PaymentRequest

CODES = ("A", "B", "C")
HONEST = (
    ("A", DEFAULT_TIER),
    ("A", DEFAULT_TIER),
    ("B", DEFAULT_TIER),
    ("C", DEFAULT_TIER),
    ("C", ANONYMOUS_TIER),
)
PURSE_MINOR = 60_00
"""What everybody with an account begins with on the chip."""
OPENING_MINOR = 1_000_00

_WAITS = UNDECIDED | {
    Outcome.VERIFICATION_REQUIRED,
    Outcome.STALE_LIST,
    Outcome.OVER_OFFLINE_LIMIT,
    Outcome.OVER_HOLDING_LIMIT,
}
"""A payment that was handed over and got one of these is neither taken in nor refused for good."""


class Fault(Enum):
    """What goes wrong with one payment."""

    NONE = auto()
    PAYER_TORN = auto()
    """The payer's chip loses power in the commit of its payment."""
    PAYEE_TORN = auto()
    """So does the payee's, in the commit that takes it in."""
    CUT_BEFORE = auto()
    """The link is cut before the request arrives; it is handed over later."""
    CUT_AFTER = auto()
    """The link is cut before the receipt arrives; the request is handed over again."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A request that its payer has signed and still has to bring to the payee."""

    payer: Pocket
    payee: Pocket
    request: PaymentRequest
    amount_minor: int


@dataclass
class OfflineWorld:
    """Institutions, honest pockets, and rogues."""

    network: SimulatedNetwork
    honest: list[Pocket]
    rogues: list[RoguePocket]
    net_minor: dict[str, int] = field(default_factory=dict)
    """What each honest holder was paid, less what was paid, by label."""
    waiting: list[Handed] = field(default_factory=list)
    refused: list[Handed] = field(default_factory=list)
    """What honest payees refused for good; a rogue may have forgotten its own session."""
    pasts: dict[str, Past] = field(default_factory=dict)

    @classmethod
    async def create(cls, seed: str) -> Self:
        """Everybody has a purse and the first list."""
        network = await SimulatedNetwork.create(CODES, seed=seed, opening_minor=OPENING_MINOR)
        await network.follow_lists()
        # Chips make their own keys; from the seed, so that a history is the same in every run.
        suite = SeededSuite(network.suite, f"{seed}/chips")
        honest = [
            await Pocket.open(
                network,
                code,
                f"honest {place}",
                tier=tier,
                chip=RemovableChip(suite, TornMemory(), seed=place),
            )
            for place, (code, tier) in enumerate(HONEST)
        ]
        chips = (ForgetfulChip(suite, seed=100), RogueChip(suite, seed=101))
        rogues = [
            await RoguePocket.open(network, code, f"rogue {code}", chip=chip)
            for code, chip in zip(CODES, chips, strict=False)
        ]
        cloned = await RoguePocket.open(network, "C", "rogue C", chip=RogueChip(suite, seed=102))
        world = cls(network, honest, [*rogues, cloned])
        for pocket in world.pockets:
            if pocket.tier != ANONYMOUS_TIER:
                await pocket.withdraw(PURSE_MINOR)
            await pocket.read_list()
        world.rogues.append(cloned.twin("rogue C's twin"))
        world.pasts = {rogue.label: rogue.remember() for rogue in world.rogues}
        return world

    @property
    def pockets(self) -> list[Pocket]:
        """Everybody; the honest first."""
        return [*self.honest, *self.rogues]

    # Actions; each may raise a `Refusal` ---------------------------------------------------------
    async def pay(
        self, payer: Pocket, payee: Pocket, amount_minor: int, fault: Fault, cut: int, checked: bool
    ) -> None:
        """One offline payment; `checked`: the payee is connected, and asks its back end."""
        if payer.fingerprint == payee.fingerprint:
            return
        offer = payee.offer(amount_minor if cut % 2 else None)
        with _tearing(payer, cut if fault is Fault.PAYER_TORN else None):
            request = payer.pay(offer, amount_minor)
        self._count(payer, -amount_minor)
        handed = Handed(payer, payee, request, amount_minor)
        if fault is Fault.CUT_BEFORE:
            self.waiting.append(handed)
            return
        if fault is Fault.CUT_AFTER:
            self.waiting.append(handed)
        with _tearing(payee, cut if fault is Fault.PAYEE_TORN else None):
            await self._hand_over(handed, checked)

    async def hand_over_waiting(self, place: int, checked: bool) -> None:
        """A later link between payer and payee; the same bytes."""
        if self.waiting:
            handed = self.waiting.pop(place % len(self.waiting))
            await self._hand_over(handed, checked)

    async def _hand_over(self, handed: Handed, checked: bool) -> None:
        payee, fresh = handed.payee, handed.request.nonce not in handed.payee.receipts
        try:
            if checked:
                await payee.accept_checked(handed.request)
            else:
                payee.accept(handed.request)
        except Refusal as refusal:
            if refusal.outcome in _WAITS:
                self.waiting.append(handed)
            elif payee in self.honest:
                self.refused.append(handed)
            raise
        if fresh:
            self._count(payee, handed.amount_minor)

    def _count(self, pocket: Pocket, amount_minor: int) -> None:
        self.net_minor[pocket.label] = self.net_minor.get(pocket.label, 0) + amount_minor

    async def deposit(self, pocket: Pocket, place: int) -> None:
        """One piece into the bank."""
        pieces = sorted(pocket.spendable(), key=lambda chain: chain.identifier)
        if pieces and pocket.tier != ANONYMOUS_TIER:
            await pocket.deposit(pieces[place % len(pieces)].identifier)

    def cut_off(self, party: str, *, answers_only: bool) -> None:
        """From now on a party cannot be reached, or its answers are lost."""
        courier = self.network.courier
        url = CENTRAL_URL if party == PLATFORM else url_of(party)
        (courier.losing_answers if answers_only else courier.cut_off).add(url)

    def heal(self) -> None:
        """Everybody can be reached again."""
        self.network.courier.cut_off.clear()
        self.network.courier.losing_answers.clear()

    # The end -------------------------------------------------------------------------------------
    async def reconcile(self) -> None:
        """Everything that is open is brought to its end, among the honest and the institutions."""
        self.heal()
        for code in CODES:
            await self.network.restart(code).finish_pending()
        for handed in tuple(self.waiting):
            self.waiting.remove(handed)
            with suppress(Refusal):
                await self._hand_over(handed, checked=True)
        for pocket in self.honest:
            await pocket.load()
            await pocket.verify()
            await pocket.settle_errands()
        await self.network.follow_lists()


@contextmanager
def _tearing(pocket: Pocket, after_bytes: int | None) -> Iterator[None]:
    """The chip's next commit is cut off after so many bytes."""
    memory = pocket.chip.memory
    if after_bytes is None or not isinstance(memory, TornMemory):
        yield
        return
    memory.tear(0, after_bytes)
    try:
        yield
    finally:
        memory.restore_power()
