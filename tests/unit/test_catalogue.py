"""The feature catalogue has one source, and the page made from it is current."""

from pathlib import Path

import pytest

from feiqian.testing.catalogue import CatalogueError, as_markdown, feature_ids, parse

_PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def _one_row(row: str) -> str:
    return f'[C]\ntitle = "t"\npublications = []\nrows = [{row}]\n'


def test_docs_page_is_the_catalogue():
    """docs/features.md is what `make docs` writes today."""
    assert _PAGE.read_text(encoding="utf-8") == as_markdown()


def test_ids_are_unique():
    """No id is given to two rows."""
    assert len(set(feature_ids())) == len(feature_ids())


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ('["C-02", "T", "Pays"]', "stands where C-01 belongs"),
        ('["C-01", "X", "Pays"]', "known are T, S, O"),
        ('["C-01", "T", "Pays."]', "without full stop"),
        ('["C-01", "T", "pays"]', "one sentence"),
        ('["C-01", "T", "Pays | refunds"]', "one sentence"),
    ],
)
def test_malformed_rows_are_refused(row, complaint):
    """A row out of sequence, of unknown source or of another form is named in the refusal."""
    with pytest.raises(CatalogueError, match=complaint):
        parse(_one_row(row))
