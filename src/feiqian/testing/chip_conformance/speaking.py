"""Chapter 6, speaking for the wallet: which requests the chip signs."""

import pytest

from feiqian.crypto import cbor
from feiqian.crypto.cbor import VERSION
from feiqian.outcomes import Outcome
from feiqian.testing.chip_conformance.bench import NUMBER, Bench, Chapter, refused
from feiqian.testing.chips import PIN, PUK
from feiqian.testing.keys import NOW_MS
from feiqian.wire.request_envelope import (
    NEW_WALLET,
    WALLET_REQUEST,
    Action,
    Request,
)


def _request(sender: str) -> bytes:
    request = Request(VERSION, bytes(16), sender, "A", NOW_MS, Action.ACCOUNT, b"")
    return cbor.encode(request)


class Speaking(Chapter):
    """What else the key may sign."""

    @pytest.mark.feature("C-17", "P-02")
    def test_a_new_chip_asks_for_its_wallet(self, blank: Bench) -> None:
        """Before it has a certificate the chip signs requests of a new wallet only."""
        root = blank.world.root.certificate.value.public_key
        public_key = blank.session.initialise(root, PIN, PUK)
        blank.unlock()
        signed = blank.session.sign_request(_request(NEW_WALLET))
        request = WALLET_REQUEST.read(blank.world.suite, signed, public_key)
        assert request.sender == NEW_WALLET
        with refused(Outcome.UNKNOWN_WALLET):
            blank.session.sign_request(_request(NUMBER))

    @pytest.mark.feature("C-17")
    def test_a_chip_speaks_for_its_wallet_only(self, bench: Bench) -> None:
        """An operational chip signs in the name of its own wallet and of nobody else."""
        signed = bench.session.sign_request(_request(NUMBER))
        WALLET_REQUEST.read(bench.world.suite, signed, bench.status.public_key)
        for sender in ("A-OTHER", NEW_WALLET, "A"):
            with bench.unchanged(Outcome.UNKNOWN_WALLET):
                bench.session.sign_request(_request(sender))

    @pytest.mark.feature("C-17")
    @pytest.mark.parametrize("payload", [b"", b"\x81\x01", b"\x84\x6aSignature1", bytes(300)])
    def test_nothing_but_requests_is_signed(self, bench: Bench, payload: bytes) -> None:
        """The key cannot be made to sign bytes of the host's choice."""
        with bench.unchanged(Outcome.MALFORMED):
            bench.session.sign_request(payload)

    def test_the_largest_request_fits(self, bench: Bench) -> None:
        """A request of the full length goes through extended APDUs in one piece."""
        request = Request(VERSION, bytes(16), NUMBER, "A", NOW_MS, Action.DEPOSIT, bytes(61_300))
        signed = bench.session.sign_request(cbor.encode(request))
        assert WALLET_REQUEST.read(bench.world.suite, signed, bench.status.public_key) == request
