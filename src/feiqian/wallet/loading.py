"""Bringing issued currency onto the chip: fetch what was issued to us, load it in its order.

Everything issued has a number; the chip takes each once and strictly in order. So what a crash, a
full wallet or a lost answer left behind is found again by number alone, and no repeat can hurt.
"""

from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.payment.checks import check_issued
from feiqian.wallet import holdings
from feiqian.wallet.holder import Holder
from feiqian.wire.request_envelope import MAX_LISTED, Action
from feiqian.wire.wallet_requests import IssuedBody, IssuedResult

MAX_PAGES = 1_024
"""Most pages of issued currencies that are fetched at once."""


async def load_kept(holder: Holder) -> int:
    """Load what is kept and not on the chip yet, as far as it goes; the sum loaded.

    Raises `Refusal`: sequence_gap when an earlier one must be fetched first, or as the chip says.
    """
    around = holder.around
    after = around.chip.status().loaded_sequence
    kept = await around.store.read(lambda tx: holdings.issued_after(tx, after))
    loaded_minor = 0
    for chain in kept:
        if not around.chip.load(chain.currency).repeated:
            loaded_minor += chain.amount_minor
    return loaded_minor


async def fetch_and_load(holder: Holder) -> int:
    """Fetch what was issued after the chip's last number, then load; the sum loaded."""
    await fetch(holder, holder.around.chip.status().loaded_sequence)
    return await load_kept(holder)


async def load_all(holder: Holder) -> int:
    """Load what is kept, fetching what is missing in between only if there is a gap."""
    try:
        return await load_kept(holder)
    except Refusal as refusal:
        if refusal.outcome is not Outcome.SEQUENCE_GAP:
            raise
    return await fetch_and_load(holder)


async def fetch(holder: Holder, after: int) -> int:
    """Keep every currency issued to us with a number above `after`; how many there were."""
    count = 0
    for _ in range(MAX_PAGES):
        body = IssuedBody(VERSION, after)
        page = (await holder.look_up(Action.ISSUED, body, IssuedResult)).currencies
        for raw in page:
            after = max(after, await keep_issued(holder, raw))
        count += len(page)
        if len(page) < MAX_LISTED:
            break
    return count


async def keep_issued(holder: Holder, raw: bytes) -> int:
    """Verify and keep one currency issued to us; its number."""
    around = holder.around
    currency = check_issued(around.trust, raw, holder.certificate)
    await around.store.write(lambda tx: holdings.add_issued(tx, around.trust.suite, raw))
    return currency.value.sequence
