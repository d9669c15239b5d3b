"""Which HTTP status goes with which outcome; the outcome itself is in the body."""

from feiqian.outcomes import Outcome

BAD_REQUEST = 400
STATUS: dict[Outcome, int] = {
    Outcome.TOO_LARGE: 413,
    Outcome.UNKNOWN_ISSUER: 403,
    Outcome.BAD_CERTIFICATE: 403,
    Outcome.CERTIFICATE_EXPIRED: 403,
    Outcome.WRONG_ROLE: 403,
    Outcome.BAD_SIGNATURE: 403,
    Outcome.BAD_SEAL: 403,
    Outcome.WRONG_ADDRESSEE: 403,
    Outcome.WRONG_OWNER: 403,
    Outcome.WALLET_FROZEN: 403,
    Outcome.UNKNOWN_IDENTIFIER: 404,
    Outcome.UNKNOWN_WALLET: 404,
    Outcome.UNKNOWN_NAME: 404,
    Outcome.SECOND_PERSON_REQUIRED: 403,
    Outcome.HISTORY_REQUIRED: 409,
    Outcome.LIST_MISMATCH: 409,
    Outcome.DOUBLE_SPENT: 409,
    Outcome.KEY_REUSED: 409,
    Outcome.OVER_PAYMENT_LIMIT: 409,
    Outcome.OVER_HOLDING_LIMIT: 409,
    Outcome.OVER_OFFLINE_LIMIT: 409,
    Outcome.INSUFFICIENT_BALANCE: 409,
    Outcome.INSUFFICIENT_FUNDS: 409,
    Outcome.QUOTA_EXCEEDED: 409,
    Outcome.INSUFFICIENT_RESERVES: 409,
    Outcome.BUSY: 503,
    Outcome.UNAVAILABLE: 502,
    Outcome.TIMED_OUT: 504,
}


def status_of(outcome: Outcome) -> int:
    """The HTTP status; 400 for every outcome that is judged from the message alone."""
    return STATUS.get(outcome, BAD_REQUEST)
