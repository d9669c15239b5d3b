"""The wallet's satellite channel: a number, the keys of its seal, and the numbers of its messages.

It is registered while there is a network; after that it needs none. The host makes the key for the
seal, the chip signs the request, so that the channel is known to be this wallet's. A seal must never
be made twice with one number, so the chip gives the numbers: a host whose store is set back to an old
copy goes on where the chip stands. One that has lost its store registers a new key and gets a new
channel.
"""

from dataclasses import dataclass

from feiqian.crypto.cbor import VERSION
from feiqian.crypto.p256 import P256
from feiqian.crypto.sealing import ChannelKeys, derive
from feiqian.outcomes import LocalProtocolError, Outcome, Refusal
from feiqian.ports import Store, Transaction
from feiqian.wallet.holder import Holder
from feiqian.wire.channels import SEALING_KEY, ChannelResult, RegisterChannelBody
from feiqian.wire.request_envelope import Action
from feiqian.wire.satellite import MAX_MESSAGE_NUMBER

_SEALING = P256()
"""Seals are of this curve in networks of every suite (`crypto.sealing`)."""


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """A registered channel."""

    number: int
    keys: ChannelKeys


async def held_channel(store: Store) -> OwnChannel | None:
    """The channel that is registered; None before that."""
    return await store.read(_load)


async def register_channel(holder: Holder, address: str = "") -> OwnChannel:
    """Register the channel, or see that it still is; `address` is that of the terminal used.

    The chip must be unlocked. `Refusal` as the institution or the way there says; the key that was
    made is kept, so that doing it again asks for the same channel.
    """
    around = holder.around
    secret = await around.store.write(_secret)
    public = _SEALING.load(secret).public
    body = RegisterChannelBody(VERSION, public, address)
    result = await holder.look_up(Action.CHANNEL, body, ChannelResult)
    root = around.trust.root.value.public_key
    sealing = SEALING_KEY.read(around.trust.suite, result.sealing_key, root)
    await around.store.write(lambda tx: _keep(tx, result.number, sealing.public_key))
    channel = await held_channel(around.store)
    if channel is None:
        raise LocalProtocolError("expected the channel that was just kept")
    return channel


def next_message(holder: Holder) -> int:
    """A number that no message of this chip had. `Refusal` unavailable when none is left."""
    number = holder.around.chip.next_message()
    if number > MAX_MESSAGE_NUMBER:
        raise Refusal(Outcome.UNAVAILABLE, "expected a chip with message numbers left")
    return number


def _load(tx: Transaction) -> OwnChannel | None:
    rows = tx.query("SELECT secret, number, sealing_public FROM satellite_channel")
    if not rows or not rows[0][1]:
        return None
    [(secret, number, sealing_public)] = rows
    keys = derive(_SEALING.load(bytes(secret)), bytes(sealing_public), int(number))
    return OwnChannel(int(number), keys)


def _secret(tx: Transaction) -> bytes:
    rows = tx.query("SELECT secret FROM satellite_channel")
    if rows:
        return bytes(rows[0][0])
    secret = _SEALING.generate().secret
    tx.execute(
        "INSERT INTO satellite_channel (slot, secret, number, sealing_public) VALUES (1, ?, 0, ?)",
        (secret, b""),
    )
    return secret


def _keep(tx: Transaction, number: int, sealing_public: bytes) -> None:
    tx.execute(
        "UPDATE satellite_channel SET number = ?, sealing_public = ?", (number, sealing_public)
    )
