-- What people were called before their records were merged: it is taken, and means who stayed.

CREATE TABLE former_keys (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    former_id     BLOB    NOT NULL CHECK (length(former_id) = 16),
    field         TEXT NOT NULL CHECK (field IN ('user_code', 'email', 'username', 'external_id')),
    value         TEXT NOT NULL CHECK (value <> '' AND length(value) <= 300),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    -- What the value is compared by.
    value_folded  TEXT NOT NULL,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX former_keys_key ON former_keys (org_id, field, value_folded) WHERE deleted_at IS NULL;
CREATE INDEX former_keys_value ON former_keys (org_id, field, value) WHERE deleted_at IS NULL;
CREATE INDEX former_keys_former ON former_keys (org_id, former_id);
CREATE INDEX former_keys_user ON former_keys (org_id, user_id);
CREATE INDEX former_keys_deletion ON former_keys (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
