"""Tariffs are data: what a service costs, read from TOML and applied to what was measured."""
