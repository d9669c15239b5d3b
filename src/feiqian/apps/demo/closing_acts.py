"""The last acts: back to the bank, settlement between the institutions, the audit, and the end."""

from feiqian.adapters.operator_client import OperatorClient
from feiqian.apps import central_server
from feiqian.apps import network as networks
from feiqian.apps.central_client import new_key
from feiqian.apps.cli_audit import evidence_in
from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.offline_acts import ROGUE_MINOR
from feiqian.apps.demo.opening_acts import OPENING_MINOR
from feiqian.apps.demo.stage import EVERYBODY, FIRST, INSTITUTIONS, SECOND, Stage
from feiqian.central.documents import CycleOrder, CycleReport, ModeChange, ModeChosen
from feiqian.central.settlement import SettlementMode
from feiqian.institution import documents
from feiqian.money.amounts import format_amount
from feiqian.testing.audit import auditor

DEPOSITED_MINOR = 20_00


async def deposit(stage: Stage) -> Facts:
    """From chip to bank account."""
    before_minor = await stage.held_minor(SECOND)
    async with stage.wallet(SECOND) as wallet:
        account_before = (await wallet.account()).balance_minor
        await wallet.deposit(DEPOSITED_MINOR)
        account_minor = (await wallet.account()).balance_minor
    held_minor = await stage.held_minor(SECOND)
    stage.expect(held_minor == before_minor - DEPOSITED_MINOR, "the chip to hold that much less")
    stage.expect(account_minor == account_before + DEPOSITED_MINOR, "the account to hold it")
    stage.tell(
        f"The second wallet put {format_amount(DEPOSITED_MINOR)} into its account, which holds"
        f" {format_amount(account_minor)} now; the chip keeps {format_amount(held_minor)}."
    )
    return {
        "amount_minor": DEPOSITED_MINOR,
        "held_minor": held_minor,
        "account_minor": account_minor,
    }


async def convert(stage: Stage) -> Facts:
    """Many pieces become one."""
    async with stage.wallet(FIRST) as wallet:
        before = await wallet.balance()
        converted_minor = await wallet.convert()
        after = await wallet.balance()
    stage.expect(after.held_minor == before.held_minor, "the same sum as before")
    stage.expect(after.piece_count < before.piece_count, "fewer pieces than before")
    stage.tell(
        f"The first wallet changed {format_amount(converted_minor)} into one currency;"
        f" pieces before: {before.piece_count}, after: {after.piece_count}, the sum is the same."
    )
    return {
        "amount_minor": converted_minor,
        "pieces_before": before.piece_count,
        "pieces_after": after.piece_count,
    }


async def settle(stage: Stage) -> Facts:
    """A net cycle in the reserves."""
    platform = stage.operator(networks.CENTRAL)
    chosen = ModeChange(new_key(), SettlementMode.NET)
    await platform.post(central_server.MODE, chosen, ModeChosen)
    for code in INSTITUTIONS:
        standing = await _claim(stage.operator(code))
        stage.tell(f"{code} is owed {format_amount(standing.owed_to_minor)} and claims it.")
    cycle = await platform.post(central_server.CYCLES, CycleOrder(new_key()), CycleReport)
    stage.expect(bool(cycle.settled) and not cycle.left_out, "every claim to settle")
    stage.expect(sum(cycle.positions_minor.values()) == 0, "positions that add up to zero")
    gross_minor = sum(claim.amount_minor for claim in cycle.settled)
    for code, position_minor in sorted(cycle.positions_minor.items()):
        stage.tell(f"Net, {code} stands at {format_amount(position_minor)}.")
    stage.tell(f"One cycle settled claims of {format_amount(gross_minor)}.")
    for code in INSTITUTIONS:
        standing = await _claim(stage.operator(code))
        stage.expect(standing.owes_minor == 0, f"{code} to owe nothing")
        stage.expect(standing.owed_to_minor == 0, f"{code} to be owed nothing")
    return {"settled": cycle.settled, "positions_minor": cycle.positions_minor}


async def _claim(institution: OperatorClient) -> documents.Settled:
    return await institution.post("/api/settlement", documents.Nothing(), documents.Settled)


async def audit(stage: Stage) -> Facts:
    """The evidence of all parties, and the holders' own count."""
    with evidence_in(stage.network) as evidence:
        report = auditor.audit(evidence)
    stage.expect(report.holds, f"no discrepancy: {report.discrepancies[:1]}")
    stage.expect(report.in_flight_minor == 0, "nothing in flight")
    for each in report.institutions:
        stage.tell(
            f"{each.code} issued {format_amount(each.issued_minor)} ="
            f" {format_amount(each.circulating_minor)} in circulation"
            f" + {format_amount(each.redeemed_minor)} redeemed."
        )
    stage.tell(f"The auditor checked {report.facts:,} facts, signatures included: all hold.")
    return {
        "facts": report.facts,
        "issued_minor": report.issued_minor,
        "circulating_minor": report.circulating_minor,
        "redeemed_minor": report.redeemed_minor,
        "holders": await _holders(stage, report.circulating_minor),
    }


async def _holders(stage: Stage, circulating_minor: int) -> Facts:
    """Nobody lost and nobody gained, as chips and bank accounts tell it, but by the copied chip."""
    balances = [await stage.balance(name) for name in EVERYBODY]
    chips_minor = sum(balance.spendable_minor for balance in balances)
    void_minor = sum(balance.held_minor for balance in balances) - chips_minor
    reports = [
        await stage.operator(code).get("/api/report", documents.InstitutionReport)
        for code in INSTITUTIONS
    ]
    accounts_minor = sum(report.accounts_minor for report in reports)
    opened_minor = OPENING_MINOR * sum(report.wallets for report in reports)
    stage.expect(chips_minor == circulating_minor, "all that circulates to be on the chips")
    stage.expect(void_minor == ROGUE_MINOR, "nothing to be void but what the copied chip paid")
    stage.expect(
        chips_minor + accounts_minor == opened_minor, "chips and accounts to hold what was there"
    )
    stage.tell(
        f"Chips hold {format_amount(chips_minor)}, accounts {format_amount(accounts_minor)}:"
        f" together the {format_amount(opened_minor)} that accounts were opened with."
    )
    stage.tell(
        f"{format_amount(void_minor)} more on one chip is void: the second victim of the copied chip"
        " bears it, as with counterfeit cash."
    )
    return {
        "chips_minor": chips_minor,
        "void_minor": void_minor,
        "accounts_minor": accounts_minor,
        "opened_minor": opened_minor,
    }


async def stop(stage: Stage) -> Facts:
    """Stop the processes."""
    stopped = networks.down(stage.network)
    stage.expect(len(stopped) == 1 + len(INSTITUTIONS), "every process to have run until now")
    still = [server.name for server in networks.servers(stage.network) if server.pid is not None]
    stage.expect(not still, "no process to be left")
    stage.tell("Every process has ended.")
    return {"stopped": stopped}
