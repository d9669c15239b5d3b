"""The Internet of Vehicles: in-vehicle client, provider, management server and service entities."""
