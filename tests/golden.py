"""The golden samples as a small world for tests: fixed keys, certificates, money, in each suite."""

from functools import cache

import pytest

from feiqian.crypto.suite_names import SUITE_NAMES, suite_named
from feiqian.crypto.trust import TrustStore
from feiqian.outcomes import Refusal
from tools.samples import NOW_MS, Samples
from tools.vector_samples import make_samples


@cache
def golden(name="p256") -> Samples:
    """The samples of one suite, made once."""
    return make_samples(suite_named(name))


def golden_trust(world: Samples) -> TrustStore:
    """A store that knows the golden directory."""
    trust = TrustStore.pinned(world.suite, world.raw("root_certificate"))
    trust.learn_directory(world.raw("directory"))
    return trust


def value_of(world: Samples, name: str):
    """The value that was signed under that name."""
    return next(sample.value for sample in world.signed if sample.name == name)


def outcome_of(action):
    """The outcome by which `action` is refused; fails when it is not."""
    with pytest.raises(Refusal) as refused:
        action()
    return refused.value.outcome


__all__ = ["NOW_MS", "SUITE_NAMES", "golden", "golden_trust", "outcome_of", "value_of"]
