"""A population that pays offline, some with forgetful chips: what becomes of every double spend.

Days pass in slots. In each slot a wallet may meet another and pay it, and may come in touch with its
institution, where it has what it received verified and reads the list. Rogues pay what they paid
before to whoever takes it, stay out of touch, and are never paid themselves. Everything but meeting is
the real thing: chips, lists, verdicts, evidence. The same parameters make the same outcome.
"""

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from feiqian.money.offline_policy import DAY_MS
from feiqian.money.transfer import SignedTransfer, parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.network import SimulatedNetwork
from feiqian.testing.pockets import Pocket
from feiqian.testing.rogue_chips import ForgetfulChip
from feiqian.testing.rogue_pockets import RoguePocket
from feiqian.wire.evidence import name_evidence

CODES = ("A", "B", "C")
SLOTS_PER_DAY = 4
SLOT_MS = DAY_MS // SLOTS_PER_DAY
PURSE_MINOR = 50_00
REFILL_BELOW_MINOR = 20_00
MAX_PAID_MINOR = 10_00


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is varied."""

    wallets: int = 200
    rogue_percent: int = 2
    hands: int = 3
    """Most hands that a piece may have passed when a payee takes it."""
    list_days: int = 3
    """Oldest list on whose word a payee takes anything."""
    connections_per_week: int = 3
    payments_per_day: int = 1
    days: int = 14
    seed: int = 1


class SpendFate(StrEnum):
    """What became of one double spend."""

    REFUSED = "refused at once"
    FOUND = "found later"
    NEVER = "never found"


@dataclass(frozen=True, slots=True)
class TriedDoubleSpend:
    """One transfer too many of a state."""

    rogue: str
    amount_minor: int
    fate: SpendFate
    delay_ms: int | None
    """From its acceptance, or that of the honoured one if it was later, to the evidence."""
    found_in_time: bool
    """Before everybody was made to come in touch at the end."""


@dataclass(frozen=True, slots=True)
class _Spend:
    """A rogue's payment that a payee took in."""

    rogue: str
    issuer: str
    transfer: SignedTransfer
    at_ms: int


@dataclass
class Population:
    """Everybody, and what the rogues did."""

    parameters: Parameters
    network: SimulatedNetwork
    honest: list[Pocket]
    rogues: list[RoguePocket]
    rng: random.Random
    outcomes: Counter[str] = field(default_factory=Counter)
    """Of honest payments, by name."""
    _spends: dict[bytes, list[_Spend]] = field(default_factory=dict)
    """What was taken in, by the state it consumes."""
    _refused: list[TriedDoubleSpend] = field(default_factory=list)
    _ends_ms: int = 0

    @classmethod
    async def create(cls, parameters: Parameters) -> Self:
        """Everybody has a purse and the first list."""
        seed = f"population {parameters.seed}"
        network = await SimulatedNetwork.create(CODES, seed=seed)
        await network.follow_lists()
        rogue_count = parameters.wallets * parameters.rogue_percent // 100
        honest = [
            await Pocket.open(network, CODES[place % len(CODES)], f"wallet {place}")
            for place in range(parameters.wallets - rogue_count)
        ]
        rogues = [
            await RoguePocket.open(
                network,
                CODES[place % len(CODES)],
                f"rogue {place}",
                chip=ForgetfulChip(network.suite, seed=place),
            )
            for place in range(rogue_count)
        ]
        population = cls(parameters, network, honest, rogues, random.Random(seed))
        for pocket in (*honest, *rogues):
            pocket.max_hands = parameters.hands
            pocket.max_list_age_ms = parameters.list_days * DAY_MS
            await pocket.withdraw(PURSE_MINOR)
            await pocket.read_list()
        return population

    async def live(self) -> list[TriedDoubleSpend]:
        """Let the days pass, then have everybody come in touch; every double spend and its fate."""
        await self.pass_days()
        for pocket in self.honest:
            await pocket.verify()
        await self.network.follow_lists()
        return self.double_spends()

    async def pass_days(self) -> None:
        """All slots of all days."""
        for _ in range(self.parameters.days * SLOTS_PER_DAY):
            await self._slot()
        self._ends_ms = self.network.clock.now().midpoint_ms

    def double_spends(self) -> list[TriedDoubleSpend]:
        """What has become of every double spend by now."""
        return [*self._refused, *self._surplus()]

    async def _slot(self) -> None:
        self.network.clock.advance(SLOT_MS)
        await self.network.platform.keep_list_recent()
        await self.network.follow_lists()
        everybody = [*self.honest, *self.rogues]
        self.rng.shuffle(everybody)
        for pocket in everybody:
            if self._happens(self.parameters.payments_per_day, SLOTS_PER_DAY):
                self._pay(pocket)
            is_honest = not isinstance(pocket, RoguePocket)
            if is_honest and self._happens(self.parameters.connections_per_week, 7 * SLOTS_PER_DAY):
                await self._connect(pocket)

    def _happens(self, times: int, slots: int) -> bool:
        return self.rng.random() * slots < times

    async def _connect(self, pocket: Pocket) -> None:
        """Verify what was received, read the list, and have enough for the next days."""
        await pocket.verify()
        await pocket.read_list()
        sound_minor = sum(chain.amount_minor for chain in pocket.spendable())
        if sound_minor < REFILL_BELOW_MINOR:
            with suppress(Refusal):
                await pocket.withdraw(PURSE_MINOR)

    def _pay(self, payer: Pocket) -> None:
        payee = self.rng.choice([each for each in self.honest if each is not payer])
        amount_minor = self.rng.randint(1, MAX_PAID_MINOR)
        try:
            request = payer.pay(payee.offer(), amount_minor)
        except Refusal as refusal:
            self._count(payer, refusal.outcome)
            return
        [item] = request.items[:1]
        transfer = parse_transfer(self.network.suite, item.transfers[-1])
        try:
            payee.accept(request)
        except Refusal as refusal:
            self._count(payer, refusal.outcome)
            self._note_refused(payer, transfer)
            return
        self._count(payer, Outcome.ACCEPTED)
        if isinstance(payer, RoguePocket):
            now_ms = self.network.clock.now().midpoint_ms
            spend = _Spend(payer.label, item.issuer, transfer, now_ms)
            self._spends.setdefault(transfer.value.consumed, []).append(spend)

    def _count(self, payer: Pocket, outcome: Outcome) -> None:
        if not isinstance(payer, RoguePocket):
            self.outcomes[outcome] += 1

    def _note_refused(self, payer: Pocket, transfer: SignedTransfer) -> None:
        """Refused at once: a double spend if the state was spent before."""
        if isinstance(payer, RoguePocket) and transfer.value.consumed in self._spends:
            amount_minor = transfer.value.amount_minor
            self._refused.append(
                TriedDoubleSpend(
                    payer.label, amount_minor, SpendFate.REFUSED, None, found_in_time=True
                )
            )

    def _surplus(self) -> list[TriedDoubleSpend]:
        """What became of every transfer that was taken in beyond the one that is honoured."""
        found_at_ms = {
            bytes(name): int(at_ms)
            for code in CODES
            for name, at_ms in self.network.stores[code].run(
                lambda tx: tx.query("SELECT identifier, found_at_ms FROM evidence")
            )
        }
        return [
            self._fate(consumed, each, honoured, found_at_ms)
            for consumed, spends in self._spends.items()
            for honoured in [self._honoured(consumed, spends)]
            for each in spends
            if each is not honoured
        ]

    def _honoured(self, consumed: bytes, spends: list[_Spend]) -> _Spend:
        rows = self.network.stores[spends[0].issuer].run(
            lambda tx: tx.query("SELECT consumed_by FROM record WHERE identifier = ?", (consumed,))
        )
        return next(
            (each for each in spends if rows and each.transfer.name == rows[0][0]), spends[0]
        )

    def _fate(
        self, consumed: bytes, spend: _Spend, honoured: _Spend, found_at_ms: dict[bytes, int]
    ) -> TriedDoubleSpend:
        names = (spend.transfer.name, honoured.transfer.name)
        at_ms = found_at_ms.get(name_evidence(self.network.suite, consumed, names))
        amount_minor = spend.transfer.value.amount_minor
        if at_ms is None:
            return TriedDoubleSpend(
                spend.rogue, amount_minor, SpendFate.NEVER, None, found_in_time=False
            )
        delay_ms = at_ms - max(spend.at_ms, honoured.at_ms)
        in_time = delay_ms + max(spend.at_ms, honoured.at_ms) < self._ends_ms
        return TriedDoubleSpend(
            spend.rogue, amount_minor, SpendFate.FOUND, delay_ms, found_in_time=in_time
        )
