"""A network with rogues: bare wallets that spend the same value twice, and whom they pay."""

from dataclasses import dataclass

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.crypto.certificates import parse_certificate
from feiqian.institution import asking
from feiqian.money.currency import parse_currency
from feiqian.money.piece import Piece, issued_output, verify_piece
from feiqian.money.transfer import Acceptor
from feiqian.outcomes import Outcome, Refusal
from feiqian.testing.bare_wallets import BareWallet, full_item
from feiqian.testing.network import SimulatedNetwork, url_of
from feiqian.wire.envelope import decode_message, encode_message
from feiqian.wire.platform_requests import ReportBody
from feiqian.wire.request_envelope import Action
from feiqian.wire.verification import VERDICT, VerificationRequest, VerificationResult
from feiqian.wire.wallet_requests import TransfersBody, TransfersResult


@dataclass
class Fraud:
    """Three institutions; a rogue at A, honest people at each."""

    network: SimulatedNetwork
    rogue: BareWallet
    bob: BareWallet
    carol: BareWallet
    dora: BareWallet

    @classmethod
    async def prepare(cls):
        """Everybody has a wallet, nobody has money yet."""
        network = await SimulatedNetwork.create(("A", "B", "C"))
        people = [
            await BareWallet.open(network, code, name)
            for code, name in (("A", "rogue"), ("B", "bob"), ("C", "carol"), ("A", "dora"))
        ]
        return cls(network, *people)

    @property
    def trust(self):
        """What anybody in the network believes."""
        return self.network.institutions["A"].office.trust

    async def ask(self, code, *handed):
        """Have institution `code` verify what was handed over offline; the results."""
        request = encode_message(VerificationRequest(tuple(full_item(each) for each in handed)))
        raw = await self.network.courier.post(f"{url_of(code)}/v1/verifications", request)
        return decode_message(raw, VerificationResult).results

    async def verify(self, payee, handed):
        """Verify one payment at the payee's institution; the verdict and the result."""
        [result] = await self.ask(payee.code, handed)
        return self.verdict(result, handed), result

    def verdict(self, result, handed):
        """The verdict, which its issuer must have signed, on what was asked."""
        office = self.network.institutions[handed.currency.value.issuer].office
        verdict = VERDICT.read(office.suite, result.verdict, office.key.public)
        assert verdict.transfer == handed.transfers[-1].name
        return verdict

    def steps(self, handed):
        """What a payee's host has verified of a payment before it searches its list."""
        piece = Piece(handed.currency, handed.transfers, handed.certificates)
        return verify_piece(self.trust, piece, self.network.clock.now().midpoint_ms)

    async def standings(self, wallet, *transfers):
        """What a wallet's institution says of transfers that the wallet signed."""
        body = TransfersBody(VERSION, transfers)
        return (await wallet.ask(Action.TRANSFERS, body, TransfersResult)).standings

    async def report(self, code, evidence, recorded):
        """What the platform answers institution `code` that reports a double spend."""
        office = self.network.institutions[code].office
        body = cbor.encode(ReportBody(VERSION, evidence, recorded))
        try:
            await asking.ask(office, Action.REPORT, body)
        except Refusal as refusal:
            return refusal.outcome
        return Outcome.ACCEPTED

    def held(self, code):
        """The list that an institution holds."""
        held = self.network.institutions[code].double_spending._held
        assert held is not None
        return held.listed


def offline(payer, holding, payee, amount_minor):
    """Pay from chip to chip; the holding can be used again: what is handed over, and the change."""
    nonce = payer.entropy(16)
    return payer.spend(holding, payee.fingerprint, amount_minor, nonce, Acceptor.CHIP)


def take_renewal(wallet, result):
    """Hold what a verification renewed."""
    renewal = parse_currency(wallet.suite, result.renewal)
    return wallet.take(renewal.raw), issued_output(renewal)


def number_of(wallet):
    """The number in a wallet's certificate."""
    return parse_certificate(wallet.suite, wallet.certificate).value.subject
