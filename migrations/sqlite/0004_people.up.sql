-- People: departments and users. A branch gets a manager, who is a user.

CREATE TABLE departments (
    -- Names the row for the search index; a plain rowid would not survive VACUUM.
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
    description   TEXT    CHECK (length(description) <= 10000),
    branch_id     BLOB    CHECK (length(branch_id) = 16),
    manager_id    BLOB    CHECK (length(manager_id) = 16),
    cost_center   TEXT    CHECK (length(cost_center) <= 50),
    -- Ten-thousandths.
    budget        INTEGER CHECK (budget >= 0),
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    -- What the name is compared by (model/values/fold.rs).
    name_folded   TEXT NOT NULL,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id),
    FOREIGN KEY (org_id, manager_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX departments_code ON departments (org_id, code) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX departments_name ON departments (org_id, name_folded) WHERE deleted_at IS NULL;
CREATE INDEX departments_branch ON departments (org_id, branch_id) WHERE branch_id IS NOT NULL;
CREATE INDEX departments_manager ON departments (org_id, manager_id) WHERE manager_id IS NOT NULL;
CREATE INDEX departments_active ON departments (org_id, is_active, created_at);
CREATE INDEX departments_deleted ON departments (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX departments_deletion ON departments (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE VIRTUAL TABLE departments_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);

CREATE TABLE users (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    user_code     TEXT    NOT NULL CHECK (length(user_code) = 6),
    first_name    TEXT    NOT NULL CHECK (first_name <> '' AND length(first_name) <= 200),
    middle_name   TEXT    CHECK (middle_name <> '' AND length(middle_name) <= 200),
    last_name     TEXT    CHECK (last_name <> '' AND length(last_name) <= 200),
    name          TEXT    AS (first_name || coalesce(' ' || middle_name, '') || coalesce(' ' || last_name, '')) STORED,
    email         TEXT    CHECK (email <> '' AND length(email) <= 254),
    mobile        TEXT    CHECK (length(mobile) <= 16),
    username      TEXT    CHECK (username <> '' AND length(username) <= 64),
    external_id   TEXT    CHECK (external_id <> '' AND length(external_id) <= 64),
    department_id BLOB    CHECK (length(department_id) = 16),
    designation   TEXT    CHECK (length(designation) <= 200),
    reports_to_id BLOB    CHECK (length(reports_to_id) = 16 AND reports_to_id <> id),
    gender        TEXT    CHECK (gender IN ('male', 'female', 'other')),
    dob           TEXT    CHECK (dob IS date(dob)),
    address_line1 TEXT    CHECK (length(address_line1) <= 200),
    address_line2 TEXT    CHECK (length(address_line2) <= 200),
    address_line3 TEXT    CHECK (length(address_line3) <= 200),
    city          TEXT    CHECK (length(city) <= 200),
    state         TEXT    CHECK (length(state) <= 200),
    country       TEXT    CHECK (length(country) <= 200),
    pincode       TEXT    CHECK (length(pincode) <= 12),
    bio           TEXT    CHECK (length(bio) <= 10000),
    timezone      TEXT    CHECK (length(timezone) <= 64),
    language      TEXT    CHECK (length(language) <= 11),
    can_login     INTEGER NOT NULL CHECK (can_login IN (0, 1)),
    is_active     INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    blocked       INTEGER NOT NULL CHECK (blocked IN (0, 1)),
    blocked_until INTEGER CHECK (blocked_until BETWEEN -62135596800000000 AND 253402300799999999),
    block_reason  TEXT    CHECK (length(block_reason) <= 1000),
    invited_at    INTEGER CHECK (invited_at BETWEEN -62135596800000000 AND 253402300799999999),
    accepted_at   INTEGER CHECK (accepted_at BETWEEN -62135596800000000 AND 253402300799999999),
    email_verified  INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    mobile_verified INTEGER NOT NULL CHECK (mobile_verified IN (0, 1)),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    -- What the number is compared by.
    external_id_folded TEXT,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    CHECK (can_login = 0 OR email IS NOT NULL OR username IS NOT NULL),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, department_id) REFERENCES departments (org_id, id),
    FOREIGN KEY (org_id, reports_to_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX users_user_code ON users (org_id, user_code) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_email ON users (org_id, email) WHERE deleted_at IS NULL AND email IS NOT NULL;
CREATE UNIQUE INDEX users_username ON users (org_id, username) WHERE deleted_at IS NULL AND username IS NOT NULL;
CREATE UNIQUE INDEX users_external_id ON users (org_id, external_id_folded)
    WHERE deleted_at IS NULL AND external_id_folded IS NOT NULL;
CREATE INDEX users_name ON users (org_id, name);
CREATE INDEX users_mobile ON users (org_id, mobile) WHERE mobile IS NOT NULL;
CREATE INDEX users_department ON users (org_id, department_id, created_at) WHERE department_id IS NOT NULL;
CREATE INDEX users_reports_to ON users (org_id, reports_to_id) WHERE reports_to_id IS NOT NULL;
-- Also counts who is with the organisation.
CREATE INDEX users_active ON users (org_id, is_active, created_at) WHERE deleted_at IS NULL;
-- Few are blocked or have not answered their invitation, and these are asked for.
CREATE INDEX users_blocked ON users (org_id, blocked_until) WHERE blocked = 1;
CREATE INDEX users_invited ON users (org_id, invited_at) WHERE invited_at IS NOT NULL AND accepted_at IS NULL;
CREATE INDEX users_deleted ON users (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_deletion ON users (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE VIRTUAL TABLE users_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);

-- SQLite can't add a foreign key of two columns to a table that is there: the table is made anew, its rows and their
-- numbers (which the search index knows) as they were.
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
    manager_id    BLOB    CHECK (length(manager_id) = 16),
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
    FOREIGN KEY (org_id, manager_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED,
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
CREATE INDEX branches_manager ON branches (org_id, manager_id) WHERE manager_id IS NOT NULL;

-- Which branches a user is of; the primary one comes first.
CREATE TABLE user_branches (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    branch_id     BLOB    NOT NULL CHECK (length(branch_id) = 16),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    is_primary    INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
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
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX user_branches_key ON user_branches (org_id, branch_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX user_branches_branch ON user_branches (org_id, branch_id);
CREATE INDEX user_branches_user ON user_branches (org_id, user_id);
CREATE INDEX user_branches_deletion ON user_branches (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Counters that codes are made of: the next number of an organisation's kind, and the key that scatters it.
CREATE TABLE code_counters (
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id) ON DELETE CASCADE,
    kind          TEXT    NOT NULL CHECK (length(kind) BETWEEN 1 AND 50),
    next          INTEGER NOT NULL CHECK (next BETWEEN 0 AND 9007199254740991),
    key           BLOB    NOT NULL CHECK (length(key) = 16),
    PRIMARY KEY (org_id, kind)
) STRICT, WITHOUT ROWID;

-- A counter goes on, not further than a load of all people of an organisation takes it, and keeps its key.
CREATE TRIGGER code_counters_go_on BEFORE UPDATE ON code_counters
WHEN NOT (NEW.org_id = OLD.org_id AND NEW.kind = OLD.kind AND NEW.key = OLD.key
    AND NEW.next >= OLD.next AND NEW.next - OLD.next <= 20000000)
BEGIN SELECT RAISE(ABORT, 'a counter of codes only goes on'); END;

CREATE TRIGGER code_counters_begin BEFORE INSERT ON code_counters
WHEN NEW.next <> 0 OR EXISTS (SELECT 1 FROM code_counters WHERE org_id = NEW.org_id AND kind = NEW.kind)
BEGIN SELECT RAISE(ABORT, 'a counter of codes begins with the first'); END;
