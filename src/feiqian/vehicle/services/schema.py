"""What a site keeps in the entity's store: its services, each as one document."""

MIGRATIONS = (
    """
    CREATE TABLE rendered_service (
        request_id BLOB PRIMARY KEY,
        is_over INTEGER NOT NULL,
        document BLOB NOT NULL
    );
    """,
)
"""Its own schema, in a store of its own: equipment can be changed without touching the entity's."""
