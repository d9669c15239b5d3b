"""Named operators: whom a token belongs to, so that two of them can be told apart (R-06).

The token of the configuration file belongs to the founder, who is called ``operator``; every other
operator has a token of his own, of which only the digest is kept. A name is used once. The founder
brings in the first by himself; from then on it takes two to bring in another, or nobody would have to
ask anybody.
"""

import hmac

from feiqian.central.control_documents import NewOperator, OperatorAdded, OperatorRemoval
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction

FOUNDER = "operator"
"""Whoever holds the token of the configuration file."""
MAX_OPERATORS = 64


def name_of(tx: Transaction, token_digest: bytes) -> str | None:
    """Whose token has this digest; None when it is nobody's any more."""
    found = None
    for name, digest in tx.query(
        "SELECT name, token_digest FROM operators WHERE removed_at_ms IS NULL"
    ):
        if hmac.compare_digest(digest, token_digest):
            found = str(name)
    return found


def needs_second(tx: Transaction) -> bool:
    """Whether bringing in an operator takes two: for all but the first."""
    return bool(tx.query("SELECT 1 FROM operators LIMIT 1"))


def check_new(tx: Transaction, name: str) -> None:
    """Raise `Refusal` unless an operator of this name can be brought in: key_reused, too_large."""
    known = tx.query("SELECT 1 FROM operators WHERE name = ?", (name,))
    if known or name == FOUNDER:
        raise Refusal(Outcome.KEY_REUSED, f"expected a name that was never used, not {name}")
    [[count]] = tx.query("SELECT COUNT(*) FROM operators")
    if count >= MAX_OPERATORS:
        raise Refusal(Outcome.TOO_LARGE, f"expected at most {MAX_OPERATORS} operators")


def add(tx: Transaction, new: NewOperator, now_ms: int) -> OperatorAdded:
    """Bring in an operator. `Refusal`: key_reused for a name that was used, too_large."""
    check_new(tx, new.name)
    tx.execute(
        "INSERT INTO operators (name, token_digest, added_at_ms, removed_at_ms)"
        " VALUES (?, ?, ?, NULL)",
        (new.name, bytes.fromhex(new.token_digest), now_ms),
    )
    return OperatorAdded(new.name)


def remove(tx: Transaction, removal: OperatorRemoval, now_ms: int) -> OperatorAdded:
    """End an operator's token; one person may, for it gives nobody anything. `Refusal`."""
    ended = tx.execute(
        "UPDATE operators SET removed_at_ms = ? WHERE name = ? AND removed_at_ms IS NULL",
        (now_ms, removal.name),
    )
    if not ended:
        raise Refusal(Outcome.UNKNOWN_NAME, f"expected an operator, got {removal.name}")
    return OperatorAdded(removal.name)
