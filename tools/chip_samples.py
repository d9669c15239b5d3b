"""Samples of what chips obey, report and allow: control orders, key information, authorisations."""

from feiqian.crypto import cbor
from feiqian.money.limits import Limits
from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment
from feiqian.wire import authorisation, control, key_information
from feiqian.wire.usage import ServiceClass
from tools.samples import Samples

V = cbor.VERSION
_ISSUED_S = 1_790_000_000
_WALLET = "A-7K2Q9D4M"


def add_chip_samples(to: Samples) -> None:
    """Every structure of the three modules, each order kind and each scope once."""
    _control(to)
    _authorisation(to)


def _control(to: Samples) -> None:
    wallet = control.wallet_scope(_WALLET)
    limits = Limits(10_000_00, 5_000_00, 500_00, 1_000_00, 5)
    orders: tuple[tuple[control.Scope, control.OrderKind, control.Parameter | None], ...] = (
        (wallet, control.OrderKind.FREEZE, control.FreezeParameter(V, frozen=True)),
        (wallet, control.OrderKind.LIMITS, control.LimitsParameter(V, limits)),
        (control.EVERYBODY, control.OrderKind.SYNCHRONISE, None),
        (control.institution_scope("A"), control.OrderKind.CLOCK, None),
        (control.group_scope(17), control.OrderKind.LIST, control.ListParameter(V, 258)),
        (control.EVERYBODY, control.OrderKind.NOTIFY, control.NoticeParameter(V, "请联系银行")),
        (wallet, control.OrderKind.GROUPS, control.GroupsParameter(V, (3, 17))),
    )
    for number, (scope, kind, parameter) in enumerate(orders, start=1):
        valid_s = _ISSUED_S, _ISSUED_S + 86_400
        order = control.make_order(number, scope, kind, valid_s, parameter)
        name = kind.name.lower()
        to.sign(f"control_order_{name}", control.CONTROL_ORDER, "platform", order)
        if parameter is not None:
            to.body(f"control_parameter_{name}", parameter)
    for outcome in (Outcome.ACCEPTED, Outcome.EXPIRED):
        receipt = control.ControlReceipt(V, 1, outcome, 2, outcome is Outcome.ACCEPTED)
        to.sign(f"control_receipt_{outcome}", control.CONTROL_RECEIPT, "payer", receipt)
    information = key_information.KeyInformation(
        version=V,
        number=1,
        counter=2,
        balance_minor=87_50,
        offline_paid_minor=12_50,
        offline_received_minor=0,
        log_digest=bytes.fromhex("8f434346648f"),
        list_number=258,
        moment_s=_ISSUED_S + 3_600,
        radius_s=5,
        synchronised_number=3,
        executed_number=7,
        condition=key_information.ChipCondition.FROZEN,
    )
    to.sign("key_information", key_information.KEY_INFORMATION, "payer", information)


def _authorisation(to: Samples) -> None:
    issued_ms = _ISSUED_S * 1_000
    statement = authorisation.EntityStatement(
        version=V,
        entity="charger-12",
        service=ServiceClass.CHARGING,
        wallet=to.fingerprint("payee"),
        not_after_ms=issued_ms + 30 * 86_400_000,
    )
    # The provider's key is any key of the suite; here it is institution B's.
    to.sign("entity_statement", authorisation.ENTITY_STATEMENT, "institution_b", statement)
    for number, payee in enumerate((to.fingerprint("payee"), None), start=1):
        grant = authorisation.Grant(
            payee=payee,
            provider=to.keys["institution_b"].public,
            service=ServiceClass.CHARGING,
            ceiling_minor=100_00,
            valid_from_ms=issued_ms,
            valid_until_ms=issued_ms + 86_400_000,
            uses=1 if payee else 64,
        )
        allowed = authorisation.Authorisation(V, number, _WALLET, grant, Moment(issued_ms, 250))
        name = "authorisation" if payee else "authorisation_standing"
        to.sign(name, authorisation.AUTHORISATION, "payer", allowed)
