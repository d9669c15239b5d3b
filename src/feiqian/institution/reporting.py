"""Reporting double spends to the platform: a durable list of what it has not answered yet (D-14).

Each report is kept and sent in the same bytes until it is answered, so that neither a crash nor a lost
answer makes two of it, and none is forgotten.
"""

import structlog

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.institution import asking, conflicts
from feiqian.institution.conflicts import Unreported
from feiqian.institution.office import Office
from feiqian.outcomes import Refusal
from feiqian.wire.platform_requests import ReportBody, ReportResult
from feiqian.wire.request_envelope import MAX_BODY_BYTES, Action

MAX_REPORTED = 100
"""Most reports in one go."""

log = structlog.get_logger("reporting")


async def report_conflicts(office: Office) -> int:
    """Report what is not reported yet; how many the platform has answered."""
    waiting = await office.store.read(lambda tx: conflicts.unreported(tx, MAX_REPORTED))
    answered = 0
    for each in waiting:
        try:
            await _report(office, each)
        except Refusal as refusal:
            log.warning("not reported", outcome=refusal.outcome, detail=refusal.detail)
        else:
            answered += 1
    return answered


async def _report(office: Office, each: Unreported) -> None:
    body = cbor.encode(ReportBody(VERSION, each.raw, each.recorded))
    result = await asking.ask_once(office, each.identifier.hex(), Action.REPORT, body)
    number = cbor.decode(result, ReportResult, limit=MAX_BODY_BYTES).list_number
    await office.store.write(lambda tx: conflicts.mark_reported(tx, each.identifier, number))
