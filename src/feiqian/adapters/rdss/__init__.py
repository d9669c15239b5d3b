"""Short-message modules of BeiDou on a serial line, over TCP or behind gpsd, as `ports.ShortMessages`."""
