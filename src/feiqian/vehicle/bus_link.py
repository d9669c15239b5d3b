"""Links over a message bus: a numbered series of frames between two members.

A link keeps the port's promise, whole and in order or not at all, on a bus that may drop, repeat and
reorder: a frame that came before is put aside, one that is early waits for its turn, and one that
never comes ends in the session's own timer. Nothing in a frame is believed; what passes over a link is
the payment protocol, which trusts no link.
"""

import asyncio
from collections.abc import Awaitable, Callable

from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.visit import FRAME_KIND, LinkFrame

MAX_EARLY = 32
"""Frames that wait for one before them."""
MAX_LINKS = 256
"""Open links of one member."""

Publish = Callable[[str, str, bytes], Awaitable[None]]


class BusLink:
    """One end of a link; `ports.Link`."""

    def __init__(self, links: "BusLinks", peer: str, session: bytes, *, opener: bool) -> None:
        self.peer = peer
        """The other member, as the bus names it."""
        self.session = session
        self.opener = opener
        self._links = links
        self._sent = 0
        self._next = 0
        self._early: dict[int, bytes | None] = {}
        self._ready: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._closed = False

    async def send(self, message: bytes) -> None:
        """Publish the next frame. `Refusal` unavailable when the bus or the link is gone."""
        if self._closed:
            raise _lost()
        await self._publish(message)

    async def receive(self) -> bytes:
        """The next message. `Refusal` unavailable when the link is closed."""
        if self._closed:
            raise _lost()
        message = await self._ready.get()
        if message is None:
            self._closed = True
            raise _lost()
        return message

    async def close(self) -> None:
        """Tell the other side, if it can be told."""
        self._links.forget(self)
        if self._closed:
            return
        self._closed = True
        self._ready.put_nowait(None)
        try:
            await self._publish(None)
        except Refusal:
            return  # the other side's timer ends it

    def take(self, frame: LinkFrame) -> None:
        """A frame for this end: in its turn, early, or known already."""
        if frame.number < self._next or len(self._early) >= MAX_EARLY:
            return
        self._early.setdefault(frame.number, frame.content)
        while self._next in self._early:
            self._ready.put_nowait(self._early.pop(self._next))
            self._next += 1

    async def _publish(self, content: bytes | None) -> None:
        number, self._sent = self._sent, self._sent + 1
        frame = LinkFrame(self.session, self.opener, number, content)
        await self._links.publish(self.peer, FRAME_KIND, encode_message(frame))


class BusLinks:
    """All links of one member of a bus."""

    def __init__(self, publish: Publish, visited: Callable[[BusLink], None] | None = None) -> None:
        """`visited` is told of each link that another member opens; None: nobody may."""
        self.publish = publish
        self._visited = visited
        self._links: dict[tuple[str, bytes, bool], BusLink] = {}

    def open(self, peer: str, session: bytes) -> BusLink:
        """A link to a member, under 16 fresh bytes. `Refusal` busy."""
        return self._new(peer, session, opener=True)

    def take(self, sender: str, payload: bytes) -> None:
        """A frame from the bus. `Refusal`: malformed and its kin, busy."""
        frame = decode_message(payload, LinkFrame)
        link = self._links.get((sender, frame.session, not frame.opener))
        if link is None and frame.opener and frame.number == 0 and self._visited is not None:
            link = self._new(sender, frame.session, opener=False)
            self._visited(link)
        if link is not None:
            link.take(frame)

    def forget(self, link: BusLink) -> None:
        """A link that is over."""
        self._links.pop((link.peer, link.session, link.opener), None)

    def _new(self, peer: str, session: bytes, *, opener: bool) -> BusLink:
        if len(self._links) >= MAX_LINKS:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_LINKS} links at once")
        link = self._links[peer, session, opener] = BusLink(self, peer, session, opener=opener)
        return link


def _lost() -> Refusal:
    return Refusal(Outcome.UNAVAILABLE, "the link over the bus is closed")
