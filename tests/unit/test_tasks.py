"""What is started beside other work ends with it."""

import asyncio
from contextlib import suppress

import pytest

from feiqian.outcomes import Outcome, Refusal
from feiqian.tasks import end_tasks, running, until_one_ends


async def linger(ended: list[str], name: str) -> None:
    """Goes on for ever; when it is cancelled it takes a moment to clean up."""
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        ended.append(name)


async def refuse() -> None:
    """Somebody who is not there."""
    raise Refusal(Outcome.UNAVAILABLE, "nobody is there")


def test_who_ends_tasks_waits_until_they_have_cleaned_up():
    """When tasks are ended, what they do at their end is done."""

    async def scene() -> list[str]:
        ended: list[str] = []
        tasks = [asyncio.ensure_future(linger(ended, name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        await end_tasks(tasks)
        return ended

    assert asyncio.run(scene()) == ["first", "second"]


@pytest.mark.parametrize("broken", [False, True])
def test_work_in_a_context_ends_with_it(broken):
    """However a context is left, nothing that ran in it goes on."""

    async def scene() -> list[str]:
        ended: list[str] = []
        with suppress(Refusal):
            async with running(linger(ended, "first"), refuse()):
                await asyncio.sleep(0)
                if broken:
                    await refuse()
        return ended

    assert asyncio.run(scene()) == ["first"]


def test_what_ends_first_tells_why():
    """Of work that goes on together, the first end ends all, and its refusal is raised."""

    async def scene() -> list[str]:
        ended: list[str] = []
        with pytest.raises(Refusal):
            await until_one_ends(linger(ended, "first"), refuse())
        return ended

    assert asyncio.run(scene()) == ["first"]
