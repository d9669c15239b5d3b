"""Renewals: what circulates on, re-issued, so that its chain is one signature again (C-15, D-12).

A renewal restates a state that the record has: the payer's change of what was cashed, or what a
payee's chip holds after it was verified. It has the moment of the recording, so it is the same bytes
whenever it is asked for again, and nobody needs to store it.
"""

from dataclasses import dataclass

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.money.currency import Currency, sign_currency
from feiqian.money.piece import Output
from feiqian.money.transfer import SignedTransfer


@dataclass(frozen=True, slots=True)
class Redemption:
    """What cashing one payment came to; enough to renew its change."""

    transfer: SignedTransfer
    repeated: bool
    serial: bytes
    payer: bytes
    recorded_at_ms: int

    def renewal(self, suite: Suite, key: PrivateKey, issuer: str) -> bytes | None:
        """The change re-issued: the same bytes whenever it is asked for again; None if none."""
        identifier, amount_minor = self.transfer.change_output, self.transfer.value.change_minor
        if identifier is None:
            return None
        change = Output(identifier, amount_minor, self.payer)
        return _renewed(suite, key, issuer, self.serial, change, self.recorded_at_ms)


@dataclass(frozen=True, slots=True)
class Observation:
    """What recording a piece came to; enough to renew what its holder has."""

    transfer: SignedTransfer
    repeated: bool
    serial: bytes
    held: Output | None
    """The last output; None when it has been spent since."""
    recorded_at_ms: int

    def renewal(self, suite: Suite, key: PrivateKey, issuer: str) -> bytes | None:
        """What the holder has, re-issued, as long as it circulates."""
        if self.held is None:
            return None
        return _renewed(suite, key, issuer, self.serial, self.held, self.recorded_at_ms)


def _renewed(
    suite: Suite, key: PrivateKey, issuer: str, serial: bytes, output: Output, recorded_at_ms: int
) -> bytes:
    renewed = Currency(
        VERSION,
        issuer,
        serial,
        output.amount_minor,
        output.owner,
        recorded_at_ms,
        0,
        output.identifier,
    )
    return sign_currency(suite, key, renewed).raw
