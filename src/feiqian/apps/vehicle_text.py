"""A vehicle's services and standing authorisations, as its commands show them."""

from collections.abc import Sequence

import msgspec

from feiqian.apps.output import Output
from feiqian.money.amounts import format_amount
from feiqian.outcomes import Outcome
from feiqian.protocol.service.records import VehicleService
from feiqian.protocol.service.states import State
from feiqian.vehicle.in_vehicle.grants import Standing


class Shown(msgspec.Struct, frozen=True):
    """A service, as the vehicle knows it; amounts in minor units."""

    request: str
    state: State
    service: str
    provider: str
    entity: str
    amount_minor: int
    outcome: Outcome
    detail: str


class Services(msgspec.Struct, frozen=True):
    """What `status` and `receipts` answer, newest first."""

    services: list[Shown]
    standing: list[Standing]


def shown_of(record: VehicleService) -> Shown:
    """A service, to be shown."""
    return Shown(
        record.request_id.hex(),
        record.state,
        record.service.value,
        record.provider,
        record.entity,
        record.amount_minor,
        record.outcome,
        record.detail,
    )


def show_services(
    output: Output, services: Sequence[VehicleService], standing: Sequence[Standing]
) -> None:
    """The result of a command that lists them."""
    shown = [shown_of(record) for record in services]
    output.result(
        Services(shown, list(standing)),
        *(
            f"{each.request[:8]} {each.service} at {each.entity or each.provider}: {each.state}"
            f" {format_amount(each.amount_minor)}"
            for each in shown
        ),
        *(
            f"Authorisation {each.number}: {each.service}, {each.uses} times up to"
            f" {format_amount(each.ceiling_minor)}{', revoked' if each.revoked else ''}"
            for each in standing
        ),
    )
