"""The payment session between two clients: one table of transitions for both roles.

Nothing moves but by this table. A machine (`payer`, `payee`) *judges* a fact into one event, the
table names the next state, and entering that state has its effects. What the table does not list
cannot happen: a peer's message that is out of turn is judged `UNACCEPTABLE` and refused by name;
anything else not listed is a `LocalProtocolError`, our own slip.

1. The payee opens the session: its chip signs an offer (C-01). The payer judges the offer, the
   amount, the limits and its balance before its chip is asked for anything (C-02, C-03, C-13).
2. Durable before visible: each `KEEPING_...` state waits for a record that what follows depends on.
   So a crash at any point leaves enough to go on with identical bytes (C-22).
3. The payer's point of no return is the chip's answer to PAY. Before it, every failure ends in
   `REFUSED` and nothing moved. After it, the session ends in `DONE`, or in `PENDING`: the stored
   request is presented again, over a later link or by the payer at the payee's institution.
4. The payee's point of no return is keeping the request (C-04). After it, only its manager's final
   word ends in `REFUSED`; a manager that is silent leaves it `PENDING`.
5. Both end in `DONE` with the manager's confirmation in their records (C-24). Loading the payee's
   chip never holds the confirmation back: the currency is issued, and synchronising loads it.
6. The last message repeated is an `ECHO` and changes nothing. It works half-duplex: offer, request
   and confirmation alternate, so that three images shown in turn are enough of a link.

7. An offline payment is another path of the same table, chosen by the payee's offer: the payee checks
   it (`verification`) and its chip accepts it, in place of `CASHING` and `LOADING`, and the chip's
   receipt takes the place of the confirmation. The payee's point of no return is the chip's ACCEPT;
   before it only an anomaly ends in `REFUSED`, and what cannot be decided or has no room now waits,
   `PENDING`, for a connection. Nobody but the payee's chip can take the value: the payer presents the
   same bytes again over a later link, or leaves them in the mailbox at the payee's institution.
"""

from feiqian.outcomes import LocalProtocolError
from feiqian.protocol.payment.states import Event, Role, State

_S, _E = State, Event

_PAYER = {
    _S.START: {
        _E.STARTED: _S.AWAITING_OFFER,
        _E.INTENT_RESUMED: _S.RECOVERING,
        _E.PAYMENT_RESUMED: _S.SUBMITTING,
        _E.PAYMENT_RESUMED_ON_LINK: _S.AWAITING_REUNION,
    },
    _S.AWAITING_OFFER: {
        _E.OFFER: _S.APPROVING,
        _E.UNACCEPTABLE: _S.REFUSED,
        _E.REFUSAL: _S.REFUSED,
        _E.TIMED_OUT: _S.REFUSED,
        _E.LINK_LOST: _S.REFUSED,
        _E.CANCELLED: _S.REFUSED,
    },
    _S.APPROVING: {
        _E.APPROVED: _S.KEEPING_INTENT,
        _E.CANCELLED: _S.REFUSED,
    },
    _S.KEEPING_INTENT: {
        _E.KEPT: _S.PAYING,
    },
    _S.PAYING: {
        _E.CHIP_DONE: _S.KEEPING_PAYMENT,
        _E.CHIP_REFUSED: _S.KEEPING_REFUSAL,
        _E.CHIP_SILENT: _S.PENDING,
    },
    _S.RECOVERING: {
        _E.WAS_SIGNED: _S.PAYING_AGAIN,
        _E.NEVER_SIGNED: _S.KEEPING_REFUSAL,
        _E.CHIP_SILENT: _S.PENDING,
    },
    _S.PAYING_AGAIN: {
        _E.CHIP_DONE: _S.KEEPING_PAYMENT,
        _E.CHIP_REFUSED: _S.PENDING,
        _E.CHIP_SILENT: _S.PENDING,
    },
    _S.KEEPING_PAYMENT: {
        _E.KEPT: _S.AWAITING_CONFIRMATION,
    },
    _S.AWAITING_CONFIRMATION: {
        _E.CONFIRMATION: _S.KEEPING_CONFIRMATION,
        _E.RECEIPT: _S.KEEPING_RECEIPT,
        _E.HISTORY_WANTED: _S.AWAITING_CONFIRMATION,
        _E.ECHO: _S.AWAITING_CONFIRMATION,
        _E.UNACCEPTABLE: _S.PENDING,
        _E.REFUSAL: _S.PENDING,
        _E.TIMED_OUT: _S.PENDING,
        _E.LINK_LOST: _S.PENDING,
        _E.CANCELLED: _S.PENDING,
    },
    _S.AWAITING_REUNION: {
        _E.SAME_PAYEE: _S.AWAITING_CONFIRMATION,
        _E.UNACCEPTABLE: _S.PENDING,
        _E.REFUSAL: _S.PENDING,
        _E.TIMED_OUT: _S.PENDING,
        _E.LINK_LOST: _S.PENDING,
        _E.CANCELLED: _S.PENDING,
    },
    _S.SUBMITTING: {
        _E.SERVER_DONE: _S.KEEPING_CONFIRMATION,
        _E.RECEIPT: _S.KEEPING_RECEIPT,
        _E.LEFT_IN_MAILBOX: _S.PENDING,
        _E.SERVER_REFUSED: _S.PENDING,
        _E.SERVER_SILENT: _S.PENDING,
    },
    _S.KEEPING_CONFIRMATION: {
        _E.KEPT: _S.DONE,
    },
    _S.KEEPING_RECEIPT: {
        _E.KEPT: _S.DONE,
    },
    _S.KEEPING_REFUSAL: {
        _E.KEPT: _S.REFUSED,
    },
}

_PAYEE = {
    _S.START: {
        _E.STARTED: _S.OFFERING,
        _E.REQUEST_RESUMED: _S.CASHING,
        _E.HANDOVER_RESUMED: _S.PROBING,
        _E.JUDGEMENT_RESUMED: _S.ACCEPTING,
    },
    _S.OFFERING: {
        _E.CHIP_DONE: _S.KEEPING_OFFER,
        _E.CHIP_REFUSED: _S.REFUSED,
        _E.CHIP_SILENT: _S.REFUSED,
    },
    _S.KEEPING_OFFER: {
        _E.KEPT: _S.AWAITING_REQUEST,
    },
    _S.AWAITING_REQUEST: {
        _E.REQUEST: _S.KEEPING_REQUEST,
        _E.HANDOVER: _S.KEEPING_HANDOVER,
        _E.REQUEST_ANSWERED_BEFORE: _S.DONE,
        _E.ECHO: _S.AWAITING_REQUEST,
        _E.UNACCEPTABLE: _S.REFUSED,
        _E.REFUSAL: _S.REFUSED,
        _E.TIMED_OUT: _S.REFUSED,
        _E.LINK_LOST: _S.REFUSED,
        _E.CANCELLED: _S.REFUSED,
    },
    _S.KEEPING_REQUEST: {
        _E.KEPT: _S.CASHING,
    },
    _S.CASHING: {
        _E.SERVER_DONE: _S.KEEPING_RESULT,
        _E.HISTORY_WANTED: _S.AWAITING_REQUEST,
        _E.SERVER_REFUSED: _S.KEEPING_REFUSAL,
        _E.SERVER_SILENT: _S.PENDING,
    },
    _S.KEEPING_RESULT: {
        _E.KEPT: _S.LOADING,
    },
    _S.LOADING: {
        _E.CHIP_DONE_MORE: _S.LOADING,
        _E.CHIP_DONE: _S.DONE,
        _E.SEQUENCE_GAP: _S.ASKING_MISSING,
        _E.CHIP_REFUSED: _S.DONE,
        _E.CHIP_SILENT: _S.DONE,
    },
    _S.ASKING_MISSING: {
        _E.CHIP_DONE: _S.FETCHING_MISSING,
        _E.CHIP_REFUSED: _S.DONE,
        _E.CHIP_SILENT: _S.DONE,
    },
    _S.FETCHING_MISSING: {
        _E.SERVER_DONE: _S.KEEPING_MISSING,
        _E.SERVER_REFUSED: _S.DONE,
        _E.SERVER_SILENT: _S.DONE,
    },
    _S.KEEPING_MISSING: {
        _E.KEPT: _S.LOADING,
    },
    _S.KEEPING_HANDOVER: {
        _E.KEPT: _S.PROBING,
    },
    _S.PROBING: {
        _E.CONNECTED: _S.ASKING_BACK_END,
        _E.SOUND: _S.KEEPING_JUDGEMENT,
        _E.ANOMALOUS: _S.KEEPING_REFUSAL,
        _E.UNDECIDABLE: _S.PENDING,
    },
    _S.ASKING_BACK_END: {
        _E.SOUND: _S.KEEPING_JUDGEMENT,
        _E.ANOMALOUS: _S.KEEPING_REFUSAL,
        _E.UNDECIDABLE: _S.PENDING,
    },
    _S.KEEPING_JUDGEMENT: {
        _E.KEPT: _S.ACCEPTING,
    },
    _S.ACCEPTING: {
        _E.CHIP_DONE: _S.KEEPING_ACCEPTANCE,
        _E.CHIP_REFUSED: _S.KEEPING_REFUSAL,
        _E.CHIP_SILENT: _S.PENDING,
        _E.NO_ROOM: _S.PENDING,
    },
    _S.KEEPING_ACCEPTANCE: {
        _E.KEPT: _S.DONE,
    },
    _S.KEEPING_REFUSAL: {
        _E.KEPT: _S.REFUSED,
    },
}

TRANSITIONS: dict[Role, dict[State, dict[Event, State]]] = {
    Role.PAYER: _PAYER,
    Role.PAYEE: _PAYEE,
}


def next_state(role: Role, state: State, event: Event) -> State:
    """Where `event` leads. Raises `LocalProtocolError` when the table does not list it."""
    try:
        return TRANSITIONS[role][state][event]
    except KeyError:
        raise LocalProtocolError(f"{role}: {event!s} cannot happen while {state!s}") from None
