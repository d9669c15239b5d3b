"""Servers that are killed while they work, and clients that insist until they are answered.

A storm kills real processes by their pid files with SIGKILL, at moments counted in requests, and has
them started again. Whoever waits for an answer waits for the storm to pause and sends the same bytes
again: every request is idempotent, so insisting is always right. What was chosen comes from a seed;
how processes interleave does not, so a seed replays the plan and not the run.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from feiqian.adapters import processes
from feiqian.outcomes import UNDECIDED, Refusal
from feiqian.ports import Courier

T = TypeVar("T")

MAX_TRIES = 1_000
"""How often one thing is tried before the storm counts as one without an end."""


class Storm:
    """Kills servers, revives them, and tells clients when trying has a point."""

    def __init__(self, pid_files: Mapping[str, Path], revive: Callable[[], object]) -> None:
        """`revive` starts every server that does not run, and returns when all answer."""
        self.kills: Counter[str] = Counter()
        self._pid_files = pid_files
        self._revive = revive
        self._steady = asyncio.Event()
        self._steady.set()
        self._requests = 0
        self._strike_at = 0
        self._strike = asyncio.Event()

    def felt(self) -> None:
        """A client has begun a request."""
        self._requests += 1
        if self._requests >= self._strike_at:
            self._strike.set()

    async def insist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it is decided. Raises the `Refusal` that decides it."""
        for _ in range(MAX_TRIES):
            await self._steady.wait()
            try:
                return await attempt()
            except Refusal as refusal:
                if refusal.outcome not in UNDECIDED:
                    raise
        raise TimeoutError(f"expected an answer within {MAX_TRIES} tries")

    async def strike(self, after_requests: int, victims: Sequence[str]) -> None:
        """After so many more requests kill `victims`, then revive whatever is dead."""
        self._strike_at = self._requests + after_requests
        self._strike.clear()
        await self._strike.wait()
        self._steady.clear()
        for name in victims:
            self.kill(name)
        await asyncio.to_thread(self._revive)
        self._steady.set()

    def kill(self, name: str) -> None:
        """End a server's process as a power cut would."""
        self.kills[name] += processes.kill(self._pid_files[name])


class InsistentCourier:
    """`ports.Courier` that counts its requests for the storm, and repeats them until decided."""

    def __init__(self, inner: Courier, storm: Storm) -> None:
        self._inner = inner
        self._storm = storm

    async def post(self, url: str, body: bytes) -> bytes:
        """The answer in the end. `Refusal` when it is one that decides."""

        async def attempt() -> bytes:
            self._storm.felt()
            return await self._inner.post(url, body)

        return await self._storm.insist(attempt)
