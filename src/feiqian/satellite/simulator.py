"""The constellation and its terminals, running: a line to each module, as many as are wanted.

Whatever a module says goes to everybody on its line, as on a bus, so gpsd can read where a wallet
writes. The loop's clock paces the service, the clock port tells the receivers' time; on a loop of
virtual time hours pass at once. A listener that does not keep up loses the oldest sentences.
"""

import asyncio
from collections import deque

from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Clock
from feiqian.satellite.constellation import Constellation, Coverage
from feiqian.satellite.terminal import Receiver, Terminal

SECOND_MS = 1_000
MAX_UNREAD = 1_024
"""Sentences that wait for one listener."""
MAX_LISTENERS = 64
"""On one terminal's line."""


class TerminalLine:
    """One end of a module's line, in this process."""

    def __init__(self, simulator: "Simulator", address: str) -> None:
        self._simulator = simulator
        self._address = address
        self._unread: deque[bytes] = deque(maxlen=MAX_UNREAD)
        self._news = asyncio.Event()
        self._closed = False

    async def read(self) -> bytes:
        """The next sentence. `Refusal` unavailable once it is closed and all is read."""
        while not self._unread:
            if self._closed:
                raise Refusal(Outcome.UNAVAILABLE, "the line to the module is closed")
            self._news.clear()
            await self._news.wait()
        return self._unread.popleft()

    async def write(self, sentence: bytes) -> None:
        """Say a sentence to the module."""
        if self._closed:
            raise Refusal(Outcome.UNAVAILABLE, "the line to the module is closed")
        self._simulator.take(self._address, sentence)

    async def close(self) -> None:
        """Leave the line."""
        self.end()
        self._simulator.leave(self._address, self)

    def say(self, sentence: bytes) -> None:
        """Put a sentence of the module on this end."""
        self._unread.append(sentence)
        self._news.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._closed = True
        self._news.set()


class Simulator:
    """Run it with `run`, and `connect` lines at any time.

    Each `tick_ms` all modules tell their signal, time and position; real ones do it every second.
    """

    def __init__(
        self,
        constellation: Constellation,
        terminals: tuple[Terminal, ...],
        clock: Clock,
        tick_ms: int = SECOND_MS,
    ) -> None:
        self.constellation = constellation
        self._terminals = {each.address: each for each in terminals}
        self._lines: dict[str, list[TerminalLine]] = {address: [] for address in self._terminals}
        self._clock = clock
        self._tick_ms = tick_ms
        self._flying = asyncio.Event()

    def connect(self, address: str) -> TerminalLine:
        """A line to the module of `address`. `Refusal`: unknown_wallet, busy."""
        if address not in self._lines:
            raise Refusal(Outcome.UNAVAILABLE, f"no terminal has the address {address}")
        if len(self._lines[address]) >= MAX_LISTENERS:
            raise Refusal(Outcome.BUSY, f"expected at most {MAX_LISTENERS} lines to a module")
        line = TerminalLine(self, address)
        self._lines[address].append(line)
        return line

    def cover(self, address: str, coverage: Coverage) -> None:
        """Move a terminal to where the service is seen differently."""
        self.constellation.cover(address, coverage)

    def equip(self, address: str, receiver: Receiver) -> None:
        """Change what a terminal's receiver sees."""
        self._terminals[address].receiver = receiver

    def take(self, address: str, sentence: bytes) -> None:
        """A line from a host to its module; everybody on the line hears the answer."""
        terminal = self._terminals[address]
        self._say(address, terminal.answer(sentence, self.constellation, _now_ms()))
        self._flying.set()

    def leave(self, address: str, line: TerminalLine) -> None:
        """A line is no longer used; harmless for one that has left."""
        if line in self._lines[address]:
            self._lines[address].remove(line)

    async def run(self) -> None:
        """Let time pass until cancelled; then all lines end."""
        next_tick_ms = _now_ms()
        try:
            while True:
                for to, heard in self.constellation.come_down(_now_ms()):
                    self._say(to, self._terminals[to].hear(heard))
                if _now_ms() >= next_tick_ms:
                    self._tick()
                    next_tick_ms += self._tick_ms
                await self._wait_until(next_tick_ms)
        finally:
            for line in [line for lines in self._lines.values() for line in lines]:
                line.end()

    async def _wait_until(self, tick_ms: int) -> None:
        """Until the next tick, the next arrival, or something new flies."""
        self._flying.clear()
        due_ms = self.constellation.due_ms()
        until_ms = tick_ms if due_ms is None else min(due_ms, tick_ms)
        try:
            async with asyncio.timeout_at(until_ms / SECOND_MS):
                await self._flying.wait()
        except TimeoutError:
            return

    def _tick(self) -> None:
        moment_ms = self._clock.now().midpoint_ms
        for address, terminal in self._terminals.items():
            if not self._lines[address]:
                continue
            beams = self.constellation.beams(address, _now_ms())
            for sentence in terminal.tick(beams, moment_ms):
                self._say(address, sentence)

    def _say(self, address: str, sentence: bytes) -> None:
        if sentence:
            for line in self._lines[address]:
                line.say(sentence)


def _now_ms() -> int:
    return round(asyncio.get_running_loop().time() * SECOND_MS)
