"""Write `docs/detection.md` and its plot from what the benchmark has measured.

Run as ``python -m bench detection | python -m tools.draw_detection``: every population takes its time,
so `make docs` leaves these two alone.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from feiqian.money.amounts import format_amount

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PLOT = DOCS / "detection.md", DOCS / "detection.svg"

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 720, 360, 56, 44, 190, 16
DAYS_SHOWN = 10
COLOURS = ("#b03a2e", "#2471a3", "#1e8449", "#7d3c98")
PLOTTED = ("online weekly", "usual", "online daily", "online twice a day")

Run = dict[str, Any]

_HEAD = """# How soon double spends are found

Written by `tools/draw_detection.py` from `make bench ONLY=detection`. {wallets} wallets at three
institutions live for {days} days, each paying somebody offline about once a day. Rogues have forgetful
chips: they pay what they paid before to whoever takes it, and never come in touch. Everybody else
verifies what was received, and reads the list, whenever a connection happens. Chips, lists, verdicts
and evidence are the real ones; the same seed makes the same numbers.

*Refused at once*: the payee's own copy of the list refuses it. *Found later*: the issuer has evidence,
within the days or when everybody comes in touch after them. *Never*: neither. The delay counts from
when the second of the two payments was taken in. *Lost* is what honest holders bear: what was taken in
beyond the payment that is honoured. *Failed* are honest payments that could not be made, most of them
because the payee's list was too old: that is the price of the bounds. In this population pieces rarely
pass many hands between two connections, so the limit of hands makes no difference; it bounds how long
a piece can go round unseen.

{usual}

| population | double spends | refused at once | found later | found at the end | delay, median | delay, most | lost by each rogue, mean | most | honest payments failed | never found |
|---|---|---|---|---|---|---|---|---|---|---|
"""

_TAIL = """
![Share of the double spends taken in that the issuers know, by days since](detection.svg)

What the numbers mean for a holder is in [double-spending.md](double-spending.md#what-a-holder-can-lose).
"""


def main() -> None:
    """Read the benchmark's line from standard input."""
    runs: list[Run] = json.loads(sys.stdin.read())["runs"]
    PAGE.write_text(page(runs), encoding="utf-8")
    PLOT.write_text(plot([run for name in PLOTTED for run in runs if run["run"] == name]), "utf-8")


def page(runs: Sequence[Run]) -> str:
    """The page."""
    usual = runs[0]["parameters"]
    told = (
        f"Usual are {usual['rogue_percent']} % rogues, {usual['hands']} hands, lists believed for"
        f" {usual['list_days']} days, and {usual['connections_per_week']} connections a week."
    )
    head = _HEAD.format(wallets=usual["wallets"], days=usual["days"], usual=told)
    return head + "".join(f"| {' | '.join(_cells(run))} |\n" for run in runs) + _TAIL


def _cells(run: Run) -> Iterable[str]:
    yield run["run"]
    for name in ("double_spends", "refused_at_once", "found_later", "found_at_the_end"):
        yield str(run[name])
    yield f"{run['delay_median_h']} h"
    yield f"{run['delay_most_h']} h"
    yield format_amount(run["lost_per_rogue_minor"])
    yield format_amount(run["lost_most_minor"])
    yield f"{run['honest_failed_percent']} %"
    yield str(run["never_found"])


# The plot -----------------------------------------------------------------------------------------
def plot(runs: Sequence[Run]) -> str:
    """The share found by days since, a step line for each run."""
    parts = [*_axes()]
    for place, (run, colour) in enumerate(zip(runs, COLOURS, strict=True)):
        parts.append(f'<path d="{_steps(run)}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(WIDTH - RIGHT + 12, TOP + 16 + 20 * place, _label(run), colour))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' font-family="sans-serif" font-size="12">\n<title>Double spends found, by days'
        f' since</title>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _label(run: Run) -> str:
    return f"{run['parameters']['connections_per_week']} connections a week"


def _steps(run: Run) -> str:
    delays = run["delays_h"]
    path = f"M{_x(0):.1f},{_y(0):.1f}"
    for count, delay_h in enumerate(delays, start=1):
        path += f"H{_x(min(delay_h / 24, DAYS_SHOWN)):.1f}V{_y(count / len(delays)):.1f}"
    return f"{path}H{_x(DAYS_SHOWN):.1f}"


def _axes() -> Iterable[str]:
    for percent in range(0, 101, 25):
        y = _y(percent / 100)
        yield f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="#d5d8dc"/>'
        yield _text(LEFT - 8, y + 4, f"{percent} %", anchor="end")
    for day in range(0, DAYS_SHOWN + 1, 2):
        yield _text(_x(day), HEIGHT - BOTTOM + 18, str(day), anchor="middle")
    yield _text(_x(DAYS_SHOWN / 2), HEIGHT - 8, "days since the second payment", anchor="middle")


def _text(x: float, y: float, text: str, colour: str = "#212f3d", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{text}</text>'


def _x(days: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * days / DAYS_SHOWN


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


if __name__ == "__main__":
    main()
