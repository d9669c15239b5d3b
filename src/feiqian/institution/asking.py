"""Signed requests to the platform, and those that are kept until they are decided.

A request that changes something is stored under the operator's key before it is sent, so that asking
again, also after a crash, repeats it and never does it twice. It is forgotten when the platform has
signed that it did nothing: then the key is as unused as before. What a return is to give back leaves
the headroom with the request, in the same transaction, so that it cannot be issued meanwhile.
"""

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import PLATFORM
from feiqian.institution import books
from feiqian.institution.office import Office
from feiqian.outcomes import SUCCESSES, Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.platform_requests import IssueBody
from feiqian.wire.request_envelope import (
    ANSWER,
    INSTITUTION_REQUEST,
    MAX_BODY_BYTES,
    REQUESTS_PATH,
    Action,
    Request,
)

REQUEST_ID_BYTES = 16


class SignedRefusal(Refusal):
    """The platform has decided, and signed, that nothing was done."""


async def ask(office: Office, action: Action, body: bytes) -> bytes:
    """The result of a request that is not kept. `Refusal` by name."""
    return await _exchange(office, _request(office, action, body))


async def ask_once(office: Office, key: str, action: Action, body: bytes) -> bytes:
    """The result of a request that is done at most once for each `key`.

    Raises `Refusal`: quota_exceeded when headroom does not cover a return; what the platform
    refuses; unavailable and timed_out while nothing is decided.
    """
    name = f"{action}:{key}"
    fresh = _request(office, action, body)
    raw = await office.store.write(lambda tx: _remember(tx, office, name, fresh))
    try:
        return await _exchange_again(office, name, raw, fresh)
    except SignedRefusal:
        await office.store.write(lambda tx: _forget(tx, office, name))
        raise


async def _exchange_again(office: Office, name: str, raw: bytes, fresh: bytes) -> bytes:
    try:
        return await _exchange(office, raw)
    except Refusal as refusal:
        if refusal.outcome is not Outcome.EXPIRED:
            raise
    # Expired means that the platform never did it, so a new request may take its place.
    await office.store.write(lambda tx: _replace(tx, name, fresh))
    return await _exchange(office, fresh)


def _request(office: Office, action: Action, body: bytes) -> bytes:
    request = Request(
        version=VERSION,
        request_id=office.entropy(REQUEST_ID_BYTES),
        sender=office.code,
        addressee=PLATFORM,
        sent_at_ms=office.now_ms(),
        action=action,
        body=body,
    )
    return INSTITUTION_REQUEST.sign(office.suite, office.key, request)


async def _exchange(office: Office, raw: bytes) -> bytes:
    answered = await office.courier.post(office.central_url + REQUESTS_PATH, raw)
    answer = ANSWER.read(office.suite, answered, office.trust.root.value.public_key)
    if answer.request_id != INSTITUTION_REQUEST.peek(office.suite, raw).request_id:
        raise Refusal(Outcome.WRONG_SESSION, "expected the answer to our request")
    if answer.outcome not in SUCCESSES:
        raise SignedRefusal(answer.outcome, answer.detail)
    return answer.result


def _remember(tx: Transaction, office: Office, name: str, raw: bytes) -> bytes:
    """Keep a request, unless one is kept under this name; the one that is kept."""
    fresh = tx.execute(
        "INSERT INTO sent_requests (key, raw) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
        (name, raw),
    )
    if fresh:
        amount_minor = _returned_minor(office, raw)
        books.post(tx, books.HEADROOM, books.RETURNING, amount_minor, name, office.now_ms())
    return bytes(tx.query("SELECT raw FROM sent_requests WHERE key = ?", (name,))[0][0])


def _replace(tx: Transaction, name: str, raw: bytes) -> None:
    tx.execute("UPDATE sent_requests SET raw = ? WHERE key = ?", (raw, name))


def _forget(tx: Transaction, office: Office, name: str) -> None:
    """Forget a request that was refused, once, and put back what it had set aside."""
    rows = tx.query("DELETE FROM sent_requests WHERE key = ? RETURNING raw", (name,))
    for (raw,) in rows:
        amount_minor = _returned_minor(office, raw)
        books.post(tx, books.RETURNING, books.HEADROOM, amount_minor, name, office.now_ms())


def _returned_minor(office: Office, raw: bytes) -> int:
    request = INSTITUTION_REQUEST.peek(office.suite, raw)
    if request.action is not Action.RETURN:
        return 0
    return cbor.decode(request.body, IssueBody, limit=MAX_BODY_BYTES).amount_minor
