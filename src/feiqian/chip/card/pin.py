"""PIN and PUK: a try is paid for before the code is looked at.

The applet commits the lowered try counter first, compares then, and restores the counter last. So
cutting the power at the sight of a write gains an attacker nothing: the try is already gone. These
are the only commands with two commits, and between them only the counter differs.
"""

import hmac

from msgspec.structs import replace

from feiqian.chip.card.memory import CardState, Code
from feiqian.chip.card.purse import Card, Entropy, Step
from feiqian.chip.commands import (
    PIN_TRIES,
    PUK_TRIES,
    ChangePin,
    Empty,
    Lock,
    UnblockPin,
    VerifyPin,
)
from feiqian.chip.status_words import StatusError, StatusWord
from feiqian.crypto.suites import Suite
from feiqian.outcomes import LocalProtocolError

_SALT_BYTES = 16


def new_code(suite: Suite, entropy: Entropy, secret: bytes, tries: int) -> Code:
    """How a new PIN or PUK is remembered."""
    salt = entropy(_SALT_BYTES)
    return Code(salt, suite.digest(salt + secret), tries)


def charge_pin(state: CardState) -> CardState:
    """The state with one PIN try less. `StatusError` 6983 when none is left."""
    return replace(state, pin=_charge(_known(state.pin)))


def charge_puk(state: CardState) -> CardState:
    """The state with one PUK try less. `StatusError` 6983 when none is left."""
    return replace(state, puk=_charge(_known(state.puk)))


def verify_pin(card: Card, command: VerifyPin) -> Step:
    """VERIFY: the right PIN restores its tries."""
    pin = _known(card.state.pin)
    _compare(card.suite, pin, command.pin)
    return replace(card.state, pin=_restored(pin, PIN_TRIES)), Empty()


def change_pin(card: Card, command: ChangePin) -> Step:
    """CHANGE REFERENCE DATA: a new PIN for the right old one."""
    _compare(card.suite, _known(card.state.pin), command.pin)
    pin = new_code(card.suite, card.entropy, command.new_pin, PIN_TRIES)
    return replace(card.state, pin=pin), Empty()


def unblock_pin(card: Card, command: UnblockPin) -> Step:
    """RESET RETRY COUNTER: a new PIN for the right PUK."""
    puk = _known(card.state.puk)
    _compare(card.suite, puk, command.puk)
    pin = new_code(card.suite, card.entropy, command.new_pin, PIN_TRIES)
    return replace(card.state, pin=pin, puk=_restored(puk, PUK_TRIES)), Empty()


def lock(card: Card, _command: Lock) -> Step:
    """LOCK: nothing to remember; the applet forgets."""
    return card.state, Empty()


def _charge(code: Code) -> Code:
    if code.tries == 0:
        raise StatusError(StatusWord.PIN_BLOCKED)
    return replace(code, tries=code.tries - 1)


def _restored(code: Code, tries: int) -> Code:
    return replace(code, tries=tries)


def _compare(suite: Suite, code: Code, secret: bytes) -> None:
    if not hmac.compare_digest(code.digest, suite.digest(code.salt + secret)):
        raise StatusError(StatusWord.PIN_WRONG, code.tries)


def _known(code: Code | None) -> Code:
    if code is None:
        raise LocalProtocolError("an initialised chip has its PIN and PUK")
    return code
