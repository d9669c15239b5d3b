"""What an act is, what it leaves behind, and how one is performed."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from msgspec import Struct

from feiqian.adapters.clock import SystemClock
from feiqian.apps.demo.stage import PromiseBroken, Stage
from feiqian.outcomes import Refusal

Facts = Mapping[str, object]
"""What happened, for machines; amounts in minor units."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act."""

    name: str
    title: str
    perform: Callable[[Stage], Awaitable[Facts]]
    """Raises `PromiseBroken` or `Refusal` when it does not go as it should."""


class Performed(Struct, frozen=True):
    """How an act went."""

    name: str
    title: str
    ok: bool
    detail: str
    """Why not; empty when it went well."""
    duration_ms: int
    facts: Facts


async def perform(act: Act, stage: Stage) -> Performed:
    """Perform an act; its failure is a result."""
    clock = SystemClock()
    start_ms = clock.now().midpoint_ms
    facts: Facts = {}
    detail = ""
    try:
        facts = await act.perform(stage)
    except* (PromiseBroken, Refusal) as failures:
        detail = "; ".join(str(failure) for failure in failures.exceptions)
    duration_ms = clock.now().midpoint_ms - start_ms
    return Performed(act.name, act.title, not detail, detail, duration_ms, facts)
