"""A fix is one word of a source of time: the moment it says, and when the local oscillator heard it.

A fix is a claim. Whether it is believed is judged by `timing.discipline`.
"""

from msgspec import Struct

from feiqian.timing.moment import Moment
from feiqian.timing.readings import Reading


class FixedPlace(Struct, frozen=True):
    """Where the receiver was, as it says."""

    latitude_e7: int
    """Degrees north, in units of 1e-7."""
    longitude_e7: int
    """Degrees east, likewise."""
    accuracy_mm: int
    """Within which the receiver estimates itself to be."""


class Fix(Struct, frozen=True):
    """A moment from outside."""

    moment: Moment
    """When it was heard; the radius covers the way from source to ear."""
    heard: Reading
    source: str
    """Of what kind, such as ``gnss:beidou`` or ``platform``."""
    place: FixedPlace | None = None
