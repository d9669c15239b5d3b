"""The diagram in the documentation is the table."""

from pathlib import Path

import pytest

from tools.draw_payment_protocol import page

ROOT = Path(__file__).parents[2]


@pytest.mark.feature("C-01")
def test_the_documented_diagram_is_the_table() -> None:
    """docs/payment-protocol.md is what the generator draws from the table now."""
    assert (ROOT / "docs" / "payment-protocol.md").read_text(encoding="utf-8") == page()
