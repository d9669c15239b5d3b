"""Remote control: orders that the platform's root key signs, and the receipts that chips sign (R-03).

All orders of a platform have one sequence of numbers. A chip keeps, for each kind, the number of the
last order it executed, and executes an order only if its number is greater: **of each kind the
highest number wins**. So an order that comes again, late, or out of turn changes nothing, and nobody
needs to know what a chip has missed. What can be set is therefore set whole, never changed by a
difference: frozen or not, these limits, these groups.

Freezing and limits *stand*: they hold until the same scope hears otherwise. Of these the highest number
wins of each kind **and scope**, and a chip obeys the strictest of all that stand: what was ordered for
one wallet is not lifted by an order to all. Notices are shown, each of them, whatever their numbers.

An order reaches one wallet, a group, the wallets of an institution, or all (R-06). Orders and
receipts are made small for short messages: times are in seconds, and the parameter is the encoding of
the structure that belongs to the kind.
"""

from enum import IntEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

from feiqian.crypto import cbor
from feiqian.crypto.certificates import InstitutionCode, WalletNumber
from feiqian.crypto.signed import SignedKind
from feiqian.money.limits import Limits
from feiqian.outcomes import Outcome, Refusal

MAX_ORDER_BYTES = 256
MAX_RECEIPT_BYTES = 128
MAX_PARAMETER_BYTES = 96
MAX_NOTICE_BYTES = 60
"""Of a notice, in UTF-8."""
MAX_GROUPS = 16
"""Groups that one chip can belong to."""
MAX_GROUP = 2**16 - 1
MAX_ORDER_NUMBER = 2**32 - 1

OrderNumber = Annotated[int, Meta(ge=1, le=MAX_ORDER_NUMBER)]
GroupNumber = Annotated[int, Meta(ge=1, le=MAX_GROUP)]
Groups = Annotated[tuple[GroupNumber, ...], Meta(max_length=MAX_GROUPS)]
UnixSeconds = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class OrderKind(IntEnum):
    """What is ordered; the chip tells the highest number executed of each, in this order."""

    FREEZE = 1
    """Freeze the wallet, or lift what the same scope was ordered: `FreezeParameter`."""
    LIMITS = 2
    """Limits in place of the tier's, or none from this scope again: `LimitsParameter`."""
    SYNCHRONISE = 3
    """Report now; no parameter. This and the next three take effect in the host."""
    CLOCK = 4
    """Correct the clock; no parameter."""
    LIST = 5
    """Take the double-spending list up to a version: `ListParameter`."""
    NOTIFY = 6
    """Show the holder a notice: `NoticeParameter`."""
    GROUPS = 7
    """To which groups the wallet belongs: `GroupsParameter`; for one wallet only."""


STANDING_KINDS = frozenset({OrderKind.FREEZE, OrderKind.LIMITS})
"""Kinds of which each scope has a register of its own."""


class ScopeKind(IntEnum):
    """Whom an order is for."""

    WALLET = 1
    GROUP = 2
    INSTITUTION = 3
    ALL = 4


class Scope(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Whom an order is for, by name; made by `wallet_scope` and its like."""

    kind: ScopeKind
    name: Annotated[str, Meta(max_length=24)]
    """A wallet's number, a group's number in decimal, an institution's code; empty for all."""


class FreezeParameter(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Whether value may leave the chip."""

    version: int
    frozen: bool


class LimitsParameter(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The limits from now on; None: this scope orders none, so the tier's hold if no other does."""

    version: int
    limits: Limits | None


class ListParameter(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The version of the double-spending list that is to be reached."""

    version: int
    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]


class NoticeParameter(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What to show."""

    version: int
    text: Annotated[str, Meta(min_length=1, max_length=MAX_NOTICE_BYTES)]


class GroupsParameter(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """All groups of the wallet, ascending; whoever is not named here is in no group."""

    version: int
    groups: Groups


Parameter = FreezeParameter | LimitsParameter | ListParameter | NoticeParameter | GroupsParameter

PARAMETERS: dict[OrderKind, type[Parameter] | None] = {
    OrderKind.FREEZE: FreezeParameter,
    OrderKind.LIMITS: LimitsParameter,
    OrderKind.SYNCHRONISE: None,
    OrderKind.CLOCK: None,
    OrderKind.LIST: ListParameter,
    OrderKind.NOTIFY: NoticeParameter,
    OrderKind.GROUPS: GroupsParameter,
}
"""The structure that each kind's parameter encodes; None: the parameter is empty."""


class ControlOrder(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The payload of an order; made by `make_order`."""

    version: int
    number: OrderNumber
    scope: Scope
    kind: OrderKind
    issued_at_s: UnixSeconds
    """Also a moment that has certainly passed for whoever reads this."""
    expires_at_s: UnixSeconds
    """The last second in which it is executed."""
    parameter: Annotated[bytes, Meta(max_length=MAX_PARAMETER_BYTES)]

    @property
    def issued_at_ms(self) -> int:
        """In milliseconds."""
        return self.issued_at_s * 1_000

    @property
    def expires_at_ms(self) -> int:
        """In milliseconds."""
        return self.expires_at_s * 1_000


class ControlReceipt(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What a chip signs for a genuine order that is for it; its key says which wallet."""

    version: int
    number: OrderNumber
    outcome: Outcome
    """accepted: executed now; repeated: executed before; outdated: a later order was executed that
    takes its place; expired. Nothing else."""
    counter: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    """Of the last transfer signed: what was signed later, was signed after this."""
    frozen: bool
    """After the order, by whatever scope."""


CONTROL_ORDER = SignedKind(b"feiqian/control-order", ControlOrder, MAX_ORDER_BYTES)
CONTROL_RECEIPT = SignedKind(b"feiqian/control-receipt", ControlReceipt, MAX_RECEIPT_BYTES)

RawOrder = Annotated[bytes, Meta(max_length=MAX_ORDER_BYTES)]
RawControlReceipt = Annotated[bytes, Meta(max_length=MAX_RECEIPT_BYTES)]

EVERYBODY = Scope(ScopeKind.ALL, "")

_SCOPE_NAMES: dict[ScopeKind, Any] = {
    ScopeKind.WALLET: WalletNumber,
    ScopeKind.GROUP: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}\Z")],
    ScopeKind.INSTITUTION: InstitutionCode,
    ScopeKind.ALL: Annotated[str, Meta(max_length=0)],
}


def make_order(
    number: int,
    scope: Scope,
    kind: OrderKind,
    valid_s: tuple[int, int],
    parameter: Parameter | None = None,
) -> ControlOrder:
    """An order to be signed, valid from and until these seconds. `Refusal` as of `check_order`."""
    encoded = b"" if parameter is None else cbor.encode(parameter)
    order = ControlOrder(cbor.VERSION, number, scope, kind, *valid_s, encoded)
    # Structs check their bounds when they are decoded only.
    order = cbor.decode(cbor.encode(order), ControlOrder, limit=MAX_ORDER_BYTES)
    check_order(order)
    return order


Place = tuple[OrderKind, Scope | OrderNumber | None]


def place_of(kind: OrderKind, scope: Scope, number: OrderNumber) -> Place:
    """Of all orders that reach a wallet and have one place, the latest alone is of use there.

    What stands has a place for each scope; notices add up, each is to be shown.
    """
    if kind in STANDING_KINDS:
        return kind, scope
    return kind, number if kind is OrderKind.NOTIFY else None


def wallet_scope(number: str) -> Scope:
    """One wallet."""
    return _checked_scope(Scope(ScopeKind.WALLET, number))


def group_scope(group: int) -> Scope:
    """The wallets that a GROUPS order put into this group."""
    return _checked_scope(Scope(ScopeKind.GROUP, str(group)))


def institution_scope(code: str) -> Scope:
    """The wallets of an institution."""
    return _checked_scope(Scope(ScopeKind.INSTITUTION, code))


def read_parameter(order: ControlOrder) -> Parameter | None:
    """What is ordered, every bound checked. `Refusal` malformed and its kin."""
    shape = PARAMETERS[order.kind]
    if shape is None:
        if order.parameter:
            raise Refusal(Outcome.MALFORMED, f"expected no parameter of {order.kind.name}")
        return None
    parameter = cbor.decode(order.parameter, shape, limit=MAX_PARAMETER_BYTES)
    if isinstance(parameter, NoticeParameter) and len(parameter.text.encode()) > MAX_NOTICE_BYTES:
        raise Refusal(Outcome.MALFORMED, f"expected a notice of at most {MAX_NOTICE_BYTES} bytes")
    if isinstance(parameter, GroupsParameter):
        _check_ascending(parameter.groups)
    return parameter


def check_order(order: ControlOrder) -> Parameter | None:
    """What is ordered, if the order makes sense by itself.

    Raises `Refusal`: malformed and its kin for scope, times or parameter, and for groups given to
    more than one wallet.
    """
    _checked_scope(order.scope)
    if order.expires_at_s < order.issued_at_s:
        raise Refusal(Outcome.MALFORMED, "expected an order that expires after it was issued")
    if order.kind is OrderKind.GROUPS and order.scope.kind is not ScopeKind.WALLET:
        raise Refusal(Outcome.MALFORMED, "expected groups for one wallet")
    return read_parameter(order)


def _checked_scope(scope: Scope) -> Scope:
    """`scope`, if its name is one of its kind; errors as `Refusal` malformed."""
    cbor.convert(scope.name, _SCOPE_NAMES[scope.kind])
    return scope


def _check_ascending(groups: tuple[int, ...]) -> None:
    if list(groups) != sorted(set(groups)):
        raise Refusal(Outcome.MALFORMED, "expected each group once, in order")
