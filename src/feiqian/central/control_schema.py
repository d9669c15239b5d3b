"""The platform's tables for remote control and satellites: the third migration of `schema`.

Channels, uplinks and air tasks are what passed; orders, deliveries and reports are evidence, kept as
the bytes that were signed. Nothing is deleted.
"""

CONTROL_TABLES = """
    CREATE TABLE operators (
        name TEXT PRIMARY KEY,
        token_digest BYTEA NOT NULL,
        added_at_ms BIGINT NOT NULL,
        removed_at_ms BIGINT
    );
    CREATE TABLE proposals (
        number BIGINT PRIMARY KEY,
        action TEXT NOT NULL,
        document BYTEA NOT NULL,
        needs_second BIGINT NOT NULL,
        proposed_by TEXT NOT NULL,
        proposed_at_ms BIGINT NOT NULL,
        decision TEXT NOT NULL,
        decided_by TEXT NOT NULL,
        decided_at_ms BIGINT,
        CHECK (needs_second = 0 OR decided_by <> proposed_by OR decision = 'rejected')
    );
    CREATE INDEX proposals_open ON proposals (number) WHERE decision = 'open';

    CREATE TABLE control_orders (
        number BIGINT PRIMARY KEY,
        proposal BIGINT NOT NULL UNIQUE REFERENCES proposals (number),
        kind BIGINT NOT NULL,
        scope BIGINT NOT NULL,
        name TEXT NOT NULL,
        issued_at_ms BIGINT NOT NULL,
        expires_at_ms BIGINT NOT NULL,
        raw BYTEA NOT NULL
    );
    CREATE INDEX control_orders_by_scope ON control_orders (scope, name, kind, number);
    CREATE TABLE deliveries (
        number BIGINT NOT NULL REFERENCES control_orders (number),
        wallet TEXT NOT NULL,
        kind BIGINT NOT NULL,
        state TEXT NOT NULL,
        weight BIGINT NOT NULL,
        way TEXT NOT NULL,
        sent_at_ms BIGINT,
        times_sent BIGINT NOT NULL,
        changed_at_ms BIGINT NOT NULL,
        outcome TEXT NOT NULL,
        receipt BYTEA,
        PRIMARY KEY (number, wallet)
    );
    CREATE INDEX deliveries_by_wallet ON deliveries (wallet, kind, number);
    CREATE TABLE wallet_groups (
        wallet TEXT NOT NULL,
        group_number BIGINT NOT NULL,
        PRIMARY KEY (wallet, group_number)
    );

    CREATE TABLE sealing_keys (
        public_key BYTEA PRIMARY KEY,
        since_ms BIGINT NOT NULL,
        raw BYTEA NOT NULL
    );
    CREATE TABLE channels (
        number BIGINT PRIMARY KEY,
        wallet TEXT NOT NULL,
        institution TEXT NOT NULL,
        chip_certificate BYTEA NOT NULL,
        public_key BYTEA NOT NULL UNIQUE,
        sealing_key BYTEA NOT NULL REFERENCES sealing_keys (public_key),
        address TEXT NOT NULL,
        station TEXT NOT NULL,
        sent_number BIGINT NOT NULL,
        registered_at_ms BIGINT NOT NULL,
        closed_at_ms BIGINT
    );
    CREATE INDEX channels_by_wallet ON channels (wallet);
    CREATE TABLE stations (
        name TEXT PRIMARY KEY,
        public_key BYTEA NOT NULL,
        added_at_ms BIGINT NOT NULL,
        exchange_number BIGINT NOT NULL,
        seen_at_ms BIGINT
    );
    CREATE TABLE uplinks (
        channel BIGINT NOT NULL REFERENCES channels (number),
        number BIGINT NOT NULL,
        digest BYTEA NOT NULL,
        station TEXT NOT NULL,
        received_at_ms BIGINT NOT NULL,
        answer BYTEA,
        PRIMARY KEY (channel, number)
    );
    CREATE TABLE air_tasks (
        number BIGINT PRIMARY KEY,
        channel BIGINT REFERENCES channels (number),
        address TEXT NOT NULL,
        station TEXT NOT NULL,
        content BYTEA NOT NULL,
        queued_at_ms BIGINT NOT NULL,
        expires_at_ms BIGINT NOT NULL,
        orders TEXT NOT NULL,
        answers BYTEA NOT NULL,
        is_open BIGINT NOT NULL
    );
    CREATE INDEX air_tasks_open ON air_tasks (number) WHERE is_open = 1;
    CREATE TABLE airings (
        task BIGINT NOT NULL REFERENCES air_tasks (number),
        station TEXT NOT NULL,
        aired_at_ms BIGINT NOT NULL,
        PRIMARY KEY (task, station)
    );
    CREATE TABLE wallet_reports (
        wallet TEXT NOT NULL,
        chip BYTEA NOT NULL,
        number BIGINT NOT NULL,
        channel BIGINT NOT NULL,
        uplink BIGINT NOT NULL,
        institution TEXT NOT NULL,
        raw BYTEA NOT NULL,
        received_at_ms BIGINT NOT NULL,
        request BYTEA,
        judged_at_ms BIGINT,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        findings TEXT NOT NULL,
        statement BYTEA,
        PRIMARY KEY (chip, number)
    );
    CREATE INDEX wallet_reports_waiting ON wallet_reports (received_at_ms)
        WHERE judged_at_ms IS NULL;
    CREATE INDEX wallet_reports_by_wallet ON wallet_reports (wallet, received_at_ms)
    """
