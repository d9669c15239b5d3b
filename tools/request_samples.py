"""Samples of requests and answers: a wallet to its institution, an institution to the platform, by satellite."""

from typing import Any

from msgspec import Struct

from feiqian.crypto.certificates import PLATFORM
from feiqian.crypto.compact import shorten
from feiqian.crypto.signed import SignedKind
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire import (
    channels,
    control,
    control_delivery,
    key_information,
    payment,
    platform_requests,
    request_envelope,
    risk,
    satellite,
    stations,
    synchronisation,
    time_statement,
    wallet_requests,
)
from feiqian.wire.envelope import encode_message
from feiqian.wire.request_envelope import Action
from tools.money_samples import item_of
from tools.samples import NONCE, NOW_MS, REQUEST_ID, Samples, V


def add_request_samples(to: Samples) -> None:
    """Each action once, with its answer."""
    _wallet_requests(to)
    _platform_requests(to)
    _satellite(to)


def _wallet_requests(to: Samples) -> None:
    items, renewals = (item_of(to, full=True),), (to.raw("renewal"),)
    paid = to.transfer("transfer_with_change").name
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
        answer(to, "institution_a", action, results[action])


def _platform_requests(to: Samples) -> None:
    for action, sign in ((Action.ISSUE, 1), (Action.RETURN, -1)):
        order = platform_requests.IssuanceOrder(V, 1, "A", sign * 500_00, 500_00, NOW_MS)
        name = f"{action}_order"
        to.sign(name, platform_requests.ISSUANCE_ORDER, "platform", order)
        ask_platform(to, action, platform_requests.IssueBody(V, 500_00))
        answer(to, "platform", action, platform_requests.IssueResult(V, to.raw(name)))
    claim = platform_requests.SettledClaim("B", Outcome.ACCEPTED, "", 12_50, 12_50)
    statements = (to.raw("obligation_statement"),)
    ask_platform(to, Action.SETTLE, platform_requests.SettleBody(V, statements))
    answer(to, "platform", Action.SETTLE, platform_requests.SettleResult(V, (claim,)))
    ask_platform(to, Action.POSITION, request_envelope.EmptyBody(V))
    settled = (platform_requests.SettledPair("B", "A", 12_50),)
    position = platform_requests.PositionResult(V, 1_000_00, 500_00, 12_50, 0, settled)
    answer(to, "platform", Action.POSITION, position)


def _satellite(to: Samples) -> None:
    key = to.keys["payee"].public
    sealing = channels.SealingKey(V, key, NOW_MS)
    to.sign("sealing_key", channels.SEALING_KEY, "platform", sealing)
    wish = channels.RegisterChannelBody(V, key, "0123456")
    route = ("payer", "A-7K2Q9D4M", "A")
    _ask(to, request_envelope.WALLET_REQUEST, route, Action.CHANNEL, wish)
    answer(to, "platform", Action.CHANNEL, channels.ChannelResult(V, 7, to.raw("sealing_key")))
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
    answer(to, "platform", Action.ORDERS, control_delivery.OpenOrders(V, (order,)))
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
    answer(to, "institution_a", Action.KEY_INFORMATION, judged)
    heard = (stations.Heard("0123456", b"noise"),)
    exchange = stations.StationExchange(V, "North", NOW_MS, NOW_MS, heard, (3,))
    to.sign("station_exchange", stations.STATION_EXCHANGE, "payee", exchange)
    task = stations.AirTask(4, "0123456", bytes(32), b"message")
    on_air = stations.StationOrders(V, "North", NOW_MS, (task,))
    to.sign("station_orders", stations.STATION_ORDERS, "platform", on_air)


def ask_platform(to: Samples, action: request_envelope.Action, body: Struct) -> None:
    """Institution A asks the platform for `action`."""
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


def answer(to: Samples, signer: str, action: request_envelope.Action, result: Struct) -> None:
    """`signer` answers the same request with a success."""
    encoded = to.body(f"{action}_result", result)
    answer = request_envelope.Answer(V, REQUEST_ID, Outcome.ACCEPTED, "", NOW_MS + 500, encoded)
    to.sign(f"{action}_answer", request_envelope.ANSWER, signer, answer)
