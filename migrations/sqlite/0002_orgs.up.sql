-- Organisations. org_id is the tenant's small number, the first column of every key; id is its public name.
-- created_by, updated_by and deleted_by have no index of their own: actors are never deleted, and who did what is asked
-- of the audit trail.
CREATE TABLE orgs (
    org_id        INTEGER PRIMARY KEY CHECK (org_id >= 0),
    id            BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
    type          TEXT    NOT NULL,
    industry      TEXT    NOT NULL,
    address       TEXT    CHECK (length(address) <= 1000),
    contact_email TEXT    CHECK (length(contact_email) <= 254),
    contact_phone TEXT    CHECK (length(contact_phone) <= 16),
    website       TEXT    CHECK (length(website) <= 2000),
    max_users     INTEGER CHECK (max_users >= 0),
    asset_limit   INTEGER CHECK (asset_limit >= 0),
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at    INTEGER NOT NULL,
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL,
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version > 0),
    deleted_at    INTEGER,
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    -- SYSTEM stays as it was made.
    CHECK (org_id <> 0 OR (code = 'SYSTEM' AND deleted_at IS NULL AND is_active = 1))
) STRICT;

CREATE UNIQUE INDEX orgs_code ON orgs (code) WHERE deleted_at IS NULL;
CREATE INDEX orgs_active ON orgs (is_active, created_at);
CREATE INDEX orgs_deleted ON orgs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX orgs_deletion ON orgs (deletion_id) WHERE deletion_id IS NOT NULL;

-- Folded words (model/search.rs), found by their beginnings. Holds no text of its own; the row number is the row's.
CREATE VIRTUAL TABLE orgs_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);
