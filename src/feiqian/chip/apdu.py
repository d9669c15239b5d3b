"""APDUs: the frames between host and chip (ISO/IEC 7816-4, 5.1 to 5.3), all seven command cases.

A command is four header bytes, data with its length (Lc), and the answer length expected (Le),
lengths in one byte or, extended, in two behind a zero byte. A response is data and a status word.
What does not have exactly one of the seven shapes is refused as a whole (6700).
"""

from dataclasses import dataclass

from feiqian.chip.status_words import StatusError, StatusWord
from feiqian.outcomes import Outcome, Refusal

HEADER_BYTES = 4
MAX_DATA_BYTES = 0xFFFF
"""Most data in a command (extended Lc)."""
MAX_EXPECTED_BYTES = 0x1_0000
"""Most data in a response (extended Le of zero)."""
MAX_COMMAND_BYTES = HEADER_BYTES + 3 + MAX_DATA_BYTES + 2
MAX_RESPONSE_BYTES = MAX_EXPECTED_BYTES + 2

_SHORT_EXPECTED = 0x100


@dataclass(frozen=True, slots=True)
class CommandApdu:
    """One command; `expected` is the most answer bytes wanted (Ne), 0 for none."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    expected: int = 0

    def encode(self) -> bytes:
        """The bytes, in short form where everything fits it. `ValueError` beyond the limits."""
        header = bytes((self.cla, self.ins, self.p1, self.p2))
        if len(self.data) > MAX_DATA_BYTES or not 0 <= self.expected <= MAX_EXPECTED_BYTES:
            raise ValueError(f"expected at most {MAX_DATA_BYTES} bytes of data")
        if len(self.data) < _SHORT_EXPECTED and self.expected <= _SHORT_EXPECTED:
            return header + self._short_body()
        return header + self._extended_body()

    def _short_body(self) -> bytes:
        lc = bytes((len(self.data),)) if self.data else b""
        le = bytes((self.expected & 0xFF,)) if self.expected else b""
        return lc + self.data + le

    def _extended_body(self) -> bytes:
        lc = len(self.data).to_bytes(2, "big") if self.data else b""
        le = (self.expected & 0xFFFF).to_bytes(2, "big") if self.expected else b""
        return b"\x00" + lc + self.data + le


def parse_command(raw: bytes) -> CommandApdu:
    """Take a command apart. `StatusError` 6700 when its lengths do not add up."""
    if not HEADER_BYTES <= len(raw) <= MAX_COMMAND_BYTES:
        raise StatusError(StatusWord.WRONG_LENGTH)
    body = raw[HEADER_BYTES:]
    extended = len(body) > 1 and body[0] == 0
    data, expected = _read_extended(body) if extended else _read_short(body)
    cla, ins, p1, p2 = raw[:HEADER_BYTES]
    return CommandApdu(cla, ins, p1, p2, data, expected)


def _read_short(body: bytes) -> tuple[bytes, int]:
    if len(body) <= 1:
        return b"", _expected(body, _SHORT_EXPECTED)
    end = 1 + body[0]
    if not end <= len(body) <= end + 1:
        raise StatusError(StatusWord.WRONG_LENGTH)
    return body[1:end], _expected(body[end:], _SHORT_EXPECTED)


def _read_extended(body: bytes) -> tuple[bytes, int]:
    if len(body) == 3:
        return b"", _expected(body[1:], MAX_EXPECTED_BYTES)
    length = int.from_bytes(body[1:3], "big")
    end = 3 + length
    if length == 0 or len(body) not in (end, end + 2):
        raise StatusError(StatusWord.WRONG_LENGTH)
    return body[3:end], _expected(body[end:], MAX_EXPECTED_BYTES)


def _expected(le: bytes, zero_means: int) -> int:
    return (int.from_bytes(le, "big") or zero_means) if le else 0


@dataclass(frozen=True, slots=True)
class ResponseApdu:
    """One response."""

    data: bytes
    status: int

    def encode(self) -> bytes:
        """The bytes: data, then the status word."""
        return self.data + self.status.to_bytes(2, "big")


def parse_response(raw: bytes) -> ResponseApdu:
    """Take a response apart. `Refusal`: too_large; malformed without a status word."""
    if len(raw) > MAX_RESPONSE_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected a response of at most {MAX_RESPONSE_BYTES}")
    if len(raw) < 2:
        raise Refusal(Outcome.MALFORMED, "expected a response that ends with a status word")
    return ResponseApdu(raw[:-2], int.from_bytes(raw[-2:], "big"))
