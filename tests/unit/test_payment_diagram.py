"""The diagram in the documentation is the table."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.feature("C-01")
def test_the_documented_diagram_is_the_table() -> None:
    """docs/payment-protocol.md is what the generator draws from the table now."""
    tool = ROOT / "tools" / "draw_payment_protocol.py"
    drawn = subprocess.run([sys.executable, str(tool)], capture_output=True, text=True, check=True)
    assert (ROOT / "docs" / "payment-protocol.md").read_text(encoding="utf-8") == drawn.stdout
