-- Settings that differ from their defaults: an organisation's own, and the installation's under SYSTEM (org_id 0). What
-- keys there are, and what their values may be, the program declares (model/setting.rs); values are canonical text.
-- created_by and updated_by have no index of their own, as on orgs.
CREATE TABLE settings (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    key           text COLLATE "C" NOT NULL CHECK (key <> '' AND length(key) <= 100),
    value         text COLLATE "C" NOT NULL CHECK (length(value) <= 10000),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    PRIMARY KEY (org_id, id)
);

CREATE UNIQUE INDEX settings_key ON settings (org_id, key);
