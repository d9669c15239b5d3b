"""The acts of payment: who sets the amount, in which form the currency goes, and over which link."""

from feiqian.adapters.link_addresses import QrAddress
from feiqian.apps.demo.acts import Facts
from feiqian.apps.demo.session import Paid, Terms, pay
from feiqian.apps.demo.stage import FIRST, SECOND, Stage
from feiqian.money.amounts import format_amount
from feiqian.outcomes import Outcome

TOO_MUCH_MINOR = 10_000_00


async def payer_sets(stage: Stage) -> Facts:
    """Full currency over TCP; the payer sets the amount."""
    stage.tell("Over TCP, from chip to chip; the payer sets the amount, the full currency goes.")
    return await _pay(stage, Terms(FIRST, SECOND, set_minor=30_50))


async def payee_asks(stage: Stage) -> Facts:
    """Full currency back over TCP; the payee asks."""
    stage.tell("The other way round; the payee asks, and the payer agrees.")
    return await _pay(stage, Terms(SECOND, FIRST, asked_minor=12_25))


async def identifier_only(stage: Stage) -> Facts:
    """Only the circulation identifier goes."""
    stage.tell("Only the circulation identifier goes, with the signed transfer that spends it.")
    facts = await _pay(stage, Terms(FIRST, SECOND, set_minor=7_77, by_identifier=True))
    asked = await _pay(stage, Terms(SECOND, FIRST, asked_minor=3_33, by_identifier=True))
    return {"payer_sets": facts, "payee_asks": asked}


async def by_images(stage: Stage) -> Facts:
    """The same over QR images."""
    screens = stage.folder / "screens"
    stage.tell("No network between the two: each side draws QR codes, the other one reads them.")
    facts = await _pay(stage, Terms(FIRST, SECOND, asked_minor=5_00, link=QrAddress(screens)))
    images = sorted(path.name for path in screens.glob("*.png"))
    stage.expect(len(images) >= 3, "offer, request and confirmation as images")
    stage.tell(f"{len(images)} images, and nothing else, passed between them.")
    return {**facts, "images": images}


async def too_much(stage: Stage) -> Facts:
    """More than the chip holds."""
    before_minor = await _balances(stage)
    paid = await pay(stage, Terms(FIRST, SECOND, set_minor=TOO_MUCH_MINOR))
    outcome = paid.payer.outcome
    stage.expect(outcome is Outcome.INSUFFICIENT_BALANCE, "insufficient_balance")
    stage.expect(not paid.requests, "no payment request to leave the payer")
    stage.expect(await _balances(stage) == before_minor, "nothing to have moved")
    stage.tell(f"{format_amount(TOO_MUCH_MINOR)} is refused: {outcome}. No request was sent.")
    return {"outcome": outcome, "requests_sent": 0}


async def _pay(stage: Stage, terms: Terms) -> Facts:
    """One payment that must succeed, to the last minor unit."""
    amount_minor = terms.set_minor or terms.asked_minor or 0
    payer_before, payee_before = await _balances(stage, terms)
    paid = await pay(stage, terms)
    stage.expect(paid.payer.outcome is Outcome.ACCEPTED, "the payer's side to end accepted")
    stage.expect(paid.payee.outcome is Outcome.ACCEPTED, "the payee's side to end accepted")
    stage.expect(paid.by_identifier == terms.by_identifier, "the form that was asked for")
    payer_minor, payee_minor = await _balances(stage, terms)
    stage.expect(payer_minor == payer_before - amount_minor, "the payer to have paid exactly that")
    stage.expect(payee_minor == payee_before + amount_minor, "the payee to have got exactly that")
    _tell_paid(stage, terms, paid, payer_minor, payee_minor)
    return {
        "amount_minor": amount_minor,
        "by_identifier": paid.by_identifier,
        "request_bytes": len(paid.requests[-1]),
        "held_minor": {terms.payer: payer_minor, terms.payee: payee_minor},
    }


def _tell_paid(stage: Stage, terms: Terms, paid: Paid, payer_minor: int, payee_minor: int) -> None:
    stage.tell(
        f"{paid.payee.peer} paid {paid.payer.peer} {format_amount(paid.payer.amount_minor)}"
        f" with a request of {len(paid.requests[-1])} bytes; both hold the confirmation."
    )
    stage.tell(
        f"The {terms.payer} wallet holds {format_amount(payer_minor)} now,"
        f" the {terms.payee} wallet {format_amount(payee_minor)}."
    )


async def _balances(stage: Stage, terms: Terms | None = None) -> tuple[int, int]:
    payer, payee = (terms.payer, terms.payee) if terms else (FIRST, SECOND)
    return await stage.held_minor(payer), await stage.held_minor(payee)
