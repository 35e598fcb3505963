-- Keys, each wrapped by another: an organisation's by the master key, which is in no database, and all others by their
-- organisation's (docs/keys.md).
CREATE TABLE wrapped_keys (
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    purpose       TEXT    NOT NULL CHECK (purpose IN ('organisation', 'data', 'fingerprint', 'index')),
    -- Whose data; none: the organisation's own.
    subject_id    BLOB    CHECK (length(subject_id) = 16),
    -- Of an index: table.column.
    column_name   TEXT    CHECK (column_name <> '' AND length(column_name) <= 200),
    -- The key that it is wrapped by: the check value of a master key, or the id of a row.
    wrapping_id   BLOB    NOT NULL CHECK (length(wrapping_id) = 16),
    wrapped       BLOB    NOT NULL CHECK (length(wrapped) = 73),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    -- Since when another one is written with.
    retired_at    INTEGER CHECK (retired_at BETWEEN -62135596800000000 AND 253402300799999999),
    CHECK ((purpose = 'index') = (column_name IS NOT NULL)),
    CHECK (purpose IN ('data', 'fingerprint') OR subject_id IS NULL),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, subject_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

-- One of a kind is written with.
CREATE UNIQUE INDEX wrapped_keys_subject ON wrapped_keys (org_id, subject_id, purpose, coalesce(retired_at, 0));
CREATE UNIQUE INDEX wrapped_keys_own ON wrapped_keys (org_id, purpose, coalesce(column_name, ''), coalesce(retired_at, 0)) WHERE subject_id IS NULL;
