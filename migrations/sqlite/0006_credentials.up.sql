-- What users prove themselves with: one for each who has a password. Without one there is nothing to sign in with.
CREATE TABLE credentials (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    -- A hash that names its scheme: ours is argon2id in PHC form; those of other software are kept as they came.
    password      TEXT    NOT NULL CHECK (password <> '' AND length(password) <= 2048),
    -- The trail tells the fingerprint of the hash, and nobody can try words against that without its key.
    fingerprint_key TEXT  NOT NULL CHECK (fingerprint_key <> '' AND length(fingerprint_key) <= 32),
    fingerprint   TEXT    NOT NULL CHECK (fingerprint <> '' AND length(fingerprint) <= 64),
    scheme        TEXT    NOT NULL CHECK (scheme <> '' AND length(scheme) <= 50),
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
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX credentials_live ON credentials (org_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_user ON credentials (org_id, user_id);
CREATE INDEX credentials_deletion ON credentials (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Hashes that were replaced: they may not be used again.
CREATE TABLE password_history (
    org_id        INTEGER NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    hash          TEXT    NOT NULL CHECK (hash <> '' AND length(hash) <= 2048),
    at            INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    actor_id      INTEGER NOT NULL REFERENCES actors (actor_id),
    request_id    BLOB    NOT NULL CHECK (length(request_id) = 16),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE INDEX password_history_user ON password_history (org_id, user_id, at, id);

CREATE TRIGGER password_history_no_update BEFORE UPDATE ON password_history
BEGIN SELECT RAISE(ABORT, 'a former password can not be changed'); END;
