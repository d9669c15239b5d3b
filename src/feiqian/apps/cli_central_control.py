"""``feiqian central control``: orders to wallets, wherever they are, and what became of each.

An order to one wallet is issued at once; one to many is a proposal until another operator approves it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from feiqian.apps import control_operations
from feiqian.apps.central_client import as_option, client, config_option, do, key_option, new_key
from feiqian.apps.control_text import orders_text, proposal_text
from feiqian.apps.output import Output, command
from feiqian.central.control_documents import (
    DEFAULT_LIFETIME_MS,
    ControlReport,
    OrderLimits,
    OrderName,
    OrderWish,
    ProposalDecision,
    ProposalStanding,
    ScopeName,
)
from feiqian.money.amounts import parse_amount

MINUTE_MS = 60_000
DEFAULT_MINUTES = DEFAULT_LIFETIME_MS // MINUTE_MS


@click.group(name="control")
def control_group() -> None:
    """Freeze, limit and inform wallets, with or without a network."""


def _to(wallet: str, group: int, institution: str, everybody: bool) -> tuple[ScopeName, str]:
    """The one addressee that was named; wrong usage for none or several."""
    named = [
        (ScopeName.WALLET, wallet),
        (ScopeName.GROUP, str(group or "")),
        (ScopeName.INSTITUTION, institution),
    ]
    chosen = [each for each in named if each[1]]
    if everybody:
        chosen.append((ScopeName.ALL, ""))
    if len(chosen) != 1:
        raise click.UsageError("expected one of --wallet, --group, --institution and --all")
    return chosen[0]


def _order_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every order takes: for whom, how long, by whom."""
    for option in reversed(
        (
            click.option("--wallet", default="", help="One wallet, by number."),
            click.option("--group", "to_group", type=click.IntRange(1, 65_535), default=None),
            click.option("--institution", default="", help="All its wallets, by code."),
            click.option("--all", "everybody", is_flag=True, help="Every wallet."),
            click.option(
                "--minutes",
                type=click.IntRange(1),
                default=DEFAULT_MINUTES,
                show_default=True,
                help="After this it is executed no more.",
            ),
            key_option,
            as_option,
            config_option,
        )
    ):
        function = option(function)
    return function


def _wish(order: OrderName, asked: dict[str, Any]) -> OrderWish:
    """The order as far as every kind has it."""
    scope, addressee = _to(
        asked["wallet"], asked["to_group"] or 0, asked["institution"], asked["everybody"]
    )
    lifetime_ms = asked["minutes"] * MINUTE_MS
    return OrderWish(asked["key"] or new_key(), scope, addressee, order, lifetime_ms=lifetime_ms)


async def _decide(
    output: Output,
    path: str,
    decision: ProposalDecision,
    config_path: Path,
    token_path: Path | None,
) -> None:
    answer = await do(config_path, path, decision, ProposalStanding, token_path)
    output.result(answer, proposal_text(answer))


async def _give(output: Output, wish: OrderWish, asked: dict[str, Any]) -> None:
    path = control_operations.CONTROL
    answer = await do(asked["config_path"], path, wish, ProposalStanding, asked["token_path"])
    output.result(answer, proposal_text(answer))


@control_group.command()
@_order_options
@command
async def freeze(output: Output, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Let no value leave the chip."""
    await _give(output, _wish(OrderName.FREEZE, asked), asked)


@control_group.command()
@_order_options
@command
async def unfreeze(output: Output, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Lift a freeze."""
    await _give(output, _wish(OrderName.UNFREEZE, asked), asked)


@control_group.command()
@click.option("--holding", help="Most that is held, such as 1000.00.")
@click.option("--payment", help="Most that is paid at once.")
@click.option("--offline-payment", help="Most that is paid at once without a manager.")
@click.option("--offline-total", help="Most between two synchronisations.")
@click.option("--hops", type=click.IntRange(0, 16), help="Most hands of an offline piece.")
@click.option("--tier", "tiers", is_flag=True, help="The tier's limits again.")
@_order_options
@command
async def limit(
    output: Output,
    holding: str | None,
    payment: str | None,
    offline_payment: str | None,
    offline_total: str | None,
    hops: int | None,
    tiers: bool,
    **asked: Any,  # noqa: ANN401 - click's options
) -> None:
    """Set limits in place of the tier's: all five of them, or --tier."""
    wish = _wish(OrderName.LIMITS, asked)
    if not tiers:
        given = (holding, payment, offline_payment, offline_total)
        if hops is None or None in given:
            raise click.UsageError("expected all five limits, or --tier")
        wish = replace(wish, limits=_limits(given, hops))
    await _give(output, wish, asked)


def _limits(given: Sequence[str | None], hops: int) -> OrderLimits:
    holding, payment, offline_payment, offline_total = map(_limit, given)
    return OrderLimits(holding, payment, offline_payment, offline_total, hops)


def _limit(text: str | None) -> int:
    """An amount that may be zero, in minor units."""
    return 0 if text is None or not text.strip("0.") else parse_amount(text)


@control_group.command()
@_order_options
@command
async def sync(output: Output, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Have the wallet report now."""
    await _give(output, _wish(OrderName.SYNCHRONISE, asked), asked)


@control_group.command()
@_order_options
@command
async def clock(output: Output, **asked: Any) -> None:  # noqa: ANN401 - click's options
    """Have the clock corrected."""
    await _give(output, _wish(OrderName.CLOCK, asked), asked)


@control_group.command(name="list")
@click.option("--since", type=click.IntRange(0), default=0, help="Broadcast all changes after.")
@_order_options
@command
async def take_list(
    output: Output,
    since: int,
    **asked: Any,  # noqa: ANN401 - click's options
) -> None:
    """Have the newest double-spending list taken, and broadcast its changes."""
    await _give(output, replace(_wish(OrderName.LIST, asked), since_list=since), asked)


@control_group.command()
@click.argument("text")
@_order_options
@command
async def notify(
    output: Output,
    text: str,
    **asked: Any,  # noqa: ANN401 - click's options
) -> None:
    """Show the holder TEXT, at most 60 bytes."""
    await _give(output, replace(_wish(OrderName.NOTIFY, asked), text=text), asked)


@control_group.command()
@click.argument("groups", nargs=-1, type=click.IntRange(1, 65_535))
@_order_options
@command
async def group(
    output: Output,
    groups: tuple[int, ...],
    **asked: Any,  # noqa: ANN401 - click's options
) -> None:
    """Say in which GROUPS, by number, a wallet is from now on; none: in no group."""
    await _give(output, replace(_wish(OrderName.GROUPS, asked), groups=groups), asked)


@control_group.command()
@click.argument("proposal", type=int)
@key_option
@as_option
@config_option
@command
async def approve(
    output: Output, proposal: int, key: str, token_path: Path | None, config_path: Path
) -> None:
    """Approve a PROPOSAL of another operator."""
    decision = ProposalDecision(key or new_key(), proposal)
    await _decide(output, control_operations.APPROVALS, decision, config_path, token_path)


@control_group.command()
@click.argument("proposal", type=int)
@key_option
@as_option
@config_option
@command
async def reject(
    output: Output, proposal: int, key: str, token_path: Path | None, config_path: Path
) -> None:
    """Put a PROPOSAL away."""
    decision = ProposalDecision(key or new_key(), proposal)
    await _decide(output, control_operations.REJECTIONS, decision, config_path, token_path)


@control_group.command()
@as_option
@config_option
@command
async def orders(output: Output, token_path: Path | None, config_path: Path) -> None:
    """Show every order and its state at each wallet, and what waits for approval."""
    api = client(config_path, token_path)
    answer = await api.get(control_operations.CONTROL, ControlReport)
    output.result(answer, *orders_text(answer))
