"""``feiqian wallet status``: whether it is connected, what time it is, and how long it was offline."""

from collections.abc import Iterator
from pathlib import Path

import click

from feiqian.apps import wallet_home, wallet_text
from feiqian.apps.output import Output, command
from feiqian.apps.wallet_options import TimeSources, gnss_option, keep_time, unlocked, wallet_option
from feiqian.money.amounts import format_amount
from feiqian.wallet.overdue import OverdueAction, OverdueJudgement
from feiqian.wallet.status import ConnectionStatus, WalletStatus, status_of
from feiqian.wallet.timekeeping import TimeStatus


@click.command()
@wallet_option
@gnss_option
@click.option("--offline", is_flag=True, help="Ask only the receiver for the time, no network.")
@command
async def status(output: Output, folder: Path, offline: bool) -> None:
    """Connection, time, last synchronisation, limits and state; needs no PIN."""
    async with wallet_home.open_home(folder) as home:
        opened = unlocked(home.wallet, folder, None)
        for problem in await keep_time(home, TimeSources(online=not offline)):
            output.progress(str(problem))
        answer = await status_of(opened.holder, home.clock, stays_offline=offline)
    output.result(answer, *lines(answer))


def lines(status: WalletStatus) -> Iterator[str]:
    """The status for people."""
    yield f"{status.number} holds {format_amount(status.held_minor)}"
    yield _connection(status.connection)
    yield time_line(status.time)
    yield f"Synchronised: {_synchronised(status)}"
    yield overdue_line(status.overdue)
    if OverdueAction.WARN in status.actions:
        yield "Overdue: bring this wallet in touch with its institution: feiqian wallet sync"
    if OverdueAction.RESTRICT in status.actions:
        yield "Until then it neither pays nor receives offline."
    yield (
        f"Offline it can pay {format_amount(status.offline_to_pay_minor)} and receive"
        f" {format_amount(status.offline_to_receive_minor)} more"
        + ("; these limits are the platform's" if status.limits_ordered else "")
    )
    if status.frozen:
        yield "Frozen by the platform: nothing can be paid."
    if not status.pin_tries:
        yield "The PIN is blocked: feiqian wallet unblock"


def _connection(connection: ConnectionStatus) -> str:
    if not connection.probed:
        return f"Not asked whether {connection.institution} can be reached"
    found = "Connected" if connection.connected else "Not connected"
    return (
        f"{found} to {connection.institution} by the rule of {connection.attempts} probes"
        f" of {connection.probe_timeout_ms} ms"
    )


def time_line(time: TimeStatus) -> str:
    """What the time is and how certain, for people."""
    if not time.known:
        return "Time: unknown; a fix or the institution has to tell it first"
    warning = " (fixes contradict it)" if time.contradictions else ""
    fixed = wallet_text.moment(time.fixed_at_ms or 0)
    return (
        f"Time: {wallet_text.moment(time.midpoint_ms)} UTC, within {time.radius_ms} ms,"
        f" by {time.source} at {fixed}{warning}"
    )


def _synchronised(status: WalletStatus) -> str:
    if status.synchronised_at_ms is None:
        return "never"
    return (
        f"{wallet_text.moment(status.synchronised_at_ms)} UTC, number {status.synchronised_number}"
    )


def overdue_line(judgement: OverdueJudgement) -> str:
    """How long the wallet was offline, for people."""
    preset = wallet_text.duration(judgement.preset_ms)
    if judgement.offline is None:
        return f"Offline for an unknown time ({judgement.reason}); overdue after {preset}"
    least = wallet_text.duration(judgement.offline.at_least_ms)
    most = wallet_text.duration(judgement.offline.at_most_ms)
    return f"Offline for {least} to {most}; overdue after {preset}: {judgement.reason}"
