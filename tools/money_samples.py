"""Samples of what money is and how it is paid: certificates, currency, transfers, a payment, its cashing."""

from feiqian.crypto.certificates import CERTIFICATE, PLATFORM, Certificate, KeyRole
from feiqian.crypto.trust import DIRECTORY, Directory, DirectoryEntry
from feiqian.money.currency import CURRENCY, Currency
from feiqian.money.transfer import TRANSFER, Acceptor, Transfer
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire import (
    cashing,
    items,
    payment,
    relay,
)
from feiqian.wire.satellite import Header, MessageKind
from tools.samples import NONCE, NOW_MS, REQUEST_ID, YEAR_MS, Samples, V


def add_money_samples(to: Samples) -> None:
    """In the order money travels."""
    _trust(to)
    _money(to)
    _payment(to)
    _relay(to)
    _cashing(to)


def _trust(to: Samples) -> None:
    certified = (
        ("root_certificate", "platform", "platform", KeyRole.PLATFORM, PLATFORM, PLATFORM, 0),
        ("certificate_a", "platform", "institution_a", KeyRole.INSTITUTION, "A", PLATFORM, 0),
        ("certificate_b", "platform", "institution_b", KeyRole.INSTITUTION, "B", PLATFORM, 0),
        ("payer_certificate", "institution_a", "payer", KeyRole.CHIP, "A-7K2Q9D4M", "A", 2),
        ("payee_certificate", "institution_b", "payee", KeyRole.CHIP, "B-3F8T1X6P", "B", 3),
    )
    for name, signer, holder, role, subject, issuer, tier in certified:
        public = to.keys[holder].public
        validity = NOW_MS - YEAR_MS, NOW_MS + 5 * YEAR_MS
        value = Certificate(V, role, subject, public, issuer, tier, *validity)
        to.sign(name, CERTIFICATE, signer, value)
    entries = tuple(
        DirectoryEntry(code, to.raw(f"certificate_{code.lower()}"), f"https://{code}.example")
        for code in "AB"
    )
    to.sign("directory", DIRECTORY, "platform", Directory(V, 7, NOW_MS, entries))


def _money(to: Samples) -> None:
    payer, payee = to.fingerprint("payer"), to.fingerprint("payee")
    serial = bytes.fromhex("01a0c4f3b4007000800000000000a5f0")
    moment = Moment(NOW_MS + 1_000, 250)
    to.sign(
        "currency",
        CURRENCY,
        "institution_a",
        Currency(V, "A", serial, 100_00, payer, NOW_MS, 1, None),
    )
    circulating = to.currency("currency").identifier
    to.sign(
        "transfer_whole",
        TRANSFER,
        "payer",
        Transfer(V, circulating, payee, 100_00, 0, 1, moment, NONCE, Acceptor.CHIP),
    )
    to.sign(
        "transfer_with_change",
        TRANSFER,
        "payer",
        Transfer(V, circulating, payee, 12_50, 87_50, 2, moment, NONCE, Acceptor.MANAGER),
    )
    change = to.transfer("transfer_with_change").change_output
    to.sign(
        "renewal",
        CURRENCY,
        "institution_a",
        Currency(V, "A", serial, 87_50, payer, NOW_MS + 2_000, 0, change),
    )
    second = bytes.fromhex("01a0c4f3b4007000800000000000b17e")
    to.sign(
        "second_currency",
        CURRENCY,
        "institution_b",
        Currency(V, "B", second, 12_50, payee, NOW_MS + 2_000, 3, None),
    )


def item_of(to: Samples, *, full: bool) -> items.PaymentItem:
    """The first payment, with the currency or by identifier."""
    return items.PaymentItem(
        issuer="A",
        currency=to.raw("currency") if full else None,
        transfers=(to.raw("transfer_with_change"),),
        certificates=(to.raw("payer_certificate"),),
    )


def _payment(to: Samples) -> None:
    moment, expires_at_ms = Moment(NOW_MS, 250), NOW_MS + 60_000
    for name, amount_minor in (("offer", 12_50), ("offer_open_amount", None)):
        offer = payment.Offer(
            V, NONCE, amount_minor, 50_000_00, moment, expires_at_ms, Acceptor.MANAGER
        )
        to.sign(name, payment.OFFER, "payee", offer)
    confirmation = payment.Confirmation(
        version=V,
        manager="B",
        nonce=NONCE,
        payee=to.fingerprint("payee"),
        amount_minor=12_50,
        transfers=(to.transfer("transfer_with_change").name,),
        confirmed_at_ms=NOW_MS + 2_000,
    )
    to.sign("confirmation", payment.CONFIRMATION, "institution_b", confirmation)

    confirmed, renewals = to.raw("confirmation"), (to.raw("renewal"),)
    for name, full in (("payment_request_full", True), ("payment_request_identifier", False)):
        to.message(name, payment.PaymentRequest(NONCE, (item_of(to, full=full),)))
    to.message("offer_message", payment.OfferMessage(to.raw("offer"), to.raw("payee_certificate")))
    to.message("payment_confirmed", payment.PaymentConfirmed(confirmed, renewals))
    to.message("refused", payment.Refused(Outcome.AMOUNT_MISMATCH, "expected 12.50"))
    second = (to.raw("second_currency"),)
    to.message("payment_result", payment.PaymentResult(confirmed, second, renewals))
    _offline_payment(to)


def _offline_payment(to: Samples) -> None:
    """The payee's chip takes the whole currency in, and signs for it."""
    offer = payment.Offer(
        V, NONCE, 100_00, 5_000_00, Moment(NOW_MS, 250), NOW_MS + 60_000, Acceptor.CHIP
    )
    to.sign("offer_offline", payment.OFFER, "payee", offer)
    names = (to.transfer("transfer_whole").name,)
    to.sign("receipt", payment.RECEIPT, "payee", payment.Receipt(V, NONCE, 100_00, names))
    to.message("payment_receipt", payment.PaymentReceipt(to.raw("receipt")))
    to.message("mailbox_answer", payment.MailboxAnswer(None))
    to.message("mailbox_answer_receipt", payment.MailboxAnswer(to.raw("receipt")))


def _relay(to: Samples) -> None:
    """A neighbour carries a sealed report; nothing has come down yet, then an answer has."""
    up = Header(MessageKind.REPORT, 7, 1).encode() + bytes(120)
    down = Header(MessageKind.ANSWER, 7, 1).encode() + bytes(96)
    to.message("relay_question", relay.RelayQuestion(7, (up,)))
    to.message("relay_answer", relay.RelayAnswer(Outcome.ACCEPTED, (down,)))


def _cashing(to: Samples) -> None:
    item = cashing.CashItem(item_of(to, full=True), to.raw("payee_certificate"))
    request = cashing.CashRequest(V, REQUEST_ID, "B", "A", NOW_MS + 1_500, (item,))
    to.sign("cash_request", cashing.CASH_REQUEST, "institution_b", request)
    statement = cashing.ObligationStatement(V, "A", "B", 12_50, NOW_MS + 2_000)
    to.sign("obligation_statement", cashing.OBLIGATION_STATEMENT, "institution_a", statement)
    paid = to.transfer("transfer_with_change")
    results = (
        cashing.CashResult(paid.name, Outcome.ACCEPTED, "", to.raw("renewal"), None),
        cashing.CashResult(
            to.transfer("transfer_whole").name,
            Outcome.DOUBLE_SPENT,
            "another transfer came first",
            None,
            paid.raw,
        ),
    )
    response = cashing.CashResponse(
        V, REQUEST_ID, "A", "B", results, to.raw("obligation_statement")
    )
    to.sign("cash_response", cashing.CASH_RESPONSE, "institution_a", response)
