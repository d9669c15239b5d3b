"""Tariffs as files of a road: what an entity shows and what the management server prices by is one text.

A tariff's name means one document for ever: new prices have a new name. So whoever priced by the name
before, and whoever does so now, agree.
"""

from pathlib import Path

from feiqian.outcomes import Outcome, Refusal
from feiqian.vehicle.tariffs.pricing import fee_of
from feiqian.vehicle.tariffs.shelf import EXAMPLES, TariffShelf, example_tariff
from feiqian.vehicle.tariffs.tariff import MAX_TARIFF_BYTES, Tariff, read_tariff
from feiqian.wire.usage import Fee, Usage

TARIFFS = "tariffs"
"""The folder of a party that has some."""


def tariff_at(path: Path) -> Tariff:
    """The tariff in a file. `Refusal`: too_large, malformed."""
    return read_tariff(_document(path))


def keep(folder: Path, path: Path) -> Tariff:
    """Have a tariff in a folder, under its name.

    Raises `Refusal`: too_large, malformed; key_reused when that name means another document already.
    """
    document = _document(path)
    tariff = read_tariff(document)
    kept = folder / f"{tariff.name}.toml"
    others = {each.name for each in map(example_tariff, EXAMPLES)}
    if tariff.name in others or (kept.exists() and kept.read_bytes() != document):
        raise Refusal(Outcome.KEY_REUSED, f"expected a new name: {tariff.name} is another tariff")
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(document)
    return tariff


def shelf_of(folder: Path, *more: Path) -> TariffShelf:
    """The tariffs shipped, those in a folder, and those in these files. `Refusal` malformed."""
    shipped = [example_tariff(service) for service in EXAMPLES]
    given = [tariff_at(path) for path in (*sorted(folder.glob("*.toml")), *more)]
    return TariffShelf([*shipped, *given])


class PriceFolder:
    """Prices by the tariffs of a folder; a name not known yet is looked for there once more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shelf = shelf_of(folder)

    def price(self, name: str, usage: Usage) -> Fee:
        """`ManagementSetup`'s pricing. `Refusal` unknown_identifier, and as `fee_of` names it."""
        try:
            tariff = self._shelf.tariff(name)
        except Refusal:
            self._shelf = shelf_of(self._folder)
            tariff = self._shelf.tariff(name)
        return fee_of(tariff, usage)


def _document(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_TARIFF_BYTES + 1)
    except OSError as error:
        raise Refusal(Outcome.MALFORMED, f"expected a tariff at {path}: {error}") from error
