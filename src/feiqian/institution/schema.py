"""The tables of an institution, as migrations; never edited once released, only added to.

`record`, `transfers`, `issued`, `presented` and `cash_responses` are evidence: an auditor recomputes
every balance from them. `postings` and `balances` are the institution's own books.
"""

MIGRATIONS = (
    """
    CREATE TABLE accounts (
        number TEXT PRIMARY KEY,
        balance_minor INTEGER NOT NULL CHECK (balance_minor >= 0)
    );
    CREATE TABLE pay_ins (
        key TEXT PRIMARY KEY,
        account TEXT NOT NULL,
        amount_minor INTEGER NOT NULL
    );
    CREATE TABLE wallets (
        number TEXT PRIMARY KEY,
        fingerprint BLOB NOT NULL UNIQUE,
        certificate BLOB NOT NULL,
        tier INTEGER NOT NULL,
        account TEXT NOT NULL,
        issued_sequence INTEGER NOT NULL,
        frozen INTEGER NOT NULL,
        opened_at_ms INTEGER NOT NULL
    );
    CREATE TABLE requests (
        sender TEXT NOT NULL,
        request_id BLOB NOT NULL,
        digest BLOB NOT NULL,
        answer BLOB NOT NULL,
        PRIMARY KEY (sender, request_id)
    );

    CREATE TABLE issued (
        serial BLOB PRIMARY KEY,
        owner BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        cause BLOB NOT NULL,
        raw BLOB NOT NULL,
        UNIQUE (owner, sequence)
    );
    CREATE INDEX issued_cause ON issued (cause);
    CREATE TABLE record (
        identifier BLOB PRIMARY KEY,
        serial BLOB NOT NULL,
        amount_minor INTEGER NOT NULL,
        owner BLOB NOT NULL,
        state INTEGER NOT NULL,
        consumed_by BLOB
    );
    CREATE TABLE transfers (
        transfer BLOB PRIMARY KEY,
        serial BLOB NOT NULL,
        raw BLOB NOT NULL,
        certificate BLOB NOT NULL,
        redeemer TEXT,
        recorded_at_ms INTEGER NOT NULL
    );
    CREATE INDEX transfers_serial ON transfers (serial);
    CREATE TABLE conflicts (
        transfer BLOB PRIMARY KEY,
        consumed BLOB NOT NULL,
        raw BLOB NOT NULL,
        certificate BLOB NOT NULL,
        presenter TEXT NOT NULL,
        found_at_ms INTEGER NOT NULL
    );

    CREATE TABLE payments (
        payment BLOB PRIMARY KEY,
        purpose INTEGER NOT NULL,
        wallet TEXT NOT NULL,
        nonce BLOB NOT NULL,
        received_at_ms INTEGER NOT NULL,
        completed_at_ms INTEGER,
        credited_minor INTEGER NOT NULL
    );
    CREATE TABLE presented (
        transfer BLOB PRIMARY KEY,
        payment BLOB NOT NULL,
        position INTEGER NOT NULL,
        issuer TEXT NOT NULL,
        cash_item BLOB NOT NULL,
        amount_minor INTEGER NOT NULL,
        state INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL,
        renewal BLOB,
        response BLOB
    );
    CREATE INDEX presented_payment ON presented (payment);
    CREATE INDEX presented_pending ON presented (issuer) WHERE state = 0;
    CREATE TABLE cash_responses (
        request_id BLOB PRIMARY KEY,
        issuer TEXT NOT NULL,
        raw BLOB NOT NULL
    );

    CREATE TABLE obligations (
        creditor TEXT PRIMARY KEY,
        owed_total_minor INTEGER NOT NULL,
        settled_total_minor INTEGER NOT NULL
    );
    CREATE TABLE claims (
        debtor TEXT PRIMARY KEY,
        claimed_total_minor INTEGER NOT NULL,
        settled_total_minor INTEGER NOT NULL,
        stated_total_minor INTEGER NOT NULL,
        statement BLOB
    );
    CREATE TABLE issuance_orders (
        number INTEGER PRIMARY KEY,
        amount_minor INTEGER NOT NULL,
        raw BLOB NOT NULL
    );
    CREATE TABLE sent_requests (
        key TEXT PRIMARY KEY,
        raw BLOB NOT NULL
    );

    CREATE TABLE postings (
        number INTEGER PRIMARY KEY,
        debit TEXT NOT NULL,
        credit TEXT NOT NULL,
        amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
        reference TEXT NOT NULL,
        posted_at_ms INTEGER NOT NULL
    );
    CREATE TABLE balances (
        account TEXT PRIMARY KEY,
        balance_minor INTEGER NOT NULL
    );
    """,
    # Offline payments are verified: what a manager awaits, evidence, and the platform's list.
    """
    ALTER TABLE record ADD COLUMN awaited INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE evidence (
        identifier BLOB PRIMARY KEY,
        consumed BLOB NOT NULL,
        recorded BLOB NOT NULL,
        raw BLOB NOT NULL,
        found_at_ms INTEGER NOT NULL,
        list_number INTEGER
    );
    CREATE INDEX evidence_unreported ON evidence (found_at_ms) WHERE list_number IS NULL;
    CREATE TABLE list_documents (
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        raw BLOB NOT NULL,
        PRIMARY KEY (kind, number)
    );
    CREATE TABLE listed_wallets (
        wallet TEXT PRIMARY KEY,
        list_number INTEGER NOT NULL,
        frozen_at_ms INTEGER NOT NULL
    );
    """,
    """
    CREATE TABLE synchronisations (
        wallet TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        synchronised_at_ms INTEGER NOT NULL
    );
    CREATE TABLE letters (
        transfer BLOB PRIMARY KEY,
        wallet TEXT NOT NULL,
        received_at_ms INTEGER NOT NULL,
        digest BLOB NOT NULL,
        letter BLOB,
        receipt BLOB
    );
    CREATE INDEX letters_wallet ON letters (wallet, received_at_ms);
    """,
    # Satellite: channels of wallets, and what their chips reported.
    """
    CREATE TABLE satellite_channels (
        number INTEGER PRIMARY KEY,
        wallet TEXT NOT NULL,
        public_key BLOB NOT NULL,
        registered_at_ms INTEGER NOT NULL
    );
    CREATE TABLE key_informations (
        wallet TEXT NOT NULL,
        number INTEGER NOT NULL,
        raw BLOB NOT NULL,
        received_at_ms INTEGER NOT NULL,
        findings TEXT NOT NULL,
        statement BLOB,
        PRIMARY KEY (wallet, number)
    );
    CREATE INDEX key_informations_newest ON key_informations (received_at_ms);
    """,
)
