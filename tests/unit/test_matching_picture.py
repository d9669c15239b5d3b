"""The picture of the rule is the rule."""

import pytest

from tools.draw_matching import PICTURE, VEHICLES, picture, verdict


def test_picture_is_current():
    """docs/matching.svg is what the tool draws now."""
    assert PICTURE.read_text(encoding="utf-8") == picture()


@pytest.mark.feature("V-08")
def test_rule_by_example():
    """The seven vehicles of the picture: two are matched, four are asked about, one is nowhere."""
    assert [verdict(*vehicle[:3]) for vehicle in VEHICLES] == [
        "match P-1",
        "ask P-1 and P-2",
        "ask P-1",
        "ask P-2",
        "match C-3",
        "ask C-3",
        "no match",
    ]
