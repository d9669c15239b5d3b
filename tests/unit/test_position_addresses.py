"""Sources of positions are named by people, and what cannot be one is refused with an example."""

import pytest

from feiqian.adapters.position_addresses import parse_cam
from feiqian.outcomes import Outcome, Refusal


def test_station_has_an_address():
    """Where messages arrive, and whose are wanted."""
    assert parse_cam("cam://127.0.0.1:4400/4711") == ("127.0.0.1", 4400, 4711)


@pytest.mark.parametrize(
    "text",
    [
        "cam://127.0.0.1/4711",
        "cam://127.0.0.1:4400",
        "cam://127.0.0.1:4400/x",
        "cam://127.0.0.1:4400/4294967296",
        "cam://127.0.0.1:99999/1",
        "cam:",
    ],
)
def test_others_are_refused(text):
    """Whatever lacks host, port or a station's number is malformed."""
    with pytest.raises(Refusal) as refused:
        parse_cam(text)
    assert refused.value.outcome is Outcome.MALFORMED
