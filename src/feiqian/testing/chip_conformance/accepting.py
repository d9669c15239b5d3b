"""Chapter 4, accepting: a payment enters in a session the chip opened, once, and unaltered."""

from typing import Any

import pytest
from msgspec.structs import replace

from feiqian.chip.card.memory import MAX_ACCEPTED
from feiqian.chip.commands import MAX_OFFERS, MAX_PIECES, HeldPiece
from feiqian.crypto import cbor, cose
from feiqian.crypto.cbor import VERSION
from feiqian.money.limits import DEFAULT_TIER, limits_of
from feiqian.money.transfer import Acceptor, parse_transfer
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import LATER_MS, NOW, Bench, Chapter
from feiqian.testing.keys import NOW_MS, CertifiedParty, TrustWorld
from feiqian.timing.moment import Moment
from feiqian.wire.payment import OFFER, RECEIPT, Receipt

HOLDING_MINOR = limits_of(DEFAULT_TIER).holding_minor
OFFLINE_MINOR = limits_of(DEFAULT_TIER).offline_total_minor


class Accepting(Chapter):
    """How value enters from another chip."""

    @pytest.mark.feature("C-18")
    def test_an_offer_is_signed_and_new(self, bench: Bench) -> None:
        """An offer says amount, room and end under the chip's signature, with a nonce of its own."""
        bench.load(100)
        first, second = (bench.offer(amount, acceptor=Acceptor.MANAGER) for amount in (40, None))
        assert (first.amount_minor, first.ceiling_minor) == (40, HOLDING_MINOR - 100)
        assert (first.moment, first.expires_at_ms) == (NOW, LATER_MS)
        assert second.amount_minor is None
        assert first.nonce != second.nonce

    @pytest.mark.feature("C-16", "C-18")
    def test_a_payment_is_accepted(self, bench: Bench) -> None:
        """Transfers to the chip in its session become pieces it holds, also after a reset."""
        offer = bench.offer(70)
        bench.reset()
        transfers = [bench.transfer(amount, offer.nonce) for amount in (50, 20)]
        answer = bench.session.accept(bench.acceptance(*transfers))
        assert (answer.repeated, answer.balance_minor) == (False, 70)
        bench.reset()
        parsed = [parse_transfer(bench.world.suite, raw) for raw in transfers]
        assert bench.session.pieces() == tuple(
            HeldPiece(one.payee_output, one.value.amount_minor) for one in parsed
        )

    @pytest.mark.feature("C-22")
    def test_accepting_again_is_harmless(self, bench: Bench) -> None:
        """The same transfers again, also after a reset, add nothing and say so."""
        acceptance = bench.acceptance(bench.transfer(70, bench.offer().nonce))
        first = bench.session.accept(acceptance)
        bench.reset()
        answer = bench.session.accept(acceptance)
        assert (answer.repeated, answer.balance_minor) == (True, 70)
        assert answer.receipt == first.receipt

    @pytest.mark.feature("C-20", "C-24")
    def test_a_receipt_names_what_was_taken_in(self, bench: Bench) -> None:
        """The chip signs for session, sum and transfers, in their order, and for nothing else."""
        offer = bench.offer()
        transfers = [bench.transfer(amount, offer.nonce) for amount in (50, 20)]
        answer = bench.session.accept(bench.acceptance(*transfers))
        suite = bench.world.suite
        names = tuple(parse_transfer(suite, raw).name for raw in transfers)
        receipt = RECEIPT.read(suite, answer.receipt, bench.status.public_key)
        assert receipt == Receipt(VERSION, offer.nonce, 70, names)

    @pytest.mark.feature("C-20")
    def test_a_session_is_paid_once(self, bench: Bench) -> None:
        """Other transfers in a session already paid are refused."""
        nonce = bench.offer().nonce
        bench.session.accept(bench.acceptance(bench.transfer(70, nonce)))
        with bench.unchanged(Outcome.WRONG_SESSION):
            bench.session.accept(bench.acceptance(bench.transfer(70, nonce)))

    @pytest.mark.feature("C-20")
    def test_a_session_of_nobody_is_refused(self, bench: Bench) -> None:
        """A transfer with a nonce the chip never made is refused, whatever offer comes with it."""
        bench.offer()
        with bench.unchanged(Outcome.WRONG_SESSION):
            bench.session.accept(bench.acceptance(bench.transfer(70, bench.nonce())))

    def test_transfers_of_two_sessions_do_not_mix(self, bench: Bench) -> None:
        """Each acceptance is of one session."""
        transfers = [bench.transfer(1, bench.offer().nonce) for _ in range(2)]
        with bench.unchanged(Outcome.WRONG_SESSION):
            bench.session.accept(bench.acceptance(*transfers))

    @pytest.mark.feature("C-20")
    def test_an_offer_must_be_the_chips_own(self, bench: Bench) -> None:
        """The terms of a session are those the chip signed: another's offer, or an altered, is none."""
        suite, honest = bench.world.suite, bench.offer(70)
        transfer = bench.transfer(71, honest.nonce)
        generous = replace(honest, amount_minor=71)
        for key in (bench.stranger.key, bench.institution.key):
            forged = OFFER.sign(suite, key, generous)
            with bench.unchanged(Outcome.BAD_SIGNATURE):
                bench.session.accept(bench.acceptance(transfer, offer=forged))

    @pytest.mark.feature("C-22")
    def test_only_the_oldest_sessions_close(self, bench: Bench) -> None:
        """Sessions stay open while others come and go; only the newest so many are remembered."""
        nonces = [bench.offer().nonce for _ in range(MAX_OFFERS + 1)]
        with bench.unchanged(Outcome.WRONG_SESSION):
            bench.session.accept(bench.acceptance(bench.transfer(1, nonces[0])))
        for nonce in (nonces[1], nonces[8], nonces[-1]):
            bench.session.accept(bench.acceptance(bench.transfer(1, nonce)))

    @pytest.mark.feature("C-22")
    def test_a_session_is_closed_for_good(self, bench: Bench) -> None:
        """A payment accepted longer ago than the chip remembers receipts still enters only once."""
        acceptance = bench.acceptance(bench.transfer(1, bench.offer().nonce))
        bench.session.accept(acceptance)
        for _ in range(MAX_ACCEPTED):
            bench.accept(1)
        with bench.unchanged(Outcome.WRONG_SESSION):
            bench.session.accept(acceptance)

    def test_sessions_that_managers_cash_cost_nothing(self, bench: Bench) -> None:
        """Offers for the payee's manager push no offline session out."""
        nonce = bench.offer().nonce
        for _ in range(MAX_OFFERS):
            bench.offer(acceptor=Acceptor.MANAGER)
        bench.session.accept(bench.acceptance(bench.transfer(1, nonce)))

    @pytest.mark.feature("C-20")
    def test_a_transfer_to_another_is_refused(self, bench: Bench) -> None:
        """A transfer whose payee is another chip is refused."""
        nonce = bench.offer().nonce
        with bench.unchanged(Outcome.WRONG_ADDRESSEE):
            bench.session.accept(bench.acceptance(bench.transfer(70, nonce, payee=bytes(32))))

    @pytest.mark.feature("C-20")
    @pytest.mark.parametrize(
        "altered",
        [
            {"amount_minor": 71},
            {"payee": bytes(32)},
            {"nonce": bytes(16)},
            {"consumed": bytes(32)},
            {"counter": 2},
            {"acceptor": Acceptor.MANAGER},
            {"moment": Moment(NOW_MS - 1)},
        ],
        ids=lambda altered: next(iter(altered)),
    )
    def test_an_altered_transfer_is_refused(self, bench: Bench, altered: dict[str, Any]) -> None:
        """Whatever is changed in a signed transfer, its signature no longer holds."""
        suite = bench.world.suite
        honest = parse_transfer(suite, bench.transfer(70, bench.offer().nonce))
        payload = cbor.encode(replace(honest.value, **altered))
        forged = cose.assemble(suite, payload, honest.signed.signature)
        with bench.unchanged(Outcome.BAD_SIGNATURE):
            bench.session.accept(bench.acceptance(forged))

    @pytest.mark.feature("C-11", "C-22")
    @pytest.mark.parametrize(
        ("offered", "signed"),
        [
            (Acceptor.MANAGER, Acceptor.MANAGER),
            (Acceptor.MANAGER, Acceptor.CHIP),
            (Acceptor.CHIP, Acceptor.MANAGER),
        ],
    )
    def test_what_the_manager_cashes_is_not_taken_in(
        self, bench: Bench, offered: Acceptor, signed: Acceptor
    ) -> None:
        """Value that the payee's manager is to cash never enters the chip as well."""
        nonce = bench.offer(acceptor=offered).nonce
        with bench.unchanged(Outcome.WRONG_SESSION):
            bench.session.accept(bench.acceptance(bench.transfer(70, nonce, acceptor=signed)))

    @pytest.mark.feature("C-07")
    @pytest.mark.parametrize("paid_minor", [69, 71])
    def test_the_amount_must_be_the_one_offered(self, bench: Bench, paid_minor: int) -> None:
        """One minor unit more or less than offered is refused."""
        transfer = bench.transfer(paid_minor, bench.offer(70).nonce)
        with bench.unchanged(Outcome.AMOUNT_MISMATCH):
            bench.session.accept(bench.acceptance(transfer))

    @pytest.mark.feature("C-07")
    def test_no_amount_passes_the_ceiling(self, bench: Bench) -> None:
        """Where the payer sets the amount, the offer's ceiling still holds."""
        offer = bench.offer()
        transfer = bench.transfer(offer.ceiling_minor + 1, offer.nonce)
        with bench.unchanged(Outcome.AMOUNT_MISMATCH):
            bench.session.accept(bench.acceptance(transfer))

    @pytest.mark.feature("P-03")
    def test_the_holding_limit_counts_at_acceptance(self, bench: Bench) -> None:
        """Room that was there when the session opened may be gone when it is paid."""
        bench.load(HOLDING_MINOR - 70)
        transfer = bench.transfer(70, bench.offer().nonce)
        bench.load(1)
        with bench.unchanged(Outcome.OVER_HOLDING_LIMIT):
            bench.session.accept(bench.acceptance(transfer))

    @pytest.mark.feature("P-03")
    def test_no_offer_beyond_the_holding_limit(self, bench: Bench) -> None:
        """The chip does not ask for what it could not hold."""
        bench.load(HOLDING_MINOR)
        with bench.unchanged(Outcome.OVER_HOLDING_LIMIT):
            bench.offer()
        with bench.unchanged(Outcome.OVER_HOLDING_LIMIT):
            bench.offer(1)

    @pytest.mark.feature("P-03", "D-16")
    def test_the_host_may_lower_the_ceiling(self, bench: Bench) -> None:
        """The host's own policy can lower what a session takes, and never raise it."""
        assert bench.offer(ceiling_minor=50).ceiling_minor == 50
        assert bench.offer(ceiling_minor=10**9).ceiling_minor == OFFLINE_MINOR
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.offer(51, ceiling_minor=50)

    @pytest.mark.feature("P-03")
    def test_the_offline_total_is_exact(self, bench: Bench) -> None:
        """Offline a chip receives its tier's total in all, and asks for no minor unit more."""
        bench.accept(OFFLINE_MINOR - 70)
        assert bench.offer().ceiling_minor == 70
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.offer(71)
        bench.accept(70)
        assert bench.status.offline_received_minor == OFFLINE_MINOR
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.offer()
        bench.offer(acceptor=Acceptor.MANAGER)

    @pytest.mark.feature("P-03", "C-22")
    def test_what_is_over_the_offline_total_waits(self, bench: Bench) -> None:
        """Of two sessions open at once one may find no room; after synchronising it enters."""
        nonces = [bench.offer().nonce for _ in range(2)]
        accepted, waiting = (
            bench.acceptance(bench.transfer(OFFLINE_MINOR, nonce)) for nonce in nonces
        )
        bench.session.accept(accepted)
        with bench.unchanged(Outcome.OVER_OFFLINE_LIMIT):
            bench.session.accept(waiting)
        bench.session.synchronise(bench.synchronisation(1))
        assert bench.session.accept(waiting).balance_minor == 2 * OFFLINE_MINOR

    def test_a_full_chip_accepts_nothing(self, bench: Bench) -> None:
        """Without room for all pieces of a payment none is taken."""
        nonce = bench.offer().nonce
        bench.load(*[1] * (MAX_PIECES - 1))
        transfers = [bench.transfer(1, nonce) for _ in range(2)]
        with bench.unchanged(Outcome.CHIP_FULL):
            bench.session.accept(bench.acceptance(*transfers))

    def test_two_spends_of_one_piece_are_refused(self, bench: Bench) -> None:
        """A payer's broken chip cannot pay with one identifier twice in one payment."""
        nonce = bench.offer().nonce
        transfers = [bench.transfer(one, nonce, consumed=bytes(32)) for one in (1, 2)]
        with bench.unchanged(Outcome.DOUBLE_SPENT):
            bench.session.accept(bench.acceptance(*transfers))

    def test_a_late_transfer_is_refused(self, bench: Bench) -> None:
        """A transfer certainly made after the offer ended is refused; an uncertain one is not."""
        nonce = bench.offer().nonce
        late = bench.transfer(1, nonce, moment=Moment(LATER_MS + 11, 10))
        with bench.unchanged(Outcome.EXPIRED):
            bench.session.accept(bench.acceptance(late))
        uncertain = bench.transfer(1, nonce, moment=Moment(LATER_MS + 10, 10))
        bench.session.accept(bench.acceptance(uncertain))

    def test_an_offer_ends_after_it_begins(self, bench: Bench) -> None:
        """An offer that was over before it was made is refused."""
        with bench.unchanged(Outcome.MALFORMED):
            bench.offer(1, expires_at_ms=NOW_MS)

    @pytest.mark.feature("C-17")
    def test_the_host_cannot_mint(self, bench: Bench) -> None:
        """A payer certified by nobody the root knows is refused, though all signatures match."""
        other = TrustWorld(suite=bench.world.suite, seed="another platform")
        payer = other.chip("A", "A-MINT")
        transfer = bench.transfer(70, bench.offer().nonce, payer=payer)
        acceptance = bench.acceptance(transfer, payer=payer)
        with bench.unchanged(Outcome.BAD_CERTIFICATE):
            bench.session.accept(acceptance)
        own_root = other.institutions["A"].certificate.raw
        with bench.unchanged(Outcome.BAD_CERTIFICATE):
            bench.session.accept(replace(acceptance, institution_certificate=own_root))

    def test_an_institution_vouches_for_its_own_wallets(self, bench: Bench) -> None:
        """A payer under another institution's wallet number is refused."""
        payer = bench.world.chip("B", "A-STRANGER")
        transfer = bench.transfer(70, bench.offer().nonce, payer=payer)
        with bench.unchanged(Outcome.BAD_CERTIFICATE):
            bench.session.accept(bench.acceptance(transfer, payer=payer))

    def test_a_transfer_must_be_by_the_certified_key(self, bench: Bench) -> None:
        """The certificate of one chip does not vouch for another's signature."""
        transfer = bench.transfer(70, bench.offer().nonce)
        acceptance = bench.acceptance(transfer, payer=bench.world.chip("B", "B-OTHER"))
        with bench.unchanged(Outcome.BAD_SIGNATURE):
            bench.session.accept(acceptance)

    def test_an_expired_payer_is_refused(self, bench: Bench) -> None:
        """A payer whose certificate was over when the session opened is refused."""
        key = bench.world.key("B-EXPIRED")
        certificate = bench.world.certify("B", "B-EXPIRED", key.public, not_after_ms=NOW_MS - 1)
        payer = CertifiedParty(key, certificate)
        transfer = bench.transfer(70, bench.offer().nonce, payer=payer)
        with bench.unchanged(Outcome.CERTIFICATE_EXPIRED):
            bench.session.accept(bench.acceptance(transfer, payer=payer))
