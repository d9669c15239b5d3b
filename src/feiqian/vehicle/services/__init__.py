"""What a service entity renders: charging, parking, fueling, each bounded by what was authorised."""
