"""The platform's tables, as migrations that are only ever appended to.

Money is BIGINT minor units, moments are BIGINT milliseconds, signed objects are kept as the bytes
that were signed: they are the evidence. Types and syntax are those that SQLite and PostgreSQL
share. What must never happen is also a constraint here, so that no code path can make it happen.
"""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    );
    CREATE TABLE institutions (
        code TEXT PRIMARY KEY,
        certificate BYTEA NOT NULL,
        url TEXT NOT NULL,
        admitted_at_ms BIGINT NOT NULL
    );
    CREATE TABLE directories (
        number BIGINT PRIMARY KEY,
        raw BYTEA NOT NULL
    );
    CREATE TABLE entries (
        number BIGINT PRIMARY KEY,
        kind TEXT NOT NULL,
        reference TEXT NOT NULL,
        booked_at_ms BIGINT NOT NULL
    );
    CREATE TABLE postings (
        entry BIGINT NOT NULL REFERENCES entries (number),
        account TEXT NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor <> 0),
        PRIMARY KEY (entry, account)
    );
    CREATE INDEX postings_by_account ON postings (account);
    CREATE TABLE balances (
        account TEXT PRIMARY KEY,
        balance_minor BIGINT NOT NULL CHECK (balance_minor >= 0 OR account = 'outside')
    );
    CREATE TABLE answers (
        sender TEXT NOT NULL,
        request_id BYTEA NOT NULL,
        digest BYTEA NOT NULL,
        answer BYTEA NOT NULL,
        PRIMARY KEY (sender, request_id)
    );
    CREATE TABLE issuance_orders (
        institution TEXT NOT NULL,
        number BIGINT NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor <> 0),
        entry BIGINT NOT NULL REFERENCES entries (number),
        request_raw BYTEA NOT NULL,
        order_raw BYTEA NOT NULL,
        PRIMARY KEY (institution, number)
    );
    CREATE TABLE obligations (
        debtor TEXT NOT NULL,
        creditor TEXT NOT NULL,
        claimed_total_minor BIGINT NOT NULL,
        settled_total_minor BIGINT NOT NULL,
        statement_raw BYTEA NOT NULL,
        PRIMARY KEY (debtor, creditor),
        CHECK (debtor <> creditor),
        CHECK (settled_total_minor >= 0),
        CHECK (settled_total_minor <= claimed_total_minor)
    );
    CREATE INDEX obligations_by_creditor ON obligations (creditor);
    CREATE TABLE cycles (
        number BIGINT PRIMARY KEY,
        entry BIGINT REFERENCES entries (number),
        settled_minor BIGINT NOT NULL,
        moved_minor BIGINT NOT NULL,
        run_at_ms BIGINT NOT NULL
    );
    CREATE TABLE settlements (
        number BIGINT PRIMARY KEY,
        cycle BIGINT REFERENCES cycles (number),
        debtor TEXT NOT NULL,
        creditor TEXT NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        settled_total_minor BIGINT NOT NULL,
        settled_at_ms BIGINT NOT NULL
    )
    """,
)
