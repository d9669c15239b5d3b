"""The stage: a directory with a network of real processes and wallets whose chips are files.

The wallets run in the demonstration's own process, one at a time for each, with the code, the ports
and the files of ``feiqian wallet``. An act says what it does, does it, and checks what came of it; a
promise that does not hold ends the demonstration.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from feiqian.adapters.operator_client import OperatorClient
from feiqian.apps import network as networks
from feiqian.apps import wallet_home
from feiqian.apps.configuration import CentralConfig, InstitutionConfig, load, read_secret
from feiqian.apps.demo.warden import NETWORK
from feiqian.apps.founding import CONFIG_FILE
from feiqian.wallet.wallet import Balance, Wallet

PIN = b"2580"

FIRST, SECOND, THIRD, FOURTH, ROGUE = "first", "second", "third", "fourth", "rogue"
HIKER = "hiker"
"""The wallets, by the names of their directories."""
CODES = {FIRST: "A", SECOND: "B", THIRD: "A", FOURTH: "B", ROGUE: "A"}
"""Where each has its wallet; the hiker's is at A, too, and opened later."""
EVERYBODY = (*CODES, HIKER)
INSTITUTIONS = ("A", "B")


class PromiseBroken(Exception):
    """Something happened that must not, or the reverse."""


class Stage:
    """What the acts share."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """`tell` hears the story, a sentence at a time."""
        self.folder = folder
        self.network = folder / NETWORK
        self.tell = tell

    def expect(self, holds: bool, promise: str) -> None:
        """Check a promise. Raises `PromiseBroken` with its words."""
        if not holds:
            raise PromiseBroken(f"expected {promise}")

    @asynccontextmanager
    async def wallet(self, name: str) -> AsyncIterator[Wallet]:
        """An open wallet, its chip unlocked; nobody else has it meanwhile."""
        async with self.home(name) as (_, wallet):
            yield wallet

    @asynccontextmanager
    async def home(self, name: str) -> AsyncIterator[tuple[wallet_home.Home, Wallet]]:
        """The same with all that is in the wallet's directory."""
        async with wallet_home.open_home(self.folder / name) as home:
            wallet = home.wallet
            if wallet is None:
                raise PromiseBroken(f"expected the {name} wallet to be open")
            wallet.unlock(PIN)
            yield home, wallet

    async def balance(self, name: str) -> Balance:
        """What a wallet says it has."""
        async with self.wallet(name) as wallet:
            return await wallet.balance()

    async def held_minor(self, name: str) -> int:
        """What a wallet's chip holds."""
        return (await self.balance(name)).held_minor

    def operator(self, name: str) -> OperatorClient:
        """The operator's side of the platform or of an institution."""
        home = self.network / name
        config: CentralConfig | InstitutionConfig
        if name == networks.CENTRAL:
            config = load(home / CONFIG_FILE, CentralConfig)
        else:
            config = load(home / networks.INSTITUTION_FILE, InstitutionConfig)
        token = read_secret(home / config.operator_token_file)
        return OperatorClient(f"http://{config.host}:{config.port}", token)
