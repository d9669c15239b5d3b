"""Where a service can stand, and what moves it: the words of the table (`protocol.service.table`).

Every side uses the same words, so that what one party logs can be laid beside what another does.
"""

from enum import StrEnum

from feiqian.wire.service import Ending


class State(StrEnum):
    """Where a service stands for one party; ends bear the names of `wire.service.Ending`."""

    START = "start"
    # vehicle
    REQUESTING = "requesting"
    AUTHORISING = "authorising"
    AUTHORISED = "authorised"
    SERVED = "being served"
    CANCELLING = "cancelling"
    PAYING = "paying"
    SETTLING = "settling"
    OWING = "owing"
    PRESENTING = "presenting"
    # provider
    OFFERED = "offered"
    # management
    TRACKING = "tracking"
    ASKING = "asking"
    MATCHED = "matched"
    SERVING = "serving"
    STOPPING = "stopping"
    FEE_DUE = "fee due"
    FEE_OWED = "fee owed"
    AWAITING_PAYEE = "awaiting the payee's receipt"
    AWAITING_PAYER = "awaiting the payer's receipt"
    # entity
    STARTING = "starting"
    ENDING = "ending"
    AWAITING_ORDER = "awaiting order"
    AWAITING_PAYMENT = "awaiting payment"
    # all
    PAID = Ending.PAID.value
    PAID_OFFLINE = Ending.PAID_OFFLINE.value
    FREE = Ending.FREE.value
    UNPAID = Ending.UNPAID.value
    CANCELLED = Ending.CANCELLED.value
    EXPIRED = Ending.EXPIRED.value
    MISMATCH = Ending.MISMATCH.value
    LEFT_EARLY = Ending.LEFT_EARLY.value
    DISPUTED = Ending.DISPUTED.value
    REFUSED = Ending.REFUSED.value


class Event(StrEnum):
    """What a party was told or did, once judged."""

    BEGUN = "begun"
    # request and authorisation
    OFFER = "offer"
    COVERED_OFFER = "offer under a standing authorisation"
    DECLINED = "declined"
    UNACCEPTABLE = "unacceptable"
    CHIP_AUTHORISED = "chip authorised"
    CHIP_REFUSED = "chip refused"
    # match
    MATCHED = "matched"
    AMBIGUOUS = "ambiguous"
    ANSWER = "answer"
    NO_SINGLE_YES = "no single yes"
    OTHER_ENTITY = "at another entity"
    LEFT = "left"
    # service
    STARTED = "started"
    STOP = "stop"
    USED = "used something"
    USED_NOTHING_LEFT = "left, and used nothing"
    USED_NOTHING_CANCELLED = "cancelled, and used nothing"
    NO_FEE = "no fee"
    OVER_CEILING = "fee over the ceiling"
    SITE_ENDED = "ended at the site"
    SITE_REFUSED = "refused at the site"
    # fee
    ORDER = "fee order"
    PAID = "paid"
    PAID_OFFLINE = "paid offline"
    SIGNED = "signed, not confirmed"
    PROVEN = "proven, not heard of by the payee"
    OWED = "cannot pay now"
    TOPPED_UP = "topped up"
    PAYER_RECEIPT = "payer's receipt"
    PAYEE_RECEIPT = "payee's receipt"
    AGREED = "receipts agree"
    AGREED_OFFLINE = "receipts agree, offline"
    DISAGREED = "receipts disagree"
    RECONCILED = "reconciled"
    ANOMALOUS = "anomalous"
    # ends
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CLOSED_FREE = "closed: free"
    CLOSED_CANCELLED = "closed: cancelled"
    CLOSED_EXPIRED = "closed: expired"
    CLOSED_MISMATCH = "closed: mismatch"
    CLOSED_LEFT = "closed: left early"
    CLOSED_REFUSED = "closed: refused"
    CLOSED_PAID = "closed: paid"
    CLOSED_PAID_OFFLINE = "closed: paid offline"
    CLOSED_UNPAID = "closed: unpaid"
    CLOSED_DISPUTED = "closed: disputed"


ENDS = frozenset(State(ending.value) for ending in Ending)
"""Where a service rests; some ends can still be corrected by what comes late."""


def closed_event(ending: Ending) -> Event:
    """What the management server's word on an ending means."""
    return Event(f"closed: {ending}")
