"""Names and topics on the message bus of the Internet of Vehicles.

Every member of a bus has a name and an inbox. The topic of a message is
``iov/{recipient}/{sender}/{kind}``: a broker's access rules can then say that a member reads only
what is under its own name, and writes only with its own name in the sender's place. Names and kinds
are short and plain, so that nothing in them means anything to a broker.
"""

import re

from feiqian.outcomes import Outcome, Refusal

ROOT = "iov"
"""First level of every topic of the system."""
MAX_NAME_LENGTH = 48
MAX_KIND_LENGTH = 32
MAX_TOPIC_LENGTH = 2 * MAX_NAME_LENGTH + MAX_KIND_LENGTH + len(ROOT) + 3

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_.-]{{0,{MAX_NAME_LENGTH - 1}}}", re.ASCII)
_KIND = re.compile(rf"[a-z][a-z0-9_-]{{0,{MAX_KIND_LENGTH - 1}}}", re.ASCII)


def check_name(name: str) -> str:
    """A member's name as it was given; `Refusal` malformed."""
    if _NAME.fullmatch(name) is None:
        raise Refusal(
            Outcome.MALFORMED,
            f"expected a name of 1 to {MAX_NAME_LENGTH} letters, digits, '-', '_' and '.', "
            f"got {name[:MAX_NAME_LENGTH]!r}",
        )
    return name


def check_kind(kind: str) -> str:
    """A message kind as it was given; `Refusal` malformed."""
    if _KIND.fullmatch(kind) is None:
        raise Refusal(
            Outcome.MALFORMED,
            f"expected a kind of 1 to {MAX_KIND_LENGTH} small letters, digits, '-' and '_', "
            f"got {kind[:MAX_KIND_LENGTH]!r}",
        )
    return kind


def topic_of(recipient: str, sender: str, kind: str) -> str:
    """The topic of a message. `Refusal` malformed."""
    return f"{ROOT}/{check_name(recipient)}/{check_name(sender)}/{check_kind(kind)}"


def read_topic(topic: str) -> tuple[str, str, str]:
    """Recipient, sender and kind of a topic that arrived. `Refusal` malformed."""
    parts = topic[: MAX_TOPIC_LENGTH + 1].split("/")
    if len(parts) != 4 or parts[0] != ROOT:
        raise Refusal(Outcome.MALFORMED, f"expected {ROOT}/RECIPIENT/SENDER/KIND")
    return check_name(parts[1]), check_name(parts[2]), check_kind(parts[3])


def inbox_topics(name: str) -> str:
    """The filter that matches everything addressed to a member."""
    return f"{ROOT}/{check_name(name)}/#"
