-- Organisations. org_id is the tenant's small number, the first column of every key; id is its public name.
-- created_by, updated_by and deleted_by have no index of their own: actors are never deleted, and who did what is asked
-- of the audit trail.
CREATE TABLE orgs (
    org_id        INTEGER PRIMARY KEY CHECK (org_id BETWEEN 0 AND 2147483647),
    id            BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
    type          TEXT    NOT NULL CHECK (type IN ('corporation', 'nonprofit', 'government', 'startup', 'retail')),
    industry      TEXT    NOT NULL CHECK (industry IN ('general', 'manufacturing', 'it', 'finance', 'healthcare', 'retail', 'e_commerce', 'education')),
    address       TEXT    CHECK (length(address) <= 1000),
    contact_email TEXT    CHECK (length(contact_email) <= 254),
    contact_phone TEXT    CHECK (length(contact_phone) <= 16),
    website       TEXT    CHECK (length(website) <= 2000),
    max_users     INTEGER CHECK (max_users BETWEEN 0 AND 2147483647),
    asset_limit   INTEGER CHECK (asset_limit BETWEEN 0 AND 2147483647),
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    -- SYSTEM stays as it was made.
    CHECK (org_id <> 0 OR (code = 'SYSTEM' AND deleted_at IS NULL AND is_active = 1))
) STRICT;

-- Its number is given with its audit tree: one that was taken without would stand in the way of the next.
CREATE TRIGGER orgs_with_trail BEFORE INSERT ON orgs
WHEN NOT EXISTS (SELECT 1 FROM audit_heads WHERE tree = NEW.org_id)
BEGIN SELECT RAISE(ABORT, 'an organisation has an audit trail'); END;

CREATE TRIGGER orgs_keep_number BEFORE UPDATE ON orgs
WHEN NEW.org_id <> OLD.org_id
BEGIN SELECT RAISE(ABORT, 'an organisation keeps its number'); END;

CREATE UNIQUE INDEX orgs_code ON orgs (code) WHERE deleted_at IS NULL;
CREATE INDEX orgs_active ON orgs (is_active, created_at);
CREATE INDEX orgs_deleted ON orgs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX orgs_deletion ON orgs (deletion_id) WHERE deletion_id IS NOT NULL;

-- Folded words (model/search.rs), found by their beginnings. Holds no text of its own; the row number is the row's.
CREATE VIRTUAL TABLE orgs_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);
