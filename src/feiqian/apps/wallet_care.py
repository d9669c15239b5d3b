"""A wallet that is held open for long: kept ready for the hours in which there is no network.

Paying and being paid offline need the time and, for the payee, a recent double-spending list (D-07).
Both are taken while they can be had, without a step by anybody.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from feiqian.adapters.clockwork import repeat
from feiqian.apps import wallet_home
from feiqian.apps.wallet_options import TimeSources, keep_time, unlocked
from feiqian.outcomes import Refusal
from feiqian.tasks import running
from feiqian.wallet.wallet import Wallet

EVERY_S = 120
"""How often: a list may change every few minutes, and a network come back at any time."""


@asynccontextmanager
async def kept_wallet(
    folder: Path, pin: bytes | None, note: Callable[[str], None]
) -> AsyncIterator[Wallet]:
    """The wallet in `folder`, looked after while it is open; `note` hears what did not succeed.

    With a PIN its chip is unlocked, and everything open is taken up as `wallet sync` does. Raises
    `Refusal` as `opened_wallet`.
    """
    async with wallet_home.open_home(folder) as home:
        wallet = unlocked(home.wallet, folder, pin)
        await keep_time(home, TimeSources())
        care = _Care(home, wallet, note, pin is not None)
        async with running(repeat(care.look, EVERY_S)):
            yield wallet


@dataclass(slots=True)
class _Care:
    """For one wallet."""

    home: wallet_home.Home
    wallet: Wallet
    note: Callable[[str], None]
    full: bool
    """Whether its chip is unlocked, so that everything can be taken up."""
    told: list[str] = field(default_factory=list)

    async def look(self) -> None:
        """Once; what did not succeed is noted, unless that was so the last time."""
        problems = await self._problems()
        if problems != self.told:
            for problem in problems:
                self.note(f"wallet {self.wallet.number}: {problem}")
        self.told = problems

    async def _problems(self) -> list[str]:
        """Who cannot be reached is asked nothing more."""
        try:
            await self.home.update_directory()
            await keep_time(self.home, TimeSources())
            if self.full:
                return list((await self.wallet.synchronise()).problems)
            await self.wallet.update_list()
        except (Refusal, OSError, sqlite3.Error) as error:
            return [str(error)]
        return []
