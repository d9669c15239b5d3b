"""Carriage: parcels of any length over a service that loses, repeats and reorders short messages."""
