"""A service from request to receipts: one table of transitions for its four roles.

Nothing moves but by this table. A party *judges* what it was told into one event, the table names the
next state, and the state says what the party has to say and do.

1. A request is answered with an entity, and the vehicle's chip authorises it, once, with the PIN; or
   a standing authorisation covers it (V-01, V-02). From here on nobody has to touch anything (V-05).
2. Only the management server matches, from positions (V-04). The entity serves what was matched, and
   nothing else; a vehicle that stands at another entity ends in `MISMATCH`, and pays nothing (V-07).
3. The fee order is the only thing that is paid, at the entity it names, once, within what the chip
   authorised. The chip checks that itself: a false order can be refused, and cannot be paid (V-09).
4. Messages may come late, twice, in another order, or never: what the table does not list for a state
   changes nothing, and every message is repeated until it is acknowledged. So states skip: an order
   may come before the match that led to it, an end before the start.
5. State and outgoing messages are one commit. What a state has to do outside (the chip, the payment,
   the charger) is done again when a party starts anew, and is harmless the second time.
6. A low balance owes: the order stays open and shown, and is paid after a top-up until it runs out
   (V-10). A vehicle that leaves before it was served pays nothing; one that leaves later pays what it
   used until then, however late the entity hears of it. A receipt that comes after the order ran out corrects `UNPAID`.
7. A vehicle that was confirmed without the entity (it went to the payee's manager itself) has paid; it
   presents the same bytes to the entity until that knows, or the management server has closed.
8. `PAID_OFFLINE` becomes `PAID` when the entity's wallet has reconciled (V-10), and `DISPUTED` is what
   two receipts that do not agree end in (V-11).
"""

from feiqian.protocol.service.states import Event, State
from feiqian.wire.service import Member

_S, _E = State, Event

_CLOSED_UNSERVED = {
    _E.CLOSED_FREE: _S.FREE,
    _E.CLOSED_CANCELLED: _S.CANCELLED,
    _E.CLOSED_EXPIRED: _S.EXPIRED,
    _E.CLOSED_MISMATCH: _S.MISMATCH,
    _E.CLOSED_LEFT: _S.LEFT_EARLY,
    _E.CLOSED_REFUSED: _S.REFUSED,
}
"""The management server's word, before there is anything to pay."""

_VEHICLE = {
    _S.START: {
        _E.BEGUN: _S.REQUESTING,
    },
    _S.REQUESTING: {
        _E.OFFER: _S.AUTHORISING,
        _E.COVERED_OFFER: _S.AUTHORISED,
        _E.DECLINED: _S.REFUSED,
        _E.UNACCEPTABLE: _S.REFUSED,
        _E.CANCELLED: _S.CANCELLED,
        _E.EXPIRED: _S.EXPIRED,
    },
    _S.AUTHORISING: {
        _E.CHIP_AUTHORISED: _S.AUTHORISED,
        _E.CHIP_REFUSED: _S.REFUSED,
        _E.CANCELLED: _S.CANCELLED,
        _E.EXPIRED: _S.EXPIRED,
    },
    _S.AUTHORISED: {
        _E.MATCHED: _S.SERVED,
        _E.ORDER: _S.PAYING,
        _E.CANCELLED: _S.CANCELLING,
        _E.EXPIRED: _S.EXPIRED,
        **_CLOSED_UNSERVED,
    },
    _S.SERVED: {
        _E.ORDER: _S.PAYING,
        _E.CANCELLED: _S.CANCELLING,
        _E.EXPIRED: _S.EXPIRED,
        **_CLOSED_UNSERVED,
    },
    _S.CANCELLING: {
        _E.ORDER: _S.PAYING,
        _E.EXPIRED: _S.EXPIRED,
        **_CLOSED_UNSERVED,
    },
    _S.PAYING: {
        _E.PAID: _S.PAID,
        _E.PAID_OFFLINE: _S.PAID_OFFLINE,
        _E.PROVEN: _S.PRESENTING,
        _E.SIGNED: _S.SETTLING,
        _E.OWED: _S.OWING,
        _E.CHIP_REFUSED: _S.REFUSED,
        _E.EXPIRED: _S.UNPAID,
    },
    _S.SETTLING: {
        _E.PAID: _S.PAID,
        _E.PAID_OFFLINE: _S.PAID_OFFLINE,
        _E.PROVEN: _S.PRESENTING,
    },
    _S.PRESENTING: {
        _E.PAID: _S.PAID,
        _E.CLOSED_PAID: _S.PAID,
        _E.CLOSED_DISPUTED: _S.DISPUTED,
        _E.EXPIRED: _S.PAID,
    },
    _S.OWING: {
        _E.TOPPED_UP: _S.PAYING,
        _E.EXPIRED: _S.UNPAID,
    },
    _S.PAID: {
        _E.CLOSED_DISPUTED: _S.DISPUTED,
    },
    _S.PAID_OFFLINE: {
        _E.CLOSED_PAID: _S.PAID,
        _E.CLOSED_DISPUTED: _S.DISPUTED,
    },
    _S.EXPIRED: {
        # The vehicle's own patience ended; what was used is still to be paid.
        _E.ORDER: _S.PAYING,
    },
}

_PROVIDER = {
    _S.START: {
        _E.OFFER: _S.OFFERED,
        _E.DECLINED: _S.REFUSED,
    },
    _S.OFFERED: {
        _E.CANCELLED: _S.CANCELLED,
        _E.EXPIRED: _S.EXPIRED,
        _E.CLOSED_PAID: _S.PAID,
        _E.CLOSED_PAID_OFFLINE: _S.PAID_OFFLINE,
        _E.CLOSED_UNPAID: _S.UNPAID,
        _E.CLOSED_DISPUTED: _S.DISPUTED,
        **_CLOSED_UNSERVED,
    },
    _S.EXPIRED: {
        _E.CLOSED_PAID: _S.PAID,
        _E.CLOSED_PAID_OFFLINE: _S.PAID_OFFLINE,
        _E.CLOSED_UNPAID: _S.UNPAID,
        _E.CLOSED_DISPUTED: _S.DISPUTED,
        _E.CLOSED_FREE: _S.FREE,
    },
    _S.UNPAID: {
        _E.CLOSED_PAID: _S.PAID,
        _E.CLOSED_PAID_OFFLINE: _S.PAID_OFFLINE,
        _E.CLOSED_DISPUTED: _S.DISPUTED,
    },
    _S.PAID_OFFLINE: {
        _E.CLOSED_PAID: _S.PAID,
        _E.CLOSED_REFUSED: _S.REFUSED,
    },
}

_USED = {
    _E.USED: _S.FEE_DUE,
    _E.USED_NOTHING_LEFT: _S.LEFT_EARLY,
    _E.USED_NOTHING_CANCELLED: _S.CANCELLED,
    _E.NO_FEE: _S.FREE,
    _E.OVER_CEILING: _S.REFUSED,
    _E.SITE_REFUSED: _S.REFUSED,
}

_AGREED = {
    _E.AGREED: _S.PAID,
    _E.AGREED_OFFLINE: _S.PAID_OFFLINE,
    _E.DISAGREED: _S.DISPUTED,
    _E.ANOMALOUS: _S.REFUSED,
}

_MANAGEMENT = {
    _S.START: {
        _E.CHIP_AUTHORISED: _S.TRACKING,
        _E.UNACCEPTABLE: _S.REFUSED,
        _E.CANCELLED: _S.CANCELLED,
    },
    _S.TRACKING: {
        _E.MATCHED: _S.MATCHED,
        _E.AMBIGUOUS: _S.ASKING,
        _E.OTHER_ENTITY: _S.MISMATCH,
        _E.CANCELLED: _S.CANCELLED,
        _E.EXPIRED: _S.EXPIRED,
    },
    _S.ASKING: {
        _E.MATCHED: _S.MATCHED,
        _E.ANSWER: _S.ASKING,
        _E.NO_SINGLE_YES: _S.TRACKING,
        _E.OTHER_ENTITY: _S.MISMATCH,
        _E.CANCELLED: _S.CANCELLED,
        _E.EXPIRED: _S.EXPIRED,
    },
    _S.MATCHED: {
        _E.STARTED: _S.SERVING,
        _E.LEFT: _S.STOPPING,
        _E.CANCELLED: _S.STOPPING,
        _E.EXPIRED: _S.STOPPING,
        **_USED,
    },
    _S.SERVING: {
        _E.LEFT: _S.STOPPING,
        _E.CANCELLED: _S.STOPPING,
        _E.EXPIRED: _S.STOPPING,
        **_USED,
    },
    _S.STOPPING: {
        _E.LEFT: _S.STOPPING,
        _E.EXPIRED: _S.EXPIRED,
        **_USED,
    },
    _S.FEE_DUE: {
        _E.PAYER_RECEIPT: _S.AWAITING_PAYEE,
        _E.PAYEE_RECEIPT: _S.AWAITING_PAYER,
        _E.OWED: _S.FEE_OWED,
        _E.EXPIRED: _S.UNPAID,
        _E.RECONCILED: _S.FEE_DUE,
        _E.ANOMALOUS: _S.FEE_DUE,
    },
    _S.FEE_OWED: {
        _E.PAYER_RECEIPT: _S.AWAITING_PAYEE,
        _E.PAYEE_RECEIPT: _S.AWAITING_PAYER,
        _E.EXPIRED: _S.UNPAID,
        _E.RECONCILED: _S.FEE_OWED,
        _E.ANOMALOUS: _S.FEE_OWED,
    },
    _S.UNPAID: {
        _E.PAYER_RECEIPT: _S.AWAITING_PAYEE,
        _E.PAYEE_RECEIPT: _S.AWAITING_PAYER,
        _E.RECONCILED: _S.UNPAID,
        _E.ANOMALOUS: _S.UNPAID,
    },
    _S.AWAITING_PAYEE: {
        _E.RECONCILED: _S.AWAITING_PAYEE,
        **_AGREED,
    },
    _S.AWAITING_PAYER: {
        _E.RECONCILED: _S.AWAITING_PAYER,
        **_AGREED,
    },
    _S.PAID_OFFLINE: {
        _E.RECONCILED: _S.PAID,
        _E.ANOMALOUS: _S.REFUSED,
    },
}

_ENTITY = {
    _S.START: {
        _E.MATCHED: _S.STARTING,
        _E.STOP: _S.AWAITING_ORDER,
    },
    _S.STARTING: {
        _E.STARTED: _S.SERVING,
        _E.SITE_REFUSED: _S.REFUSED,
        _E.SITE_ENDED: _S.AWAITING_ORDER,
        _E.STOP: _S.ENDING,
    },
    _S.SERVING: {
        _E.SITE_ENDED: _S.AWAITING_ORDER,
        _E.STOP: _S.ENDING,
    },
    _S.ENDING: {
        _E.SITE_ENDED: _S.AWAITING_ORDER,
        _E.SITE_REFUSED: _S.REFUSED,
    },
    _S.AWAITING_ORDER: {
        _E.ORDER: _S.AWAITING_PAYMENT,
        **_CLOSED_UNSERVED,
    },
    _S.AWAITING_PAYMENT: {
        _E.PAID: _S.PAID,
        _E.PAID_OFFLINE: _S.PAID_OFFLINE,
        _E.EXPIRED: _S.UNPAID,
    },
    _S.UNPAID: {
        _E.PAID: _S.PAID,
        _E.PAID_OFFLINE: _S.PAID_OFFLINE,
    },
    _S.PAID: {
        _E.CLOSED_DISPUTED: _S.DISPUTED,
    },
    _S.PAID_OFFLINE: {
        _E.RECONCILED: _S.PAID,
        _E.ANOMALOUS: _S.REFUSED,
    },
}

TRANSITIONS: dict[Member, dict[State, dict[Event, State]]] = {
    Member.VEHICLE: _VEHICLE,
    Member.PROVIDER: _PROVIDER,
    Member.MANAGEMENT: _MANAGEMENT,
    Member.ENTITY: _ENTITY,
}


def next_state(member: Member, state: State, event: Event) -> State | None:
    """Where `event` leads; None when it changes nothing in this state."""
    return TRANSITIONS[member].get(state, {}).get(event)
