"""Signing requests: the chip's key speaks for its own wallet only, and only in the form of requests.

What is signed is in the domain of wallet requests, so it can never pass for a transfer or an offer.
"""

from feiqian.chip.card.purse import Card, Step
from feiqian.chip.commands import LifeCycle, SignedRequestAnswer, SignRequest
from feiqian.crypto import cbor, cose
from feiqian.outcomes import Outcome, Refusal
from feiqian.wire.request_envelope import (
    MAX_REQUEST_BYTES,
    NEW_WALLET,
    WALLET_REQUEST,
    Request,
)


def sign_request(card: Card, command: SignRequest) -> Step:
    """SIGN REQUEST. `Refusal`: malformed and its kin, unknown_wallet for another's request."""
    request = cbor.decode(command.payload, Request, limit=MAX_REQUEST_BYTES)
    operational = card.state.life_cycle is LifeCycle.OPERATIONAL
    sender = card.owner.number if operational else NEW_WALLET
    if request.sender != sender:
        raise Refusal(Outcome.UNKNOWN_WALLET, f"expected a request of {sender}")
    key = card.owner.key if operational else card.suite.load(card.state.secret)
    signed = cose.sign(card.suite, key, WALLET_REQUEST.domain, command.payload)
    return card.state, SignedRequestAnswer(signed=signed)
