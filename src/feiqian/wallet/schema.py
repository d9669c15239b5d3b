"""The tables of a wallet, as migrations; never edited once released, only added to.

The chip decides what is held; `chains` keeps the bytes that prove it. `sessions` are payments with
another wallet, `errands` are requests to the own institution: each is stored before anything that
depends on it leaves, with the very bytes that a retry sends again.
"""

MIGRATIONS = (
    """
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    );
    CREATE TABLE chains (
        identifier BLOB PRIMARY KEY,
        amount_minor INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        chain BLOB NOT NULL,
        reserved_for BLOB
    );
    CREATE INDEX chains_sequence ON chains (sequence);
    CREATE TABLE sessions (
        nonce BLOB PRIMARY KEY,
        role TEXT NOT NULL,
        stage TEXT NOT NULL,
        opened_at_ms INTEGER NOT NULL,
        changed_at_ms INTEGER NOT NULL,
        amount_minor INTEGER NOT NULL,
        peer TEXT NOT NULL,
        peer_certificate BLOB,
        offer BLOB,
        pay BLOB,
        by_identifier INTEGER NOT NULL,
        request BLOB,
        full_request BLOB,
        confirmed BLOB,
        detail TEXT NOT NULL
    );
    CREATE INDEX sessions_stage ON sessions (stage);
    CREATE TABLE errands (
        nonce BLOB PRIMARY KEY,
        action TEXT NOT NULL,
        stage TEXT NOT NULL,
        opened_at_ms INTEGER NOT NULL,
        changed_at_ms INTEGER NOT NULL,
        amount_minor INTEGER NOT NULL,
        command BLOB,
        body BLOB,
        signed BLOB,
        detail TEXT NOT NULL
    );
    CREATE INDEX errands_stage ON errands (stage);
    """,
    """
    ALTER TABLE sessions ADD COLUMN acceptor INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN judgement BLOB;
    ALTER TABLE sessions ADD COLUMN renewals BLOB;
    ALTER TABLE sessions ADD COLUMN verification TEXT NOT NULL DEFAULT '';
    ALTER TABLE sessions ADD COLUMN receipt BLOB;
    CREATE INDEX sessions_verification ON sessions (verification);
    CREATE TABLE list_documents (
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (kind, number)
    );
    """,
    """
    CREATE TABLE satellite_channel (
        slot INTEGER PRIMARY KEY,
        secret BLOB NOT NULL,
        number INTEGER NOT NULL,
        sealing_public BLOB NOT NULL,
        next_message INTEGER NOT NULL
    );
    CREATE TABLE satellite_messages (
        number INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        content BLOB NOT NULL,
        written_at_ms INTEGER NOT NULL,
        acknowledged_at_ms INTEGER
    );
    CREATE TABLE orders (
        number INTEGER PRIMARY KEY,
        kind INTEGER NOT NULL,
        raw BLOB NOT NULL,
        arrived_at_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        receipt BLOB,
        told INTEGER NOT NULL,
        due INTEGER NOT NULL
    );
    CREATE TABLE waiting_deltas (
        number INTEGER PRIMARY KEY,
        raw BLOB NOT NULL
    );
    """,
    """
    ALTER TABLE sessions ADD COLUMN fee_order BLOB;
    CREATE INDEX sessions_fee_order ON sessions (fee_order);
    """,
    # From now on the chip numbers messages, from 1: what was numbered here has to be another channel's.
    """
    DELETE FROM satellite_channel;
    DELETE FROM satellite_messages;
    ALTER TABLE satellite_channel DROP COLUMN next_message;
    """,
)
