-- What users prove themselves with. One row for a user; without one there is nothing to sign in with.
CREATE TABLE credentials (
    org_id        integer NOT NULL,
    user_id       uuid NOT NULL,
    -- A hash that names its scheme: ours is argon2id in PHC form; those of other software are kept as they came.
    password      text COLLATE "C" CHECK (password <> '' AND length(password) <= 2048),
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
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);

-- Hashes that were replaced, the newest with the highest number: they may not be used again.
CREATE TABLE password_history (
    org_id        integer NOT NULL,
    user_id       uuid NOT NULL,
    number        bigint NOT NULL CHECK (number BETWEEN 1 AND 9007199254740991),
    password      text COLLATE "C" NOT NULL CHECK (password <> '' AND length(password) <= 2048),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    PRIMARY KEY (org_id, user_id, number),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);
