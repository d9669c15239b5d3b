"""What a moment is and how certain it is; pure, no clock."""
