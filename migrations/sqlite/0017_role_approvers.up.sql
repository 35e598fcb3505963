-- Who approves that a role is given.
CREATE TABLE role_approvers (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    role_id       BLOB    NOT NULL CHECK (length(role_id) = 16),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
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
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX role_approvers_key ON role_approvers (org_id, role_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX role_approvers_role ON role_approvers (org_id, role_id);
CREATE INDEX role_approvers_user ON role_approvers (org_id, user_id);
CREATE INDEX role_approvers_deletion ON role_approvers (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
