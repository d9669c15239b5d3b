"""What wallets ask the platform through their institution: a satellite channel, and their orders.

The institution vouches for the chip with its certificate and its own signature; what matters is
signed by the chip itself, or by the platform. Both may be asked for again without harm.
"""

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.institution import asking
from feiqian.institution.office import Office
from feiqian.institution.wallets import CustomerWallet
from feiqian.ports import Transaction
from feiqian.wire.channels import ChannelResult, PassOnChannelBody, RegisterChannelBody
from feiqian.wire.control_delivery import OpenOrders, OrderNews, WalletNews
from feiqian.wire.request_envelope import MAX_BODY_BYTES, Action


async def register_channel(
    office: Office, wallet: CustomerWallet, body: RegisterChannelBody, request_raw: bytes
) -> ChannelResult:
    """The wallet's channel at the platform, kept here as well. `Refusal`: what it refuses."""
    passed_on = PassOnChannelBody(VERSION, request_raw, wallet.certificate)
    answered = await asking.ask(office, Action.CHANNEL, cbor.encode(passed_on))
    result = cbor.decode(answered, ChannelResult, limit=MAX_BODY_BYTES)
    now_ms = office.now_ms()

    def keep(tx: Transaction) -> None:
        tx.execute(
            "INSERT INTO satellite_channels (number, wallet, public_key, registered_at_ms)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (number) DO NOTHING",
            (result.number, wallet.number, body.public_key, now_ms),
        )

    await office.store.write(keep)
    return result


async def pass_on_news(office: Office, wallet: CustomerWallet, news: OrderNews) -> OpenOrders:
    """The orders open for a wallet, after the platform took its news. `Refusal`: its own."""
    body = WalletNews(VERSION, wallet.certificate, news)
    answered = await asking.ask(office, Action.ORDERS, cbor.encode(body))
    return cbor.decode(answered, OpenOrders, limit=MAX_BODY_BYTES)
