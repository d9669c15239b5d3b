"""The in-vehicle client: requests, has the chip authorise, reports positions, pays by order."""
