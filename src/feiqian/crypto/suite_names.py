"""Which suites there are, by the name that stands in a configuration file."""

from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suites import Suite
from feiqian.outcomes import Outcome, Refusal

DEFAULT_SUITE = "p256"
SUITE_NAMES = ("p256", "sm2")


def suite_named(name: str) -> Suite:
    """The suite called `name`; `Refusal` unknown_suite when there is none or it is not installed."""
    if name == "p256":
        return P256_SHA256
    if name == "sm2":
        return _sm2()
    raise Refusal(Outcome.UNKNOWN_SUITE, f"expected one of {', '.join(SUITE_NAMES)}, got {name!r}")


def _sm2() -> Suite:
    try:
        # Imported when asked for: the library behind it is an extra that need not be installed.
        from feiqian.crypto.sm2 import SM2_SM3  # noqa: PLC0415
    except ModuleNotFoundError as error:
        detail = "expected the extra for sm2 to be installed: pip install feiqian[sm]"
        raise Refusal(Outcome.UNKNOWN_SUITE, detail) from error
    return SM2_SM3
