"""The platform's documents as lines for people; programs ask for JSON instead."""

from feiqian.central.documents import CycleReport, PlatformReport
from feiqian.money.amounts import format_amount


def report_text(answer: PlatformReport) -> list[str]:
    """The books, one line per institution and per invariant."""
    paid_in, issued = format_amount(answer.paid_in_minor), format_amount(answer.authorised_minor)
    lines = [f"{paid_in} paid in, {issued} issued, directory {answer.directory_number}"]
    lines.append(f"claims settle {answer.mode}")
    lines += [
        f"{inst.code}: reserves {format_amount(inst.reserves_minor)}, "
        f"issued {format_amount(inst.authorised_minor)}, "
        f"owes {format_amount(inst.owes_minor)}, is owed {format_amount(inst.owed_to_minor)}"
        for inst in answer.institutions
    ]
    lines += [
        f"{'holds' if entry.holds else 'BROKEN'}: {entry.promise} {entry.found}".rstrip()
        for entry in answer.invariants
    ]
    return lines


def cycle_text(answer: CycleReport) -> list[str]:
    """What a cycle settled, moved and left out."""
    settled_minor = sum(claim.amount_minor for claim in answer.settled)
    lines = [f"Cycle {answer.number} settled {format_amount(settled_minor)}."]
    lines += [
        f"{code} {format_amount(position_minor)}"
        for code, position_minor in sorted(answer.positions_minor.items())
    ]
    lines += [
        f"left out: {claim.debtor} owes {claim.creditor} {format_amount(claim.amount_minor)}"
        for claim in answer.left_out
    ]
    return lines
