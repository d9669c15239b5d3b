"""Carrying a neighbour's sealed messages up and down (W-13).

The one who carries keeps, within named limits, what he is to send for others and what has come that
was not for him, by channel, and hands it out to whoever names the channel. What is sealed needs no
trust in the carrier; what the carrier loses is sent again by its owner. The platform answers to
the terminal that the message came from, so an answer finds the way back.
"""

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from feiqian.carrier import Carrier
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link
from feiqian.wallet.satellite import MessageEffect, SatelliteDesk
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.relay import (
    MAX_CARRIED_BYTES,
    MAX_CARRIED_DOWN,
    MAX_CARRIED_UP,
    RelayAnswer,
    RelayQuestion,
)
from feiqian.wire.satellite import EVERYBODY, UPWARD, read_header

MAX_NEIGHBOURS = 16
"""Channels of others for which messages are carried at once."""
CARRIED_LIFETIME_MS = 2 * 3_600_000
ANSWER_TIMEOUT_MS = 10_000
"""How long a terminal waits for its neighbour's answer."""


@dataclass(slots=True)
class _Neighbour:
    """What is carried for one channel."""

    parcels: OrderedDict[bytes, int] = field(default_factory=OrderedDict)
    """Upward messages, with their numbers at the carrier."""
    down: deque[bytes] = field(default_factory=lambda: deque(maxlen=MAX_CARRIED_DOWN // 2))


class Relay:
    """Carries for others over our own terminal."""

    def __init__(self, carrier: Carrier, station: str) -> None:
        """`station` is the ground station's address in the short-message service."""
        self._carrier = carrier
        self._station = station
        self._neighbours: OrderedDict[int, _Neighbour] = OrderedDict()
        self._broadcasts: deque[bytes] = deque(maxlen=MAX_CARRIED_DOWN // 2)

    async def serve(self, link: Link) -> None:
        """Answer one neighbour's question. `Refusal`: malformed and its kin, unavailable."""
        question = decode_message(await link.receive(), RelayQuestion)
        _check_up(question)
        outcome = self._carry(question)
        known = self._neighbours.get(question.channel)
        down = (*self._broadcasts, *(known.down if known else ()))
        await link.send(encode_message(RelayAnswer(outcome, down)))

    def keep(self, content: bytes) -> bool:
        """Keep what has come down and is, or may be, for somebody else; whether it was kept.

        Only channels that something was carried for are kept. `Refusal` malformed and its kin.
        """
        header = read_header(content)
        if len(content) > MAX_CARRIED_BYTES or header.kind in UPWARD:
            return False
        shelf = self._broadcasts
        if header.channel != EVERYBODY:
            known = self._neighbours.get(header.channel)
            if known is None:
                return False
            self._settle(known)
            shelf = known.down
        if content not in shelf:
            shelf.append(content)
        return True

    def _carry(self, question: RelayQuestion) -> Outcome:
        known = self._neighbours.setdefault(question.channel, _Neighbour())
        self._neighbours.move_to_end(question.channel)
        if len(self._neighbours) > MAX_NEIGHBOURS:
            _, dropped = self._neighbours.popitem(last=False)
            self._settle(dropped)
        outcome = Outcome.ACCEPTED
        for content in question.up:
            if content not in known.parcels or not self._carrier.is_open(known.parcels[content]):
                outcome = self._post(known, content)
        return outcome

    def _post(self, known: _Neighbour, content: bytes) -> Outcome:
        try:
            parcel = self._carrier.send(content, self._station, CARRIED_LIFETIME_MS)
        except Refusal as refusal:
            return refusal.outcome
        known.parcels[content] = parcel
        if len(known.parcels) > MAX_CARRIED_UP:
            _, oldest = known.parcels.popitem(last=False)
            self._carrier.settle(oldest)
        return Outcome.ACCEPTED

    def _settle(self, known: _Neighbour) -> None:
        """Something has come down for this channel, or it is forgotten: nothing more goes up.

        What the platform did not mean with its answer its owner hands over once more.
        """
        for parcel in known.parcels.values():
            self._carrier.settle(parcel)
        known.parcels.clear()


async def ask_neighbour(link: Link, desk: SatelliteDesk, *, report: bool) -> list[MessageEffect]:
    """Have a neighbour carry our report and receipts, and take in what has come for us.

    Raises `Refusal`: what the neighbour refused, timed_out, unavailable; then nothing is lost.
    """
    up = [await desk.report()] if report else []
    receipts = await desk.receipts()
    messages = tuple(each.content for each in (*up, *([receipts] if receipts else [])))
    await link.send(encode_message(RelayQuestion(desk.channel.number, messages)))
    answer = await _answer(link)
    heard = []
    for content in answer.down:
        try:
            heard.append(await desk.take(content))
        except Refusal as refusal:
            if refusal.outcome is not Outcome.WRONG_ADDRESSEE:
                raise
    if messages and answer.outcome is not Outcome.ACCEPTED:
        raise Refusal(answer.outcome, "the neighbour does not carry it now")
    return heard


async def _answer(link: Link) -> RelayAnswer:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_MS / 1000):
            return decode_message(await link.receive(), RelayAnswer)
    except TimeoutError:
        raise Refusal(Outcome.TIMED_OUT, "expected the neighbour's answer") from None


def _check_up(question: RelayQuestion) -> None:
    """Only upward messages of the channel named are carried; what they say is sealed."""
    for content in question.up:
        header = read_header(content)
        if header.kind not in UPWARD or header.channel != question.channel:
            raise Refusal(Outcome.MALFORMED, "expected upward messages of the channel named")
