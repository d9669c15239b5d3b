"""The platform's tables, as migrations that are only ever appended to.

Money is BIGINT minor units, moments are BIGINT milliseconds, signed objects are kept as the bytes
that were signed: they are the evidence. Types and syntax are those that SQLite and PostgreSQL
share. What must never happen is also a constraint here, so that no code path can make it happen.
"""

from feiqian.central.control_schema import CONTROL_TABLES

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
    # The double-spending list: evidence, what is listed by it, and every version that was signed.
    """
    CREATE TABLE evidence (
        identifier BYTEA PRIMARY KEY,
        consumed BYTEA NOT NULL,
        recorded BYTEA NOT NULL,
        offender BYTEA NOT NULL,
        wallet TEXT NOT NULL,
        reporter TEXT NOT NULL,
        raw BYTEA NOT NULL,
        request_raw BYTEA NOT NULL,
        reported_at_ms BIGINT NOT NULL
    );
    CREATE INDEX evidence_by_consumed ON evidence (consumed);
    CREATE INDEX evidence_by_offender ON evidence (offender);
    CREATE INDEX evidence_by_wallet ON evidence (wallet);
    CREATE TABLE listed_identifiers (
        consumed BYTEA NOT NULL,
        honoured BYTEA NOT NULL,
        offender BYTEA NOT NULL,
        listed_in BIGINT NOT NULL,
        revoked_in BIGINT,
        PRIMARY KEY (consumed, listed_in),
        CHECK (revoked_in > listed_in)
    );
    CREATE INDEX listed_identifiers_by_offender ON listed_identifiers (offender);
    CREATE TABLE listed_offenders (
        fingerprint BYTEA NOT NULL,
        wallet TEXT NOT NULL,
        since_ms BIGINT NOT NULL,
        listed_in BIGINT NOT NULL,
        revoked_in BIGINT,
        PRIMARY KEY (fingerprint, listed_in),
        CHECK (revoked_in > listed_in)
    );
    CREATE INDEX listed_offenders_by_wallet ON listed_offenders (wallet);
    CREATE TABLE list_versions (
        number BIGINT PRIMARY KEY,
        version_raw BYTEA NOT NULL,
        delta_raw BYTEA
    );
    CREATE TABLE list_revocations (
        number BIGINT PRIMARY KEY REFERENCES list_versions (number),
        subject TEXT NOT NULL,
        reason TEXT NOT NULL
    )
    """,
    CONTROL_TABLES,
)
