"""Every link keeps the same promises: in memory, over TCP, by QR code, over BLE and NFC; also when damaged."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest

from feiqian.adapters.ble import BleLink, BlePayee, find_payee
from feiqian.adapters.iso_dep import Radio
from feiqian.adapters.nfc_link import NfcLink
from feiqian.adapters.nfc_radio import card_at, reader_at
from feiqian.adapters.qr import QrLink
from feiqian.adapters.qr_frames import PAYEE, PAYER
from feiqian.adapters.tcp import TcpLink, TcpListener
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link
from feiqian.testing.ble_air import BleAir
from feiqian.testing.link_conformance import DAMAGED_SIZES, Damage, LinkConformance
from feiqian.testing.links import Faults, MemoryLink, linked_pair
from feiqian.testing.nfc_field import Field, Interference
from feiqian.wire.envelope import MAX_MESSAGE_BYTES
from tests.conformance.qr_camera import Camera
from tests.conformance.tearing_proxy import TearingProxy

TEARS = tuple(Damage(tear_at_byte=count) for count in (0, 3, 5, 18, 700, 723, 6_000))


@pytest.mark.feature("C-01")
class TestMemoryLink(LinkConformance):
    async def connect(self) -> tuple[Link, Link]:
        return linked_pair()

    async def vanish(self, link: Link) -> None:
        assert isinstance(link, MemoryLink)
        await link.close()

    DAMAGES = tuple(Damage(tear_at_byte=count) for count in range(len(DAMAGED_SIZES)))

    async def connect_damaged(self, damage: Damage) -> tuple[Link, Link]:
        return linked_pair(Faults(tear_before=damage.tear_at_byte))


@pytest.mark.feature("C-01")
class TestTcpLink(LinkConformance):
    async def connect(self) -> tuple[Link, Link]:
        listener = await TcpListener.listen("127.0.0.1", 0)
        payer = await TcpLink.connect("127.0.0.1", listener.port, attempts=1)
        payee = await listener.accept()
        await listener.close()
        return payee, payer

    async def vanish(self, link: Link) -> None:
        assert isinstance(link, TcpLink)
        link._writer.transport.abort()

    DAMAGES = TEARS

    async def connect_damaged(self, damage: Damage) -> tuple[Link, Link]:
        listener = await TcpListener.listen("127.0.0.1", 0)
        proxy = await TearingProxy.before(listener.port, damage.tear_at_byte or 0)
        payer = await TcpLink.connect("127.0.0.1", proxy.port, attempts=1)
        payee = await listener.accept()
        await listener.close()
        return payee, payer

    def test_a_frame_that_announces_too_much_is_refused(self) -> None:
        """A peer that announces a frame above the limit is cut off before it can send it."""
        self.run("check_announced")

    async def check_announced(self, payee: Link, payer: Link) -> None:
        assert isinstance(payee, TcpLink)
        payee._writer.write((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"))
        with pytest.raises(Refusal) as refused:
            await payer.receive()
        assert refused.value.outcome is Outcome.TOO_LARGE


@pytest.mark.feature("C-01")
class TestQrLink(LinkConformance):
    NOTICES_VANISHING = False

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "codes"

    async def connect(self) -> tuple[Link, Link]:
        return QrLink(self.directory, PAYEE), QrLink(self.directory, PAYER)

    # Of the longest message that is sent, 11 of 18 frames are needed; of the others, one.
    HARMLESS = (
        Damage(),
        Damage(lose=frozenset({1, 4, 6, 9, 12})),
        Damage(repeat=frozenset(range(18))),
        Damage(swap=frozenset(range(1, 18, 2)), lose=frozenset({3}), repeat=frozenset({5})),
        Damage(swap=frozenset(range(18))),
    )
    DAMAGES = (*HARMLESS, Damage(lose=frozenset(range(1, 9))), Damage(tear_at_byte=1_500))

    async def connect_damaged(self, damage: Damage) -> tuple[Link, Link]:
        film = self.directory.with_name(f"film-{self.DAMAGES.index(damage)}")
        scene = self.directory.with_name(f"scene-{self.DAMAGES.index(damage)}")
        payee, payer = QrLink(scene, PAYEE), QrLink(film, PAYER)
        self.must_arrive = len(DAMAGED_SIZES) if damage in self.HARMLESS else 0
        self.watching = asyncio.ensure_future(Camera(scene, film, damage).watch())
        return payee, payer

    def check_arrived(self, count: int) -> None:
        self.watching.cancel()
        assert count >= self.must_arrive

    def test_codes_of_an_ended_session_are_ignored(self) -> None:
        """A payer that finds the images of a session that ended waits for the next session."""

        async def check() -> None:
            ended = QrLink(self.directory, PAYEE)
            await ended.send(b"old offer")
            await ended.close()
            payer = QrLink(self.directory, PAYER)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await payer.receive()
            await QrLink(self.directory, PAYEE).send(b"new offer")
            assert await payer.receive() == b"new offer"

        asyncio.run(check())


@pytest.mark.feature("C-01")
class TestBleLink(LinkConformance):
    DAMAGES = TEARS

    async def connect(self) -> tuple[Link, Link]:
        self.air = BleAir()
        self.payees_radio, payers_radio = await self.air.radio(1), await self.air.radio(2)
        listening = await BlePayee.listen(self.payees_radio)
        payer = await find_payee(payers_radio)
        return await listening.accept(), payer

    async def connect_damaged(self, damage: Damage) -> tuple[Link, Link]:
        pair = await self.connect()
        self.air.tear_after(self.payees_radio, damage.tear_at_byte or 0)
        return pair

    async def vanish(self, link: Link) -> None:
        assert isinstance(link, BleLink)
        self.air.remove(link._radio)

    def test_a_frame_that_announces_too_much_is_refused(self) -> None:
        """A peer that announces a message above the limit is not listened to any more."""
        self.run("check_announced")

    async def check_announced(self, payee: Link, payer: Link) -> None:
        assert isinstance(payee, BleLink)
        payee._channel.write((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"))
        with pytest.raises(Refusal) as refused:
            await payer.receive()
        assert refused.value.outcome is Outcome.TOO_LARGE


@pytest.mark.feature("C-01")
class TestNfcLink(LinkConformance):
    # A frame is tried five times; the first unit is the first frame after the application was found.
    HARMLESS = (
        Damage(lose=frozenset({0, 6, 13, 20, 27})),
        Damage(repeat=frozenset(range(0, 60, 2))),
        Damage(lose=frozenset({2, 11, 12}), repeat=frozenset({1, 5, 6, 7})),
    )
    DAMAGES = (*HARMLESS, Damage(lose=frozenset(range(8, 99))), *TEARS)

    async def connect(self) -> tuple[Link, Link]:
        self.field = Field()
        return await asyncio.gather(
            NfcLink.as_reader(lambda _: self.field.reader),
            NfcLink.as_card(lambda _: self.field.card),
        )

    async def connect_damaged(self, damage: Damage) -> tuple[Link, Link]:
        pair = await self.connect()
        self.field.disturb(Interference(damage.lose, damage.repeat, damage.tear_at_byte))
        self.must_arrive = len(DAMAGED_SIZES) if damage in self.HARMLESS else 0
        return pair

    def check_arrived(self, count: int) -> None:
        assert count >= self.must_arrive

    async def vanish(self, link: Link) -> None:
        self.field.torn.set()

    def test_a_frame_that_announces_too_much_is_refused(self) -> None:
        """A peer that announces a message above the limit is not listened to any more."""
        self.run("check_announced")

    async def check_announced(self, payee: Link, payer: Link) -> None:
        assert isinstance(payee, NfcLink)
        payee._pipe.put((MAX_MESSAGE_BYTES + 1).to_bytes(4, "big"))
        with pytest.raises(Refusal) as refused:
            await payer.receive()
        assert refused.value.outcome is Outcome.TOO_LARGE


class TornRadio:
    """A reader that is taken away after so many bytes."""

    def __init__(self, inner: Radio) -> None:
        self._inner = inner
        self.left: int | None = None

    def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
        if self.left is not None and frame is not None:
            self.left -= len(frame)
            if self.left < 0:
                self.close()
        return self._inner.exchange(frame, timeout_s)

    def close(self) -> None:
        self._inner.close()


@pytest.mark.feature("C-01")
class TestNfcLinkByDriver(LinkConformance):
    """The same through the drivers of the hardware, with their stand-in for a field."""

    radio: TornRadio

    async def connect(self) -> tuple[Link, Link]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            path = f"udp:127.0.0.1:{probe.getsockname()[1]}"

        def read(stopped: threading.Event) -> Radio | None:
            radio = reader_at(path)(stopped)
            assert radio is not None
            self.radio = TornRadio(radio)
            return self.radio

        # The card first: the stand-in's reader looks only once a second.
        card, reader = await asyncio.gather(NfcLink.as_card(card_at(path)), NfcLink.as_reader(read))
        return reader, card

    DAMAGES = (Damage(tear_at_byte=0), Damage(tear_at_byte=700))

    async def connect_damaged(self, damage: Damage) -> tuple[Link, Link]:
        pair = await self.connect()
        self.radio.left = damage.tear_at_byte
        return pair

    async def vanish(self, link: Link) -> None:
        self.radio.close()


def test_nobody_listening_is_unavailable() -> None:
    """Connecting where nobody listens ends after the attempts allowed, by name."""

    async def check() -> None:
        listener = await TcpListener.listen("127.0.0.1", 0)
        port = listener.port
        await listener.close()
        with pytest.raises(Refusal) as refused:
            await TcpLink.connect("127.0.0.1", port, attempts=2)
        assert refused.value.outcome is Outcome.UNAVAILABLE

    asyncio.run(check())
