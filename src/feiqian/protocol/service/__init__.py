"""A service from request to receipts: the table of all four roles, and the machine of each."""
