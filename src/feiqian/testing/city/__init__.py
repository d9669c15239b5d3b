"""A city of vehicles that park, charge and pay, in one process and in virtual time."""
