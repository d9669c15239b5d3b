"""The closed list of results: every refusal has one name, and every name is used for one thing.

The order of definition is the order of precedence. What can be judged from the message alone (its
bytes, who signed it, what it says) comes before what needs the stored state, so the same bad input
gets the same answer wherever it is tried, and nothing is looked up for a message that is malformed.

`Refusal` carries such a result to the boundary (HTTP, link, command line), where it becomes the one
error shape ``{"outcome": name, "detail": sentence}``. `LocalProtocolError` is our own slip: a call
that this side was not allowed to make; it is never shown to a peer.
"""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a request; the value is the code on the wire and in every error document."""

    ACCEPTED = "accepted"
    """It was done now."""
    REPEATED = "repeated"
    """It was done before; the answer is the one given then, and nothing happened twice."""

    # Bytes -------------------------------------------------------------------------------------
    TOO_LARGE = "too_large"
    """The message is longer than its named limit."""
    MALFORMED = "malformed"
    """The bytes do not have the shape of the message that was expected."""
    UNKNOWN_VERSION = "unknown_version"
    """The message is of a version this side does not speak."""
    NOT_CANONICAL = "not_canonical"
    """The bytes are not the one deterministic encoding of what they say (RFC 8949, 4.2.1)."""
    UNKNOWN_SUITE = "unknown_suite"
    """The signature algorithm is not the one this network uses."""

    # Trust -------------------------------------------------------------------------------------
    UNKNOWN_ISSUER = "unknown_issuer"
    """The issuer named is not an institution of the platform's directory."""
    BAD_CERTIFICATE = "bad_certificate"
    """A certificate does not chain to the platform's root."""
    CERTIFICATE_EXPIRED = "certificate_expired"
    """A certificate was not valid at the moment in question."""
    WRONG_ROLE = "wrong_role"
    """A certificate is genuine but of a role that may not do this."""
    BAD_SIGNATURE = "bad_signature"
    """A signature does not verify under the key that must have made it."""
    BAD_SEAL = "bad_seal"
    """A sealed message was not sealed with this channel's key, or was altered on its way."""

    # Meaning -----------------------------------------------------------------------------------
    WRONG_ADDRESSEE = "wrong_addressee"
    """A message for somebody else."""
    WRONG_SESSION = "wrong_session"
    """A transfer or answer that is bound to another session."""
    WRONG_OWNER = "wrong_owner"
    """The signer does not own what the transfer consumes, or value is issued to another key."""
    AMOUNT_MISMATCH = "amount_mismatch"
    """The value handed over is not the amount agreed."""
    VALUE_NOT_CONSERVED = "value_not_conserved"
    """The outputs of a transfer do not add up to its input."""
    BROKEN_CHAIN = "broken_chain"
    """A transfer does not consume an output of the one before it."""
    CHAIN_TOO_LONG = "chain_too_long"
    """A piece has passed more hands than the policy allows."""
    EXPIRED = "expired"
    """An offer or request was presented after its validity."""
    NO_CONFLICT = "no_conflict"
    """The two transfers shown are not two different ones of one state: nobody is accused."""
    OUTDATED = "outdated"
    """A double-spending list or an order older than the one taken last; nothing ever goes back."""
    LIST_MISMATCH = "list_mismatch"
    """A change that does not lead from the list that is held to the one that was signed."""
    LISTED_OFFENDER = "listed_offender"
    """The payer stands on the double-spending list."""
    VERIFICATION_REQUIRED = "verification_required"
    """The list leaves a doubt that only the issuer can settle: verify with the back end."""
    STALE_LIST = "stale_list"
    """Without the back end, and without a list recent enough, nothing can be verified."""

    # Positions ---------------------------------------------------------------------------------
    INVALID_AREA = "invalid_area"
    """The area of a service entity is no simple polygon and no disc, or beyond the limits."""
    POSITION_OUT_OF_RANGE = "position_out_of_range"
    """So near to a pole that distances are not reckoned there."""
    POSITION_INACCURATE = "position_inaccurate"
    """The circle in which the vehicle may stand is too wide, or is not known."""
    POSITION_MOMENT_UNCERTAIN = "position_moment_uncertain"
    """The moment of the position is known too badly to reckon speeds and stays with it."""
    POSITION_STALE = "position_stale"
    """The position is too old, or none came for too long."""
    POSITION_FUTURE = "position_future"
    """The position is of a moment that has certainly not come yet."""
    POSITION_REPLAYED = "position_replayed"
    """A position report of this number, or a later one, was already judged."""
    POSITION_IMPLAUSIBLE = "position_implausible"
    """No vehicle can have come there from where it was last, or no vehicle can be there at all."""

    # Time --------------------------------------------------------------------------------------
    TIME_UNKNOWN = "time_unknown"
    """The wallet, or who pays it, does not know the time; offline nobody pays or is paid then."""
    OVERDUE = "overdue"
    """The wallet was not in touch for so long that, by its own rule, it must be before it goes on."""
    FIX_MISSING = "fix_missing"
    """The source of time gave no fix in time, or one too vague to be of use."""
    FIX_STALE = "fix_stale"
    """The fix was heard too long ago, or says the same moment while time went on."""
    FIX_BACKWARD = "fix_backward"
    """The fix lies before what the chip knows to be past, or before the fix believed last."""
    FIX_JUMPED = "fix_jumped"
    """The fix lies where the local clock cannot have come since the fix believed last."""
    FIX_UNCONFIRMED = "fix_unconfirmed"
    """Nothing is believed yet: a second fix has to agree with this one."""

    # State of the managers ---------------------------------------------------------------------
    UNKNOWN_IDENTIFIER = "unknown_identifier"
    """The circulation identifier is not in this manager's digital currency record."""
    HISTORY_REQUIRED = "history_required"
    """The record has not seen this piece's history yet: send the full piece."""
    DOUBLE_SPENT = "double_spent"
    """Another transfer has already consumed the same circulation identifier."""
    KEY_REUSED = "key_reused"
    """The idempotency key was used before for a different request."""
    UNKNOWN_WALLET = "unknown_wallet"
    """No wallet, chip or account of that name is held here."""
    UNKNOWN_NAME = "unknown_name"
    """No operator, station, proposal or satellite channel of that name is known here."""
    SECOND_PERSON_REQUIRED = "second_person_required"
    """What reaches many wallets is approved by another operator than who proposed it."""
    WALLET_FROZEN = "wallet_frozen"
    """The wallet is frozen."""
    NOT_AUTHORISED = "not_authorised"
    """No authorisation covers this payee, this provider, or one more use."""
    OVER_CEILING = "over_ceiling"
    """The fee is above what was authorised for one use."""
    OVER_PAYMENT_LIMIT = "over_payment_limit"
    """The amount is above what the wallet's tier may pay at once."""
    OVER_HOLDING_LIMIT = "over_holding_limit"
    """The wallet would hold more than its tier allows."""
    OVER_OFFLINE_LIMIT = "over_offline_limit"
    """The wallet would accept more offline than its tier allows."""
    INSUFFICIENT_BALANCE = "insufficient_balance"
    """The wallet does not hold that much digital currency."""
    INSUFFICIENT_FUNDS = "insufficient_funds"
    """The bank account does not hold that much."""
    QUOTA_EXCEEDED = "quota_exceeded"
    """The platform has not authorised enough for the institution to issue, or return, that much."""
    INSUFFICIENT_RESERVES = "insufficient_reserves"
    """The institution's reserves at the platform do not cover that issuance."""

    # State of the chip -------------------------------------------------------------------------
    PIN_REQUIRED = "pin_required"
    """The chip wants its PIN first."""
    PIN_WRONG = "pin_wrong"
    """The PIN is wrong; the try counter went down."""
    PIN_BLOCKED = "pin_blocked"
    """The try counter is used up; the PUK unblocks it."""
    SEQUENCE_GAP = "sequence_gap"
    """A currency issued before this one has not been loaded yet."""
    CHIP_FULL = "chip_full"
    """The chip has no room for another piece or session."""
    CHIP_REFUSED = "chip_refused"
    """The chip refused for a reason that only its status word tells."""

    # The way there -----------------------------------------------------------------------------
    BUSY = "busy"
    """Too much is waiting; try again later with the same key."""
    UNAVAILABLE = "unavailable"
    """The other party cannot be reached; nothing is decided, try again with the same key."""
    TIMED_OUT = "timed_out"
    """The other party did not answer in time; nothing is decided."""
    CANCELLED = "cancelled"
    """One side ended the session before value moved."""
    VEHICLE_LEFT = "vehicle_left"
    """The vehicle left the service entity it was matched to."""


SUCCESSES = frozenset({Outcome.ACCEPTED, Outcome.REPEATED})

UNDECIDED = frozenset({Outcome.BUSY, Outcome.UNAVAILABLE, Outcome.TIMED_OUT})
"""Outcomes after which the same request, with the same key, must be tried again."""


class Refusal(Exception):
    """Somebody asked for what cannot be given; `detail` says what was expected."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome = outcome
        self.detail = detail


class LocalProtocolError(Exception):
    """Our own code called a protocol out of turn: a defect on this side, never a peer's."""
