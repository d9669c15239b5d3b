"""The operating institution as one thing: what its servers, its operator and its tests talk to."""

import structlog

from feiqian.institution.cashing import answer_cash_request
from feiqian.institution.office import Office
from feiqian.institution.payments import pay
from feiqian.institution.presenting import Presenter
from feiqian.institution.requests import Counter

log = structlog.get_logger("institution")


class Institution:
    """An operating institution: back end and currency manager."""

    def __init__(self, office: Office, opening_minor: int = 0) -> None:
        """`opening_minor`: what new bank accounts start with (trial networks)."""
        self.office = office
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

    def directory(self) -> bytes:
        """The platform's directory as this institution knows it."""
        return self.office.trust.directory_raw
