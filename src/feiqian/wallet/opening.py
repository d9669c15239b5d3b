"""Opening a wallet: the chip makes its key, the institution certifies it, the chip takes that in.

Each step can be repeated: the chip tells how far it is, the signed opening request is stored before
it is sent, and the institution gives the same certificate to the same key. Opening an open wallet
answers with what it is; another institution or tier for it is refused.
"""

from feiqian.chip.commands import LifeCycle
from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import SignedCertificate
from feiqian.money.limits import limits_of
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.protocol.answers import read_answer
from feiqian.wallet.holder import KEY_BYTES, Holder, Surroundings
from feiqian.wire.request_envelope import NEW_WALLET, REQUESTS_PATH, WALLET_REQUEST, Action, Request
from feiqian.wire.wallet_requests import OpenBody, OpenResult

_OPENING, _CERTIFICATE, _ACCOUNT, _DIRECTORY = "opening", "certificate", "account", "directory"


async def open_wallet(
    around: Surroundings, institution: str, tier: int, pin: bytes, puk: bytes
) -> Holder:
    """Open a wallet at `institution`. `puk` counts only when the chip is blank.

    Raises `Refusal`: key_reused for a wallet of another institution or tier, what the chip or the
    institution refuses, unavailable (then open again).
    """
    limits_of(tier)
    known = await reopen(around)
    if known is None:
        _prepare_chip(around, pin, puk)
        await _be_certified(around, institution, tier)
        known = await reopen(around)
    if known is None or (known.institution, known.certificate.value.tier) != (institution, tier):
        raise Refusal(
            Outcome.KEY_REUSED, "this wallet is open already, elsewhere or in another tier"
        )
    return known


async def reopen(around: Surroundings) -> Holder | None:
    """The wallet as it was opened; None when it was not."""
    raw = await around.store.read(lambda tx: setting(tx, _CERTIFICATE))
    if not raw:
        return None
    certificate = around.trust.verify_chip(raw, around.now_ms())
    account = await around.store.read(lambda tx: setting(tx, _ACCOUNT))
    _personalise(around, certificate)
    return Holder(around, certificate, account.decode())


def _prepare_chip(around: Surroundings, pin: bytes, puk: bytes) -> None:
    if around.chip.status().life_cycle is LifeCycle.BLANK:
        around.chip.initialise(around.trust.root.value.public_key, pin, puk)
    around.chip.verify_pin(pin)


async def _be_certified(around: Surroundings, institution: str, tier: int) -> None:
    signed = await around.store.read(lambda tx: setting(tx, _OPENING))
    fresh = not signed or _asks_else(around, signed, institution, tier)
    if fresh:
        signed = await _store_request(around, institution, tier)
    try:
        await _ask_certificate(around, institution, signed)
    except Refusal as refusal:
        if fresh or refusal.outcome is not Outcome.EXPIRED:
            raise
        await _ask_certificate(around, institution, await _store_request(around, institution, tier))


def _asks_else(around: Surroundings, signed: bytes, institution: str, tier: int) -> bool:
    request = WALLET_REQUEST.peek(around.trust.suite, signed)
    body = cbor.decode(request.body, OpenBody, limit=len(request.body))
    return (request.addressee, body.tier) != (institution, tier)


async def _store_request(around: Surroundings, institution: str, tier: int) -> bytes:
    around.trust.institution(institution)
    body = OpenBody(VERSION, around.chip.status().public_key, tier)
    request = Request(
        version=VERSION,
        request_id=around.entropy(KEY_BYTES),
        sender=NEW_WALLET,
        addressee=institution,
        sent_at_ms=around.now_ms(),
        action=Action.OPEN,
        body=cbor.encode(body),
    )
    signed = around.chip.sign_request(cbor.encode(request))
    await around.store.write(lambda tx: put_setting(tx, _OPENING, signed))
    return signed


async def _ask_certificate(around: Surroundings, institution: str, signed: bytes) -> None:
    url = around.trust.url(institution) + REQUESTS_PATH
    request_id = WALLET_REQUEST.peek(around.trust.suite, signed).request_id
    answered = await around.courier.post(url, signed)
    result = read_answer(around.trust, institution, answered, request_id, OpenResult)
    certificate = around.trust.verify_chip(result.chip_certificate, around.now_ms())
    if certificate.fingerprint != around.chip.status().fingerprint:
        raise Refusal(Outcome.BAD_CERTIFICATE, "expected a certificate for this chip's key")
    await around.store.write(lambda tx: _store_identity(tx, result))


def _store_identity(tx: Transaction, result: OpenResult) -> None:
    put_setting(tx, _CERTIFICATE, result.chip_certificate)
    put_setting(tx, _ACCOUNT, result.account.encode())


def _personalise(around: Surroundings, certificate: SignedCertificate) -> None:
    if around.chip.status().life_cycle is LifeCycle.INITIALISED:
        issuer = around.trust.institution(certificate.value.issuer)
        around.chip.personalise(issuer.raw, certificate.raw)


async def recall_directory(around: Surroundings) -> None:
    """Take in the directory that was stored last."""
    raw = await around.store.read(lambda tx: setting(tx, _DIRECTORY))
    if raw:
        around.trust.learn_directory(raw)


async def learn_directory(around: Surroundings, raw: bytes) -> bool:
    """Take in and store a newer directory; whether it was newer. `Refusal` when it is not sound."""
    if not around.trust.learn_directory(raw):
        return False
    await around.store.write(lambda tx: put_setting(tx, _DIRECTORY, raw))
    return True


def setting(tx: Transaction, name: str) -> bytes:
    """A stored setting; empty when there is none."""
    rows = tx.query("SELECT value FROM settings WHERE name = ?", (name,))
    return bytes(rows[0][0]) if rows else b""


def put_setting(tx: Transaction, name: str, value: bytes) -> None:
    """Store a setting."""
    tx.execute(
        "INSERT INTO settings (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
