"""Feiqian: a two-tier digital currency that also pays where there is no network."""

__version__ = "0.1.0"
