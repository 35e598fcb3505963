-- Branches: a tree inside an organisation.
CREATE TABLE branches (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 16),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    address_line1 text COLLATE "C" CHECK (length(address_line1) <= 200),
    address_line2 text COLLATE "C" CHECK (length(address_line2) <= 200),
    address_line3 text COLLATE "C" CHECK (length(address_line3) <= 200),
    city          text COLLATE "C" CHECK (length(city) <= 200),
    state         text COLLATE "C" CHECK (length(state) <= 200),
    country       text COLLATE "C" CHECK (length(country) <= 200),
    pincode       text COLLATE "C" CHECK (length(pincode) <= 12),
    phone         text COLLATE "C" CHECK (length(phone) <= 16),
    email         text COLLATE "C" CHECK (length(email) <= 254),
    manager_name  text COLLATE "C" CHECK (length(manager_name) <= 200),
    parent_id     uuid CHECK (parent_id <> id),
    is_active     boolean NOT NULL,
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    -- Folded words (model/search.rs), found by their beginnings.
    search        tsvector NOT NULL DEFAULT '',
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, parent_id) REFERENCES branches (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX branches_code ON branches (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX branches_parent ON branches (org_id, parent_id);
CREATE INDEX branches_active ON branches (org_id, is_active, created_at);
CREATE INDEX branches_deleted ON branches (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX branches_deletion ON branches (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX branches_search ON branches USING gin (search);
