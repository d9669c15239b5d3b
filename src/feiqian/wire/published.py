"""Where the platform publishes what everybody may have, and institutions what they have of it."""

ROOT_PATH = "/v1/root"
"""The platform's certificate (COSE); to be compared with the pinned key."""
DIRECTORY_PATH = "/v1/directory"
"""The newest directory (COSE)."""
