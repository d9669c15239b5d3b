"""New currency on its way onto a chip: in the order of its numbers, and nothing that is there already.

The chip takes each number once and in order; if one is missing, our institution is asked for all
that it has issued since the last that was loaded.
"""

from collections.abc import Sequence

from feiqian.crypto.cbor import VERSION, encode
from feiqian.protocol.payment.checks import check_issued
from feiqian.protocol.payment.setup import PayeeSetup
from feiqian.timing.moment import Moment
from feiqian.wire.request_envelope import Action, Request
from feiqian.wire.wallet_requests import IssuedBody


class Arrivals:
    """What our chip has yet to load."""

    def __init__(self, setup: PayeeSetup) -> None:
        self._setup = setup
        self._waiting: dict[int, bytes] = {}

    def add(self, currencies: Sequence[bytes]) -> None:
        """Take in what was issued to us. `Refusal` as `check_issued` names it."""
        for raw in currencies:
            currency = check_issued(self._setup.trust, raw, self._setup.certificate)
            if currency.value.sequence > self._setup.loaded_sequence:
                self._waiting[currency.value.sequence] = raw

    @property
    def next(self) -> bytes | None:
        """What to load now; None when all is loaded."""
        return self._waiting[min(self._waiting)] if self._waiting else None

    def loaded(self) -> None:
        """The chip has the next one."""
        if self._waiting:
            del self._waiting[min(self._waiting)]

    def missing_request(self, now: Moment) -> bytes:
        """What the chip is to sign for our institution when it lacks a number before the next."""
        request = Request(
            version=VERSION,
            request_id=self._setup.fetch_id,
            sender=self._setup.certificate.value.subject,
            addressee=self._setup.certificate.value.issuer,
            sent_at_ms=now.midpoint_ms,
            action=Action.ISSUED,
            body=encode(IssuedBody(VERSION, self._setup.loaded_sequence)),
        )
        return encode(request)
