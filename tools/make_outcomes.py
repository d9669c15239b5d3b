"""Write `docs/outcomes.md` from the outcomes themselves: code, meaning, HTTP status, what to do.

Meanings are the docstrings in `outcomes.py`, statuses those of `adapters/http_errors.py`; what a
sender may do next stands in the table below, and an outcome that it lacks stops the generator. Run
as ``python -m tools.make_outcomes``.
"""

import ast
import re
from pathlib import Path

from feiqian import outcomes
from feiqian.adapters.http_errors import status_of
from feiqian.outcomes import SUCCESSES, Outcome

PAGE = Path(__file__).parent.parent / "docs" / "outcomes.md"

_NEVER = "no"
_SAME_BYTES = "**must be**, in the same bytes"
_NEXT: dict[Outcome, str] = {
    Outcome.ACCEPTED: "harmless",
    Outcome.REPEATED: "harmless",
    Outcome.TOO_LARGE: _NEVER,
    Outcome.MALFORMED: _NEVER,
    Outcome.UNKNOWN_VERSION: _NEVER,
    Outcome.NOT_CANONICAL: _NEVER,
    Outcome.UNKNOWN_SUITE: _NEVER,
    Outcome.UNKNOWN_ISSUER: "after a newer directory",
    Outcome.BAD_CERTIFICATE: _NEVER,
    Outcome.CERTIFICATE_EXPIRED: "once a certificate in force covers the moment",
    Outcome.WRONG_ROLE: _NEVER,
    Outcome.BAD_SIGNATURE: _NEVER,
    Outcome.BAD_SEAL: _NEVER,
    Outcome.WRONG_ADDRESSEE: _NEVER,
    Outcome.WRONG_SESSION: _NEVER,
    Outcome.WRONG_OWNER: _NEVER,
    Outcome.AMOUNT_MISMATCH: _NEVER,
    Outcome.VALUE_NOT_CONSERVED: _NEVER,
    Outcome.BROKEN_CHAIN: _NEVER,
    Outcome.CHAIN_TOO_LONG: _NEVER,
    Outcome.EXPIRED: "no, and it was not done: make a new one",
    Outcome.NO_CONFLICT: _NEVER,
    Outcome.OUTDATED: "with the newest list, or as a new order",
    Outcome.LIST_MISMATCH: "with the whole list",
    Outcome.LISTED_OFFENDER: "once the entry is revoked",
    Outcome.VERIFICATION_REQUIRED: "once the issuer has verified it",
    Outcome.STALE_LIST: "with a connection, or a newer list",
    Outcome.INVALID_AREA: _NEVER,
    Outcome.POSITION_OUT_OF_RANGE: _NEVER,
    Outcome.POSITION_INACCURATE: "a later position, with its own number",
    Outcome.POSITION_MOMENT_UNCERTAIN: "a later position, with its own number",
    Outcome.POSITION_STALE: "a later position, with its own number",
    Outcome.POSITION_FUTURE: "a later position, with its own number",
    Outcome.POSITION_REPLAYED: _NEVER,
    Outcome.POSITION_IMPLAUSIBLE: "a later position, with its own number",
    Outcome.TIME_UNKNOWN: "once a fix or the platform has told the time",
    Outcome.OVERDUE: "once the wallet is synchronised",
    Outcome.FIX_MISSING: "with the next fix",
    Outcome.FIX_STALE: "with the next fix",
    Outcome.FIX_BACKWARD: "with the next fix",
    Outcome.FIX_JUMPED: "with the next fix",
    Outcome.FIX_UNCONFIRMED: "with the next fix",
    Outcome.UNKNOWN_IDENTIFIER: _NEVER,
    Outcome.HISTORY_REQUIRED: "the same transfers, as full pieces",
    Outcome.DOUBLE_SPENT: _NEVER,
    Outcome.KEY_REUSED: "under a fresh key",
    Outcome.UNKNOWN_WALLET: _NEVER,
    Outcome.UNKNOWN_NAME: _NEVER,
    Outcome.SECOND_PERSON_REQUIRED: "once another operator approves it",
    Outcome.WALLET_FROZEN: "once it is unfrozen",
    Outcome.NOT_AUTHORISED: "under another authorisation",
    Outcome.OVER_CEILING: "under another authorisation",
    Outcome.OVER_PAYMENT_LIMIT: _NEVER,
    Outcome.OVER_HOLDING_LIMIT: "when the wallet holds less",
    Outcome.OVER_OFFLINE_LIMIT: "after reconciling",
    Outcome.INSUFFICIENT_BALANCE: "when the wallet holds more",
    Outcome.INSUFFICIENT_FUNDS: "when the account holds more",
    Outcome.QUOTA_EXCEEDED: "when more is authorised",
    Outcome.INSUFFICIENT_RESERVES: "as a new request, with more reserves",
    Outcome.PIN_REQUIRED: "after the PIN",
    Outcome.PIN_WRONG: "with the right PIN",
    Outcome.PIN_BLOCKED: "after the PUK",
    Outcome.SEQUENCE_GAP: "after the earlier ones are loaded",
    Outcome.CHIP_FULL: "when pieces have left the chip",
    Outcome.CHIP_REFUSED: _NEVER,
    Outcome.BUSY: _SAME_BYTES,
    Outcome.UNAVAILABLE: _SAME_BYTES,
    Outcome.TIMED_OUT: _SAME_BYTES,
    Outcome.CANCELLED: "in a new session",
    Outcome.VEHICLE_LEFT: "in a new request",
}

_INTRODUCTION = """\
# Outcomes

Generated from `src/feiqian/outcomes.py` by `make docs`; edit the docstrings there.

Every request ends with one of these codes, on links, in signed answers, over HTTP and from the
command line. They stand in order of precedence: of two things wrong with one request, the higher one
is named where both can be judged. What the message alone shows (its bytes, its signatures, what it
says) is judged before the stored state. A key that has to be looked up, of a wallet or an
institution, is looked up first: who is not known here cannot have signed.

A refusal is `{"outcome": code, "detail": sentence}` in JSON and the message `refused` in CBOR. The
code is for programs, the sentence for people. *HTTP* is the status a server would send with it; codes
of the chip and of sessions do not travel that way. *Again* says whether the same request may be sent
once more.

- `busy`, `unavailable` and `timed_out` decide nothing: it may have been done. The sender keeps the
  bytes and sends them until another code comes; what was done is then answered, not done twice.
- After any other refusal of a request, nothing was done. A payment is the exception that its
  transfers make: each is cashed by itself, and the refusal names the first that was not. The others
  count and are credited.
- A refusal inside a *signed* answer of the platform is stored under its request id and stays the
  answer to it. Institutions store what they did, not what they refused.
"""


def page() -> str:
    """The whole document."""
    lines = [_INTRODUCTION]
    for heading, members in _sections():
        lines += [f"## {heading}", "", "| code | meaning | HTTP | again |", "|---|---|---|---|"]
        lines += [_row(Outcome[name], meaning) for name, meaning in members]
        lines.append("")
    return "\n".join(lines)


def _row(outcome: Outcome, meaning: str) -> str:
    status = 200 if outcome in SUCCESSES else status_of(outcome)
    return f"| `{outcome}` | {meaning} | {status} | {_NEXT[outcome]} |"


def _sections() -> list[tuple[str, list[tuple[str, str]]]]:
    """Headings with the names and docstrings of the members below them, as the source has them."""
    source = Path(outcomes.__file__).read_text(encoding="utf-8")
    (enum,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == Outcome.__name__
    )
    headings = {1 + source.count("\n", 0, found.start()): found[1] for found in _headings(source)}
    sections: list[tuple[str, list[tuple[str, str]]]] = [("Done", [])]
    for member, docstring in zip(enum.body[1::2], enum.body[2::2], strict=True):
        start = max((line for line in headings if line < member.lineno), default=0)
        if start and headings[start] != sections[-1][0]:
            sections.append((headings[start], []))
        sections[-1][1].append((_name(member), _text(docstring)))
    return sections


def _headings(source: str) -> list[re.Match[str]]:
    return list(re.finditer(r"^    # ([^-\n]+?) -{5,}$", source, re.MULTILINE))


def _name(member: ast.stmt) -> str:
    if not isinstance(member, ast.Assign) or not isinstance(member.targets[0], ast.Name):
        raise TypeError(f"expected an outcome in line {member.lineno}")
    return member.targets[0].id


def _text(docstring: ast.stmt) -> str:
    if not isinstance(docstring, ast.Expr) or not isinstance(docstring.value, ast.Constant):
        raise TypeError(f"expected a docstring in line {docstring.lineno}")
    return " ".join(str(docstring.value.value).split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
