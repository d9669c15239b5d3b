"""The chip suite, run on the software chip: in memory, in both suites, and in a file."""

import os
from pathlib import Path

import pytest

from feiqian.adapters.softchip import FileMemory, SoftChip
from feiqian.crypto.p256 import P256_SHA256
from feiqian.crypto.suite_names import suite_named
from feiqian.testing.chip_conformance import ChipConformance
from feiqian.testing.chips import RemovableChip


class TestSoftChipInMemory(ChipConformance):
    @pytest.fixture
    def chip(self):
        return RemovableChip(P256_SHA256)


class TestSoftChipOfSM2(ChipConformance):
    @pytest.fixture
    def suite(self):
        return suite_named("sm2")

    @pytest.fixture
    def chip(self, suite):
        return RemovableChip(suite)


class ChipInFile:
    """A software chip whose file is closed and opened again at every reset."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._power_on()

    def _power_on(self) -> None:
        self._memory = FileMemory(self._path)
        self._chip = SoftChip(self._memory, P256_SHA256, os.urandom)

    def transmit(self, apdu: bytes) -> bytes:
        return self._chip.transmit(apdu)

    def reset(self) -> None:
        self.close()
        self._power_on()

    def close(self) -> None:
        self._memory.close()


class TestSoftChipInFile(ChipConformance):
    @pytest.fixture
    def chip(self, tmp_path):
        chip = ChipInFile(tmp_path / "wallet.chip")
        yield chip
        chip.close()
