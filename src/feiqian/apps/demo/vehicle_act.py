"""The act on the road: a car is charged and pays, and its chip is locked all the while."""

from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.road import CHARGER, PROVIDER, closed_log, drive_until, open_road
from feiqian.apps.demo.stage import FIRST, SECOND, Stage
from feiqian.money.amounts import format_amount
from feiqian.protocol.service.states import ENDS, State
from feiqian.vehicle.in_vehicle.client import Wish
from feiqian.wallet.wallet import Wallet
from feiqian.wire.usage import ServiceClass

CEILING_MINOR = 60_00
VALID_MS = 3_600_000
_AUTHORISED = frozenset({State.AUTHORISED, State.SERVED})


async def charge(stage: Stage) -> Facts:
    """Asked and authorised once, matched by position, charged, paid without a step."""
    async with stage.wallet(FIRST) as payer, stage.wallet(SECOND) as payee:
        before = [_held_minor(wallet) for wallet in (payer, payee)]
        async with open_road(payer, payee, stage.folder) as (car, server, bus):
            stage.tell(f"What carries the road's messages: {bus}.")
            request = await car.request(
                Wish(PROVIDER, ServiceClass.CHARGING, CEILING_MINOR, VALID_MS)
            )
            await drive_until(car, request, _AUTHORISED)
            payer.holder.around.chip.lock()
            stage.tell(
                f"The car asked for charging; its chip authorised {CHARGER}, up to"
                f" {format_amount(CEILING_MINOR)}, and is locked now."
            )
            state = await drive_until(car, request, ENDS)
            log = await closed_log(server, request)
        stage.expect(state is State.PAID, f"the service to end paid, not {state}")
        after = [_held_minor(wallet) for wallet in (payer, payee)]
        paid_minor = before[0] - after[0]
        stage.expect(paid_minor > 0, "a fee to have been paid")
        stage.expect(after[1] - before[1] == paid_minor, "the charger to have got exactly that")
    stage.tell(
        f"It stood at {CHARGER}, was charged, and {format_amount(paid_minor)} moved by itself."
    )
    stage.tell(f"The management server's log: {', '.join(line.event for line in log)}.")
    return {"amount_minor": paid_minor, "bus": bus, "log": [line.event for line in log]}


def _held_minor(wallet: Wallet) -> int:
    return wallet.holder.around.chip.status().balance_minor
