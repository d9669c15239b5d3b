"""What the machine's cryptography does on one core: the yardstick of everything else."""

from bench.measure import rate, verification_rate
from feiqian.crypto.p256 import P256_SHA256
from feiqian.money.transfer import (
    Acceptor,
    Transfer,
    parse_transfer,
    sign_transfer,
    verify_transfer,
)
from feiqian.timing.moment import Moment


def run() -> dict[str, object]:
    """Signatures, verifications, and reading plus verifying one transfer."""
    key = P256_SHA256.generate()
    transfer = Transfer(1, bytes(32), bytes(32), 1, 1, 1, Moment(1, 1), bytes(16), Acceptor.MANAGER)
    raw = sign_transfer(P256_SHA256, key, transfer).raw

    def read_and_verify() -> None:
        verify_transfer(P256_SHA256, key.public, parse_transfer(P256_SHA256, raw))

    verify = verification_rate()
    return {
        "verify_per_s": round(verify),
        "sign_per_s": round(rate(lambda: key.sign(raw))),
        "transfer_verify_per_s": round(rate(read_and_verify)),
        "ratio_to_verify": round(rate(read_and_verify) / verify, 3),
    }
