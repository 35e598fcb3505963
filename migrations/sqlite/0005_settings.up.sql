-- Settings that differ from what holds otherwise: an organisation's own, the installation's under SYSTEM (org_id 0), and those
-- that were chosen for one user. Which there are, and what their values may be, the program declares (model/setting.rs);
-- values are canonical text.
-- created_by and updated_by have no index of their own, as on orgs.
CREATE TABLE settings (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    setting       TEXT    NOT NULL CHECK (setting <> '' AND length(setting) <= 100),
    user_id       BLOB    CHECK (length(user_id) = 16),
    value         TEXT    NOT NULL CHECK (value <> '' AND length(value) <= 10000),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX settings_key ON settings (org_id, setting, coalesce(user_id, x'00000000000000000000000000000000')) WHERE deleted_at IS NULL;
CREATE INDEX settings_user ON settings (org_id, user_id);
CREATE INDEX settings_deletion ON settings (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
