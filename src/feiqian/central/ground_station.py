"""A ground station: what its terminal hears goes to the platform, what the platform wants goes on the air.

It keeps nothing that matters: what the platform has not taken is shown again, what is to be on the air
it is told in every exchange. It can read nothing that is sealed, and change nothing that is signed.
"""

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass

import structlog

from feiqian.carrier import Carrier
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock, Courier, ShortMessages
from feiqian.protocol.carriage.inbox import Arrived, ParcelKey
from feiqian.wire.short_messages import ChannelClass, ShortMessage, Whole, decode_frame, name_parcel
from feiqian.wire.stations import (
    MAX_AIRED,
    MAX_HEARD,
    STATION_EXCHANGE,
    STATION_ORDERS,
    AirTask,
    Heard,
    StationExchange,
)

STATIONS_PATH = "/v1/stations"
MAX_WAITING = 1_024
"""Messages heard that wait for the platform; the oldest gives way."""
MAX_QUESTIONS = 4_096
MAX_SHOWN_BYTES = 262_144
"""Of messages in one exchange."""
HOUR_MS = 60 * 60 * 1000
ANSWER_LIFETIME_MS = 6 * HOUR_MS
LIFETIME_MS = 90 * 24 * HOUR_MS
"""The platform ends what is of no use any more; this only bounds a forgotten one."""

log = structlog.get_logger("ground")


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """Who the station is, and whom it believes."""

    name: str
    key: PrivateKey
    suite: Suite
    root_public_key: bytes
    central_url: str
    broadcast_address: str
    """Where its terminal reaches all others."""


@dataclass(frozen=True, slots=True)
class _OnAir:
    """A task that is being sent."""

    parcel: int
    frames: object
    """What its frames have in common, for counting them."""
    needed: int
    """Frames until it can be put together."""
    is_answer: bool


class _Counted:
    """The module, counting what it has sent of each content."""

    def __init__(self, module: ShortMessages) -> None:
        self._module = module
        self.sent: Counter[object] = Counter()

    @property
    def channel(self) -> ChannelClass:
        """The module's."""
        return self._module.channel

    async def send(self, content: bytes, to: str) -> None:
        """Send, then count. `Refusal`: the module's."""
        await self._module.send(content, to)
        frame = decode_frame(content)
        self.sent[frame.content if isinstance(frame, Whole) else frame.parcel] += 1

    async def receive(self) -> ShortMessage:
        """The module's."""
        return await self._module.receive()

    async def close(self) -> None:
        """The module's."""
        await self._module.close()


class GroundStation:
    """One terminal's traffic. Run `carry` and `listen`, and `exchange` again and again."""

    def __init__(
        self, identity: StationIdentity, module: ShortMessages, courier: Courier, clock: Clock
    ) -> None:
        self._identity = identity
        self._module = _Counted(module)
        self._carrier = Carrier(self._module)
        self._courier = courier
        self._clock = clock
        self._heard: deque[Heard] = deque(maxlen=MAX_WAITING)
        self._questions: OrderedDict[bytes, ParcelKey] = OrderedDict()
        self._on_air: dict[int, _OnAir] = {}
        self._aired: set[int] = set()
        self._last_number = 0

    async def carry(self) -> None:
        """Send and receive until the module is lost. `Refusal` unavailable then."""
        await self._carrier.run()

    async def listen(self) -> None:
        """Collect what is heard, until cancelled."""
        while True:
            self._take(await self._carrier.receive())

    def _take(self, arrived: Arrived) -> None:
        digest = self._identity.suite.digest(arrived.content)
        self._questions[digest] = arrived.parcel
        if len(self._questions) > MAX_QUESTIONS:
            self._questions.popitem(last=False)
        self._heard.append(Heard(arrived.parcel.sender, arrived.content))
        log.info("heard", size=len(arrived.content))

    async def exchange(self) -> None:
        """Show the platform what is new, and do as it says; what is not taken is shown again."""
        shown, aired = self._batch(), self._newly_aired()
        try:
            answered = await self._courier.post(
                self._identity.central_url + STATIONS_PATH, self._signed(shown, aired)
            )
            tasks = self._read(answered)
        except Refusal as refusal:
            log.warning("not exchanged", outcome=refusal.outcome, detail=refusal.detail)
            return
        for _ in shown:
            self._heard.popleft()
        self._aired.update(aired)
        self._follow(tasks)

    def _batch(self) -> tuple[Heard, ...]:
        batch: list[Heard] = []
        size = 0
        for heard in self._heard:
            size += len(heard.content)
            if len(batch) == MAX_HEARD or size > MAX_SHOWN_BYTES:
                break
            batch.append(heard)
        return tuple(batch)

    def _newly_aired(self) -> tuple[int, ...]:
        sent = self._module.sent
        done = [
            number
            for number, each in self._on_air.items()
            if number not in self._aired and sent[each.frames] >= each.needed
        ]
        return tuple(done[:MAX_AIRED])

    def _signed(self, shown: tuple[Heard, ...], aired: tuple[int, ...]) -> bytes:
        identity, now_ms = self._identity, self._clock.now().midpoint_ms
        self._last_number = max(self._last_number + 1, now_ms)
        exchange = StationExchange(VERSION, identity.name, self._last_number, now_ms, shown, aired)
        return STATION_EXCHANGE.sign(identity.suite, identity.key, exchange)

    def _read(self, answered: bytes) -> tuple[AirTask, ...]:
        identity = self._identity
        orders = STATION_ORDERS.read(identity.suite, answered, identity.root_public_key)
        if (orders.station, orders.number) != (identity.name, self._last_number):
            raise Refusal(Outcome.WRONG_SESSION, "expected the answer to this exchange")
        return orders.tasks

    def _follow(self, tasks: tuple[AirTask, ...]) -> None:
        """Begin what is new, end what is not wanted any more."""
        wanted = {task.number for task in tasks}
        for number in set(self._on_air) - wanted:
            ended = self._on_air[number]
            if not ended.is_answer or not self._carrier.is_open(ended.parcel):
                self._end(number)
        for task in tasks:
            if task.number not in self._on_air:
                self._begin(task)

    def _end(self, number: int) -> None:
        ended = self._on_air.pop(number)
        self._carrier.settle(ended.parcel)
        self._aired.discard(number)
        if all(each.frames != ended.frames for each in self._on_air.values()):
            del self._module.sent[ended.frames]

    def _begin(self, task: AirTask) -> None:
        try:
            parcel = self._post(task)
        except Refusal as refusal:
            log.warning("not on the air", task=task.number, outcome=refusal.outcome)
            return
        channel, content = self._module.channel, task.content
        is_whole = len(content) <= channel.whole_bytes
        frames = content if is_whole else name_parcel(content, channel.symbol_bytes)
        needed = channel.messages_for(len(content))
        self._on_air[task.number] = _OnAir(parcel, frames, needed, bool(task.answers))

    def _post(self, task: AirTask) -> int:
        question = self._questions.get(task.answers)
        if question is not None and question.sender == task.to:
            return self._carrier.answer(question, task.content, ANSWER_LIFETIME_MS)
        if task.answers or not task.to:
            to = task.to or self._identity.broadcast_address
            return self._carrier.broadcast(task.content, to, ANSWER_LIFETIME_MS)
        return self._carrier.send(task.content, task.to, LIFETIME_MS)
