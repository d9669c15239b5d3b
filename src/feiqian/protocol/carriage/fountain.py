"""The symbols of a parcel, and the parcel of its symbols (RaptorQ, RFC 6330, as one source block).

The coder is native code that panics on what it does not expect. It gets only symbols whose sizes and
numbers `wire.short_messages` has checked, and their heads are made here.
"""

from raptorq import Decoder, Encoder

from feiqian.wire.short_messages import ParcelName, Symbol

_PACKET_HEAD_BYTES = 4
"""RFC 6330, 3.2: number of the source block, always 0, and number of the symbol."""
_FIRST_SPARE = 8
_CYCLE_FACTOR = 4
_LEAST_CYCLE = 64


class Fountain:
    """The symbols of one content, source symbols first; more are made when they are asked for."""

    def __init__(self, name: ParcelName, content: bytes) -> None:
        self._name = name
        self._encoder = Encoder.with_defaults(content, name.symbol_bytes)
        self._packets: list[bytes] = self._encoder.get_encoded_packets(_FIRST_SPARE)
        self._cycle = min(name.form.symbols, max(_LEAST_CYCLE, _CYCLE_FACTOR * name.source_symbols))

    def symbol(self, count: int) -> Symbol:
        """The symbol to send as number `count`, from 0; after very many it begins again."""
        number = count % self._cycle
        while number >= len(self._packets):
            spare = 2 * len(self._packets) - self._name.source_symbols
            self._packets = self._encoder.get_encoded_packets(spare)
        return Symbol(self._name, number, self._packets[number][_PACKET_HEAD_BYTES:])


class Basin:
    """Symbols in, in any order and any number of times; the content out, once there are enough.

    Whether symbols are enough depends on their numbers alone, so there are never many more than that.
    What does not have the digest that its frames announce is poured away with all its symbols: a
    wrong symbol costs what was gathered with it, and the sender goes on making new ones.
    """

    def __init__(self, name: ParcelName) -> None:
        self._name = name
        self._pour_away()

    def pour(self, symbol: Symbol) -> bytes | None:
        """Add a symbol of this parcel; the whole content when it is enough."""
        if symbol.number in self._numbers:
            return None
        self._numbers.add(symbol.number)
        head = symbol.number.to_bytes(_PACKET_HEAD_BYTES, "big")
        content: bytes | None = self._decoder.decode(head + symbol.symbol)
        if content is None:
            return None
        self._pour_away()
        return content if self._name.fits(content) else None

    def _pour_away(self) -> None:
        self._numbers: set[int] = set()
        self._decoder = Decoder.with_defaults(self._name.length, self._name.symbol_bytes)
