-- Settings that differ from their defaults: an organisation's own, and the installation's under SYSTEM (org_id 0). What
-- keys there are, and what their values may be, the program declares (model/setting.rs); values are canonical text.
-- created_by and updated_by have no index of their own, as on orgs.
CREATE TABLE settings (
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    key           TEXT    NOT NULL CHECK (key <> '' AND length(key) <= 100),
    value         TEXT    NOT NULL CHECK (length(value) <= 10000),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX settings_key ON settings (org_id, key);
