"""Whether the own institution can be reached, by the connection rule; and what keeps a wallet offline.

Connected means that the institution answered a probe within the rule's time and attempts, whatever it
answered. The probe reads the announcement of the newest double-spending list: a few hundred bytes.
"""

import asyncio

from feiqian.outcomes import UNDECIDED, Outcome, Refusal
from feiqian.ports import Library
from feiqian.protocol.payment.verification import CONNECTION_RULE, ConnectionRule
from feiqian.wire.double_spending import LIST_PATH, DocumentKind, document_name


async def is_connected(
    library: Library, institution_url: str, rule: ConnectionRule = CONNECTION_RULE
) -> bool:
    """Probe the institution at this address."""
    url = f"{institution_url}{LIST_PATH}/{document_name(DocumentKind.VERSION)}"
    for _ in range(rule.attempts):
        if await _answers(library, url, rule.probe_timeout_ms):
            return True
    return False


async def _answers(library: Library, url: str, timeout_ms: int) -> bool:
    try:
        async with asyncio.timeout(timeout_ms / 1000):
            await library.get(url)
    except TimeoutError:
        return False
    except Refusal as refusal:
        return refusal.outcome not in UNDECIDED
    return True


async def never_connected(_: str) -> bool:
    """The holder wants no network touched."""
    return False


class NoCourier:
    """A courier of a wallet that is to stay offline."""

    async def post(self, url: str, body: bytes) -> bytes:
        """Nothing is sent."""
        del body
        raise Refusal(Outcome.UNAVAILABLE, f"{url} is not asked: this wallet is to stay offline")
