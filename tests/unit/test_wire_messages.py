"""Messages in their envelope, and payment items taken apart."""

import msgspec
import pytest

from feiqian.outcomes import Outcome
from feiqian.wire.envelope import (
    MAX_MESSAGE_BYTES,
    decode_message,
    encode_message,
    message,
)
from feiqian.wire.items import MAX_ITEMS, read_item
from feiqian.wire.payment import OfferMessage, PaymentRequest, PaymentResult, Refused
from tests.golden import SUITE_NAMES, golden, outcome_of


@pytest.fixture(params=SUITE_NAMES)
def world(request):
    """The golden samples of each suite in turn."""
    return golden(request.param)


def request_of(world, name):
    """A golden payment request and its one item."""
    value = next(sample.value for sample in world.messages if sample.name == name)
    return value, value.items[0]


def test_every_message_comes_back_as_it_went(world):
    """What one side says is what the other side reads."""
    for sample in world.messages:
        assert decode_message(sample.encoded, type(sample.value)) == sample.value


def test_reader_may_expect_several_messages(world):
    """Where an answer or a refusal may come, each is read as what it is."""
    refused = Refused(Outcome.CANCELLED, "the payer went away")
    assert decode_message(encode_message(refused), PaymentResult, Refused) == refused


def test_unexpected_message_is_refused_with_what_was_expected(world):
    """A message of another kind is refused, and the detail says which was wanted."""
    encoded = encode_message(Refused(Outcome.CANCELLED, ""))
    with pytest.raises(Exception, match="expected OfferMessage or PaymentRequest, got message"):
        decode_message(encoded, OfferMessage, PaymentRequest)


def test_message_has_a_greatest_length():
    """A message above the limit is refused before it is read."""
    refused = outcome_of(lambda: decode_message(bytes(MAX_MESSAGE_BYTES + 1), Refused))
    assert refused is Outcome.TOO_LARGE
    refused = outcome_of(lambda: decode_message(bytes(11), Refused, limit=10))
    assert refused is Outcome.TOO_LARGE


def test_kind_is_used_once():
    """Two messages can never share a number."""
    with pytest.raises(ValueError, match="taken by PaymentRequest"):
        message(2)(Refused)


def test_outcome_outside_the_list_is_malformed():
    """A peer cannot answer with a result that nobody knows."""
    encoded = encode_message(Refused(Outcome.CANCELLED, "")).replace(b"icancelled", b"ivanishing")
    assert outcome_of(lambda: decode_message(encoded, Refused)) is Outcome.MALFORMED


@pytest.mark.parametrize("count", [0, MAX_ITEMS + 1])
def test_payment_has_a_bounded_number_of_items(world, count):
    """A request with nothing in it, or more than anybody reads, is malformed."""
    request, item = request_of(world, "payment_request_full")
    changed = encode_message(msgspec.structs.replace(request, items=(item,) * count))
    assert outcome_of(lambda: decode_message(changed, PaymentRequest)) is Outcome.MALFORMED


@pytest.mark.feature("C-05")
def test_full_item_holds_the_piece(world):
    """A full item is read as the currency, its history and the paying transfer."""
    _, item = request_of(world, "payment_request_full")
    read = read_item(world.suite, item)
    assert read.piece is not None
    assert read.piece.currency.raw == world.raw("currency")
    assert read.payment.raw == world.raw("transfer_with_change")


@pytest.mark.feature("C-06")
def test_item_by_identifier_holds_the_transfer_alone(world):
    """An identifier-only item carries no currency, only what consumes its identifier."""
    _, item = request_of(world, "payment_request_identifier")
    read = read_item(world.suite, item)
    assert read.piece is None
    assert read.payment.raw == world.raw("transfer_with_change")
    assert world.raw("currency") not in encode_message(PaymentRequest(bytes(16), (item,)))


def test_item_by_identifier_has_no_history(world):
    """More than one transfer or certificate without a currency says nothing and is malformed."""
    _, item = request_of(world, "payment_request_identifier")
    for field in ("transfers", "certificates"):
        longer = msgspec.structs.replace(item, **{field: getattr(item, field) * 2})
        refused = outcome_of(lambda item=longer: read_item(world.suite, item))
        assert refused is Outcome.MALFORMED


def test_item_names_the_issuer_of_its_currency(world):
    """An item that names another issuer than its currency does is refused."""
    _, item = request_of(world, "payment_request_full")
    elsewhere = msgspec.structs.replace(item, issuer="B")
    assert outcome_of(lambda: read_item(world.suite, elsewhere)) is Outcome.UNKNOWN_ISSUER
