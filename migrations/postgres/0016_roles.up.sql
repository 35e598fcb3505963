-- What an application offers, and what people may do: permissions, the roles that give them, and who has which role.

-- Something that an application offers.
CREATE TABLE features (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 16),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    parent_id     uuid,
    category      text COLLATE "C" CHECK (category <> '' AND length(category) <= 50),
    resources     text COLLATE "C" CHECK (resources <> '' AND length(resources) <= 10000),
    description   text COLLATE "C" CHECK (length(description) <= 10000),
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
    FOREIGN KEY (org_id, parent_id) REFERENCES features (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX features_code ON features (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX features_parent ON features (org_id, parent_id);
CREATE INDEX features_deletion ON features (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX features_search ON features USING gin (search);

-- What roles may be granted.
CREATE TABLE permissions (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    resource      text COLLATE "C" NOT NULL CHECK (resource <> '' AND length(resource) <= 50),
    action        text COLLATE "C" NOT NULL CHECK (action <> '' AND length(action) <= 50),
    description   text COLLATE "C" CHECK (description <> '' AND length(description) <= 1000),
    is_critical   boolean NOT NULL,
    is_system     boolean NOT NULL,
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
    PRIMARY KEY (org_id, id)
);

CREATE UNIQUE INDEX permissions_key ON permissions (org_id, resource, action) WHERE deleted_at IS NULL;
CREATE INDEX permissions_deletion ON permissions (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX permissions_search ON permissions USING gin (search);

-- What people may do, under one name.
CREATE TABLE roles (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    description   text COLLATE "C" CHECK (length(description) <= 10000),
    owner_id      uuid,
    is_system     boolean NOT NULL,
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
    FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX roles_code ON roles (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX roles_owner ON roles (org_id, owner_id);
CREATE INDEX roles_deletion ON roles (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX roles_search ON roles USING gin (search);

-- What a role gives.
CREATE TABLE role_permissions (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    role_id       uuid NOT NULL,
    resource      text COLLATE "C" NOT NULL CHECK (resource <> '' AND length(resource) <= 50),
    action        text COLLATE "C" NOT NULL CHECK (action <> '' AND length(action) <= 50),
    own_records   boolean NOT NULL,
    own_department boolean NOT NULL,
    own_branch    boolean NOT NULL,
    require_approval boolean NOT NULL,
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
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX role_permissions_key ON role_permissions (org_id, role_id, resource, action) WHERE deleted_at IS NULL;
CREATE INDEX role_permissions_role ON role_permissions (org_id, role_id);
CREATE INDEX role_permissions_word ON role_permissions (org_id, resource, action);
CREATE INDEX role_permissions_deletion ON role_permissions (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Which role has the permissions of which others.
CREATE TABLE role_inheritances (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    role_id       uuid NOT NULL,
    parent_id     uuid NOT NULL,
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
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, parent_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX role_inheritances_key ON role_inheritances (org_id, role_id, parent_id) WHERE deleted_at IS NULL;
CREATE INDEX role_inheritances_role ON role_inheritances (org_id, role_id);
CREATE INDEX role_inheritances_parent ON role_inheritances (org_id, parent_id);
CREATE INDEX role_inheritances_deletion ON role_inheritances (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Who has which role.
CREATE TABLE role_grants (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    role_id       uuid NOT NULL,
    user_id       uuid NOT NULL,
    branch_id     uuid,
    department_id uuid,
    is_primary    boolean NOT NULL,
    expires_at    timestamptz CHECK (expires_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    granted_by_id uuid,
    granted_at    timestamptz CHECK (granted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    ended_at      timestamptz CHECK (ended_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
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
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, department_id) REFERENCES departments (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX role_grants_key ON role_grants (org_id, role_id, user_id, coalesce(branch_id, '00000000-0000-0000-0000-000000000000'::uuid), coalesce(department_id, '00000000-0000-0000-0000-000000000000'::uuid)) WHERE deleted_at IS NULL AND ended_at IS NULL;
CREATE INDEX role_grants_role ON role_grants (org_id, role_id);
CREATE INDEX role_grants_user ON role_grants (org_id, user_id);
CREATE INDEX role_grants_branch ON role_grants (org_id, branch_id);
CREATE INDEX role_grants_department ON role_grants (org_id, department_id);
CREATE INDEX role_grants_expires ON role_grants (org_id, expires_at);
CREATE INDEX role_grants_granted_by ON role_grants (org_id, granted_by_id);
CREATE INDEX role_grants_deletion ON role_grants (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
