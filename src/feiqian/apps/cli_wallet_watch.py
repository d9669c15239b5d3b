"""``feiqian wallet watch, report, carry``: a wallet with satellites, alone or beside a neighbour."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import click
from msgspec import Struct

from feiqian.adapters.link_addresses import parse_link
from feiqian.adapters.links import open_to_pay, open_to_receive
from feiqian.apps import wallet_home
from feiqian.apps.cli_wallet_status import overdue_line, time_line
from feiqian.apps.output import Output, command
from feiqian.apps.wallet_air import ModuleChoice, air_options, opened_air
from feiqian.apps.wallet_options import (
    gnss_option,
    pin_option,
    receiver_chosen,
    unlocked,
    wallet_option,
)
from feiqian.apps.wallet_text import order_line
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Link
from feiqian.wallet.channel import held_channel
from feiqian.wallet.overdue import OverdueJudgement
from feiqian.wallet.relay import ask_neighbour
from feiqian.wallet.satellite import MessageEffect, SatelliteDesk
from feiqian.wallet.timekeeping import TimeStatus
from feiqian.wallet.watching import Air, Sight, Watch

DEFAULT_EVERY_S = 60


class WatchedNews(Struct, frozen=True):
    """One thing that came from the platform."""

    kind: str
    acknowledged: int | None
    synchronised: bool
    orders: tuple[str, ...]
    findings: tuple[str, ...]
    list_number: int | None
    problems: tuple[str, ...]


class Look(Struct, frozen=True):
    """One look of a watch, as one line of JSON."""

    connected: bool
    time: TimeStatus
    overdue: OverdueJudgement
    actions: tuple[str, ...]
    reporting: bool
    due: tuple[str, ...]
    problems: tuple[str, ...]
    heard: tuple[WatchedNews, ...]


@click.command()
@wallet_option
@pin_option
@gnss_option
@air_options
@click.option("--every", type=click.IntRange(1, 86_400), default=DEFAULT_EVERY_S, show_default=True)
@click.option("--looks", type=click.IntRange(min=1), help="End after so many; else on interrupt.")
@click.option("--offline", is_flag=True, help="Touch no network but the satellites.")
@command
async def watch(
    output: Output,
    folder: Path,
    pin: str | None,
    every: int,
    looks: int | None,
    offline: bool,
    **choice: str,
) -> None:
    """Look after the wallet: connection, time, overdue reports and orders by satellite.

    Every --every seconds. Without a PIN, a connected wallet only looks. With --json, one object is
    written for each look.
    """
    secret = None if pin is None else pin.encode()
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(wallet_home.open_home(folder))
        wallet = unlocked(home.wallet, folder, secret)
        chosen = ModuleChoice(**_named(choice)).given_by(home)
        air: Air | None = None
        if chosen.module:
            air = await stack.enter_async_context(opened_air(home, wallet, chosen, output.progress))
        timekeeper = home.timekeeper(receiver_chosen(), online=not offline)
        watching = Watch(
            wallet, timekeeper, air, stays_offline=offline, unlocked=secret is not None
        )
        count = 0
        while looks is None or count < looks:
            count += 1
            sight = await watching.look()
            heard = await watching.listen(every * 1_000) if count != looks or air else []
            look = _look(sight, heard)
            output.result(look, *_lines(look))


@click.command()
@wallet_option
@click.option("--neighbour", required=True, metavar="LINK", help="Who carries for others.")
@click.option("--fetch", is_flag=True, help="Only ask what has come.")
@command
async def report(output: Output, folder: Path, neighbour: str, fetch: bool) -> None:
    """Have a neighbour's terminal carry our report, and take in what has come for us (W-13)."""
    async with wallet_home.open_home(folder) as home:
        wallet = unlocked(home.wallet, folder, None)
        channel = await held_channel(home.around.store)
        if channel is None:
            raise Refusal(
                Outcome.UNAVAILABLE, "expected a satellite channel: run feiqian wallet sync"
            )
        desk = SatelliteDesk(wallet.holder, channel, wallet.shelf)
        link = await open_to_pay(parse_link(neighbour))
        try:
            heard = await ask_neighbour(link, desk, report=not fetch)
        finally:
            await link.close()
    news = tuple(_news(each) for each in heard)
    handed = "Nothing was handed over." if fetch else "The neighbour carries our report."
    output.result({"handed_over": not fetch, "heard": news}, handed, *_news_lines(news))


@click.command()
@wallet_option
@air_options
@click.option("--link", required=True, help="Where neighbours reach us, such as tcp://HOST:PORT.")
@click.option(
    "--questions", type=click.IntRange(min=1), help="End after so many; else on interrupt."
)
@command
async def carry(
    output: Output, folder: Path, link: str, questions: int | None, **choice: str
) -> None:
    """Carry neighbours' sealed messages over our module; nothing of them can be read."""
    address = parse_link(link)
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(wallet_home.open_home(folder))
        wallet = unlocked(home.wallet, folder, None)
        chosen = ModuleChoice(**_named(choice))
        air = await stack.enter_async_context(opened_air(home, wallet, chosen, output.progress))
        listening = asyncio.ensure_future(_listen(air))
        stack.push_async_callback(_end, listening)
        count = 0
        while questions is None or count < questions:
            neighbour = await open_to_receive(
                address, None, lambda at: output.progress(f"Waiting for a neighbour at {at}")
            )
            try:
                await _serve(air, neighbour, output)
            finally:
                await neighbour.close()
            count += 1
    output.result({"questions": count}, f"Served {count} questions.")


async def _serve(air: Air, neighbour: Link, output: Output) -> None:
    """A neighbour who speaks wrongly, or goes away, costs only the question."""
    assert air.relay is not None
    try:
        await air.relay.serve(neighbour)
    except Refusal as refusal:
        output.progress(f"Not served: {refusal}")


async def _listen(air: Air) -> None:
    while True:
        await air.next()


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _named(choice: dict[str, str]) -> dict[str, str]:
    """The options of `air_options` by the names of `ModuleChoice`."""
    return {
        "module": choice["messages"],
        "station": choice["station"],
        "through_gpsd": choice["through_gpsd"],
    }


def _look(sight: Sight, heard: list[MessageEffect]) -> Look:
    return Look(
        connected=sight.connected,
        time=sight.time,
        overdue=sight.judgement,
        actions=tuple(sorted(sight.actions)),
        reporting=sight.reporting,
        due=tuple(kind.name.lower() for kind in sight.due),
        problems=tuple(sight.problems),
        heard=tuple(_news(each) for each in heard),
    )


def _news(heard: MessageEffect) -> WatchedNews:
    answered = heard.answered
    return WatchedNews(
        kind=heard.kind.name.lower(),
        acknowledged=None if answered is None else answered.number,
        synchronised=heard.synchronised,
        orders=tuple(order_line(each) for each in heard.judged),
        findings=() if answered is None else tuple(each.name.lower() for each in answered.findings),
        list_number=heard.list_number,
        problems=tuple(heard.problems),
    )


def _lines(look: Look) -> Iterator[str]:
    yield "Connected" if look.connected else "Not connected"
    yield time_line(look.time)
    yield overdue_line(look.overdue)
    if look.reporting:
        yield "A report is on its way by satellite."
    if look.due:
        yield "Ordered, and not done yet: " + ", ".join(look.due)
    yield from look.problems
    yield from _news_lines(look.heard)


def _news_lines(news: tuple[WatchedNews, ...]) -> Iterator[str]:
    for each in news:
        if each.acknowledged is not None:
            yield f"The platform has message {each.acknowledged}."
        if each.synchronised:
            yield "The institution has synchronised this wallet."
        yield from (f"Order {order}" for order in each.orders)
        yield from (f"Found: {finding}" for finding in each.findings)
        if each.list_number is not None:
            yield f"Double spends are known up to list {each.list_number}."
        yield from each.problems
