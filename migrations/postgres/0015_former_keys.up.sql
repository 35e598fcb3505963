-- What people were called before their records were merged: it is taken, and means who stayed.

CREATE TABLE former_keys (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    former_id     uuid NOT NULL,
    field         text COLLATE "C" NOT NULL CHECK (field IN ('user_code', 'email', 'username', 'external_id')),
    value         text COLLATE "C" NOT NULL CHECK (value <> '' AND length(value) <= 300),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    -- What the value is compared by.
    value_folded  text COLLATE "C" NOT NULL,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX former_keys_key ON former_keys (org_id, field, value_folded) WHERE deleted_at IS NULL;
CREATE INDEX former_keys_value ON former_keys (org_id, field, value) WHERE deleted_at IS NULL;
CREATE INDEX former_keys_former ON former_keys (org_id, former_id);
CREATE INDEX former_keys_user ON former_keys (org_id, user_id);
CREATE INDEX former_keys_deletion ON former_keys (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
