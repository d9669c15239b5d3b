"""Incoming payments: the payee's client brings a payment request, the payee gets second currency.

Check, store, present to the issuers, and answer with the currencies issued, a signed confirmation
for both clients, and the payer's change re-issued. Bringing the same payment again, by whichever
side and in whichever form, gives the same answer; a crash in between is finished at the next start.
"""

from collections.abc import Sequence

from feiqian.crypto.cbor import VERSION
from feiqian.institution import presented, wallets
from feiqian.institution.checking import check_cashable
from feiqian.institution.issuing import issued_for
from feiqian.institution.office import Office
from feiqian.institution.presented import DecidedTransfer, Decision, Item, Payment, Purpose
from feiqian.institution.presenting import Presenter
from feiqian.outcomes import Outcome, Refusal
from feiqian.ports import Transaction
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.items import CheckedItem, PaymentItem
from feiqian.wire.payment import CONFIRMATION, Confirmation, PaymentRequest, PaymentResult


async def pay(office: Office, presenter: Presenter, raw: bytes) -> bytes:
    """Take in a `PaymentRequest`, return a `PaymentResult`; both as message bytes.

    Raises `Refusal`: whatever is wrong with the request, unknown_wallet or wallet_frozen for the
    payee, what the issuers decided, or unavailable while one of them has not.
    """
    request = decode_message(raw, PaymentRequest)
    checked = check_items(office, request.items)
    payee, nonce = payee_and_nonce(checked)
    if nonce != request.nonce:
        raise Refusal(Outcome.WRONG_SESSION, "expected transfers bound to the request's session")
    name = presented.name_payment([each.payment.name for each in checked])
    to_present = await office.store.write(
        lambda tx: _receive(tx, name, payee, nonce, checked, office.now_ms())
    )
    await presenter.present(to_present)
    return await office.store.read(lambda tx: _result(tx, office, name, payee, nonce))


def check_items(office: Office, items: Sequence[PaymentItem]) -> list[CheckedItem]:
    """Check every item, and that none comes twice. `Refusal` by name."""
    now_ms = office.now_ms()
    checked = [check_cashable(office.trust, item, now_ms) for item in items]
    if len({each.payment.name for each in checked}) != len(checked):
        raise Refusal(Outcome.MALFORMED, "expected each transfer once")
    return checked


def payee_and_nonce(checked: Sequence[CheckedItem]) -> tuple[bytes, bytes]:
    """The one payee and session of all items. `Refusal` wrong_addressee, wrong_session."""
    payees = {each.payment.value.payee for each in checked}
    nonces = {each.payment.value.nonce for each in checked}
    if len(payees) != 1:
        raise Refusal(Outcome.WRONG_ADDRESSEE, "expected all transfers to pay one payee")
    if len(nonces) != 1:
        raise Refusal(Outcome.WRONG_SESSION, "expected all transfers of one session")
    return payees.pop(), nonces.pop()


def raise_first_refusal(items: Sequence[DecidedTransfer]) -> None:
    """Raise the `Refusal` of the first item that was not cashed, if there is one."""
    for item in items:
        if item.decision is not Decision.CASHED:
            raise Refusal(item.outcome, item.detail)


def renewals_of(items: Sequence[DecidedTransfer]) -> tuple[bytes, ...]:
    """The payer's change, re-issued by the issuers."""
    return tuple(item.renewal for item in items if item.renewal is not None)


def _receive(
    tx: Transaction,
    name: bytes,
    payee: bytes,
    nonce: bytes,
    checked: Sequence[CheckedItem],
    now_ms: int,
) -> tuple[Item, ...]:
    wallet = wallets.find_by_chip(tx, payee)
    wallets.check_active(wallet)
    payment = Payment(name, Purpose.PAYMENT, wallet.number, nonce)
    items = [presented.new_item(each, wallet.certificate) for each in checked]
    return presented.receive(tx, payment, items, now_ms)


def _result(tx: Transaction, office: Office, name: bytes, payee: bytes, nonce: bytes) -> bytes:
    items = presented.decided(tx, name)
    raise_first_refusal(items)
    completed = presented.completed(tx, name)
    if completed is None:
        raise Refusal(Outcome.UNAVAILABLE, "expected every item to be decided")
    confirmed_at_ms, amount_minor = completed
    confirmation = Confirmation(
        version=VERSION,
        manager=office.code,
        nonce=nonce,
        payee=payee,
        amount_minor=amount_minor,
        transfers=tuple(item.transfer for item in items),
        confirmed_at_ms=confirmed_at_ms,
    )
    signed = CONFIRMATION.sign(office.suite, office.key, confirmation)
    return encode_message(PaymentResult(signed, issued_for(tx, name), renewals_of(items)))
