"""Where a wallet stands, in one view: connection, time, last synchronisation, limits, state (W-01).

It needs no PIN and moves nothing. What the chip says is what holds; the connection is probed by the
rule, and the time is what the clock believes now.
"""

from msgspec import Struct

from feiqian.money.limits import Limits, limits_of
from feiqian.wallet.connection import is_connected
from feiqian.wallet.holder import Holder
from feiqian.wallet.overdue import OverdueAction, OverdueJudgement, actions_due, judge_overdue
from feiqian.wallet.timekeeping import DisciplinedClock, TimeStatus


class ConnectionStatus(Struct, frozen=True):
    """Whether the platform can be reached through the own institution, and by what rule."""

    connected: bool
    probed: bool
    """False when the holder wanted no network touched."""
    institution: str
    attempts: int
    probe_timeout_ms: int


class WalletStatus(Struct, frozen=True):
    """Everything about a wallet's state that its holder may want to know; amounts in minor units."""

    number: str
    connection: ConnectionStatus
    time: TimeStatus
    synchronised_at_ms: int | None
    """The midpoint of the chip's last synchronisation moment; None before the first."""
    synchronised_radius_ms: int
    synchronised_number: int
    overdue: OverdueJudgement
    actions: tuple[OverdueAction, ...]
    """What the wallet's rule wants done now."""
    frozen: bool
    limits: Limits
    limits_ordered: bool
    """The limits are the platform's, in place of the tier's."""
    pin_tries: int
    puk_tries: int
    held_minor: int
    offline_to_pay_minor: int
    offline_to_receive_minor: int


async def status_of(
    holder: Holder, clock: DisciplinedClock, *, stays_offline: bool = False
) -> WalletStatus:
    """Look now; if the wallet `stays_offline`, without touching any network."""
    around, rules = holder.around, holder.around.rules
    chip = around.chip.status()
    limits = chip.limits or limits_of(holder.certificate.value.tier)
    synchronised = chip.synchronised_at
    judgement = judge_overdue(clock.undisputed(), synchronised, rules.overdue.preset_ms)
    return WalletStatus(
        number=holder.number,
        connection=await _connection(holder, probes=not stays_offline),
        time=clock.status(),
        synchronised_at_ms=None if synchronised is None else synchronised.midpoint_ms,
        synchronised_radius_ms=0 if synchronised is None else synchronised.radius_ms,
        synchronised_number=chip.synchronised_number,
        overdue=judgement,
        actions=tuple(sorted(actions_due(rules.overdue, judgement))),
        frozen=chip.frozen,
        limits=limits,
        limits_ordered=chip.has_ordered_limits,
        pin_tries=chip.pin_tries,
        puk_tries=chip.puk_tries,
        held_minor=chip.balance_minor,
        offline_to_pay_minor=max(0, limits.offline_total_minor - chip.offline_paid_minor),
        offline_to_receive_minor=max(0, limits.offline_total_minor - chip.offline_received_minor),
    )


async def _connection(holder: Holder, *, probes: bool) -> ConnectionStatus:
    around, rule = holder.around, holder.around.rules.connection
    url = around.trust.url(holder.institution)
    connected = probes and await is_connected(around.library, url, rule)
    return ConnectionStatus(
        connected, probes, holder.institution, rule.attempts, rule.probe_timeout_ms
    )
