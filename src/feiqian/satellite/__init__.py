"""Satellites as a wallet sees them: a constellation that tells the time and carries short messages."""
