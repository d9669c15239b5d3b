"""What tampering needs: whoever invents a row also corrects the rows that belong to it.

So that the audit is not merely tripped by sloppiness. What is changed, and what an audit must call
it, stands in the `TAMPERINGS` of the modules beside this one, by whose files are changed.
"""

from feiqian.crypto.cbor import VERSION
from feiqian.institution import books
from feiqian.testing.network import key_of
from feiqian.wire.platform_requests import ISSUANCE_ORDER, IssuanceOrder


def post(lived, debit, credit, amount_minor, party="A"):
    """One posting with its balances."""
    lived.network.stores[party].run(
        lambda tx: books.post(tx, debit, credit, amount_minor, "quietly", 1)
    )


def order(lived, signer, number, amount_minor=1_00):
    """An issuance order to A under a number, signed with anybody's key."""
    suite = lived.network.institutions["A"].office.suite
    value = IssuanceOrder(VERSION, number, "A", amount_minor, amount_minor, 1)
    return ISSUANCE_ORDER.sign(suite, key_of(suite, lived.network.seed, signer), value)
