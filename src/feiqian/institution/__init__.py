"""The operating institution: back end and currency manager, with its digital currency record."""
