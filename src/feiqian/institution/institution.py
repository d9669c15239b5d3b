"""The operating institution as one thing: what its servers, its operator and its tests talk to."""

import structlog

from feiqian.institution import conflicts, key_reports, mailbox, reporting, verifying
from feiqian.institution.cashing import answer_cash_request
from feiqian.institution.listing import ListKeeper
from feiqian.institution.office import Office
from feiqian.institution.payments import pay
from feiqian.institution.presenting import Presenter
from feiqian.institution.requests import Counter
from feiqian.institution.telling_time import tell_time
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Library

log = structlog.get_logger("institution")


class Institution:
    """An operating institution: back end and currency manager."""

    def __init__(self, office: Office, opening_minor: int = 0) -> None:
        """`opening_minor`: what new bank accounts start with (trial networks)."""
        self.office = office
        self.double_spending = ListKeeper(office)
        self._presenter = Presenter(office)
        self._counter = Counter(office, self._presenter, opening_minor)

    async def finish_pending(self) -> None:
        """Present again what an earlier run, or an issuer out of reach, left undecided."""
        count = await self._presenter.present_pending()
        if count:
            log.info("presented again", code=self.office.code, count=count)

    async def answer(self, raw: bytes) -> bytes:
        """A wallet's signed request."""
        return await self._counter.answer(raw)

    async def pay(self, raw: bytes) -> bytes:
        """A payment request brought by the payee's client, or by the payer for the payee."""
        return await pay(self.office, self._presenter, raw)

    async def cash(self, raw: bytes) -> bytes:
        """Another institution's cash request."""
        return await answer_cash_request(self.office, raw)

    async def leave(self, raw: bytes) -> bytes:
        """An offline payment request, left for the chip of a wallet held here."""
        return await mailbox.leave(self.office, raw)

    async def verify(self, raw: bytes) -> bytes:
        """A verification request of a payee's client, for what its chip has taken in."""
        return await verifying.verify(self.office, raw)

    async def answer_verify_request(self, raw: bytes) -> bytes:
        """Another institution's request to verify currency that was issued here."""
        return await verifying.answer_verify_request(self.office, raw)

    async def tell_time(self, raw: bytes) -> bytes:
        """Anybody's question what time it is."""
        return tell_time(self.office, raw)

    async def answer_report(self, raw: bytes) -> bytes:
        """The platform's request to judge what a chip of a wallet held here reports (W-07)."""
        return await key_reports.answer_report(self.office, raw)

    async def follow_list(self, library: Library) -> None:
        """Report what double spends were found, then take the newest list. `Refusal` by name."""
        await reporting.report_conflicts(self.office)
        await self.double_spending.update(library)

    async def evidence(self, name: str) -> bytes:
        """Evidence by its name in hexadecimal. `Refusal`: malformed, unknown_identifier."""
        try:
            identifier = bytes.fromhex(name)
        except ValueError:
            raise Refusal(Outcome.MALFORMED, "expected a name of 64 hexadecimal digits") from None
        return await self.office.store.read(lambda tx: conflicts.find_evidence(tx, identifier))

    def directory(self) -> bytes:
        """The platform's directory as this institution knows it."""
        return self.office.trust.directory_raw
