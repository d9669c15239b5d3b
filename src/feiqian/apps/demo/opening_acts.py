"""The first acts: a network comes up, wallets are opened, and bank money becomes digital currency."""

from feiqian.apps import network as networks
from feiqian.apps import wallet_home
from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.stage import CODES, FIRST, INSTITUTIONS, PIN, SECOND, Stage
from feiqian.crypto.suite_names import DEFAULT_SUITE
from feiqian.money.amounts import format_amount
from feiqian.money.limits import DEFAULT_TIER
from feiqian.testing.free_ports import free_ports
from feiqian.wallet import opening

PUK = b"08642097"
ISSUANCE_MINOR = 1_000_000_00
OPENING_MINOR = 1_000_00
"""What every bank account starts with."""
WITHDRAWALS_MINOR = {FIRST: (80_00, 70_00), SECOND: (100_00,)}


async def found(stage: Stage) -> Facts:
    """Make a network and start its processes."""
    plan = networks.Plan(
        codes=INSTITUTIONS,
        suite=DEFAULT_SUITE,
        base_port=free_ports(1 + len(INSTITUTIONS)),
        issuance_minor=ISSUANCE_MINOR,
        opening_minor=OPENING_MINOR,
    )
    await networks.make(stage.network, plan)
    stage.tell("The platform made its root key and certified two institutions.")
    stage.tell(
        f"Each paid in reserves, and was authorised to issue {format_amount(ISSUANCE_MINOR)}."
    )
    servers = networks.up(stage.network)
    for server in servers:
        stage.expect(server.pid is not None, f"{server.name} to run")
        stage.tell(f"Process {server.pid} is {_party(server.name)}, at {server.url}.")
    return {"servers": servers, "issuance_minor": ISSUANCE_MINOR}


def _party(name: str) -> str:
    return "the platform" if name == networks.CENTRAL else f"institution {name}"


async def open_wallets(stage: Stage) -> Facts:
    """Open one wallet at each institution."""
    numbers = {}
    for name in (FIRST, SECOND):
        code = CODES[name]
        numbers[name] = await open_wallet(stage, name, code)
        stage.tell(
            f"The {name} wallet is {numbers[name]}. Its chip made its own key; {code} certified it."
        )
    stage.tell(f"Each has a bank account with {format_amount(OPENING_MINOR)}.")
    return {"numbers": numbers, "opening_minor": OPENING_MINOR}


async def open_wallet(stage: Stage, name: str, code: str) -> str:
    """Make a chip the wallet of an institution; its number."""
    folder = stage.folder / name
    await wallet_home.prepare(folder, str(stage.network), DEFAULT_SUITE, code)
    async with wallet_home.open_home(folder) as home:
        await home.update_directory()
        holder = await opening.open_wallet(home.around, code, DEFAULT_TIER, PIN, PUK)
        return holder.number


async def withdraw(stage: Stage) -> Facts:
    """Load both chips."""
    held = {}
    for name, amounts_minor in WITHDRAWALS_MINOR.items():
        async with stage.wallet(name) as wallet:
            for amount_minor in amounts_minor:
                await wallet.withdraw(amount_minor)
            balance = await wallet.balance()
            account = await wallet.account()
        total_minor = sum(amounts_minor)
        stage.expect(balance.held_minor == total_minor, f"the chip to hold {total_minor}")
        left_minor = OPENING_MINOR - total_minor
        stage.expect(account.balance_minor == left_minor, f"the account to hold {left_minor}")
        stage.tell(
            f"The {name} wallet's chip holds {format_amount(total_minor)} now (pieces:"
            f" {balance.piece_count}); its account is left with {format_amount(left_minor)}."
        )
        held[name] = {"held_minor": total_minor, "account_minor": left_minor}
    return held
