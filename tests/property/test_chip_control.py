"""Ten thousand control messages that are not what they should be, and one chip that stays as it is."""

import random
from collections import Counter

import pytest

from feiqian.crypto import cose
from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.limits import DEFAULT_TIER, limits_of
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.chip_conformance import Bench
from feiqian.testing.chip_conformance.bench import NOW, NUMBER
from feiqian.testing.chip_conformance.orders import EVERY_KIND, FREEZE, ISSUED_S, THAW, Orders
from feiqian.testing.chips import RemovableChip
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.control import (
    CONTROL_RECEIPT,
    EVERYBODY,
    GroupsParameter,
    LimitsParameter,
    OrderKind,
    group_scope,
    institution_scope,
    wallet_scope,
)

MESSAGES = 10_000
LAST = 1_000
"""Number of the newest order that the chip has executed of each kind."""
UNLIMIT = (OrderKind.LIMITS, LimitsParameter(1, None))
SCOPES = (
    wallet_scope(NUMBER),
    group_scope(17),
    group_scope(18),
    institution_scope("A"),
    EVERYBODY,
)
ATTEMPTS_OF_A_KIND = MESSAGES // 20
"""At least so many messages of each sort are tried."""


class Attacker:
    """Knows every order that was ever on the air, and has all keys but the root's."""

    def __init__(self, bench, seed):
        self.chance = random.Random(seed)
        self.orders = Orders(bench)
        world = bench.world
        self.keys = [
            bench.institution.key,
            bench.stranger.key,
            world.key("provider"),
            TrustWorld(seed="another").root.key,
        ]
        self.scopes = [wallet_scope(NUMBER), EVERYBODY, institution_scope("A"), group_scope(17)]
        self.elsewhere = [wallet_scope("A-OTHER"), group_scope(4), institution_scope("B")]
        self.executed = [self._signed(LAST - 6 + kind, kind) for kind in range(len(EVERY_KIND))]
        self.fresh = [self._signed(LAST + kind, kind) for kind in range(1, len(EVERY_KIND) + 1)]
        self.older = [self._signed(LAST - 500 + kind, kind) for kind in range(len(EVERY_KIND))]

    def _signed(self, number, place, scope=None, **options):
        return self.orders.signed(number, EVERY_KIND[place % len(EVERY_KIND)], scope, **options)

    def _any(self):
        return self.chance.choice(self.executed + self.fresh + self.older)

    def forged(self):
        """Signed by a key that is not the root's."""
        key, scope = self.chance.choice(self.keys), self._scope()
        number, place = self.chance.randrange(1, 2**32), self.chance.randrange(6)
        return self._signed(number, place, scope, key=key), NOW

    def altered(self):
        """One bit of an order that was heard is another."""
        raw = bytearray(self._any())
        bit = self.chance.randrange(len(raw) * 8)
        raw[bit // 8] ^= 1 << bit % 8
        return bytes(raw), NOW

    def grafted(self):
        """The payload of one order under the signature of another."""
        first, second = self.chance.sample(self.executed + self.fresh + self.older, 2)
        parts = [cose.parse(P256_SHA256, raw, limit=256) for raw in (first, second)]
        return cose.assemble(P256_SHA256, parts[0].payload, parts[1].signature), NOW

    def truncated(self):
        """Cut short, or with something behind it."""
        raw = self._any()
        cut = self.chance.randrange(len(raw))
        return self.chance.choice([raw[:cut], raw[cut + 1 :], raw + raw[: 256 - len(raw)]]), NOW

    def replayed(self):
        """An order that was executed, at whatever time."""
        return self.chance.choice(self.executed), self._moment()

    def reordered(self):
        """A genuine order that a later one of its kind has overtaken."""
        return self.chance.choice(self.older), self._moment()

    def misaddressed(self):
        """A genuine order for somebody else."""
        number, place = self.chance.randrange(LAST + 1, 2**32), self.chance.randrange(6)
        return self._signed(number, place, self.chance.choice(self.elsewhere)), NOW

    def expired(self):
        """A genuine order for us that may have expired, whatever the host says it is."""
        valid_s = ISSUED_S - 7_200, ISSUED_S - self.chance.randrange(1, 3_600)
        number, place = self.chance.randrange(LAST + 1, 2**32), self.chance.randrange(6)
        raw = self._signed(number, place, self._scope(), valid_s=valid_s)
        return raw, Moment(self.chance.choice([0, NOW_MS - 7_200_000, NOW_MS]), 0)

    def noise(self):
        """Whatever bytes."""
        return self.chance.randbytes(self.chance.randrange(257)), self._moment()

    def _scope(self):
        return self.chance.choice(self.scopes)

    def _moment(self):
        return Moment(self.chance.randrange(2 * NOW_MS), self.chance.randrange(NOW_MS))


SORTS = (
    Attacker.forged,
    Attacker.altered,
    Attacker.grafted,
    Attacker.truncated,
    Attacker.replayed,
    Attacker.reordered,
    Attacker.misaddressed,
    Attacker.expired,
    Attacker.noise,
)
RECEIPTED = {
    Attacker.replayed: {Outcome.REPEATED},
    Attacker.reordered: {Outcome.OUTDATED},
    Attacker.expired: {Outcome.EXPIRED},
}


@pytest.mark.feature("R-04", "R-05", "R-08")
def test_ten_thousand_wrong_messages_change_nothing():
    """Forged, altered, replayed, cut, mis-addressed, overtaken, expired: the memory stays as it was.

    What is genuine and for the chip gets a receipt that says so, and everything else gets none; an
    order that is new is executed right after them all.
    """
    chip = RemovableChip(P256_SHA256)
    bench = Bench(chip)
    bench.personalise()
    bench.load(70)
    bench.session.synchronise(bench.synchronisation(1))
    attacker = Attacker(bench, seed=20)
    for order in attacker.executed:
        assert attacker.orders.give(order).outcome is Outcome.ACCEPTED
    before, chance = chip.memory.load(), random.Random(7)
    tried: Counter[object] = Counter()
    for _ in range(MESSAGES):
        sort = chance.choice(SORTS)
        tried[sort] += 1
        raw, moment = sort(attacker)
        assert _said(bench, raw, moment) in RECEIPTED.get(sort, {None}), sort
        assert chip.memory.load() == before, sort
    assert min(tried.values()) >= ATTEMPTS_OF_A_KIND
    assert attacker.orders.give(attacker.orders.signed(LAST + 99, THAW)).outcome is Outcome.ACCEPTED
    assert not bench.status.frozen


def _said(bench, raw, moment):
    """What the chip's receipt says; None when it signs none."""
    try:
        receipt = bench.session.control(raw, moment)
    except Refusal:
        return None
    return CONTROL_RECEIPT.peek(bench.world.suite, receipt).outcome


@pytest.mark.feature("R-04", "R-08")
def test_any_order_of_arrival_ends_alike():
    """Whatever of a platform's orders arrives in whatever order and how often, the newest ones hold."""
    chance = random.Random(11)
    for _ in range(20):
        bench = Bench(RemovableChip(P256_SHA256))
        bench.personalise()
        orders = Orders(bench)
        orders.give(orders.signed(1, (OrderKind.GROUPS, GroupsParameter(1, (17, 18)))))
        all_orders = [_any_order(chance, number) for number in range(2, 42)]
        arriving = [orders.signed(*each) for each in all_orders + chance.sample(all_orders, 15)]
        chance.shuffle(arriving)
        for order in arriving:
            orders.give(order)
        newest = {what[0]: number for number, what, _ in all_orders}
        standing = {(scope, what[0]): what[1] for _, what, scope in all_orders}
        status = bench.status
        for kind in set(OrderKind) - {OrderKind.GROUPS}:
            assert status.executed_numbers[kind - 1] == newest.get(kind, 0)
        assert status.frozen is (FREEZE[1] in standing.values())
        ordered = [each.limits for each in standing.values() if isinstance(each, LimitsParameter)]
        assert status.has_ordered_limits is any(ordered)
        expected = next(filter(None, ordered), limits_of(DEFAULT_TIER))
        assert status.limits == expected, "every order of limits here orders the same ones"


def _any_order(chance, number):
    """Number, what and for whom; groups apart, in which the wallet is already."""
    what = chance.choice([*EVERY_KIND[:-1], THAW, UNLIMIT])
    return number, what, chance.choice(SCOPES)
