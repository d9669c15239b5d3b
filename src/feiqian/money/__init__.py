"""What value is: currency, transfer, piece, circulation identifier; pure, no I/O, no clock."""
