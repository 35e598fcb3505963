-- What users prove themselves with. One row for a user; without one there is nothing to sign in with.
CREATE TABLE credentials (
    org_id        INTEGER NOT NULL,
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    -- A hash that names its scheme: ours is argon2id in PHC form; those of other software are kept as they came.
    password      TEXT    CHECK (password <> '' AND length(password) <= 2048),
    -- When the password itself was changed; a better hash of the same is no change.
    changed_at    INTEGER NOT NULL CHECK (changed_at BETWEEN -62135596800000000 AND 253402300799999999),
    must_change   INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    -- Days after which the password must be changed; none: the setting, 0: never.
    expiry_days   INTEGER CHECK (expiry_days BETWEEN 0 AND 2147483647),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Hashes that were replaced, the newest with the highest number: they may not be used again.
CREATE TABLE password_history (
    org_id        INTEGER NOT NULL,
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    number        INTEGER NOT NULL CHECK (number BETWEEN 1 AND 9007199254740991),
    password      TEXT    NOT NULL CHECK (password <> '' AND length(password) <= 2048),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    PRIMARY KEY (org_id, user_id, number),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
