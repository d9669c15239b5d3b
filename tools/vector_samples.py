"""One sample of every structure, from fixed keys and fixed values, in the order money travels.

Nothing here is drawn or read from a clock, and signatures are deterministic, so the samples of a
suite are the same bytes wherever and whenever they are made.
"""

from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from feiqian.crypto import cbor
from feiqian.crypto.certificates import CERTIFICATE, PLATFORM, Certificate, KeyRole
from feiqian.crypto.compact import shorten
from feiqian.crypto.signed import SignedKind
from feiqian.crypto.suites import PrivateKey, Suite
from feiqian.crypto.trust import DIRECTORY, Directory, DirectoryEntry
from feiqian.money.compact_set import build_compact, encode_compact
from feiqian.money.currency import CURRENCY, Currency, SignedCurrency, parse_currency
from feiqian.money.double_spending import Changes, Offender, empty_list, pack_entry
from feiqian.money.transfer import TRANSFER, Acceptor, SignedTransfer, Transfer, parse_transfer
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire import (
    cashing,
    channels,
    control,
    control_delivery,
    evidence,
    items,
    key_information,
    payment,
    platform_requests,
    relay,
    request_envelope,
    risk,
    satellite,
    stations,
    synchronisation,
    time_statement,
    verification,
    wallet_requests,
)
from feiqian.wire import double_spending as listing
from feiqian.wire.envelope import encode_message
from feiqian.wire.request_envelope import Action
from feiqian.wire.satellite import Header, MessageKind
from tools.chip_samples import add_chip_samples
from tools.service_samples import add_service_samples

V = cbor.VERSION
NOW_MS = 1_790_000_000_000
YEAR_MS = 365 * 24 * 3600 * 1000
NONCE = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
REQUEST_ID = bytes.fromhex("01a0c4f3b4007000800000000000002a")
OUTPUT_DOMAINS = ("payee_output", "change_output")

SIGNERS = ("platform", "institution_a", "institution_b", "payer", "payee")
"""The secret of the n-th is the byte n, 32 times."""


@dataclass(frozen=True, slots=True)
class SignedSample:
    """A signed object, who signed it, and the identifiers it has."""

    name: str
    kind: SignedKind[Any]
    signer: str
    value: Struct
    raw: bytes
    identifiers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class PlainSample:
    """A structure that nobody signs: a message in its envelope, or a body."""

    name: str
    value: Struct
    encoded: bytes


@dataclass(slots=True)
class Samples:
    """All samples of one suite."""

    suite: Suite
    keys: dict[str, PrivateKey]
    signed: list[SignedSample] = field(default_factory=list)
    messages: list[PlainSample] = field(default_factory=list)
    bodies: list[PlainSample] = field(default_factory=list)

    def sign(self, name: str, kind: SignedKind[Any], signer: str, value: Struct) -> bytes:
        """Sign `value`, keep it under `name`, return the signed object."""
        raw = kind.sign(self.suite, self.keys[signer], value)
        identifiers = _identifiers(self.suite, kind, raw)
        self.signed.append(SignedSample(name, kind, signer, value, raw, identifiers))
        return raw

    def message(self, name: str, value: Struct) -> None:
        """Keep a message under `name`."""
        self.messages.append(PlainSample(name, value, encode_message(value)))

    def body(self, name: str, value: Struct) -> bytes:
        """Keep a body or result under `name`, return its encoding."""
        encoded = cbor.encode(value)
        self.bodies.append(PlainSample(name, value, encoded))
        return encoded

    def fingerprint(self, signer: str) -> bytes:
        """The fingerprint of a signer's key."""
        return self.suite.fingerprint(self.keys[signer].public)

    def raw(self, name: str) -> bytes:
        """The signed object kept under `name`."""
        return next(sample.raw for sample in self.signed if sample.name == name)


def make_samples(suite: Suite) -> Samples:
    """Every structure once, some in each of their forms."""
    keys = {name: suite.load(bytes([n]) * 32) for n, name in enumerate(SIGNERS, start=1)}
    samples = Samples(suite, keys)
    _trust(samples)
    _money(samples)
    _payment(samples)
    _relay(samples)
    _cashing(samples)
    _wallet_requests(samples)
    _platform_requests(samples)
    _satellite(samples)
    _double_spending(samples)
    _verification(samples)
    add_chip_samples(samples)
    add_service_samples(samples)
    return samples


def _identifiers(suite: Suite, kind: SignedKind[Any], raw: bytes) -> dict[str, bytes]:
    if kind is CURRENCY:
        return {"circulation": parse_currency(suite, raw).identifier}
    if kind is not TRANSFER:
        return {}
    transfer = parse_transfer(suite, raw)
    outputs = zip(OUTPUT_DOMAINS, (transfer.payee_output, transfer.change_output), strict=True)
    return {"transfer": transfer.name} | {name: id_ for name, id_ in outputs if id_}


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
    circulating = _currency(to, "currency").identifier
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
    change = _transfer(to, "transfer_with_change").change_output
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


def _currency(to: Samples, name: str) -> SignedCurrency:
    return parse_currency(to.suite, to.raw(name))


def _transfer(to: Samples, name: str) -> SignedTransfer:
    return parse_transfer(to.suite, to.raw(name))


def _item(to: Samples, *, full: bool) -> items.PaymentItem:
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
        transfers=(_transfer(to, "transfer_with_change").name,),
        confirmed_at_ms=NOW_MS + 2_000,
    )
    to.sign("confirmation", payment.CONFIRMATION, "institution_b", confirmation)

    confirmed, renewals = to.raw("confirmation"), (to.raw("renewal"),)
    for name, full in (("payment_request_full", True), ("payment_request_identifier", False)):
        to.message(name, payment.PaymentRequest(NONCE, (_item(to, full=full),)))
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
    names = (_transfer(to, "transfer_whole").name,)
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


def _satellite(to: Samples) -> None:
    key = to.keys["payee"].public
    sealing = channels.SealingKey(V, key, NOW_MS)
    to.sign("sealing_key", channels.SEALING_KEY, "platform", sealing)
    wish = channels.RegisterChannelBody(V, key, "0123456")
    route = ("payer", "A-7K2Q9D4M", "A")
    _ask(to, request_envelope.WALLET_REQUEST, route, Action.CHANNEL, wish)
    _answer(to, "platform", Action.CHANNEL, channels.ChannelResult(V, 7, to.raw("sealing_key")))
    passed_on = channels.PassOnChannelBody(
        V, to.raw("channel_request"), to.raw("payer_certificate")
    )
    to.body("pass_on_channel_body", passed_on)
    freeze = control.make_order(
        9,
        control.wallet_scope("A-7K2Q9D4M"),
        control.OrderKind.FREEZE,
        (NOW_MS // 1_000, NOW_MS // 1_000 + 3_600),
        control.FreezeParameter(V, True),
    )
    order = shorten(to.suite, control.CONTROL_ORDER.sign(to.suite, to.keys["platform"], freeze))
    obeyed = control.ControlReceipt(V, 9, Outcome.ACCEPTED, 4, True)
    receipt = shorten(to.suite, control.CONTROL_RECEIPT.sign(to.suite, to.keys["payer"], obeyed))
    unjudged = control_delivery.UnjudgedOrder(8, Outcome.PIN_BLOCKED)
    news = control_delivery.OrderNews(V, (receipt,), (7,), (unjudged,))
    _ask(to, request_envelope.WALLET_REQUEST, route, Action.ORDERS, news)
    _answer(to, "platform", Action.ORDERS, control_delivery.OpenOrders(V, (order,)))
    to.body("wallet_news", control_delivery.WalletNews(V, to.raw("payer_certificate"), news))
    statement = to.raw("synchronisation")
    found = (risk.Finding.LIST_STALE,)
    compact = shorten(to.suite, statement)
    to.body("satellite_answer", satellite.SatelliteAnswer(V, 1, found, compact, (order,)))
    to.body("broadcast", satellite.Broadcast(V, (order,), b""))
    told = key_information.KeyInformation(
        V, 1, 4, 12_50, 5_00, 0, bytes(6), 3, NOW_MS // 1_000, 1, 2, 9, 1
    )
    report = key_information.KEY_INFORMATION.sign(to.suite, to.keys["payer"], told)
    route = ("platform", PLATFORM, "A")
    reported = risk.ReportedBody(V, "A-7K2Q9D4M", report)
    _ask(to, risk.PLATFORM_REQUEST, route, Action.KEY_INFORMATION, reported)
    judged = risk.ReportedResult(V, found, statement)
    _answer(to, "institution_a", Action.KEY_INFORMATION, judged)
    heard = (stations.Heard("0123456", b"noise"),)
    exchange = stations.StationExchange(V, "North", NOW_MS, NOW_MS, heard, (3,))
    to.sign("station_exchange", stations.STATION_EXCHANGE, "payee", exchange)
    task = stations.AirTask(4, "0123456", bytes(32), b"message")
    on_air = stations.StationOrders(V, "North", NOW_MS, (task,))
    to.sign("station_orders", stations.STATION_ORDERS, "platform", on_air)


def _cashing(to: Samples) -> None:
    item = cashing.CashItem(_item(to, full=True), to.raw("payee_certificate"))
    request = cashing.CashRequest(V, REQUEST_ID, "B", "A", NOW_MS + 1_500, (item,))
    to.sign("cash_request", cashing.CASH_REQUEST, "institution_b", request)
    statement = cashing.ObligationStatement(V, "A", "B", 12_50, NOW_MS + 2_000)
    to.sign("obligation_statement", cashing.OBLIGATION_STATEMENT, "institution_a", statement)
    paid = _transfer(to, "transfer_with_change")
    results = (
        cashing.CashResult(paid.name, Outcome.ACCEPTED, "", to.raw("renewal"), None),
        cashing.CashResult(
            _transfer(to, "transfer_whole").name,
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


def _wallet_requests(to: Samples) -> None:
    items, renewals = (_item(to, full=True),), (to.raw("renewal"),)
    paid = _transfer(to, "transfer_with_change").name
    standing = wallet_requests.TransferStanding(paid, Outcome.ACCEPTED, "B", to.raw("renewal"))
    in_touch = synchronisation.Synchronisation(V, "A-7K2Q9D4M", Moment(NOW_MS, 250), 3)
    to.sign("synchronisation", synchronisation.SYNCHRONISATION, "institution_a", in_touch)
    told = time_statement.TimeStatement(V, NONCE, Moment(NOW_MS, 250))
    to.sign("time_statement", time_statement.TIME_STATEMENT, "institution_a", told)
    letter = encode_message(payment.PaymentRequest(NONCE, items))
    bodies = {
        Action.OPEN: wallet_requests.OpenBody(V, to.keys["payer"].public, 2),
        Action.WITHDRAW: wallet_requests.WithdrawBody(V, 100_00),
        Action.DEPOSIT: wallet_requests.RedeemBody(V, items),
        Action.CONVERT: wallet_requests.RedeemBody(V, items),
        Action.ISSUED: wallet_requests.IssuedBody(V, 2),
        Action.TRANSFERS: wallet_requests.TransfersBody(V, (paid,)),
        Action.ACCOUNT: request_envelope.EmptyBody(V),
        Action.SYNCHRONISE: request_envelope.EmptyBody(V),
        Action.MAILBOX: wallet_requests.MailboxBody(V, (to.raw("receipt"),), (paid,)),
    }
    results = {
        Action.OPEN: wallet_requests.OpenResult(V, to.raw("payer_certificate"), "A-0001"),
        Action.WITHDRAW: wallet_requests.IssuedResult(V, (to.raw("currency"),)),
        Action.DEPOSIT: wallet_requests.DepositResult(V, 12_50, 912_50, renewals),
        Action.CONVERT: wallet_requests.ConvertResult(V, to.raw("second_currency"), renewals),
        Action.ISSUED: wallet_requests.IssuedResult(V, ()),
        Action.TRANSFERS: wallet_requests.TransfersResult(V, (standing,)),
        Action.ACCOUNT: wallet_requests.AccountResult(V, "A-0001", 900_00, 1),
        Action.SYNCHRONISE: wallet_requests.SynchroniseResult(V, to.raw("synchronisation")),
        Action.MAILBOX: wallet_requests.MailboxResult(V, (letter,)),
    }
    for action, body in bodies.items():
        sender = request_envelope.NEW_WALLET if action is Action.OPEN else "A-7K2Q9D4M"
        _ask(to, request_envelope.WALLET_REQUEST, ("payer", sender, "A"), action, body)
        _answer(to, "institution_a", action, results[action])


def _platform_requests(to: Samples) -> None:
    for action, sign in ((Action.ISSUE, 1), (Action.RETURN, -1)):
        order = platform_requests.IssuanceOrder(V, 1, "A", sign * 500_00, 500_00, NOW_MS)
        name = f"{action}_order"
        to.sign(name, platform_requests.ISSUANCE_ORDER, "platform", order)
        _ask_platform(to, action, platform_requests.IssueBody(V, 500_00))
        _answer(to, "platform", action, platform_requests.IssueResult(V, to.raw(name)))
    claim = platform_requests.SettledClaim("B", Outcome.ACCEPTED, "", 12_50, 12_50)
    statements = (to.raw("obligation_statement"),)
    _ask_platform(to, Action.SETTLE, platform_requests.SettleBody(V, statements))
    _answer(to, "platform", Action.SETTLE, platform_requests.SettleResult(V, (claim,)))
    _ask_platform(to, Action.POSITION, request_envelope.EmptyBody(V))
    settled = (platform_requests.SettledPair("B", "A", 12_50),)
    position = platform_requests.PositionResult(V, 1_000_00, 500_00, 12_50, 0, settled)
    _answer(to, "platform", Action.POSITION, position)


def _evidence(to: Samples) -> evidence.Evidence:
    """The whole currency paid to one, and a part of it to another."""
    names = ("transfer_whole", "transfer_with_change")
    pair = sorted((_transfer(to, name) for name in names), key=lambda each: each.name)
    return evidence.Evidence(
        V,
        pair[0].value.consumed,
        to.fingerprint("platform"),
        to.raw("certificate_a"),
        to.raw("payer_certificate"),
        pair[0].raw,
        pair[1].raw,
    )


def _double_spending(to: Samples) -> None:
    """The double spend is reported, and version 2 of the list has it."""
    accused, recorded = _evidence(to), _transfer(to, "transfer_with_change").name
    encoded = to.body("evidence", accused)
    _ask_platform(to, Action.REPORT, platform_requests.ReportBody(V, encoded, recorded))
    _answer(to, "platform", Action.REPORT, platform_requests.ReportResult(V, 2))

    offender = Offender(to.fingerprint("payer"), "A-7K2Q9D4M", NOW_MS)
    entry = pack_entry(accused.consumed, recorded)
    changes = Changes(entry, b"", (offender,), ())
    listed = empty_list(to.suite).changed(changes)
    state = listing.state_of(listed, 2, NOW_MS + 500)
    compact = build_compact(listed.keys())
    to.sign("list_version", listing.LIST_VERSION, "platform", listing.ListVersion(V, state))
    to.sign("list_delta", listing.LIST_DELTA, "platform", listing.ListDelta(V, state, changes))
    chunk = listing.ListChunk(V, state, 0, 1, entry, (offender,))
    to.sign("list_chunk", listing.LIST_CHUNK, "platform", chunk)
    part = listing.CompactPart(V, state, compact.count, 0, 1, encode_compact(compact))
    to.sign("list_compact", listing.COMPACT_PART, "platform", part)


def _verification(to: Samples) -> None:
    """What the payee's chip took in offline is verified, and is the second of two."""
    item = items.PaymentItem(
        "A", to.raw("currency"), (to.raw("transfer_whole"),), (to.raw("payer_certificate"),)
    )
    whole = _transfer(to, "transfer_whole")
    pair = [whole.name, _transfer(to, "transfer_with_change").name]
    to.message("verification_request", verification.VerificationRequest((item,)))
    asked = verification.VerifyRequest(V, REQUEST_ID, "B", "A", NOW_MS + 1_500, (item,))
    to.sign("verify_request", verification.VERIFY_REQUEST, "institution_b", asked)
    verdict = verification.Verdict(
        version=V,
        decided_by="A",
        transfer=whole.name,
        outcome=Outcome.DOUBLE_SPENT,
        detail="another transfer has already consumed this state",
        evidence=evidence.name_evidence(to.suite, whole.value.consumed, pair),
        decided_at_ms=NOW_MS + 2_000,
    )
    to.sign("verdict", verification.VERDICT, "institution_a", verdict)
    result = verification.VerifiedItem(to.raw("verdict"), None)
    to.message("verification_result", verification.VerificationResult((result,)))


def _ask_platform(to: Samples, action: request_envelope.Action, body: Struct) -> None:
    route = ("institution_a", "A", PLATFORM)
    _ask(to, request_envelope.INSTITUTION_REQUEST, route, action, body)


def _ask(
    to: Samples,
    kind: SignedKind[Any],
    route: tuple[str, str, str],
    action: request_envelope.Action,
    body: Struct,
) -> None:
    signer, sender, addressee = route
    encoded = to.body(f"{action}_body", body)
    request = request_envelope.Request(V, REQUEST_ID, sender, addressee, NOW_MS, action, encoded)
    to.sign(f"{action}_request", kind, signer, request)


def _answer(to: Samples, signer: str, action: request_envelope.Action, result: Struct) -> None:
    encoded = to.body(f"{action}_result", result)
    answer = request_envelope.Answer(V, REQUEST_ID, Outcome.ACCEPTED, "", NOW_MS + 500, encoded)
    to.sign(f"{action}_answer", request_envelope.ANSWER, signer, answer)
