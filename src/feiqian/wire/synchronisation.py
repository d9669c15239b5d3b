"""What an institution signs to say that it was in touch with a wallet, for the wallet's chip.

The statement is the chip's only source of "last in touch": it carries a number that only grows, so
an older one changes nothing, and it names the wallet, so another's changes nothing either (D-16).
"""

from typing import Annotated

from msgspec import Meta, Struct

from feiqian.crypto.certificates import WalletNumber
from feiqian.crypto.signed import SignedKind
from feiqian.timing.moment import Moment


class Synchronisation(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an institution signs for a wallet's chip: at this moment it was in touch."""

    version: int
    wallet: WalletNumber
    moment: Moment
    number: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    """Of this wallet's synchronisations; it only grows, so none counts twice."""


SYNCHRONISATION = SignedKind(b"feiqian/synchronisation", Synchronisation, 192)

RawSynchronisation = Annotated[bytes, Meta(max_length=192)]
