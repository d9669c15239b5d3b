"""The service provider: answers requests with an entity of its own."""
