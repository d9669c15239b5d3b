"""``feiqian audit``: prove from the stored evidence of a network that value is conserved (P-06).

It opens the databases that lie in the network's directory, read-only, whether the servers run, are
stopped, or have crashed. Exit code 0: proven; 1: not, and the first discrepancy says why.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from feiqian.adapters.evidence import SqliteSnapshot
from feiqian.apps import founding
from feiqian.apps.configuration import CentralConfig, InstitutionConfig, load, read_root
from feiqian.apps.network import CENTRAL, INSTITUTION_FILE, NETWORK_FILE, NetworkConfig
from feiqian.apps.output import EXIT_REFUSED, Output, command
from feiqian.crypto.suite_names import suite_named
from feiqian.money.amounts import format_amount
from feiqian.testing.audit import auditor
from feiqian.testing.audit.evidence import StoredEvidence, Views
from feiqian.testing.audit.report import AuditReport

MAX_SHOWN = 10
"""Most discrepancies and transfers in flight shown to people; ``--json`` has more."""


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@command
async def audit(output: Output, folder: Path) -> None:
    """Prove that the network in DIR conserves value; exit code 1 when it does not."""
    with evidence_in(folder) as evidence:
        report = auditor.audit(evidence, output.progress)
    output.result(report, *_lines(report))
    if not report.holds:
        sys.exit(EXIT_REFUSED)


@contextmanager
def evidence_in(folder: Path) -> Iterator[StoredEvidence]:
    """The databases of a network directory: all opened once, and then all once more.

    Raises `Refusal` malformed when one is missing or cannot be read.
    """
    config = load(folder / NETWORK_FILE, NetworkConfig)
    central = load(folder / CENTRAL / founding.CONFIG_FILE, CentralConfig)
    paths = {CENTRAL: folder / CENTRAL / central.database}
    for code in config.institutions:
        institution = load(folder / code / INSTITUTION_FILE, InstitutionConfig)
        paths[code] = folder / code / institution.database
    suite = suite_named(config.suite)
    with ExitStack() as stack:
        # Every early snapshot is taken before any late one: see `testing.audit.evidence`.
        early = {name: stack.enter_context(SqliteSnapshot(path)) for name, path in paths.items()}
        late = {name: stack.enter_context(SqliteSnapshot(path)) for name, path in paths.items()}
        views = {name: Views(early[name], late[name]) for name in paths}
        yield StoredEvidence(
            suite=suite,
            root_raw=read_root(folder / CENTRAL / central.root_file, suite).root.raw,
            platform=views.pop(CENTRAL),
            institutions=views,
        )


def _lines(report: AuditReport) -> list[str]:
    """For people: a table, what is in flight, and the verdict."""
    lines = [_row("", "issued", "in circulation", "redeemed", "in flight")]
    lines += [
        _row(
            each.code,
            *map(
                format_amount,
                (
                    each.issued_minor,
                    each.circulating_minor,
                    each.redeemed_minor,
                    each.in_flight_minor,
                ),
            ),
        )
        for each in report.institutions
    ]
    lines.append(
        f"Platform: {format_amount(report.platform_minor)} issued ="
        f" {format_amount(report.headroom_minor)} headroom"
        f" + {format_amount(report.circulating_minor)} in circulation"
        f" + {format_amount(report.in_flight_minor)} in flight"
        f" + {format_amount(report.ordered_in_transit_minor)} not booked yet"
    )
    lines += [
        f"In flight from {flight.issuer} to {flight.redeemer}: {flight.items} transfers,"
        f" {format_amount(flight.amount_minor)}"
        for flight in report.flights[:MAX_SHOWN]
    ]
    return lines + _verdict(report)


def _verdict(report: AuditReport) -> list[str]:
    if report.holds:
        return [f"P-06 holds: {report.facts:,} facts checked."]
    lines = [
        f"{each.check} ({each.party}) {each.subject}: {each.detail}"
        for each in report.discrepancies[:MAX_SHOWN]
    ]
    count = f"{report.discrepancy_count:,} of {report.facts:,} facts do not hold"
    return [f"P-06 is NOT proven: {count}; the first:", *lines]


def _row(name: str, *columns: str) -> str:
    return f"{name:<12}" + "".join(f"{column:>18}" for column in columns)
