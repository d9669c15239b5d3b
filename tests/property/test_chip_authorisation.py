"""Whatever its host tries, a chip pays fees only as its holder authorised (V-07, V-09).

The host is hostile: it says what it likes about the time, repeats, alters, cuts the power, and has
fees of its own making. The model judges each transfer that leaves by the grants alone. The chip knows
the time only from what it was told in signed words, which is what the model holds it to.
"""

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from feiqian.adapters.softchip import SoftChip
from feiqian.chip.session import ChipSession
from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.transfer import Acceptor, parse_transfer
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.chip_conformance import Bench
from feiqian.testing.chip_conformance.bench import NOW
from feiqian.testing.chip_conformance.grants import Grants
from feiqian.testing.chip_conformance.orders import FREEZE, THAW, Orders
from feiqian.testing.chips import PIN
from feiqian.testing.keys import NOW_MS
from feiqian.testing.memories import PowerCutError, TornMemory
from feiqian.timing.moment import MAX_MS, Moment
from feiqian.wire.authorisation import AUTHORISATION
from feiqian.wire.usage import ServiceClass

SETTINGS = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
DAY_MS = 86_400_000
ENTITIES = ("charger-1", "charger-2", "garage-1")
SERVICES = dict(zip(ENTITIES, (*[ServiceClass.CHARGING] * 2, ServiceClass.PARKING), strict=True))

entities = st.sampled_from(ENTITIES)
days = st.integers(0, 2)
picks = st.integers(0, 20)
changes = st.sampled_from(["amount", "authorisation", "session"])
# No cut, or one after so many bytes; the large number is a cut between commit and answer.
cuts = st.none() | st.integers(0, 400) | st.just(10**6)


class TornChip:
    """A software chip on a memory that tears."""

    def __init__(self) -> None:
        self.memory = TornMemory()
        self.reset()

    def transmit(self, apdu: bytes) -> bytes:
        return self._powered.transmit(apdu)

    def reset(self) -> None:
        self._powered = SoftChip(self.memory, P256_SHA256, random.Random(5).randbytes)


def _or_outcome(action):
    """What `action` gives, or the name of its refusal."""
    try:
        return action()
    except Refusal as refusal:
        return refusal.outcome


def _another(it, fee):
    """Some entity that this fee does not pay."""
    return next(name for name in ENTITIES if it.grants.entity(name) != fee.payee)


def _soundly_stated(it, fee):
    name = _another(it, fee)
    statement = it.grants.statement(name, service=SERVICES[name], not_after_ms=MAX_MS)
    return {"payee": it.grants.entity(name), "statement": statement}


def _called_charger(it, fee):
    """The garage, stated by its provider to be what it is not authorised as."""
    service = next(each for each in ServiceClass if each is not it.given[fee.authorisation].service)
    words = {"service": service, "wallet": fee.payee, "not_after_ms": MAX_MS}
    return {"statement": it.grants.statement("other", **words)}


LIES = (
    None,
    None,
    None,
    lambda _, fee: {"amount_minor": fee.amount_minor + 1},
    lambda it, fee: {"payee": it.grants.entity(_another(it, fee))},
    _soundly_stated,
    _called_charger,
    lambda it, _: {"statement": it.grants.statement(key=it.bench.stranger.key)},
    lambda it, fee: {"moment": Moment(it.given[fee.authorisation].valid_until_ms, 1)},
    lambda it, fee: {"moment": Moment(it.given[fee.authorisation].valid_from_ms - 1)},
)
lies = st.sampled_from(LIES)


class Fees(RuleBasedStateMachine):
    """One chip that may pay by itself, its holder, and its hostile host."""

    tried = Bundle("tried")

    def __init__(self):
        super().__init__()
        self.chip = TornChip()
        self.bench = Bench(self.chip)
        self.bench.personalise()
        self.grants = Grants(self.bench)
        self.given = {}
        self.revoked = set()
        self.uses: Counter[int] = Counter()
        self.charged = {}
        self.frozen = False
        self.past_ms = 0
        self.number = 0
        self.loaded_minor = 0

    # The holder, the provider and the platform -----------------------------------------------
    @rule(
        entity=entities,
        standing=st.booleans(),
        ceiling_minor=st.integers(1, 200),
        begins=days,
        lasts=st.integers(1, 3),
        uses=st.integers(1, 4),
    )
    def authorise(self, entity, standing, ceiling_minor, begins, lasts, uses):
        """The holder authorises with the PIN; a frozen or full chip, or one too late, refuses."""
        grant = self.grants.grant(
            payee=None if standing else self.grants.entity(entity),
            service=SERVICES[entity],
            ceiling_minor=ceiling_minor,
            valid_from_ms=NOW_MS + begins * DAY_MS,
            valid_until_ms=NOW_MS + (begins + lasts) * DAY_MS,
            uses=uses,
        )
        self._restart(PIN)
        raw = _or_outcome(lambda: self.bench.session.authorise(grant, NOW))
        if isinstance(raw, Outcome):
            assert raw in {Outcome.WALLET_FROZEN, Outcome.EXPIRED, Outcome.CHIP_FULL}
            return
        assert not self.frozen
        self.given[AUTHORISATION.peek(P256_SHA256, raw).number] = grant

    @precondition(lambda self: self.given)
    @rule(pick=picks)
    def revoke(self, pick):
        """The holder takes one back."""
        number = sorted(self.given)[pick % len(self.given)]
        self.bench.session.revoke(number)
        self.revoked.add(number)

    @rule(frozen=st.sampled_from([True, *[False] * 4]))
    def control(self, frozen):
        """The platform freezes the wallet, or lifts it."""
        self.number += 1
        orders = Orders(self.bench)
        valid_s = 0, 2**32 - 1
        receipt = orders.give(
            orders.signed(self.number, FREEZE if frozen else THAW, valid_s=valid_s)
        )
        assert receipt.outcome is Outcome.ACCEPTED
        self.frozen = frozen

    @rule(day=days)
    def synchronise(self, day):
        """The institution's word on the time reaches the chip."""
        self.number += 1
        moment = Moment(NOW_MS + day * DAY_MS, 1_000)
        self.bench.session.synchronise(self.bench.synchronisation(self.number, moment=moment))
        self.past_ms = max(self.past_ms, moment.earliest_ms)

    # The host ----------------------------------------------------------------------------------
    @precondition(lambda self: self.given)
    @rule(target=tried, pick=picks, lie=lies, cut=cuts)
    def pay(self, pick, lie, cut):
        """A fee that an authorisation covers, or that differs from one by a lie."""
        number = sorted(self.given)[pick % len(self.given)]
        fee = self._covered(number)
        if lie:
            fee = replace(fee, **lie(self, fee))
        self._try(fee, cut)
        return fee

    @rule(fee=tried, cut=cuts)
    def repeat(self, fee, cut):
        """The very same fee once more."""
        self._try(fee, cut)

    @rule(target=tried, fee=consumes(tried), changes=st.sets(changes, min_size=1), pick=picks)
    def charge_again(self, fee, changes, pick):
        """The same order with another amount, session, or authorisation."""
        numbers = sorted(self.given)
        for change in sorted(changes):
            fee = replace(fee, **self._change(fee, change, numbers[pick % len(numbers)]))
        self._try(fee, None)
        return fee

    def _change(self, fee, change, number):
        if change == "amount":
            return {"amount_minor": fee.amount_minor % 200 + 1}
        if change == "authorisation":
            return {"authorisation": number}
        return {"nonce": self.bench.nonce(), "inputs": self._inputs(200)}

    def _covered(self, number):
        """A fee just as this authorisation has it, if it is in force."""
        grant = self.given[number]
        name = next(
            name
            for name in ENTITIES
            if SERVICES[name] is grant.service and grant.payee in (None, self.grants.entity(name))
        )
        return self.grants.fee(
            number,
            grant.ceiling_minor,
            self._inputs(grant.ceiling_minor),
            payee=self.grants.entity(name),
            statement=self.grants.statement(name, service=SERVICES[name], not_after_ms=MAX_MS),
            moment=Moment(grant.valid_from_ms + 1_000, 500),
            acceptor=Acceptor(number % 2),
        )

    # The model ---------------------------------------------------------------------------------
    def _try(self, fee, cut):
        before_minor = self.bench.balance_minor
        known = self.charged.get(fee.order_id)
        transfers = _or_outcome(lambda: self._ask(fee, cut))
        if isinstance(transfers, Outcome):
            # What a power cut left behind is repeated, hence a refusal means that nothing happened.
            assert self.bench.balance_minor == before_minor
            return
        assert self.bench.balance_minor == before_minor - (0 if known else fee.amount_minor)
        if known:
            assert known == (fee, transfers)
            return
        self.charged[fee.order_id] = fee, transfers
        self.uses[fee.authorisation] += 1
        self._check(fee, transfers)

    def _check(self, fee, transfers):
        """What left is what the holder authorised, to whom, and when."""
        grant = self.given[fee.authorisation]
        assert fee.authorisation not in self.revoked
        assert not self.frozen
        values = [parse_transfer(P256_SHA256, raw).value for raw in transfers]
        assert sum(each.amount_minor for each in values) == fee.amount_minor <= grant.ceiling_minor
        payees = {self.grants.entity(name) for name in ENTITIES if SERVICES[name] is grant.service}
        assert {each.payee for each in values} <= payees
        assert grant.payee is None or {each.payee for each in values} == {grant.payee}
        assert max(fee.moment.latest_ms, self.past_ms) >= grant.valid_from_ms
        assert fee.moment.latest_ms <= grant.valid_until_ms
        assert self.past_ms <= grant.valid_until_ms

    def _ask(self, fee, cut):
        if cut is not None:
            self.chip.memory.tear(0, cut)
        try:
            return self.bench.session.pay_fee(fee)
        except PowerCutError:
            self._restart()
            return self.bench.session.pay_fee(fee)
        finally:
            self.chip.memory.restore_power()

    def _restart(self, pin=None):
        self.chip.memory.restore_power()
        self.chip.reset()
        self.bench.session = ChipSession(self.chip)
        if pin:
            self.bench.session.verify_pin(pin)

    def _inputs(self, amount_minor):
        """One piece that is worth enough."""
        for piece in self.bench.session.pieces():
            if piece.amount_minor >= amount_minor:
                return (piece.identifier,)
        self.loaded_minor += 1_000
        return self.bench.load(1_000)

    @invariant()
    def the_holder_loses_no_more_than_was_authorised(self):
        """Under each authorisation at most its uses times its ceiling; and the balance says the same."""
        paid: Counter[int] = Counter()
        for fee, _ in self.charged.values():
            paid[fee.authorisation] += fee.amount_minor
        for number, paid_minor in paid.items():
            grant = self.given[number]
            assert self.uses[number] <= grant.uses
            assert paid_minor <= grant.uses * grant.ceiling_minor
        assert self.bench.balance_minor == self.loaded_minor - paid.total()

    @invariant()
    def live_authorisations_have_the_uses_left(self):
        """The chip counts as the model does."""
        for live in self.bench.session.authorisations():
            number = AUTHORISATION.peek(P256_SHA256, live.authorisation).number
            assert number not in self.revoked
            assert live.uses_left == self.given[number].uses - self.uses[number] > 0


@pytest.mark.feature("V-07", "V-09", "V-05", "C-22")
def test_fees_keep_to_what_was_authorised():
    """No history of fees, lies, repeats and power cuts takes more than the holder allowed."""
    run_state_machine_as_test(Fees, settings=SETTINGS)
