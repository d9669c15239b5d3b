"""The blocks between reader and card, by the rules of ISO/IEC 14443-4."""

import random
import socket
import threading
from collections.abc import Callable

import nfc.clf
import nfc.tag
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feiqian.adapters.iso_dep import MAX_APDU_BYTES, CardSide, FrameLost, ReaderSide
from feiqian.adapters.nfc_radio import card_at
from feiqian.outcomes import Outcome, Refusal

RATS, DESELECT = b"\xe0\x80", b"\xc2"


def reversed_answer(command: bytes) -> bytes:
    """An application that shows that it was asked."""
    return command[::-1]


class Silence:
    """A radio in which nobody is."""

    def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
        raise FrameLost

    def close(self) -> None:
        """Nothing to leave."""


class Wired:
    """A reader's radio straight to a card; a schedule says which frames are lost on the way."""

    def __init__(
        self, card: CardSide, lost_there: Callable[[], bool], lost_back: Callable[[], bool]
    ) -> None:
        self._card = card
        self._lost_there = lost_there
        self._lost_back = lost_back
        self.frames: list[bytes] = []

    def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
        assert frame is not None
        self.frames.append(frame)
        answer = None if self._lost_there() else self._card.answer(frame)
        if answer is None or self._lost_back():
            raise FrameLost
        self.frames.append(answer)
        return answer

    def close(self) -> None:
        """Nothing to leave."""


def never() -> bool:
    """Nothing is lost."""
    return False


@pytest.mark.parametrize("frame_code", [0, 5, 8])
@pytest.mark.parametrize("size", [0, 1, 12, 13, 14, 61, 253, 254, MAX_APDU_BYTES])
def test_apdus_of_any_length_pass(frame_code: int, size: int) -> None:
    """An APDU is cut to what the card's frames hold, both ways, and comes together again."""
    wired = Wired(CardSide(Silence(), reversed_answer, frame_code), never, never)
    reader = ReaderSide(wired)
    reader.activate()
    apdu = bytes(index % 251 for index in range(size))
    for _ in range(3):
        assert reader.transceive(apdu) == apdu[::-1]
    assert max(map(len, wired.frames)) <= (16, 24, 32, 40, 48, 64, 96, 128, 256)[frame_code] - 2


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([0, 2, 8]))
def test_lost_frames_are_neither_missing_nor_double(chance: random.Random, code: int) -> None:
    """Whatever is lost, every command is answered once, in order, or the link is lost."""
    asked: list[bytes] = []

    def application(command: bytes) -> bytes:
        asked.append(command)
        return command[::-1]

    def sometimes() -> bool:
        return chance.random() < 0.2

    reader = ReaderSide(Wired(CardSide(Silence(), application, code), sometimes, sometimes))
    commands = [bytes([number]) * 30 for number in range(10)]
    answered = []
    try:
        reader.activate()
        answered += [reader.transceive(command) for command in commands]
    except Refusal as refused:
        assert refused.outcome is Outcome.UNAVAILABLE  # noqa: PT017 - either is right
    assert asked == commands[: len(asked)]
    assert len(answered) <= len(asked)


def test_a_card_that_asks_for_time_gets_it() -> None:
    """A waiting time extension is granted; one without end is a lost link."""

    class Slow(Silence):
        def __init__(self, extensions: int) -> None:
            self.extensions = extensions

        def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
            if self.extensions == 0:
                return b"\x02done"
            assert frame == b"\x02ask" or (frame == b"\xf2\x05" and timeout_s >= 0.5)
            self.extensions -= 1
            return b"\xf2\x05"

    assert ReaderSide(Slow(3)).transceive(b"ask") == b"done"
    with pytest.raises(Refusal):
        ReaderSide(Slow(1_000)).transceive(b"ask")


def test_silence_is_a_lost_link() -> None:
    """A card that does not answer, and a reader that does not ask, are links that are lost."""
    for lost in (ReaderSide(Silence()).activate, CardSide(Silence(), reversed_answer).serve):
        with pytest.raises(Refusal) as refused:
            lost()
        assert refused.value.outcome is Outcome.UNAVAILABLE


def test_an_endless_chain_is_cut_off() -> None:
    """Neither side collects more than an APDU may have."""
    card = CardSide(Silence(), reversed_answer)
    for number in range(2):
        card.answer(bytes([0x12 | number]) + bytes(100))
    with pytest.raises(Refusal):
        card.answer(b"\x12" + bytes(100))

    class Endless(Silence):
        number = 0

        def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
            self.number ^= 1
            return bytes([0x12 | self.number ^ 1]) + bytes(100)

    with pytest.raises(Refusal):
        ReaderSide(Endless()).transceive(b"ask")


@given(st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([RATS, b"\xa2", b"\xb3"]))))
def test_a_card_survives_any_frames(frames: list[bytes]) -> None:
    """Whatever a reader says, a card answers a block or nothing, and then still works."""
    card = CardSide(Silence(), reversed_answer, 0)
    for frame in frames:
        answer = card.answer(frame)
        assert answer is None or 1 <= len(answer) <= 14
    reader = ReaderSide(Wired(card, never, never))
    reader.activate()
    assert reader.transceive(b"after all") == b"lla retfa"


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=40))
def test_a_reader_survives_any_answers(answers: list[bytes]) -> None:
    """Whatever a card answers, a reader has an APDU or a lost link."""

    class Babbling(Silence):
        def __init__(self) -> None:
            self.left = list(answers)

        def exchange(self, frame: bytes | None, timeout_s: float) -> bytes:
            if not self.left:
                raise FrameLost
            return self.left.pop(0)

    reader = ReaderSide(Babbling())
    try:
        reader.activate()
        assert len(reader.transceive(b"ask")) <= MAX_APDU_BYTES
    except Refusal as refused:
        assert refused.outcome is Outcome.UNAVAILABLE  # noqa: PT017 - either is right


def test_another_readers_blocks_are_understood() -> None:
    """The reader of nfcpy, which shares no code with ours, reads our card."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        path = f"udp:127.0.0.1:{probe.getsockname()[1]}"
    stopped = threading.Event()

    def be_card() -> None:
        radio = card_at(path)(stopped)
        assert radio is not None
        try:
            CardSide(radio, lambda command: command[::-1] + b"\x90\x00").serve()
        except Refusal as left:
            assert left.outcome is Outcome.UNAVAILABLE  # noqa: PT017 - the reader may just leave
        finally:
            radio.close()

    thread = threading.Thread(target=be_card)
    thread.start()
    try:
        with nfc.clf.ContactlessFrontend(path) as frontend:
            target = None
            for _ in range(20):
                target = target or frontend.sense(nfc.clf.RemoteTarget("106A"))
            tag = nfc.tag.activate(frontend, target)
            for size in (5, 200, 255):
                command = bytes(index % 251 for index in range(size))
                assert bytes(tag.transceive(command)) == command[::-1] + b"\x90\x00"
    finally:
        stopped.set()
        thread.join()
