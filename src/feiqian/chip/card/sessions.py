"""Offline sessions of a chip: numbered without end, remembered by one bit each.

The number stands in the nonce, and the chip's own signature on the offer says the rest, so a session
costs no memory but the bit that it was accepted. The newest `MAX_OFFERS` sessions can be accepted in,
however long ago they were opened; when one falls out of that window it is closed.
"""

from msgspec.structs import replace

from feiqian.chip.card.memory import CardState
from feiqian.chip.card.purse import Entropy
from feiqian.chip.commands import MAX_OFFERS
from feiqian.chip.status_words import StatusError, StatusWord
from feiqian.outcomes import Outcome, Refusal

MAX_SESSIONS = 2**32 - 1
NONCE_BYTES = 16
NUMBER_BYTES = 4


def open_session(state: CardState, entropy: Entropy) -> tuple[CardState, bytes]:
    """The state with one more session open, and its nonce."""
    number = state.session_count + 1
    if number > MAX_SESSIONS:
        raise StatusError(StatusWord.WRONG_STATE)
    nonce = number.to_bytes(NUMBER_BYTES, "big") + entropy(NONCE_BYTES - NUMBER_BYTES)
    taken = bytearray(state.taken_sessions.ljust(MAX_OFFERS // 8, b"\x00"))
    place, bit = _place(number)
    taken[place] &= ~bit
    return replace(state, session_count=number, taken_sessions=bytes(taken)), nonce


def take_session(state: CardState, nonce: bytes) -> CardState:
    """The state with this session accepted in. `Refusal` wrong_session when it is closed."""
    number = int.from_bytes(nonce[:NUMBER_BYTES], "big")
    if not max(0, state.session_count - MAX_OFFERS) < number <= state.session_count:
        raise Refusal(Outcome.WRONG_SESSION, f"expected one of the newest {MAX_OFFERS} sessions")
    taken = bytearray(state.taken_sessions)
    place, bit = _place(number)
    if taken[place] & bit:
        raise Refusal(Outcome.WRONG_SESSION, "expected a session that nothing was accepted in")
    taken[place] |= bit
    return replace(state, taken_sessions=bytes(taken))


def _place(number: int) -> tuple[int, int]:
    byte, bit = divmod(number % MAX_OFFERS, 8)
    return byte, 1 << bit
