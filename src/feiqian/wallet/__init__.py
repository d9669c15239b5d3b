"""A wallet: the client side of every payment, and the host of one security chip."""
