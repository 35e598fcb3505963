-- What users prove themselves with. One row for a user; without one there is nothing to sign in with.
CREATE TABLE credentials (
    org_id        INTEGER NOT NULL,
    user_id       BLOB    NOT NULL,
    -- A hash that names its scheme: ours is argon2id in PHC form; those of other software are kept as they came.
    password      TEXT    CHECK (password <> '' AND length(password) <= 2048),
    -- When the password itself was changed; a better hash of the same is no change.
    changed_at    INTEGER NOT NULL,
    must_change   INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    -- Days after which the password must be changed; none: the setting, 0: never.
    expiry_days   INTEGER CHECK (expiry_days >= 0),
    created_at    INTEGER NOT NULL,
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL,
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version > 0),
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Hashes that were replaced, the newest with the highest number: they may not be used again.
CREATE TABLE password_history (
    org_id        INTEGER NOT NULL,
    user_id       BLOB    NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    password      TEXT    NOT NULL CHECK (password <> '' AND length(password) <= 2048),
    created_at    INTEGER NOT NULL,
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    PRIMARY KEY (org_id, user_id, number),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
