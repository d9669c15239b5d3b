"""The result of an audit: totals, what is in flight, and what contradicts the evidence."""

from msgspec import Struct

from feiqian.testing.audit.findings import Discrepancy


class InFlight(Struct, frozen=True):
    """A transfer that its issuer has redeemed and its redeemer has not credited, or the reverse.

    The reverse has a negative amount. It is seen only in a network that runs, when the issuer was
    read first; the issuer's later snapshot shows the redemption.
    """

    issuer: str
    redeemer: str
    transfer: str
    amount_minor: int
    standing: str
    """Where the redeemer has it: pending, refused, unseen; or credited, in the reverse."""


class FlightTotal(Struct, frozen=True):
    """All that is in flight between one issuer and one redeemer; minor units."""

    issuer: str
    redeemer: str
    items: int
    amount_minor: int


class InstitutionTotals(Struct, frozen=True):
    """One institution; minor units. ``issued = circulating + redeemed``."""

    code: str
    issued_minor: int
    """Of all currencies it ever signed."""
    circulating_minor: int
    redeemed_minor: int
    in_flight_minor: int
    """Of what was redeemed: not credited yet by whom it was redeemed for."""
    headroom_minor: int
    """Authorised and not issued, what it is returning included."""
    authorised_minor: int


class AuditReport(Struct, frozen=True):
    """What an audit proves, or why it does not."""

    holds: bool
    facts: int
    """How many comparisons were made."""
    discrepancy_count: int
    discrepancies: tuple[Discrepancy, ...]
    """The first of each check, the most basic check first."""
    platform_minor: int
    """Issued by the platform: its orders less what was returned."""
    ordered_in_transit_minor: int
    """Ordered at the platform and not booked yet by the institution."""
    issued_minor: int
    circulating_minor: int
    redeemed_minor: int
    in_flight_minor: int
    headroom_minor: int
    institutions: tuple[InstitutionTotals, ...]
    flights: tuple[FlightTotal, ...]
    in_flight: tuple[InFlight, ...]
    """The first of them."""
