"""The tariffs a party has at hand, by name: those that it was given, from a folder of TOML files.

Three are shipped with the package, as examples and for the tour.
"""

from collections.abc import Iterable, Mapping
from importlib import resources

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.tariffs.tariff import Tariff, read_tariff

EXAMPLES = ("charging", "fueling", "parking")


class TariffShelf:
    """Tariffs by name; a name that is not here is refused."""

    def __init__(self, tariffs: Iterable[Tariff]) -> None:
        self._tariffs: Mapping[str, Tariff] = {tariff.name: tariff for tariff in tariffs}

    def tariff(self, name: str) -> Tariff:
        """The tariff of that name. `Refusal` unknown_identifier."""
        try:
            return self._tariffs[name]
        except KeyError:
            known = ", ".join(sorted(self._tariffs)) or "none"
            detail = f"expected a tariff of {known}; got {name!r}"
            raise Refusal(Outcome.UNKNOWN_IDENTIFIER, detail) from None


def example_tariff(service: str) -> Tariff:
    """The shipped example for a service: charging, fueling or parking."""
    document = resources.files("feiqian.vehicle.tariffs") / "examples" / f"{service}.toml"
    return read_tariff(document.read_bytes())


def example_shelf() -> TariffShelf:
    """All shipped examples."""
    return TariffShelf(example_tariff(service) for service in EXAMPLES)
