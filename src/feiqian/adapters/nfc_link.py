"""`ports.Link` over NFC: the payee's terminal is the reader, the payer's phone emulates a card.

Radio blocks, so a session lives in a thread of its own; `Pipe` stands between it and the event loop
with a bounded buffer each way. The reader asks at once while there is something to carry, and every
`POLL_S` otherwise. Leaving the field, or silence, ends the link: `Refusal` unavailable. Blocks and
commands are in `adapters.iso_dep` and `adapters.nfc_apdus`, hardware in `adapters.nfc_radio`.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Self

from feiqian.adapters.iso_dep import CardSide, Radio, ReaderSide
from feiqian.adapters.message_stream import LinkInbox, framed
from feiqian.adapters.nfc_apdus import (
    MAX_CHUNK_BYTES,
    CardApplication,
    exchange_command,
    is_selected,
    read_exchanged,
    select_command,
)
from feiqian.outcomes import Outcome, Refusal

POLL_S = 0.02
CLOSE_TIMEOUT_S = 3.0
"""How long closing waits for what was sent to be fetched."""

_CLOSED = "the NFC link is closed"

FindRadio = Callable[[threading.Event], Radio | None]
"""Waits for somebody in the field, or until told to give up. `Refusal` unavailable."""


class Pipe:
    """Between the thread of a session and the event loop of a link."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Condition()
        self._outgoing = bytearray()
        self._closing = False
        self.inbox = LinkInbox()
        self.opened = asyncio.Event()
        self.emptied = asyncio.Event()
        """Set when the session has taken everything."""
        self.stopped = threading.Event()
        """Set when the session must end, whatever is left."""

    # From the event loop -----------------------------------------------------------------------
    def put(self, data: bytes) -> None:
        """Bytes for the session to send."""
        with self._lock:
            self._outgoing += data
            self.emptied.clear()
            self._lock.notify()

    def finish(self) -> None:
        """Nothing more will be put."""
        with self._lock:
            self._closing = True
            self._lock.notify()

    # From the session's thread -----------------------------------------------------------------
    def take(self, limit: int) -> tuple[bytes, bool]:
        """At most so many bytes to send, and whether they are the last."""
        with self._lock:
            data = bytes(self._outgoing[:limit])
            del self._outgoing[:limit]
            empty = not self._outgoing
            if empty and data:
                self._soon(self._empty)
            return data, empty and self._closing

    def _empty(self) -> None:
        with self._lock:
            if not self._outgoing:  # else more was put since
                self.emptied.set()

    def wait(self, timeout_s: float) -> None:
        """Until there is something to send, or the time is over."""
        with self._lock:
            if not self._outgoing and not self._closing:
                self._lock.wait(timeout_s)

    def give(self, data: bytes, last: bool) -> None:
        """Bytes have arrived."""
        self._soon(self._arrived, data)
        if last:
            self.end(Refusal(Outcome.UNAVAILABLE, "the other side closed the NFC link"))

    def _arrived(self, data: bytes) -> None:
        self.inbox.take(data)
        if self.inbox.ended.is_set() and not self._closing:
            self.stopped.set()  # what came was no stream of messages

    def open(self) -> None:
        """Somebody is in the field and speaks our language."""
        self._soon(self.opened.set)

    def end(self, refusal: Refusal) -> None:
        """Nothing more arrives."""
        self._soon(self.inbox.end, refusal)

    def _soon(self, call: Callable[..., None], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(call, *arguments)


class NfcLink:
    """One session; `ports.Link`."""

    def __init__(self, find: FindRadio, session: Callable[[FindRadio, Pipe], None]) -> None:
        self._pipe = Pipe()
        self._closed = False
        self._session = asyncio.create_task(self._run(find, session))

    async def _run(self, find: FindRadio, session: Callable[[FindRadio, Pipe], None]) -> None:
        refusal = Refusal(Outcome.UNAVAILABLE, _CLOSED)
        try:
            await asyncio.to_thread(session, find, self._pipe)
        except Refusal as told:
            refusal = told
        finally:
            self._pipe.inbox.end(refusal)

    @classmethod
    async def as_reader(cls, find: FindRadio) -> Self:
        """The payee's end: wait for a payer's card. `Refusal` unavailable without a reader."""
        link = cls(find, read_card)
        await link.opened()
        return link

    @classmethod
    async def as_card(cls, find: FindRadio) -> Self:
        """The payer's end: wait for a reader. `Refusal` unavailable."""
        link = cls(find, be_card)
        await link.opened()
        return link

    async def opened(self) -> None:
        """Until somebody is in the field. `Refusal` unavailable when that cannot be."""
        opened = asyncio.ensure_future(self._pipe.opened.wait())
        try:
            await asyncio.wait({opened, self._session}, return_when=asyncio.FIRST_COMPLETED)
            if not opened.done():
                self._pipe.inbox.check()
        except BaseException:  # whatever it is, also a cancellation: the thread must not stay
            self._pipe.stopped.set()
            raise
        finally:
            opened.cancel()

    async def send(self, message: bytes) -> None:
        """Hand over one message; returns when the session has taken all of it."""
        data = framed(message)
        self._pipe.inbox.check()
        self._pipe.put(data)
        waits = {
            asyncio.ensure_future(self._pipe.emptied.wait()),
            asyncio.ensure_future(self._pipe.inbox.ended.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not self._pipe.emptied.is_set():
            self._pipe.inbox.check()

    async def receive(self) -> bytes:
        """The next message."""
        return await self._pipe.inbox.next()

    async def close(self) -> None:
        """Let the other side fetch what was sent, then leave the field."""
        if self._closed:
            return
        self._closed = True
        self._pipe.inbox.end(Refusal(Outcome.UNAVAILABLE, _CLOSED))
        self._pipe.finish()
        await asyncio.wait({self._session}, timeout=CLOSE_TIMEOUT_S)
        self._pipe.stopped.set()
        await asyncio.wait({self._session}, timeout=CLOSE_TIMEOUT_S)


def read_card(find: FindRadio, pipe: Pipe) -> None:
    """A reader's session, in its thread: the first card that is a wallet, until either side ends."""
    while (radio := find(pipe.stopped)) is not None:
        try:
            reader = ReaderSide(radio)
            if _is_wallet(reader):
                pipe.open()
                return _carry(reader, pipe)
        finally:
            radio.close()
    raise Refusal(Outcome.UNAVAILABLE, _CLOSED)


def _is_wallet(reader: ReaderSide) -> bool:
    """Whether it is; other cards are let go and looked away from."""
    try:
        reader.activate()
        return is_selected(reader.transceive(select_command()))
    except Refusal:
        return False


def _carry(reader: ReaderSide, pipe: Pipe) -> None:
    last = theirs = False
    while not (last or theirs or pipe.stopped.is_set()):
        data, last = pipe.take(MAX_CHUNK_BYTES)
        arrived, theirs = read_exchanged(reader.transceive(exchange_command(data, last)))
        pipe.give(arrived, theirs)
        if not data and not arrived:
            pipe.wait(POLL_S)
    reader.deselect()


def be_card(find: FindRadio, pipe: Pipe) -> None:
    """A card's session, in its thread: the first reader that selects a wallet, until it ends."""
    while (radio := find(pipe.stopped)) is not None:
        try:
            if _serve(radio, pipe):
                return
        finally:
            radio.close()
    raise Refusal(Outcome.UNAVAILABLE, _CLOSED)


def _serve(radio: Radio, pipe: Pipe) -> bool:
    """Be a card in this field; false when the reader was after another one."""
    application = CardApplication(pipe)

    def handle(command: bytes) -> bytes:
        if pipe.stopped.is_set():
            raise Refusal(Outcome.UNAVAILABLE, _CLOSED)
        response = application.handle(command)
        if application.selected:
            pipe.open()
        return response

    try:
        CardSide(radio, handle).serve()
    except Refusal:
        if application.selected:
            raise
    return application.selected
