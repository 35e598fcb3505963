-- What users prove themselves with: one for each who has a password. Without one there is nothing to sign in with.
CREATE TABLE credentials (
    org_id        integer NOT NULL,
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    -- A hash that names its scheme: ours is argon2id in PHC form; those of other software are kept as they came.
    password      text COLLATE "C" NOT NULL CHECK (password <> '' AND length(password) <= 2048),
    -- The trail tells the fingerprint of the hash, and nobody can try words against that without its key.
    fingerprint_key text COLLATE "C" NOT NULL CHECK (fingerprint_key <> '' AND length(fingerprint_key) <= 32),
    fingerprint   text COLLATE "C" NOT NULL CHECK (fingerprint <> '' AND length(fingerprint) <= 64),
    scheme        text COLLATE "C" NOT NULL CHECK (scheme <> '' AND length(scheme) <= 50),
    -- When the password itself was changed; a better hash of the same is no change.
    changed_at    timestamptz NOT NULL CHECK (changed_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    must_change   boolean NOT NULL,
    -- Days after which the password must be changed; none: the setting, 0: never.
    expiry_days   integer CHECK (expiry_days >= 0),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX credentials_live ON credentials (org_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX credentials_user ON credentials (org_id, user_id);
CREATE INDEX credentials_deletion ON credentials (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Hashes that were replaced: they may not be used again.
CREATE TABLE password_history (
    org_id        integer NOT NULL,
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    hash          text COLLATE "C" NOT NULL CHECK (hash <> '' AND length(hash) <= 2048),
    at            timestamptz NOT NULL CHECK (at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    actor_id      bigint NOT NULL REFERENCES actors (actor_id),
    request_id    uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX password_history_user ON password_history (org_id, user_id, at, id);

CREATE TRIGGER password_history_no_update BEFORE UPDATE ON password_history FOR EACH ROW
EXECUTE FUNCTION refuse_change('a former password can not be changed');
