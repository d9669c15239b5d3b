"""The one suite that any security chip must pass, whatever it is made of.

Derive a test class from `ChipConformance` and give it a fixture `chip` that returns a fresh, blank
chip (`ChipUnderTest`). Everything is asked through APDUs, so the same tests hold the software
chip, a chip behind PC/SC and a Java Card to the same behaviour, refusal by refusal.
"""

from feiqian.testing.chip_conformance.accepting import Accepting
from feiqian.testing.chip_conformance.authorising import Authorising
from feiqian.testing.chip_conformance.bench import Bench, ChipUnderTest
from feiqian.testing.chip_conformance.codes import Codes
from feiqian.testing.chip_conformance.controlling import Controlling
from feiqian.testing.chip_conformance.fees import Fees
from feiqian.testing.chip_conformance.frames import Frames
from feiqian.testing.chip_conformance.life import Life
from feiqian.testing.chip_conformance.loading import Loading
from feiqian.testing.chip_conformance.paying import Paying
from feiqian.testing.chip_conformance.reporting import Reporting
from feiqian.testing.chip_conformance.speaking import Speaking
from feiqian.testing.chip_conformance.synchronising import Synchronising

__all__ = ["Bench", "ChipConformance", "ChipUnderTest"]


class ChipConformance(
    Life,
    Codes,
    Loading,
    Accepting,
    Paying,
    Speaking,
    Synchronising,
    Controlling,
    Reporting,
    Authorising,
    Fees,
    Frames,
):
    """All chapters of the suite."""
