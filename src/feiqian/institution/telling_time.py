"""Telling the time to whoever asks: the institution's own clock, signed (W-08)."""

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.institution.office import Office
from feiqian.wire.time_statement import (
    MAX_QUESTION_BYTES,
    TIME_STATEMENT,
    TimeQuestion,
    TimeStatement,
)


def tell_time(office: Office, raw: bytes) -> bytes:
    """The signed moment for a question. `Refusal` malformed and its kin."""
    question = cbor.decode(raw, TimeQuestion, limit=MAX_QUESTION_BYTES)
    statement = TimeStatement(VERSION, question.nonce, office.clock.now())
    return TIME_STATEMENT.sign(office.suite, office.key, statement)
