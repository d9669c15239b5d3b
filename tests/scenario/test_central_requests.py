"""Every outcome of a signed request to the platform once, in order of precedence, then repeats."""

import pytest

from feiqian.central.authority import INSTITUTION_VALIDITY_MS
from feiqian.crypto import cbor, cose
from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.platform_world import SUITE, PlatformWorld, run
from feiqian.timing.moment import Moment
from feiqian.wire.platform_requests import (
    ISSUANCE_ORDER,
    IssueBody,
    IssueResult,
    SettleBody,
)
from feiqian.wire.request_envelope import (
    INSTITUTION_REQUEST,
    MAX_AGE_MS,
    MAX_REQUEST_BYTES,
    Action,
    EmptyBody,
)

pytestmark = pytest.mark.feature("P-07")

ISSUE_100 = IssueBody(VERSION, 100)


@pytest.fixture
def world():
    """A, B and C with reserves of 1,000 each."""
    with PlatformWorld(reserves_minor=1_000) as opened:
        yield opened


def _too_large(world):
    return bytes(MAX_REQUEST_BYTES + 1)


def _no_cose(world):
    return b"\x00" * 100


def _wallets_action(world):
    return world.request("A", Action.DEPOSIT, ISSUE_100)


def _amount_zero(world):
    return world.request("A", Action.ISSUE, IssueBody(VERSION, 0))


def _body_of_another_action(world):
    return world.request("A", Action.SETTLE, ISSUE_100)


def _debt_to_itself(world):
    body = SettleBody(VERSION, (world.statement("B", "B", 1),))
    return world.request("B", Action.SETTLE, body)


def _next_version(world):
    return world.request("A", Action.ISSUE, IssueBody(VERSION + 1, 100))


def _long_head(world):
    payload = INSTITUTION_REQUEST.parse(SUITE, world.request("A", Action.ISSUE, ISSUE_100))[
        0
    ].payload
    stretched = payload[:1] + b"\x18\x01" + payload[2:]
    return cose.sign(SUITE, world.keys["A"], INSTITUTION_REQUEST.domain, stretched)


def _other_algorithm(world):
    raw = bytearray(world.request("A", Action.ISSUE, ISSUE_100))
    raw[5] ^= 1
    return bytes(raw)


def _stranger(world):
    return world.request("Z", Action.ISSUE, ISSUE_100, key=world.keys["A"])


def _expired_certificate(world):
    world.clock.advance(INSTITUTION_VALIDITY_MS + 1)
    return world.request("A", Action.ISSUE, ISSUE_100)


def _signed_by_another(world):
    return world.request("A", Action.ISSUE, ISSUE_100, key=world.keys["B"])


def _to_somebody_else(world):
    return world.request("A", Action.ISSUE, ISSUE_100, addressee="B")


def _too_late(world):
    raw = world.request("A", Action.ISSUE, ISSUE_100)
    world.clock.advance(MAX_AGE_MS + 1)
    return raw


def _used_key(world):
    world.send(world.request("A", Action.ISSUE, IssueBody(VERSION, 1), number=7))
    return world.request("A", Action.ISSUE, IssueBody(VERSION, 2), number=7)


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (_too_large, Outcome.TOO_LARGE),
        (_no_cose, Outcome.MALFORMED),
        (_wallets_action, Outcome.MALFORMED),
        (_amount_zero, Outcome.MALFORMED),
        (_body_of_another_action, Outcome.MALFORMED),
        (_debt_to_itself, Outcome.MALFORMED),
        (_next_version, Outcome.UNKNOWN_VERSION),
        (_long_head, Outcome.NOT_CANONICAL),
        (_other_algorithm, Outcome.UNKNOWN_SUITE),
        (_stranger, Outcome.UNKNOWN_ISSUER),
        (_expired_certificate, Outcome.CERTIFICATE_EXPIRED),
        (_signed_by_another, Outcome.BAD_SIGNATURE),
        (_to_somebody_else, Outcome.WRONG_ADDRESSEE),
        (_too_late, Outcome.EXPIRED),
        (_used_key, Outcome.KEY_REUSED),
    ],
)
def test_a_request_that_cannot_be_taken_is_refused_by_name(world, make, outcome):
    """What is not genuine, not in time or not new gets no signed answer and changes nothing."""
    raw = make(world)
    before = _books(world)
    with pytest.raises(Refusal) as refused:
        world.send(raw)
    assert refused.value.outcome is outcome
    assert _books(world) == before


def _books(world):
    tables = ("entries", "postings", "answers", "issuance_orders", "obligations")
    return world.store.run(lambda tx: [tx.query(f"SELECT * FROM {name}") for name in tables])


@pytest.mark.parametrize(
    ("action", "amount_minor", "outcome"),
    [
        (Action.RETURN, 101, Outcome.QUOTA_EXCEEDED),
        (Action.ISSUE, 901, Outcome.INSUFFICIENT_RESERVES),
    ],
)
@pytest.mark.feature("P-01")
def test_what_the_books_do_not_cover_is_refused_by_signed_answer(
    world, action, amount_minor, outcome
):
    """One unit more than there is gets a signed refusal, which stays the answer for ever."""
    world.issue("A", 100)
    raw = world.request("A", action, IssueBody(VERSION, amount_minor))
    first = run(world.platform.answer(raw))
    assert world.read(first).outcome is outcome
    assert world.read(first).result == b""
    assert world.position("A").reserves_minor == 900
    world.issue("A", 50)
    assert run(world.platform.answer(raw)) == first


@pytest.mark.feature("P-01")
def test_orders_are_numbered_and_state_what_is_authorised(world):
    """Issue and return give orders signed by the platform, without gaps, with the new total."""
    raws = [
        world.issue("A", 1_000).order,
        world.ask("A", Action.RETURN, IssueBody(VERSION, 400), IssueResult).order,
        world.issue("A", 400).order,
    ]
    orders = [ISSUANCE_ORDER.read(SUITE, raw, world.root_key.public) for raw in raws]
    assert [order.number for order in orders] == [1, 2, 3]
    assert [order.amount_minor for order in orders] == [1_000, -400, 400]
    assert [order.authorised_minor for order in orders] == [1_000, 600, 1_000]
    assert {order.institution for order in orders} == {"A"}
    assert world.position("A").reserves_minor == 0
    assert ISSUANCE_ORDER.read(SUITE, world.issue("B", 1).order, world.root_key.public).number == 1


def test_a_repeat_gets_the_same_bytes_and_moves_nothing(world):
    """The same request again, even years later, gets the stored answer, byte for byte."""
    raw = world.request("A", Action.ISSUE, ISSUE_100)
    first = run(world.platform.answer(raw))
    world.clock.advance(MAX_AGE_MS * 10)
    assert run(world.platform.answer(raw)) == first
    assert world.position("A").authorised_minor == 100


def test_keys_of_different_senders_are_apart(world):
    """A request id used by one institution is free for another."""
    for code in ("A", "B"):
        world.send(world.request(code, Action.ISSUE, ISSUE_100, number=7))
    assert world.position("B").authorised_minor == 100


def test_a_request_of_the_last_moment_is_taken(world):
    """A request exactly as old as the limit is still new enough."""
    raw = world.request("A", Action.ISSUE, ISSUE_100)
    world.clock.advance(MAX_AGE_MS)
    assert world.send(raw).outcome is Outcome.ACCEPTED


def test_an_uncertain_clock_does_not_expire_a_request(world):
    """Only when the whole interval of the moment lies after the limit is a request too late."""
    raw = world.request("A", Action.ISSUE, ISSUE_100)
    late_ms = world.clock.now().midpoint_ms + MAX_AGE_MS + 500
    world.clock.moment = Moment(late_ms, 500)
    assert world.send(raw).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("make", "outcome"),
    [
        (lambda world: _bent(world, action=Action.DEPOSIT, key="B"), Outcome.MALFORMED),
        (lambda world: _bent(world, sender="Z", addressee="B"), Outcome.UNKNOWN_ISSUER),
        (lambda world: _bent(world, key="B", addressee="B"), Outcome.BAD_SIGNATURE),
    ],
)
def test_of_two_faults_the_earlier_one_is_named(world, make, outcome):
    """Bytes before trust before meaning: the same bad input gets the same answer everywhere."""
    with pytest.raises(Refusal) as refused:
        world.send(make(world))
    assert refused.value.outcome is outcome


def _bent(world, sender="A", action=Action.ISSUE, key="A", addressee="platform"):
    return world.request(sender, action, ISSUE_100, addressee=addressee, key=world.keys[key])


def test_position_has_no_parameters(world):
    """A position request carries the version and nothing else."""
    raw = world.request("A", Action.POSITION, EmptyBody(VERSION))
    request = INSTITUTION_REQUEST.peek(SUITE, raw)
    assert request.body == cbor.encode([VERSION])
    assert world.send(raw).outcome is Outcome.ACCEPTED
