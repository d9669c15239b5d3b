"""The two commands of a link over NFC: SELECT our application, then EXCHANGE bytes both ways.

Only the reader speaks unasked, so it asks again and again; every EXCHANGE carries what the reader
has to send (at most 240 bytes) and is answered with what the card has. P1 of the command and the
first byte of the response say, with bit 1, that its sender has nothing more to send, ever. What is
carried is one stream of bytes each way, of messages framed by `adapters.message_stream`.

A phone emulates this card by software (host card emulation), routed by the application identifier.
"""

from typing import Protocol

from feiqian.chip.apdu import CommandApdu, ResponseApdu, parse_command
from feiqian.chip.status_words import StatusError
from feiqian.outcomes import Outcome, Refusal

APPLICATION = bytes.fromhex("F0") + b"FEIQIAN"
"""Proprietary, not registered (ISO/IEC 7816-5); the first byte says so."""
VERSION = b"\x01"
"""What SELECT answers."""
MAX_CHUNK_BYTES = 240
LAST = 0x01

_SELECT, _BY_NAME, _EXCHANGE = 0xA4, 0x04, 0xE1
_CLA, _OWN_CLA = 0x00, 0x80
_ANY_LENGTH = 0x100
_DONE, _WRONG_LENGTH, _NOT_SELECTED, _NOT_FOUND = 0x9000, 0x6700, 0x6985, 0x6A82
_UNKNOWN_INS, _UNKNOWN_CLA = 0x6D00, 0x6E00


class Ends(Protocol):
    """Where bytes come from and go to, on either side."""

    def take(self, limit: int) -> tuple[bytes, bool]:
        """At most so many bytes to send now, and whether they are the last ever."""
        ...

    def give(self, data: bytes, last: bool) -> None:
        """Bytes that have arrived, and whether they are the last ever."""
        ...


def select_command() -> bytes:
    """SELECT by name."""
    return CommandApdu(_CLA, _SELECT, _BY_NAME, 0, APPLICATION, _ANY_LENGTH).encode()


def is_selected(response: bytes) -> bool:
    """Whether a card is a wallet of our version."""
    return response == ResponseApdu(VERSION, _DONE).encode()


def exchange_command(data: bytes, last: bool) -> bytes:
    """What the reader has to send."""
    return CommandApdu(_OWN_CLA, _EXCHANGE, last * LAST, 0, data, _ANY_LENGTH).encode()


def read_exchanged(response: bytes) -> tuple[bytes, bool]:
    """What the card had to send, and whether it was the last. `Refusal` unavailable."""
    flags, data, status = response[:1], response[1:-2], response[-2:]
    if len(response) < 3 or int.from_bytes(status, "big") != _DONE or flags[0] > LAST:
        raise Refusal(Outcome.UNAVAILABLE, f"the card ended the session: {status.hex()}")
    return data, flags[0] == LAST


class CardApplication:
    """The card's side: a command in, a response out; never an exception for what a reader says."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self.selected = False

    def handle(self, raw: bytes) -> bytes:
        """Answer one command."""
        try:
            command = parse_command(raw)
        except StatusError:
            return _status(_WRONG_LENGTH)
        if (command.cla, command.ins) == (_CLA, _SELECT):
            return self._select(command)
        if (command.cla, command.ins) == (_OWN_CLA, _EXCHANGE):
            return self._exchange(command)
        return _status(_UNKNOWN_INS if command.cla in (_CLA, _OWN_CLA) else _UNKNOWN_CLA)

    def _select(self, command: CommandApdu) -> bytes:
        if command.data != APPLICATION or command.p1 != _BY_NAME:
            return _status(_NOT_FOUND)
        self.selected = True
        return _status(_DONE, VERSION)

    def _exchange(self, command: CommandApdu) -> bytes:
        if not self.selected or command.p1 > LAST:
            return _status(_NOT_SELECTED)
        if len(command.data) > MAX_CHUNK_BYTES:
            return _status(_WRONG_LENGTH)
        self._ends.give(command.data, command.p1 == LAST)
        data, last = self._ends.take(MAX_CHUNK_BYTES)
        return _status(_DONE, bytes([last * LAST]) + data)


def _status(status: int, data: bytes = b"") -> bytes:
    return ResponseApdu(data, status).encode()
