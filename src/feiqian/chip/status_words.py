"""Status words: how a chip's refusal travels in the two bytes at the end of every response.

Interindustry words (ISO/IEC 7816-4, 5.6) stand for what they mean everywhere; the proprietary range
6F01 to 6FFF carries our finer reasons, one word for each `Outcome` a chip can give. The table is
one to one for outcomes, so that the host raises exactly the refusal that the chip meant.
"""

from enum import IntEnum

from feiqian.outcomes import Outcome, Refusal

_PIN_WRONG_MASK = 0xFFF0
_TRIES_MASK = 0x000F


class StatusWord(IntEnum):
    """SW1 SW2 of a response; PIN_WRONG carries the tries left in its last four bits."""

    SUCCESS = 0x9000

    PIN_WRONG = 0x63C0
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    PIN_REQUIRED = 0x6982
    PIN_BLOCKED = 0x6983
    WRONG_STATE = 0x6985
    """Not in this stage of the chip's life, or no applet is selected."""
    WRONG_DATA = 0x6A80
    NO_APPLET = 0x6A82
    NO_ROOM = 0x6A84
    WRONG_PARAMETERS = 0x6A86
    UNKNOWN_INSTRUCTION = 0x6D00
    UNKNOWN_CLASS = 0x6E00
    REFUSED = 0x6F00

    TOO_LARGE = 0x6F01
    UNKNOWN_VERSION = 0x6F02
    NOT_CANONICAL = 0x6F03
    UNKNOWN_SUITE = 0x6F04
    UNKNOWN_ISSUER = 0x6F11
    BAD_CERTIFICATE = 0x6F12
    CERTIFICATE_EXPIRED = 0x6F13
    WRONG_ROLE = 0x6F14
    BAD_SIGNATURE = 0x6F15
    WRONG_ADDRESSEE = 0x6F21
    WRONG_SESSION = 0x6F22
    WRONG_OWNER = 0x6F23
    AMOUNT_MISMATCH = 0x6F24
    EXPIRED = 0x6F25
    DOUBLE_SPENT = 0x6F31
    KEY_REUSED = 0x6F32
    UNKNOWN_WALLET = 0x6F33
    OVER_PAYMENT_LIMIT = 0x6F34
    OVER_HOLDING_LIMIT = 0x6F35
    INSUFFICIENT_BALANCE = 0x6F36
    OVER_OFFLINE_LIMIT = 0x6F37
    WALLET_FROZEN = 0x6F38
    NOT_AUTHORISED = 0x6F39
    OVER_CEILING = 0x6F3A
    SEQUENCE_GAP = 0x6F41


_BY_OUTCOME = {
    Outcome.PIN_WRONG: StatusWord.PIN_WRONG,
    Outcome.PIN_REQUIRED: StatusWord.PIN_REQUIRED,
    Outcome.PIN_BLOCKED: StatusWord.PIN_BLOCKED,
    Outcome.MALFORMED: StatusWord.WRONG_DATA,
    Outcome.CHIP_FULL: StatusWord.NO_ROOM,
    Outcome.CHIP_REFUSED: StatusWord.REFUSED,
    Outcome.UNAVAILABLE: StatusWord.MEMORY_FAILURE,
} | {
    Outcome[word.name]: word
    for word in StatusWord
    if StatusWord.REFUSED < word < StatusWord.SUCCESS
}
_BY_WORD = {word: outcome for outcome, word in _BY_OUTCOME.items()}


class StatusError(Exception):
    """Card side: a command ends with this status word, which no `Outcome` alone could say."""

    def __init__(self, word: StatusWord, tries: int = 0) -> None:
        super().__init__(f"{word.name} {word + tries:04X}")
        self.status = word + tries


def word_of(outcome: Outcome) -> StatusWord:
    """The word by which a chip gives `outcome`; 6F00 for one that chips do not give."""
    return _BY_OUTCOME.get(outcome, StatusWord.REFUSED)


def refusal_of(status: int) -> Refusal:
    """Host side: the refusal that a status word other than 9000 means."""
    if status & _PIN_WRONG_MASK == StatusWord.PIN_WRONG:
        tries = status & _TRIES_MASK
        return Refusal(Outcome.PIN_WRONG, f"expected the right PIN; tries left: {tries}")
    try:
        word = StatusWord(status)
    except ValueError:
        return Refusal(Outcome.CHIP_REFUSED, f"the chip answered {status:04X}")
    outcome = _BY_WORD.get(word, Outcome.CHIP_REFUSED)
    return Refusal(outcome, f"the chip answered {status:04X}, {word.name.lower()}")
