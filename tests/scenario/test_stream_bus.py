"""The hub between processes: who gets in, what a lost hub means, and what strangers can do."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from feiqian.adapters import bus_hub
from feiqian.adapters.bus_frames import (
    Challenge,
    Ended,
    Hello,
    Welcome,
    proof_of,
    read_from_hub,
    write_frame,
)
from feiqian.adapters.bus_hub import Hub
from feiqian.adapters.bus_inboxes import MAX_WAITING, SESSION_EXPIRY_S, WINDOW, Inboxes
from feiqian.adapters.stream_bus import StreamBus
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Delivery
from feiqian.wire.envelope import MAX_MESSAGE_BYTES

HOST = "127.0.0.1"
SECRET = b"secret of the hub"

pytestmark = pytest.mark.feature("V-03")


def run_with_hub(check: Callable[[Hub], Awaitable[None]]) -> None:
    """Run a check with a listening hub."""

    async def checked() -> None:
        async with asyncio.timeout(30):
            hub = await Hub.listen(HOST, 0, SECRET)
            try:
                await check(hub)
            finally:
                await hub.close()

    asyncio.run(checked())


async def member(hub: Hub, name: str) -> StreamBus:
    """A member of the hub's bus, with the token that belongs to it."""
    return await StreamBus.connect(HOST, hub.port, name, hub.token_for(name))


async def refused(call: Awaitable[object]) -> Outcome:
    """Why a call was refused."""
    with pytest.raises(Refusal) as info:
        await call
    return info.value.outcome


def test_a_member_cannot_take_another_name() -> None:
    """A member with its own token is not let in under another's name, so it reads no other inbox."""

    async def check(hub: Hub) -> None:
        impostor = StreamBus.connect(HOST, hub.port, "pump", hub.token_for("car"))
        assert await refused(impostor) is Outcome.BAD_SIGNATURE

    run_with_hub(check)


def test_a_proof_serves_one_connection() -> None:
    """A proof that was overheard does not let anybody in again."""

    async def check(hub: Hub) -> None:
        _, reader, writer = await greeted(hub, "car")
        old = proof_of(hub.token_for("car"), b"an earlier challenge")
        write_frame(writer, Hello("car", old))
        ended = await read_from_hub(reader)
        assert isinstance(ended, Ended)
        assert ended.outcome == Outcome.BAD_SIGNATURE
        writer.close()

    run_with_hub(check)


async def greeted(hub: Hub, name: str) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """A raw connection that was challenged."""
    reader, writer = await asyncio.open_connection(HOST, hub.port)
    frame = await read_from_hub(reader)
    assert isinstance(frame, Challenge)
    return proof_of(hub.token_for(name), frame.challenge), reader, writer


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        (2**31).to_bytes(4, "big"),
        b"\0\0\0\1\xc1",
        b"\0\0\0\0",
        b"\0\0\0\x08\x92\xa5Taken\x01",
    ],
)
def test_strangers_are_cut_off(bytes_sent: bytes) -> None:
    """Whoever does not greet as a member does is cut off, and members go on."""

    async def check(hub: Hub) -> None:
        _, reader, writer = await greeted(hub, "car")
        writer.write(bytes_sent)
        assert isinstance(await read_from_hub(reader), Ended)
        assert await reader.read() == b""
        writer.close()
        car = await member(hub, "car")
        await car.publish("car", "note", b"still here")
        assert (await car.receive()).payload == b"still here"
        await car.close()

    run_with_hub(check)


def test_a_silent_stranger_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects and says nothing loses the connection after a bounded time."""
    monkeypatch.setattr(bus_hub, "HELLO_TIMEOUT_S", 0.05)

    async def check(hub: Hub) -> None:
        _, reader, writer = await greeted(hub, "car")
        assert await reader.read() == b""
        writer.close()

    run_with_hub(check)


def test_connections_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """More connections than the limit are turned away."""
    monkeypatch.setattr(bus_hub, "MAX_CONNECTIONS", 1)

    async def check(hub: Hub) -> None:
        car = await member(hub, "car")
        assert await refused(member(hub, "pump")) is Outcome.UNAVAILABLE
        await car.close()

    run_with_hub(check)


def test_a_member_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A member whose socket takes nothing more is cut off; what it was sent waits for it."""
    monkeypatch.setattr(bus_hub, "WRITE_TIMEOUT_S", 0.05)

    async def check(hub: Hub) -> None:
        assert hub._server is not None
        # Otherwise the kernel keeps more for the slow member than the hub ever sends ahead.
        hub._server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        proof, reader, writer = await greeted(hub, "slow")
        write_frame(writer, Hello("slow", proof))
        assert isinstance(await read_from_hub(reader), Welcome)
        serving = tuple(hub._serving)
        car = await member(hub, "car")
        for _ in range(WINDOW):
            await car.publish("slow", "note", bytes(MAX_MESSAGE_BYTES))
        await asyncio.wait(serving)
        writer.close()
        slow = await member(hub, "slow")
        assert (await slow.receive()).payload == bytes(MAX_MESSAGE_BYTES)
        await slow.close()
        await car.close()

    run_with_hub(check)


def test_members_return_when_the_hub_returns() -> None:
    """A hub that is killed and started again has its members back without their doing."""

    async def check(hub: Hub) -> None:
        car, pump = await member(hub, "car"), await member(hub, "pump")
        port = hub.port
        await hub.close()
        again = await Hub.listen(HOST, port, SECRET)
        await published(car, "pump", b"after all")
        assert await pump.receive() == Delivery("car", "note", b"after all")
        await car.close()
        await pump.close()
        await again.close()

    run_with_hub(check)


async def published(sender: StreamBus, recipient: str, payload: bytes) -> None:
    """Publish, again while the recipient is not back yet."""
    while True:
        try:
            return await sender.publish(recipient, "note", payload)
        except Refusal as refusal:
            assert refusal.outcome in {Outcome.UNAVAILABLE, Outcome.TIMED_OUT}  # noqa: PT017 - which one depends on who returns first


def test_without_a_hub_publishing_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """While no hub answers, publishing ends with unavailable after a bounded time."""
    monkeypatch.setattr("feiqian.adapters.stream_bus.PUBLISH_TIMEOUT_S", 0.1)

    async def check(hub: Hub) -> None:
        car = await member(hub, "car")
        await hub.close()
        outcomes = {await refused(car.publish("car", "note", b"")) for _ in range(3)}
        assert outcomes <= {Outcome.UNAVAILABLE, Outcome.TIMED_OUT}
        assert await refused(car.publish("car", "note", b"")) is Outcome.UNAVAILABLE
        await car.close()
        gone = StreamBus.connect(HOST, hub_port, "car", hub.token_for("car"))
        assert await refused(gone) is Outcome.UNAVAILABLE

    hub_port = 1
    run_with_hub(check)


def test_an_inbox_does_not_wait_for_ever() -> None:
    """The inbox of a member that stays away too long is gone, with what it held."""
    now_s = 0.0
    inboxes = Inboxes(lambda: now_s)
    inboxes.leave(inboxes.enter("pump"))
    inboxes.post("pump", Delivery("car", "note", b""))
    now_s = SESSION_EXPIRY_S + 1
    with pytest.raises(Refusal) as info:
        inboxes.post("pump", Delivery("car", "note", b""))
    assert info.value.outcome is Outcome.UNAVAILABLE


def test_members_are_limited_and_the_absent_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bus that is full lets nobody in until somebody has been away for too long."""
    monkeypatch.setattr("feiqian.adapters.bus_inboxes.MAX_MEMBERS", 2)
    now_s = 0.0
    inboxes = Inboxes(lambda: now_s)
    inboxes.enter("car")
    inboxes.leave(inboxes.enter("pump"))
    with pytest.raises(Refusal) as info:
        inboxes.enter("other")
    assert info.value.outcome is Outcome.BUSY
    now_s = SESSION_EXPIRY_S + 1
    assert inboxes.enter("other").name == "other"


def test_an_inbox_is_bounded() -> None:
    """An inbox takes so many messages and refuses the next one to its sender."""
    inboxes = Inboxes()
    inboxes.enter("pump")
    for _ in range(MAX_WAITING):
        inboxes.post("pump", Delivery("car", "note", b""))
    with pytest.raises(Refusal) as info:
        inboxes.post("pump", Delivery("car", "note", b""))
    assert info.value.outcome is Outcome.BUSY
