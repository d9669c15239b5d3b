"""The lines that a service entity and the controller of its equipment exchange: one JSON object each.

A line is UTF-8, ends with a newline, and says in `say` what it is. A reading is the register of a meter
that only grows, in millilitres, or zero where there is no meter. Moments are Unix milliseconds. What is
not known here is refused, and ends the connection.
"""

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from feiqian.outcomes import Outcome, Refusal
from feiqian.protocol.equipment import KEY_LENGTH, Began, Event, Finished, Metered, NotBegun
from feiqian.timing.moment import Milliseconds
from feiqian.wire.usage import Product

MAX_LINE_BYTES = 4_096
MAX_LIMITS = 16
MAX_REGISTER = 10**12
MAX_DETAIL = 200

Key = Annotated[str, Meta(min_length=1, max_length=KEY_LENGTH, pattern=r"^[0-9a-f]+\Z")]
Number = Annotated[int, Meta(ge=1, le=10**12)]
Register = Annotated[int, Meta(ge=0, le=MAX_REGISTER)]
ShortText = Annotated[str, Meta(max_length=MAX_DETAIL)]


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="say"):
    """What every line is."""


class Hello(_Line, frozen=True, tag="hello"):
    """The controller's first line."""

    name: ShortText
    """Of the entity it belongs to."""
    password: ShortText


class ReportedPresence(_Line, frozen=True, tag="presence"):
    """Whether somebody stands there; said once after the welcome, and when it changes."""

    number: Number
    occupied: bool


class ReportedBegin(_Line, frozen=True, tag="began"):
    """A nozzle is lifted."""

    number: Number
    key: Key
    at_ms: Milliseconds
    register: Register
    product: Product = ""


class ReportedReading(_Line, frozen=True, tag="metered"):
    """The meter, while something flows."""

    number: Number
    key: Key
    at_ms: Milliseconds
    register: Register


class ReportedEnd(_Line, frozen=True, tag="finished"):
    """The nozzle is back, the bay is empty; also the answer to a stop."""

    number: Number
    key: Key
    at_ms: Milliseconds
    register: Register


class ReportedRefusal(_Line, frozen=True, tag="refused"):
    """It cannot begin; nothing was used."""

    number: Number
    key: Key
    detail: ShortText = ""


class Welcome(_Line, frozen=True, tag="welcome"):
    """The entity's first line."""


class SentAway(_Line, frozen=True, tag="sent-away"):
    """The entity's last line, and why."""

    outcome: ShortText
    detail: ShortText


class AskedToBegin(_Line, frozen=True, tag="begin"):
    """Serve; of each product, no more than the limit may flow, in millilitres.

    Whoever serves this key already goes on, and does not count anew; a controller that does not know it
    any more, though it began, says that it is finished.
    """

    key: Key
    began: bool
    """Whether the entity knows that it has begun."""
    limits: Annotated[dict[Product, Register], Meta(max_length=MAX_LIMITS)]


class AskedToStop(_Line, frozen=True, tag="stop"):
    """Serve no more; what does not run is not to begin."""

    key: Key


class Taken(_Line, frozen=True, tag="taken"):
    """What had this number is stored, and need not be repeated."""

    number: Number


Reported = ReportedPresence | ReportedBegin | ReportedReading | ReportedEnd | ReportedRefusal
FromController = Hello | Reported
FromEntity = Welcome | SentAway | AskedToBegin | AskedToStop | Taken

S = TypeVar("S")


def written(line: FromController | FromEntity) -> bytes:
    """A line with its newline."""
    return msgspec.json.encode(line) + b"\n"


def read_from_controller(raw: bytes) -> FromController:
    """A controller's line. `Refusal`: too_large, malformed."""
    return _read(raw, _FROM_CONTROLLER)


def event_of(line: ReportedBegin | ReportedReading | ReportedEnd | ReportedRefusal) -> Event:
    """What a report means to the site."""
    match line:
        case ReportedBegin():
            return Began(line.key, line.at_ms, line.register, product=line.product)
        case ReportedReading():
            return Metered(line.key, line.at_ms, line.register)
        case ReportedEnd():
            return Finished(line.key, line.at_ms, line.register)
        case ReportedRefusal():
            detail = f"the equipment does not begin: {line.detail}"
            return NotBegun(line.key, Refusal(Outcome.UNAVAILABLE, detail))


_FROM_CONTROLLER: msgspec.json.Decoder[FromController] = msgspec.json.Decoder(FromController)


def _read(raw: bytes, decoder: msgspec.json.Decoder[S]) -> S:
    if len(raw) > MAX_LINE_BYTES:
        raise Refusal(Outcome.TOO_LARGE, f"expected a line of at most {MAX_LINE_BYTES} bytes")
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(Outcome.MALFORMED, f"expected a line of equipment: {error}") from error
