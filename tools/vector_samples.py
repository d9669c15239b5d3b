"""One sample of every structure, from fixed keys and fixed values, in the order money travels.

Nothing here is drawn or read from a clock, and signatures are deterministic, so the samples of a
suite are the same bytes wherever and whenever they are made.
"""

from feiqian.crypto.suites import Suite
from tools.chip_samples import add_chip_samples
from tools.fraud_samples import add_fraud_samples
from tools.money_samples import add_money_samples
from tools.request_samples import add_request_samples
from tools.samples import SIGNERS, Samples
from tools.service_samples import add_service_samples


def make_samples(suite: Suite) -> Samples:
    """Every structure once, some in each of their forms."""
    keys = {name: suite.load(bytes([n]) * 32) for n, name in enumerate(SIGNERS, start=1)}
    samples = Samples(suite, keys)
    add_money_samples(samples)
    add_request_samples(samples)
    add_fraud_samples(samples)
    add_chip_samples(samples)
    add_service_samples(samples)
    return samples
