"""The play: the acts in their order, and the promise that nothing it started outlives it.

A later act is one more line of `ACTS`. When an act fails the rest is
not performed; what was started is ended all the same, by the warden.
"""

import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from msgspec import Struct

from feiqian.apps.demo import (
    closing_acts,
    fraud_act,
    mountain_act,
    offline_acts,
    offline_fraud,
    opening_acts,
    paying_acts,
    vehicle_act,
)
from feiqian.apps.demo.acts import Act, Performed, perform
from feiqian.apps.demo.stage import Stage
from feiqian.apps.demo.warden import Warden
from feiqian.outcomes import Outcome, Refusal

ACTS: Sequence[Act] = (
    Act("network", "A network comes to life", opening_acts.found),
    Act("wallets", "Two wallets are opened", opening_acts.open_wallets),
    Act("withdraw", "Bank money becomes digital currency", opening_acts.withdraw),
    Act("pay", "One pays the other, who banks elsewhere", paying_acts.payer_sets),
    Act("ask", "The payee asks for an amount", paying_acts.payee_asks),
    Act("identifier", "Currency travels by its identifier", paying_acts.identifier_only),
    Act("images", "A payment by QR codes", paying_acts.by_images),
    Act("too_much", "More than there is", paying_acts.too_much),
    Act("double_spend", "A double spend is refused", fraud_act.double_spend),
    Act("cut", "The network is cut off", offline_acts.cut),
    Act("offline", "Money passes three hands without a network", offline_acts.three_hands),
    Act(
        "copied_chip",
        "A copied chip spends twice, and both payees accept",
        offline_fraud.spend_twice,
    ),
    Act("found_out", "The network is back, and finds it", offline_fraud.found_out),
    Act("listed", "The next attempt meets the list", offline_fraud.refused),
    Act("mountains", "A wallet in the mountains, by satellite", mountain_act.mountains_act),
    Act("vehicle", "A car is charged, and pays by itself", vehicle_act.charge),
    Act("deposit", "Digital currency becomes bank money", closing_acts.deposit),
    Act("convert", "Many pieces become one", closing_acts.convert),
    Act("settle", "The institutions settle", closing_acts.settle),
    Act("audit", "Everything is audited", closing_acts.audit),
    Act("end", "The network stops", closing_acts.stop),
)


class Played(Struct, frozen=True):
    """What happened, for machines."""

    ok: bool
    acts: list[Performed]
    folder: str
    """Where everything was kept; empty when it was not."""


async def play(
    keep: Path | None, tell: Callable[[str], None], begin: Callable[[int, Act], None]
) -> AsyncGenerator[Performed, None]:
    """Perform every act up to the first that fails; `begin` hears of each before it begins.

    Raises `Refusal` key_reused when `keep` is there already.
    """
    folder = _new_folder(keep)
    warden = Warden(folder, keep=keep is not None)
    try:
        stage = Stage(folder, tell)
        for number, act in enumerate(ACTS, start=1):
            begin(number, act)
            performed = await perform(act, stage)
            yield performed
            if not performed.ok:
                return
    finally:
        warden.dismiss()


def _new_folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="feiqian-demo-"))
    try:
        keep.mkdir(parents=True)
    except FileExistsError:
        raise Refusal(Outcome.KEY_REUSED, f"expected no {keep} yet") from None
    except OSError as error:
        raise Refusal(Outcome.UNAVAILABLE, f"cannot make {keep}: {error}") from error
    return keep
