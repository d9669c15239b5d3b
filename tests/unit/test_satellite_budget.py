"""What has to fit few messages of the narrowest service does."""

import pytest

from bench.satellite_messages import (
    PARAMETERS,
    answer,
    order_to_all,
    order_to_one,
    receipts,
    report,
)
from feiqian.wire.control import OrderKind
from feiqian.wire.short_messages import RDSS2, RDSS3_GLOBAL, RDSS3_REGIONAL


@pytest.mark.feature("W-06")
def test_a_report_takes_two_messages_of_the_narrowest_class():
    """The key information set, its answer and a receipt take two messages; one where they are longer."""
    for content in (report(), answer(), receipts()):
        assert RDSS3_GLOBAL.messages_for(len(content)) == 2
        assert RDSS2.messages_for(len(content)) == 2
        assert RDSS3_REGIONAL.messages_for(len(content)) == 1


@pytest.mark.feature("R-01")
@pytest.mark.parametrize("kind", PARAMETERS)
def test_an_order_takes_three_messages_at_most(kind):
    """Every order reaches a wallet in three messages of the narrowest class, freezing in two."""
    most = 2 if kind is OrderKind.FREEZE else 3
    assert RDSS3_GLOBAL.messages_for(len(order_to_one(kind))) <= most
    if kind is not OrderKind.GROUPS:
        assert RDSS3_GLOBAL.messages_for(len(order_to_all(kind))) <= most
