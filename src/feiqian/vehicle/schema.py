"""The tables of a party to services, as migrations; never edited once released, only added to.

One schema for all four roles. `outbox` is what is still to be delivered, `inbox` what was taken in
already, `services` where each service stands, `log` how it came there.
"""

MIGRATIONS = (
    """
    CREATE TABLE outbox (
        digest BLOB NOT NULL,
        recipient TEXT NOT NULL,
        kind TEXT NOT NULL,
        raw BLOB NOT NULL,
        said_at_ms INTEGER NOT NULL,
        next_at_ms INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        PRIMARY KEY (digest, recipient)
    );
    CREATE INDEX outbox_next ON outbox (next_at_ms);
    CREATE TABLE inbox (
        digest BLOB PRIMARY KEY,
        heard_at_ms INTEGER NOT NULL
    );
    CREATE INDEX inbox_heard ON inbox (heard_at_ms);
    CREATE TABLE acquaintances (
        name TEXT PRIMARY KEY,
        public_key BLOB NOT NULL
    );
    CREATE TABLE members (
        name TEXT PRIMARY KEY,
        member TEXT NOT NULL,
        public_key BLOB NOT NULL,
        provider TEXT NOT NULL,
        wallet BLOB NOT NULL,
        statement BLOB NOT NULL,
        service TEXT NOT NULL,
        area TEXT NOT NULL
    );
    CREATE TABLE services (
        request_id BLOB PRIMARY KEY,
        state TEXT NOT NULL,
        opened_at_ms INTEGER NOT NULL,
        changed_at_ms INTEGER NOT NULL,
        deadline_ms INTEGER NOT NULL,
        payer BLOB NOT NULL,
        authorisation INTEGER NOT NULL,
        record BLOB NOT NULL
    );
    CREATE INDEX services_state ON services (state);
    CREATE INDEX services_deadline ON services (deadline_ms);
    CREATE INDEX services_payer ON services (payer, authorisation);
    CREATE TABLE log (
        number INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        request_id BLOB NOT NULL,
        event TEXT NOT NULL,
        state TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX log_request ON log (request_id);
    CREATE TABLE authorisations (
        number INTEGER PRIMARY KEY,
        raw BLOB NOT NULL,
        revoked INTEGER NOT NULL
    );
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    );
    """,
    """
    ALTER TABLE members ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX members_revision ON members (revision);
    """,
)
