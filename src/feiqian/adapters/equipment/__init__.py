"""Bays and pumps, for which there is no one standard, by lines of JSON: our own, and documented as such."""
