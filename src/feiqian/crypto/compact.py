"""The compact form of a signed object: its payload, then the 64 bytes of its signature.

What COSE adds to these two is the same for every object of a network, so narrow channels leave it out
and the other end restores the very bytes that were signed and stored. Nothing is verified here, and
a compact form proves exactly as much as what is restored from it.
"""

from feiqian.crypto import cose
from feiqian.crypto.suites import SIGNATURE_BYTES, Suite
from feiqian.outcomes import Outcome, Refusal


def shorten(suite: Suite, raw: bytes) -> bytes:
    """The compact form of a COSE_Sign1. `Refusal`: malformed, unknown_suite, not_canonical."""
    signed = cose.parse(suite, raw, limit=len(raw))
    return signed.payload + signed.signature


def restore(suite: Suite, compact: bytes) -> bytes:
    """The COSE_Sign1 that `shorten` was given. `Refusal` malformed when it can be of none."""
    if len(compact) <= SIGNATURE_BYTES:
        raise Refusal(Outcome.MALFORMED, "expected a payload and its signature")
    return cose.assemble(suite, compact[:-SIGNATURE_BYTES], compact[-SIGNATURE_BYTES:])
