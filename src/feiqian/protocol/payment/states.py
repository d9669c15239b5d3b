"""Where a session stands, and what may happen in it: the words of the table of transitions."""

from enum import StrEnum


class Role(StrEnum):
    """Which side of the session a machine is on."""

    PAYER = "payer"
    PAYEE = "payee"


class State(StrEnum):
    """Where a session stands; the first word says whose turn it is."""

    START = "start"
    # payer
    AWAITING_OFFER = "awaiting offer"
    APPROVING = "approving"
    KEEPING_INTENT = "keeping intent"
    PAYING = "paying"
    RECOVERING = "recovering"
    PAYING_AGAIN = "paying again"
    KEEPING_PAYMENT = "keeping payment"
    AWAITING_CONFIRMATION = "awaiting confirmation"
    KEEPING_RECEIPT = "keeping receipt"
    AWAITING_REUNION = "awaiting reunion"
    SUBMITTING = "submitting"
    KEEPING_CONFIRMATION = "keeping confirmation"
    # payee
    OFFERING = "offering"
    KEEPING_OFFER = "keeping offer"
    AWAITING_REQUEST = "awaiting request"
    KEEPING_REQUEST = "keeping request"
    CASHING = "cashing"
    KEEPING_RESULT = "keeping result"
    LOADING = "loading"
    ASKING_MISSING = "asking missing"
    FETCHING_MISSING = "fetching missing"
    KEEPING_MISSING = "keeping missing"
    KEEPING_HANDOVER = "keeping handover"
    PROBING = "probing"
    ASKING_BACK_END = "asking back end"
    KEEPING_JUDGEMENT = "keeping judgement"
    ACCEPTING = "accepting"
    KEEPING_ACCEPTANCE = "keeping acceptance"
    # both
    KEEPING_REFUSAL = "keeping refusal"
    DONE = "done"
    REFUSED = "refused"
    PENDING = "pending"


class Event(StrEnum):
    """What a fact means, once judged."""

    STARTED = "started"
    INTENT_RESUMED = "intent resumed"
    PAYMENT_RESUMED = "payment resumed"
    PAYMENT_RESUMED_ON_LINK = "payment resumed on link"
    REQUEST_RESUMED = "request resumed"
    HANDOVER_RESUMED = "handover resumed"
    JUDGEMENT_RESUMED = "judgement resumed"

    OFFER = "offer"
    SAME_PAYEE = "offer of the same payee"
    REQUEST = "request"
    REQUEST_ANSWERED_BEFORE = "request answered before"
    HANDOVER = "offline request"
    CONFIRMATION = "confirmation"
    RECEIPT = "receipt"
    LEFT_IN_MAILBOX = "left in mailbox"
    HISTORY_WANTED = "history wanted"
    REFUSAL = "refusal"
    UNACCEPTABLE = "unacceptable message"
    ECHO = "echo"

    KEPT = "kept"
    APPROVED = "approved"
    CHIP_DONE = "chip done"
    CHIP_DONE_MORE = "chip done, more to do"
    CHIP_REFUSED = "chip refused"
    CHIP_SILENT = "chip silent"
    NO_ROOM = "no room on the chip now"
    SEQUENCE_GAP = "sequence gap"
    NEVER_SIGNED = "never signed"
    WAS_SIGNED = "was signed"
    SERVER_DONE = "server done"
    SERVER_REFUSED = "server refused"
    SERVER_SILENT = "server silent"
    CONNECTED = "connected"
    SOUND = "sound"
    ANOMALOUS = "anomalous"
    UNDECIDABLE = "undecidable now"

    TIMED_OUT = "timed out"
    LINK_LOST = "link lost"
    CANCELLED = "cancelled"


ENDS = frozenset({State.DONE, State.REFUSED, State.PENDING})
