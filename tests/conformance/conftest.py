"""Suites that are shipped in the package explain a failed assertion as test files do."""

import pytest

pytest.register_assert_rewrite(
    "feiqian.testing.bus_conformance", "feiqian.testing.chip_conformance"
)
