DROP TABLE code_counters;
DROP TABLE user_branches;
DROP TABLE users_search;
DROP TABLE departments_search;

-- A table that others point at goes when nothing points there any more.
UPDATE branches SET manager_id = NULL;
UPDATE departments SET manager_id = NULL;
DELETE FROM users;
DELETE FROM departments;

-- Branches as they were before they had managers.
CREATE TABLE branches_new (
    -- Names the row for the search index; a plain rowid would not survive VACUUM.
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 16),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
    address_line1 TEXT    CHECK (length(address_line1) <= 200),
    address_line2 TEXT    CHECK (length(address_line2) <= 200),
    address_line3 TEXT    CHECK (length(address_line3) <= 200),
    city          TEXT    CHECK (length(city) <= 200),
    state         TEXT    CHECK (length(state) <= 200),
    country       TEXT    CHECK (length(country) <= 200),
    pincode       TEXT    CHECK (length(pincode) <= 12),
    phone         TEXT    CHECK (length(phone) <= 16),
    email         TEXT    CHECK (length(email) <= 254),
    manager_name  TEXT    CHECK (length(manager_name) <= 200),
    parent_id     BLOB    CHECK (length(parent_id) = 16 AND parent_id <> id),
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
    FOREIGN KEY (org_id, parent_id) REFERENCES branches_new (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

INSERT INTO branches_new (row_id, org_id, id, code, name, address_line1, address_line2, address_line3, city, state, country, pincode, phone, email,
       manager_name, parent_id, is_active, created_at, created_by, updated_at, updated_by, version, deleted_at, deleted_by,
       deletion_id)
SELECT row_id, org_id, id, code, name, address_line1, address_line2, address_line3, city, state, country, pincode, phone, email,
       manager_name, parent_id, is_active, created_at, created_by, updated_at, updated_by, version, deleted_at, deleted_by,
       deletion_id
  FROM branches ORDER BY row_id;
DROP TABLE branches;
ALTER TABLE branches_new RENAME TO branches;

CREATE UNIQUE INDEX branches_code ON branches (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX branches_parent ON branches (org_id, parent_id);
CREATE INDEX branches_active ON branches (org_id, is_active, created_at);
CREATE INDEX branches_deleted ON branches (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX branches_deletion ON branches (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

DROP TABLE users;
DROP TABLE departments;
