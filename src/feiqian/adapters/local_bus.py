"""`ports.MessageBus` inside one process: for the tour, the tests and a city in one event loop.

The same inboxes and limits as between processes (`adapters/bus_inboxes.py`), without a wire.
"""

from feiqian.adapters.bus_inboxes import Inboxes, Presence
from feiqian.ports import Delivery


class LocalBus:
    """A bus; each member joins it by name."""

    def __init__(self) -> None:
        self._inboxes = Inboxes()

    def join(self, name: str) -> "LocalMember":
        """Become the member called `name`; an earlier one of that name is out.

        Raises `Refusal`: malformed, busy.
        """
        return LocalMember(self._inboxes, self._inboxes.enter(name))


class LocalMember:
    """One member's access; `ports.MessageBus`."""

    def __init__(self, inboxes: Inboxes, presence: Presence) -> None:
        self._inboxes = inboxes
        self._presence = presence

    @property
    def name(self) -> str:
        """Under which name others reach this member."""
        return self._presence.name

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        """Put a message into the recipient's inbox."""
        self._presence.check()
        self._inboxes.post(recipient, Delivery(self.name, kind, payload))

    async def receive(self) -> Delivery:
        """The next message of this member's inbox."""
        number, delivery = await self._presence.next()
        self._presence.taken(number)
        return delivery

    async def close(self) -> None:
        """Leave; the inbox stays for a while."""
        self._inboxes.leave(self._presence)
