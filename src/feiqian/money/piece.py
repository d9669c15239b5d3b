"""Piece: a currency, the transfers since, and the certificates of the chips that signed them.

Verifying a piece needs no network: the issuer's signature, then each link. Every link must consume
an output of the one before it, be signed by the owner of that output, and conserve value. What a
wallet *holds* is one output at the end; what it *hands over* ends with the transfer to the payee.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feiqian.crypto.certificates import SignedCertificate
from feiqian.crypto.trust import TrustStore
from feiqian.money.currency import SignedCurrency, verify_currency
from feiqian.money.identifiers import CHANGE_OUTPUT
from feiqian.money.transfer import Acceptor, SignedTransfer, verify_transfer
from feiqian.outcomes import Outcome, Refusal

MAX_HOPS = 16
"""Longest chain anybody reads; a tier's own limit is lower."""


@dataclass(frozen=True, slots=True)
class Output:
    """A state of value: its circulation identifier, what it is worth, whose it is."""

    identifier: bytes
    amount_minor: int
    owner: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A currency and its history; `certificates` in any order, one for each signing chip."""

    currency: SignedCurrency
    transfers: tuple[SignedTransfer, ...]
    certificates: tuple[bytes, ...]


def issued_output(currency: SignedCurrency) -> Output:
    """The state that a currency creates, or that a renewal restates."""
    return Output(currency.identifier, currency.value.amount_minor, currency.value.owner)


def outputs_of(transfer: SignedTransfer, payer: bytes) -> tuple[Output, ...]:
    """The one or two states that a transfer by `payer` creates: payee's, then change."""
    value = transfer.value
    payee = Output(transfer.payee_output, value.amount_minor, value.payee)
    if transfer.change_output is None:
        return (payee,)
    return payee, Output(transfer.change_output, value.change_minor, payer)


def check_link(consumed: Output, transfer: SignedTransfer) -> None:
    """Static validity of one link, its signature apart.

    Raises `Refusal`: broken_chain when it consumes another state, value_not_conserved when its
    outputs are not worth what it consumes.
    """
    if transfer.value.consumed != consumed.identifier:
        raise Refusal(Outcome.BROKEN_CHAIN, "expected a transfer of the state before it")
    if transfer.value.input_minor != consumed.amount_minor:
        raise Refusal(
            Outcome.VALUE_NOT_CONSERVED,
            f"expected outputs worth {consumed.amount_minor}, got {transfer.value.input_minor}",
        )


def walk(start: Output, transfers: Sequence[SignedTransfer]) -> list[tuple[Output, SignedTransfer]]:
    """Each transfer with the state it consumes, checked link by link (signatures apart).

    Raises `Refusal`: chain_too_long, broken_chain, value_not_conserved.
    """
    if len(transfers) > MAX_HOPS:
        raise Refusal(Outcome.CHAIN_TOO_LONG, f"expected at most {MAX_HOPS} transfers")
    candidates: tuple[Output, ...] = (start,)
    steps = []
    for transfer in transfers:
        consumed = next(
            (output for output in candidates if output.identifier == transfer.value.consumed), None
        )
        if consumed is None:
            raise Refusal(Outcome.BROKEN_CHAIN, "expected a transfer of the state before it")
        check_link(consumed, transfer)
        steps.append((consumed, transfer))
        candidates = _spendable(transfer, consumed.owner)
    return steps


def _spendable(transfer: SignedTransfer, payer: bytes) -> tuple[Output, ...]:
    """What may be paid on: a payee's output only if it was the payee's chip that took it in."""
    outputs = outputs_of(transfer, payer)
    return outputs if transfer.value.acceptor is Acceptor.CHIP else outputs[CHANGE_OUTPUT:]


def hands_of(transfers: Sequence[SignedTransfer], held: bytes | None = None) -> int:
    """How many hands value has passed when the last of `transfers` has paid it on.

    Of a piece that is still `held` (the identifier), when it will be paid on next. Change stays in
    the same hand; every payee's output that was passed on, and the last one, counts.
    """
    consumed = {held, *(transfer.value.consumed for transfer in transfers)}
    passed_on = sum(transfer.payee_output in consumed for transfer in transfers)
    return passed_on + 1


def verify_piece(
    trust: TrustStore, piece: Piece, at_ms: int
) -> list[tuple[Output, SignedTransfer]]:
    """Verify a piece from the issuer's signature to its last link, without a network.

    `at_ms` is when certificates must be valid. Returns each transfer with the state it consumed.
    Raises `Refusal` by name: what certificates, currency and `walk` raise, wrong_owner when a link
    is not by the owner of what it consumes, bad_signature.
    """
    verify_currency(trust, piece.currency)
    steps = walk(issued_output(piece.currency), piece.transfers)
    chips = [trust.verify_chip(raw, at_ms) for raw in piece.certificates]
    verify_links(trust, steps, {chip.fingerprint: chip for chip in chips})
    return steps


def verify_links(
    trust: TrustStore,
    steps: Sequence[tuple[Output, SignedTransfer]],
    chips: dict[bytes, SignedCertificate],
) -> None:
    """Check that each transfer is signed by the owner of what it consumes.

    `chips`: verified certificates by key fingerprint. Raises `Refusal` wrong_owner, bad_signature.
    """
    for consumed, transfer in steps:
        chip = chips.get(consumed.owner)
        if chip is None:
            raise Refusal(
                Outcome.WRONG_OWNER, "expected the certificate of each owner in the chain"
            )
        verify_transfer(trust.suite, chip.value.public_key, transfer)
