"""A payment between two clients; `table` is its constitution, read it first."""
