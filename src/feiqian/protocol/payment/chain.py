"""Chain: what a host keeps of a piece that its chip holds, ready to be handed over.

The chip knows identifier and amount; the host keeps the bytes that prove them: the currency (or the
renewal that replaced it), the transfers since, and the certificates of the chips that signed.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from feiqian.crypto.certificates import InstitutionCode
from feiqian.money.amounts import AmountMinor
from feiqian.money.identifiers import Identifier
from feiqian.wire.items import PaymentItem, RawCertificate, RawCurrency, RawTransfer


class Chain(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One held piece with its history."""

    version: int
    identifier: Identifier
    amount_minor: AmountMinor
    issuer: InstitutionCode
    currency: RawCurrency
    transfers: tuple[RawTransfer, ...]
    certificates: tuple[RawCertificate, ...]

    @property
    def history_known(self) -> bool:
        """Whether the issuer has seen all of it, so that the identifier alone is enough (C-06)."""
        return not self.transfers

    def item(
        self, transfer: bytes, payer_certificate: bytes, *, by_identifier: bool
    ) -> PaymentItem:
        """The payment item in which `transfer` spends this piece (C-05, C-06)."""
        if by_identifier and self.history_known:
            return PaymentItem(self.issuer, None, (transfer,), (payer_certificate,))
        return PaymentItem(
            self.issuer,
            self.currency,
            (*self.transfers, transfer),
            self.certificates_with(payer_certificate),
        )

    def certificates_with(self, payer_certificate: bytes) -> tuple[bytes, ...]:
        """Each signing chip's certificate once, the paying chip's last."""
        others = tuple(raw for raw in self.certificates if raw != payer_certificate)
        return (*others, payer_certificate)


Chooser = Callable[[int, int | None], Sequence[Chain]]
"""Which pieces pay an amount, offline to a payee of this tier; None: to any payee's manager.

`Refusal` insufficient_balance when they do not reach.
"""
