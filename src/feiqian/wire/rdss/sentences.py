"""The form of every sentence on a module's line: ``$ADDRESS,field,...*hh`` (NMEA 0183 and IEC 61162).

The checksum is the exclusive or of what stands between ``$`` and ``*``. A line also carries sentences of
other receivers and makers, so an unknown address is nobody's mistake; what is damaged is refused.
"""

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor

from feiqian.outcomes import Outcome, Refusal

MAX_SENTENCE_BYTES = 4_096
"""Longest line that is read; 1,750 bytes in hexadecimal and what stands around them fit."""
MAX_FIELDS = 96

_SHAPE = re.compile(rb"\$([A-Z]{5}),([ -\"%-)+-~]*)\*([0-9A-Fa-f]{2})")
"""Neither ``$`` nor ``#`` nor ``*`` stands in a field."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence taken apart."""

    address: str
    """Talker (two letters) and type (three)."""
    fields: tuple[str, ...]

    def encode(self) -> bytes:
        """The line, with checksum and line end."""
        body = ",".join((self.address, *self.fields)).encode("ascii")
        return b"$%b*%02X\r\n" % (body, reduce(xor, body, 0))

    def field(self, place: int) -> str:
        """The field at `place`, from 0. `Refusal` malformed when there are fewer."""
        if place >= len(self.fields):
            raise Refusal(Outcome.MALFORMED, f"{self.address}: expected more than {place} fields")
        return self.fields[place]

    def number(self, place: int, highest: int) -> int:
        """A field as a number from 0 to `highest`. `Refusal` malformed when it is none."""
        text = self.field(place)
        if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) > highest:
            raise Refusal(
                Outcome.MALFORMED, f"{self.address}: expected field {place} from 0 to {highest}"
            )
        return int(text)


def parse_sentence(line: bytes) -> Sentence:
    """A line as a sentence. `Refusal`: too_large; malformed: its form or its checksum."""
    if len(line) > MAX_SENTENCE_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_SENTENCE_BYTES} bytes a line")
    shape = _SHAPE.fullmatch(line.strip())
    if shape is None:
        raise Refusal(Outcome.MALFORMED, "expected a sentence $ADDRESS,fields*checksum")
    address, fields, checksum = shape.groups()
    if reduce(xor, address + b"," + fields, 0) != int(checksum, 16):
        raise Refusal(Outcome.MALFORMED, f"{address.decode()}: the checksum does not fit")
    parts = tuple(fields.decode("ascii").split(","))
    if len(parts) > MAX_FIELDS:
        raise Refusal(Outcome.MALFORMED, f"expected at most {MAX_FIELDS} fields")
    return Sentence(address.decode("ascii"), parts)
