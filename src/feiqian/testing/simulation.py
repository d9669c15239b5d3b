"""The simulated world: real wallets, real institutions, a platform, and weather, decided by a seed.

Everything but transport, storage and time is the code that runs in production. Several hands use the
wallets at the same time, opponents without chips pay and spend twice, institutions and the platform
die and come back, clients lose power at any use of any port, requests and answers get lost. In the
end the sun comes out, everybody synchronises, and the world is judged: no money was made or lost, as
the auditor sees it from the evidence and as the holders count it. A run that fails names the seed
that replays it, step by step.
"""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from feiqian.testing.audit import auditor
from feiqian.testing.audit.report import AuditReport
from feiqian.testing.network_evidence import evidence_of
from feiqian.testing.power import PowerFailed
from feiqian.testing.simulated_holders import Holders
from feiqian.testing.stormy_network import StormyNetwork
from feiqian.testing.traffic import CustomerTraffic
from feiqian.testing.virtual_time import run

HANDS = 3
"""How many things holders do at the same time."""
AUDIT_EVERY = 100
"""Steps between audits of the running world."""
MOST_BETWEEN_DISASTERS = 12
"""Steps."""


class Story(Struct, frozen=True):
    """What happened in a run that ended well; amounts in minor units."""

    seed: int
    steps: int
    done: dict[str, int]
    """How often each thing was done or happened."""
    virtual_s: float
    held_minor: int
    """By chips, and by opponents without one."""
    accounts_minor: int
    audited_facts: int
    digest: str
    """Of all steps in their order: the same for the same seed."""


class SimulationError(Exception):
    """The world was found wrong; the message names the seed that replays it."""

    def __init__(self, seed: int, steps: int, reason: str) -> None:
        super().__init__(
            f"seed {seed}: {reason}; replay: feiqian simulate --seed {seed} --steps {steps}"
        )


def simulate(seed: int, steps: int, progress: Callable[[int], None] = lambda _: None) -> Story:
    """Run the world of `seed` for so many steps, then judge it.

    `progress` hears the number of steps done. Raises `SimulationError`.
    """
    try:
        return run(_Simulation(seed, steps, progress).run())
    except Exception as wrong:
        raise SimulationError(seed, steps, "; ".join(_reasons(wrong))) from wrong


def _reasons(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [reason for inner in error.exceptions for reason in _reasons(inner)]
    return [f"{type(error).__name__} {error}".strip()]


@dataclass
class _Simulation:
    """One run."""

    seed: int
    steps: int
    progress: Callable[[int], None]

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._step = 0
        self._next_disaster = 0
        self._errors: list[str] = []
        self._done: Counter[str] = Counter()
        self._digest = hashlib.sha256()

    async def run(self) -> Story:
        """Set up, let it happen, calm down, judge."""
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        network = await StormyNetwork.found(str(self.seed), self._rng)
        holders = await Holders.create(network, self._rng)
        opponents = await network.opponents(self._rng)
        traffic = CustomerTraffic(opponents, self._rng, most_actions=self.steps)
        network.weather.fair = False
        async with asyncio.TaskGroup() as group:
            flowing = group.create_task(traffic.flow())
            hands = [group.create_task(self._use(network, holders)) for _ in range(HANDS)]
            await asyncio.gather(*hands)
            traffic.stop()
            await network.calm()
            await flowing
        await holders.synchronise()
        await network.settle_all()
        self._done.update(traffic.done)
        return await self._judge(network, holders, traffic)

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tasks of dead servers end with their death; any other error condemns the run."""
        if not isinstance(context.get("exception"), PowerFailed):
            self._errors.append(str(context.get("exception") or context["message"]))

    async def _use(self, network: StormyNetwork, holders: Holders) -> None:
        """One hand: one step after the other."""
        while self._step < self.steps:
            self._step += 1
            self.progress(self._step)
            if self._step >= self._next_disaster:
                self._next_disaster = self._step + self._rng.randint(1, MOST_BETWEEN_DISASTERS)
                self._note(network.disaster())
            self._note(await holders.act())
            if self._step % AUDIT_EVERY == 0:
                _audit(network)

    def _note(self, what: str) -> None:
        self._done[what.split(":", maxsplit=1)[0]] += 1
        now_s = asyncio.get_running_loop().time()
        self._digest.update(f"{now_s:.6f} {what}\n".encode())

    async def _judge(
        self, network: StormyNetwork, holders: Holders, traffic: CustomerTraffic
    ) -> Story:
        assert not self._errors, f"expected no other errors, got {self._errors[0]}"
        report = _audit(network)
        assert report.in_flight_minor == 0, f"expected nothing in flight, got {report.flights}"
        held_minor = await holders.held_minor()
        held_minor += sum(each.balance_minor for each in traffic.customers)
        accounts_minor = network.accounts_minor()
        opened_minor = network.opened_minor()
        assert held_minor + accounts_minor == opened_minor, (
            f"expected {opened_minor} in all, found {held_minor} held"
            f" and {accounts_minor} in accounts"
        )
        assert held_minor == report.circulating_minor, (
            f"expected {report.circulating_minor} to be held, found {held_minor}"
        )
        network.check_books()
        await holders.check_nothing_is_open()
        return Story(
            seed=self.seed,
            steps=self._step,
            done=dict(sorted(self._done.items())),
            virtual_s=round(asyncio.get_running_loop().time(), 3),
            held_minor=held_minor,
            accounts_minor=accounts_minor,
            audited_facts=report.facts,
            digest=self._digest.hexdigest(),
        )


def _audit(network: StormyNetwork) -> AuditReport:
    report = auditor.audit(evidence_of(network))
    assert report.holds, f"the audit found {report.discrepancies[0]}"
    return report
