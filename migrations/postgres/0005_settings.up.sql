-- Settings that differ from what holds otherwise: an organisation's own, the installation's under SYSTEM (org_id 0), and those
-- that were chosen for one user. Which there are, and what their values may be, the program declares (model/setting.rs);
-- values are canonical text.
-- created_by and updated_by have no index of their own, as on orgs.
CREATE TABLE settings (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    setting       text COLLATE "C" NOT NULL CHECK (setting <> '' AND length(setting) <= 100),
    user_id       uuid,
    value         text COLLATE "C" NOT NULL CHECK (value <> '' AND length(value) <= 10000),
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

CREATE UNIQUE INDEX settings_key ON settings (org_id, setting, coalesce(user_id, '00000000-0000-0000-0000-000000000000'::uuid)) WHERE deleted_at IS NULL;
CREATE INDEX settings_user ON settings (org_id, user_id);
CREATE INDEX settings_deletion ON settings (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
