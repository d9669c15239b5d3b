"""The management server: knows its members, matches positions, orders fees, compares receipts."""
