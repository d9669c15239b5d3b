"""The circulation identifier: the hash of the state a piece is in, separated by domain.

It is over payloads, never over signatures: signing the same payload twice does not make two
states. It is the key of the digital currency record, of the double-spending list, and of the
identifier-only payment request.
"""

from typing import Annotated

from msgspec import Meta

from feiqian.crypto.suites import Suite

_CURRENCY = b"feiqian/identifier/currency\x00"
_OUTPUT = b"feiqian/identifier/output\x00"
_TRANSFER = b"feiqian/transfer-id\x00"

Identifier = Annotated[bytes, Meta(min_length=32, max_length=32)]
Fingerprint = Annotated[bytes, Meta(min_length=32, max_length=32)]

PAYEE_OUTPUT = 0
"""Index of the output that the payee owns."""
CHANGE_OUTPUT = 1
"""Index of the output that stays with the payer."""


def currency_identifier(suite: Suite, payload: bytes) -> bytes:
    """The identifier of a freshly issued currency (32 bytes)."""
    return suite.digest(_CURRENCY + payload)


def output_identifier(suite: Suite, payload: bytes, index: int) -> bytes:
    """The identifier of output `index` of the transfer with this payload (32 bytes)."""
    return suite.digest(_OUTPUT + bytes([index]) + payload)


def transfer_name(suite: Suite, payload: bytes) -> bytes:
    """The name of a transfer (32 bytes), by which it is recorded and asked for."""
    return suite.digest(_TRANSFER + payload)
