-- What an application offers, and what people may do: permissions, the roles that give them, and who has which role.

-- Something that an application offers.
CREATE TABLE features (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 16),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
    parent_id     BLOB    CHECK (length(parent_id) = 16),
    category      TEXT    CHECK (category <> '' AND length(category) <= 50),
    resources     TEXT    CHECK (resources <> '' AND length(resources) <= 10000),
    description   TEXT    CHECK (length(description) <= 10000),
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
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
    FOREIGN KEY (org_id, parent_id) REFERENCES features (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX features_code ON features (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX features_parent ON features (org_id, parent_id);
CREATE INDEX features_deletion ON features (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE VIRTUAL TABLE features_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);

-- What roles may be granted.
CREATE TABLE permissions (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    resource      TEXT    NOT NULL CHECK (resource <> '' AND length(resource) <= 50),
    action        TEXT    NOT NULL CHECK (action <> '' AND length(action) <= 50),
    description   TEXT    CHECK (description <> '' AND length(description) <= 1000),
    is_critical   INTEGER NOT NULL CHECK (is_critical IN (0, 1)),
    is_system     INTEGER NOT NULL CHECK (is_system IN (0, 1)),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id)
) STRICT;

CREATE UNIQUE INDEX permissions_key ON permissions (org_id, resource, action) WHERE deleted_at IS NULL;
CREATE INDEX permissions_deletion ON permissions (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE VIRTUAL TABLE permissions_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);

-- What people may do, under one name.
CREATE TABLE roles (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
    description   TEXT    CHECK (length(description) <= 10000),
    owner_id      BLOB    CHECK (length(owner_id) = 16),
    is_system     INTEGER NOT NULL CHECK (is_system IN (0, 1)),
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
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
    FOREIGN KEY (org_id, owner_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX roles_code ON roles (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX roles_owner ON roles (org_id, owner_id);
CREATE INDEX roles_deletion ON roles (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE VIRTUAL TABLE roles_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);

-- What a role gives.
CREATE TABLE role_permissions (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    role_id       BLOB    NOT NULL CHECK (length(role_id) = 16),
    resource      TEXT    NOT NULL CHECK (resource <> '' AND length(resource) <= 50),
    action        TEXT    NOT NULL CHECK (action <> '' AND length(action) <= 50),
    own_records   INTEGER NOT NULL CHECK (own_records IN (0, 1)),
    own_department INTEGER NOT NULL CHECK (own_department IN (0, 1)),
    own_branch    INTEGER NOT NULL CHECK (own_branch IN (0, 1)),
    require_approval INTEGER NOT NULL CHECK (require_approval IN (0, 1)),
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
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX role_permissions_key ON role_permissions (org_id, role_id, resource, action) WHERE deleted_at IS NULL;
CREATE INDEX role_permissions_role ON role_permissions (org_id, role_id);
CREATE INDEX role_permissions_word ON role_permissions (org_id, resource, action);
CREATE INDEX role_permissions_deletion ON role_permissions (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Which role has the permissions of which others.
CREATE TABLE role_inheritances (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    role_id       BLOB    NOT NULL CHECK (length(role_id) = 16),
    parent_id     BLOB    NOT NULL CHECK (length(parent_id) = 16),
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
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, parent_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX role_inheritances_key ON role_inheritances (org_id, role_id, parent_id) WHERE deleted_at IS NULL;
CREATE INDEX role_inheritances_role ON role_inheritances (org_id, role_id);
CREATE INDEX role_inheritances_parent ON role_inheritances (org_id, parent_id);
CREATE INDEX role_inheritances_deletion ON role_inheritances (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Who has which role.
CREATE TABLE role_grants (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    role_id       BLOB    NOT NULL CHECK (length(role_id) = 16),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    branch_id     BLOB    CHECK (length(branch_id) = 16),
    department_id BLOB    CHECK (length(department_id) = 16),
    is_primary    INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
    expires_at    INTEGER CHECK (expires_at BETWEEN -62135596800000000 AND 253402300799999999),
    granted_by_id BLOB    CHECK (length(granted_by_id) = 16),
    granted_at    INTEGER CHECK (granted_at BETWEEN -62135596800000000 AND 253402300799999999),
    ended_at      INTEGER CHECK (ended_at BETWEEN -62135596800000000 AND 253402300799999999),
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
    FOREIGN KEY (org_id, role_id) REFERENCES roles (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, department_id) REFERENCES departments (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX role_grants_key ON role_grants (org_id, role_id, user_id, coalesce(branch_id, x'00000000000000000000000000000000'), coalesce(department_id, x'00000000000000000000000000000000')) WHERE deleted_at IS NULL AND ended_at IS NULL;
CREATE INDEX role_grants_role ON role_grants (org_id, role_id);
CREATE INDEX role_grants_user ON role_grants (org_id, user_id);
CREATE INDEX role_grants_branch ON role_grants (org_id, branch_id);
CREATE INDEX role_grants_department ON role_grants (org_id, department_id);
CREATE INDEX role_grants_expires ON role_grants (org_id, expires_at);
CREATE INDEX role_grants_granted_by ON role_grants (org_id, granted_by_id);
CREATE INDEX role_grants_deletion ON role_grants (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
