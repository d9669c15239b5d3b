"""What is known of where a vehicle stands; each verdict says enough to act on it."""

from dataclasses import dataclass

from feiqian.outcomes import Outcome
from feiqian.timing.moment import Moment


@dataclass(frozen=True, slots=True)
class NoMatch:
    """It stands at no entity, or not long enough yet."""


@dataclass(frozen=True, slots=True)
class Match:
    """It certainly stands at one entity, and at no other."""

    entity: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It stands, perhaps at one of these: only they can say. One alone is a doubt as well."""

    entities: tuple[str, ...]
    """By name."""


@dataclass(frozen=True, slots=True)
class Departed:
    """It has certainly left the entity that it was matched to; told once."""

    entity: str
    moment: Moment
    """Of the first position that certainly was elsewhere."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The position is not believed; what was known before stays as it is."""

    outcome: Outcome
    detail: str


Verdict = NoMatch | Match | Ambiguous | Departed | Refused
