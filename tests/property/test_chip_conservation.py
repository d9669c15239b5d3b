"""Conservation: whatever is done to two chips, in whatever order and with whatever power cuts.

The machine drives two software chips against a model that only counts. A power cut loses the
answer, sometimes before and sometimes after the commit; the host then repeats the command, as a
wallet does. At every step each chip must hold exactly loaded + accepted - paid - exported.
"""

import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from feiqian.adapters.softchip import SoftChip
from feiqian.chip.commands import Accept, Export, Pay
from feiqian.chip.session import ChipSession
from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.transfer import Acceptor, parse_transfer
from feiqian.testing.chips import PIN, personalise
from feiqian.testing.keys import NOW_MS, TrustWorld
from feiqian.testing.memories import PowerCutError, TornMemory
from feiqian.timing.moment import Moment
from feiqian.wire.payment import OFFER

WORLD = TrustWorld()
NOW = Moment(NOW_MS)
CODES = "AB"

SETTINGS = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

sides = st.sampled_from([0, 1])
amounts = st.integers(1, 500)
# No cut, or one after so many bytes; the large numbers are a cut between commit and answer.
cuts = st.none() | st.integers(0, 400) | st.just(10**6)


class Wallet:
    """A host with its chip, and what it should hold."""

    def __init__(self, side):
        self.code = CODES[side]
        self.memory = TornMemory()
        self.entropy = random.Random(side).randbytes
        self.session = personalise(WORLD, self._powered(), self.code, f"{self.code}-WALLET", 3)
        status = self.session.status()
        self.fingerprint = status.fingerprint
        self.certificates = status.institution_certificate, status.certificate
        self.issued = []
        self.expected_minor = 0
        self.counters = []

    def _powered(self):
        return SoftChip(self.memory, P256_SHA256, self.entropy)

    def restart(self):
        self.memory.restore_power()
        self.session = ChipSession(self._powered())
        self.session.verify_pin(PIN)

    def ask(self, cut, command):
        """Carry out `command`, with a power cut if wanted, and again after it."""
        if cut is not None:
            self.memory.tear(0, cut)
            try:
                return command(self.session)
            except PowerCutError:
                self.restart()
            finally:
                self.memory.restore_power()
        return command(self.session)


class TwoChips(RuleBasedStateMachine):
    """Loads, payments, exports, repeats and power cuts between two chips."""

    def __init__(self):
        super().__init__()
        self.wallets = [Wallet(0), Wallet(1)]
        self.drawn = 0
        self.done = []
        self.in_flight = []
        self.accepted = []
        self.consumed = set()

    def _nonce(self):
        self.drawn += 1
        return self.drawn.to_bytes(16, "big")

    def _inputs(self, wallet, amount_minor):
        chosen, left_minor = [], amount_minor
        for piece in wallet.session.pieces()[:8]:
            if left_minor <= 0:
                break
            chosen.append(piece.identifier)
            left_minor -= piece.amount_minor
        return tuple(chosen) if left_minor <= 0 else ()

    def _signed(self, wallet, transfers, amount_minor):
        parsed = [parse_transfer(WORLD.suite, raw) for raw in transfers]
        assert sum(one.value.amount_minor for one in parsed) == amount_minor
        for one in parsed:
            assert one.value.consumed not in self.consumed
            self.consumed.add(one.value.consumed)
            wallet.counters.append(one.value.counter)
        wallet.expected_minor -= amount_minor

    @rule(side=sides, amount_minor=amounts, cut=cuts)
    def load(self, side, amount_minor, cut):
        """The institution issues, the chip loads."""
        wallet = self.wallets[side]
        sequence = len(wallet.issued) + 1
        currency = WORLD.issue(wallet.code, wallet.fingerprint, amount_minor, sequence)
        wallet.ask(cut, lambda session: session.load(currency.raw))
        wallet.issued.append(currency)
        wallet.expected_minor += amount_minor

    @rule(side=sides, pick=st.integers(0, 50))
    def load_again(self, side, pick):
        """A currency loaded before is presented again."""
        wallet = self.wallets[side]
        if wallet.issued:
            currency = wallet.issued[pick % len(wallet.issued)]
            assert wallet.session.load(currency.raw).repeated

    @rule(side=sides, amount_minor=amounts, fixed=st.booleans(), offered=cuts, paid=cuts)
    def pay(self, side, amount_minor, fixed, offered, paid):
        """One chip offers, the other pays; the transfers are under way."""
        payer, payee = self.wallets[side], self.wallets[1 - side]
        inputs = self._inputs(payer, amount_minor)
        if not inputs:
            return
        asked_minor = amount_minor if fixed else None
        raw = payee.ask(
            offered, lambda session: session.offer(asked_minor, NOW, NOW_MS + 1, Acceptor.CHIP)
        )
        payment = Pay(
            payee=payee.fingerprint,
            amount_minor=amount_minor,
            nonce=OFFER.peek(WORLD.suite, raw).nonce,
            moment=NOW,
            inputs=inputs,
            acceptor=Acceptor.CHIP,
        )
        transfers = payer.ask(paid, lambda session: session.pay(payment))
        self._signed(payer, transfers, amount_minor)
        self.done.append((payer, lambda session: session.pay(payment), transfers))
        self.in_flight.append((payer, payee, raw, transfers, amount_minor))

    @precondition(lambda self: self.in_flight)
    @rule(pick=st.integers(0, 50), cut=cuts)
    def accept(self, pick, cut):
        """Transfers under way arrive, in any order, however many sessions were opened since."""
        payer, payee, offer, transfers, amount_minor = self.in_flight.pop(
            pick % len(self.in_flight)
        )
        institution, chip = payer.certificates
        acceptance = Accept(
            institution_certificate=institution,
            payer_certificate=chip,
            transfers=transfers,
            offer=offer,
        )
        payee.ask(cut, lambda session: session.accept(acceptance))
        payee.expected_minor += amount_minor
        self.accepted.append((payee, acceptance))

    @rule(side=sides, amount_minor=amounts, cut=cuts)
    def export(self, side, amount_minor, cut):
        """Value goes back to the institution."""
        wallet = self.wallets[side]
        inputs = self._inputs(wallet, amount_minor)
        if not inputs:
            return
        export = Export(amount_minor=amount_minor, nonce=self._nonce(), moment=NOW, inputs=inputs)
        exported_minor = wallet.session.status().exported_minor
        transfers = wallet.ask(cut, lambda session: session.export(export))
        assert wallet.session.status().exported_minor == exported_minor + amount_minor
        self._signed(wallet, transfers, amount_minor)
        self.done.append((wallet, lambda session: session.export(export), transfers))

    @rule(back=st.integers(1, 16))
    def sign_again(self, back):
        """A recent payment or export is asked for again and gives the same bytes."""
        if back <= len(self.done):
            wallet, command, transfers = self.done[-back]
            assert command(wallet.session) == transfers

    @rule(back=st.integers(1, 8))
    def accept_again(self, back):
        """A payment accepted before is presented again."""
        if back <= len(self.accepted):
            payee, acceptance = self.accepted[-back]
            assert payee.session.accept(acceptance).repeated

    @rule(side=sides)
    def reset(self, side):
        """The power goes and comes between two commands."""
        self.wallets[side].restart()

    @invariant()
    def value_is_conserved(self):
        """Each chip holds what came in less what went out, and uses no counter twice."""
        for wallet in self.wallets:
            status = wallet.session.status()
            pieces = wallet.session.pieces()
            assert status.balance_minor == wallet.expected_minor
            assert sum(piece.amount_minor for piece in pieces) == wallet.expected_minor
            assert len({piece.identifier for piece in pieces}) == len(pieces)
            assert not self.consumed & {piece.identifier for piece in pieces}
            assert len(set(wallet.counters)) == len(wallet.counters)


@pytest.mark.feature("C-22", "C-15", "C-16", "C-18", "C-19")
def test_two_chips_conserve_value():
    """Any sequence of commands and power cuts conserves value on both chips."""
    run_state_machine_as_test(TwoChips, settings=SETTINGS)
