"""The acts without a network: it is cut off, and money passes three hands from chip to chip.

The institutions' processes are ended, not merely avoided. What each payee believes then is the
payer's chip, the history of the piece, and its own copy of the double-spending list.
"""

from feiqian.apps import network as networks
from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.opening_acts import open_wallet
from feiqian.apps.demo.session import Terms, pay
from feiqian.apps.demo.stage import CODES, FIRST, FOURTH, ROGUE, SECOND, THIRD, Stage
from feiqian.money.amounts import format_amount
from feiqian.outcomes import Outcome

ROGUE_MINOR = 40_00
HANDS = ((FIRST, THIRD, 15_00), (THIRD, FOURTH, 11_50), (FOURTH, SECOND, 4_25))
"""Who pays whom how much, one after the other; third and fourth have only what they are paid."""


async def cut(stage: Stage) -> Facts:
    """More wallets, everybody takes the list, then every process ends."""
    for name in (THIRD, FOURTH, ROGUE):
        number = await open_wallet(stage, name, CODES[name])
        stage.tell(f"The {name} wallet is {number}.")
    async with stage.wallet(ROGUE) as wallet:
        await wallet.withdraw(ROGUE_MINOR)
    for name in CODES:
        report = await _synchronise(stage, name)
        stage.expect(report == (), f"the {name} wallet to be in order: {report}")
    stopped = networks.down(stage.network)
    stage.tell(
        f"Everybody has the time and the double-spending list. Then {', '.join(stopped)}: all ended."
    )
    async with stage.wallet(FIRST) as wallet:
        listed_by = (await wallet.balance()).listed_by
    return {"stopped": stopped, "listed_by": listed_by}


async def _synchronise(stage: Stage, name: str) -> tuple[str, ...]:
    """While there is a network: the time, the list, and whatever is open."""
    async with stage.home(name) as (home, wallet):
        await home.timekeeper().update(anew=True)
        return (await wallet.synchronise()).problems


async def three_hands(stage: Stage) -> Facts:
    """What one has just been paid, it pays on."""
    before = {name: await stage.held_minor(name) for name in CODES}
    request_bytes = []
    for payer, payee, amount_minor in HANDS:
        paid = await pay(stage, Terms(payer, payee, set_minor=amount_minor, offline=True))
        for finish in (paid.payer, paid.payee):
            stage.expect(finish.outcome is Outcome.ACCEPTED, f"accepted, not {finish.detail}")
        request_bytes.append(len(paid.requests[-1]))
        stage.tell(
            f"The {payer} wallet's chip paid the {payee} one's {format_amount(amount_minor)}, with"
            f" the whole history: {request_bytes[-1]} bytes. A signed receipt came back."
        )
    stage.expect(request_bytes == sorted(set(request_bytes)), "a history that grows hand by hand")
    held = {name: await stage.held_minor(name) for name in CODES}
    stage.expect(sum(held.values()) == sum(before.values()), "the same sum as before")
    balance = await stage.balance(THIRD)
    stage.tell(
        f"No process of any institution ran. The third wallet holds"
        f" {format_amount(balance.held_minor)}; the {format_amount(balance.unverified_minor)} it"
        f" received were checked by {balance.listed_by}, and will be verified."
    )
    return {"request_bytes": request_bytes, "held_minor": held}
