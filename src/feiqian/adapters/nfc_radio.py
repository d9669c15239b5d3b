"""NFC hardware, and its stand-in over UDP, by the drivers of `nfcpy`: as a reader, or as a card.

Only its drivers are used, which find each other and exchange frames; the blocks above are ours
(`adapters.iso_dep`), on both sides. The library has no types and rests since 2022, so that nothing
of it is seen outside of this module. A reader is ``usb``, ``usb:072f:2200`` or ``tty:S0:pn532``;
being a card is for phones, some readers (PN53x, RC-S380) and ``udp:HOST:PORT``.
"""

import logging
import threading
from collections.abc import Callable

import nfc.clf

from feiqian.adapters.clock import system_entropy
from feiqian.adapters.iso_dep import FrameLost, Radio
from feiqian.outcomes import Outcome, Refusal

# It tells everybody which device it opens, unless it is told not to.
logging.getLogger("nfc").setLevel(logging.ERROR)

LISTEN_S = 0.5
"""How long a card listens at a time before it looks whether it should give up."""

_RATE = "106A"
_ISO_DEP = 0x20
"""Of SEL_RES: the card speaks ISO/IEC 14443-4."""
_SENS_RES = bytes.fromhex("0400")
_RANDOM_UID = b"\x08"
"""First byte of an identifier that is made anew each time (ISO/IEC 14443-3, 6.5.4)."""


class FrontendRadio:
    """A reader that has found a card, or a card that was found."""

    def __init__(self, frontend: nfc.clf.ContactlessFrontend, first: bytes | None = None) -> None:
        self._frontend = frontend
        self._first = first
        """A card's: the frame that the driver has already read."""

    def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
        """One frame each way."""
        if frame is None and self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            heard = self._frontend.exchange(frame, timeout_s)
        except nfc.clf.BrokenLinkError as error:
            raise Refusal(Outcome.UNAVAILABLE, "the NFC link is lost") from error
        except (nfc.clf.CommunicationError, ValueError) as error:
            raise FrameLost from error  # the stand-in meets frames of other senders with ValueError
        except OSError as error:
            raise Refusal(Outcome.UNAVAILABLE, f"the NFC device is gone: {error}") from error
        if heard is None:
            raise FrameLost
        return bytes(heard)

    def close(self) -> None:
        """Let go of the device."""
        self._frontend.close()


def reader_at(path: str) -> Callable[[threading.Event], Radio | None]:
    """Finds cards with the reader at `path`."""

    def sense(frontend: nfc.clf.ContactlessFrontend) -> FrontendRadio | None:
        target = frontend.sense(nfc.clf.RemoteTarget(_RATE))
        if target is None or not target.sel_res or not target.sel_res[0] & _ISO_DEP:
            return None
        return FrontendRadio(frontend)

    return lambda stopped: _find(path, sense, stopped)


def card_at(path: str) -> Callable[[threading.Event], Radio | None]:
    """Waits for readers as a card, with the device at `path`."""

    def listen(frontend: nfc.clf.ContactlessFrontend) -> FrontendRadio | None:
        me = nfc.clf.LocalTarget(
            _RATE,
            sens_res=bytearray(_SENS_RES),
            sdd_res=bytearray(_RANDOM_UID + system_entropy(3)),
            sel_res=bytearray([_ISO_DEP]),
        )
        target = frontend.listen(me, LISTEN_S)
        command = None if target is None else target.tt4_cmd
        return FrontendRadio(frontend, bytes(command)) if command else None

    return lambda stopped: _find(path, listen, stopped)


def _find(
    path: str,
    look: Callable[[nfc.clf.ContactlessFrontend], FrontendRadio | None],
    stopped: threading.Event,
) -> Radio | None:
    """Look until somebody is there. `Refusal` unavailable when the device cannot be used."""
    frontend = _open(path)
    try:
        while not stopped.is_set():
            radio = _looked(frontend, look)
            if radio is not None:
                frontend = None
                return radio
        return None
    finally:
        if frontend is not None:
            frontend.close()


def _open(path: str) -> nfc.clf.ContactlessFrontend:
    try:
        return nfc.clf.ContactlessFrontend(path)
    except (OSError, ValueError, LookupError) as error:
        raise Refusal(Outcome.UNAVAILABLE, f"no NFC device at {path}: {error}") from error


def _looked(
    frontend: nfc.clf.ContactlessFrontend,
    look: Callable[[nfc.clf.ContactlessFrontend], FrontendRadio | None],
) -> FrontendRadio | None:
    try:
        return look(frontend)
    except nfc.clf.UnsupportedTargetError as error:
        raise Refusal(Outcome.UNAVAILABLE, f"the NFC device cannot do this: {error}") from error
    except (nfc.clf.CommunicationError, ValueError):
        return None  # somebody passed by
    except OSError as error:
        raise Refusal(Outcome.UNAVAILABLE, f"the NFC device is gone: {error}") from error
