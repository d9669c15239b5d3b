"""A bus that not everybody is covered by: between two members it carries where both have a network."""

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery, MessageBus


class PatchyBus:
    """`ports.MessageBus` of one member, without a network while its name is among those cut off."""

    def __init__(self, bus: MessageBus, name: str, cut_off: set[str]) -> None:
        self._bus, self._name, self._cut_off = bus, name, cut_off

    async def publish(self, recipient: str, kind: str, payload: bytes) -> None:
        """Hand over, if there is a network."""
        if self._name in self._cut_off or recipient in self._cut_off:
            raise Refusal(Outcome.UNAVAILABLE, "there is no network")
        await self._bus.publish(recipient, kind, payload)

    async def receive(self) -> Delivery:
        """The next message."""
        return await self._bus.receive()

    async def close(self) -> None:
        """Leave."""
        await self._bus.close()
