-- People: departments and users. A branch gets a manager, who is a user.

CREATE TABLE departments (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    description   text COLLATE "C" CHECK (length(description) <= 10000),
    branch_id     uuid,
    manager_id    uuid,
    cost_center   text COLLATE "C" CHECK (length(cost_center) <= 50),
    budget        numeric(18, 4) CHECK (budget >= 0 AND budget <> 'NaN'),
    is_active     boolean NOT NULL,
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    -- What the name is compared by (model/values/fold.rs).
    name_folded   text COLLATE "C" NOT NULL,
    -- Folded words (model/search.rs), found by their beginnings.
    search        tsvector NOT NULL DEFAULT '',
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id)
);

CREATE UNIQUE INDEX departments_code ON departments (org_id, code) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX departments_name ON departments (org_id, name_folded) WHERE deleted_at IS NULL;
CREATE INDEX departments_branch ON departments (org_id, branch_id) WHERE branch_id IS NOT NULL;
CREATE INDEX departments_manager ON departments (org_id, manager_id) WHERE manager_id IS NOT NULL;
CREATE INDEX departments_active ON departments (org_id, is_active, created_at);
CREATE INDEX departments_deleted ON departments (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX departments_deletion ON departments (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX departments_search ON departments USING gin (search);

CREATE TABLE users (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    user_code     text COLLATE "C" NOT NULL CHECK (length(user_code) = 6),
    first_name    text COLLATE "C" NOT NULL CHECK (first_name <> '' AND length(first_name) <= 200),
    middle_name   text COLLATE "C" CHECK (middle_name <> '' AND length(middle_name) <= 200),
    last_name     text COLLATE "C" CHECK (last_name <> '' AND length(last_name) <= 200),
    name          text COLLATE "C" GENERATED ALWAYS AS
                  (first_name || coalesce(' ' || middle_name, '') || coalesce(' ' || last_name, '')) STORED,
    email         text COLLATE "C" CHECK (email <> '' AND length(email) <= 254),
    mobile        text COLLATE "C" CHECK (length(mobile) <= 16),
    username      text COLLATE "C" CHECK (username <> '' AND length(username) <= 64),
    external_id   text COLLATE "C" CHECK (external_id <> '' AND length(external_id) <= 64),
    department_id uuid,
    designation   text COLLATE "C" CHECK (length(designation) <= 200),
    reports_to_id uuid CHECK (reports_to_id <> id),
    gender        text COLLATE "C" CHECK (gender IN ('male', 'female', 'other')),
    dob           date CHECK (dob BETWEEN '0001-01-01' AND '9999-12-31'),
    address_line1 text COLLATE "C" CHECK (length(address_line1) <= 200),
    address_line2 text COLLATE "C" CHECK (length(address_line2) <= 200),
    address_line3 text COLLATE "C" CHECK (length(address_line3) <= 200),
    city          text COLLATE "C" CHECK (length(city) <= 200),
    state         text COLLATE "C" CHECK (length(state) <= 200),
    country       text COLLATE "C" CHECK (length(country) <= 200),
    pincode       text COLLATE "C" CHECK (length(pincode) <= 12),
    bio           text COLLATE "C" CHECK (length(bio) <= 10000),
    timezone      text COLLATE "C" CHECK (length(timezone) <= 64),
    language      text COLLATE "C" CHECK (length(language) <= 11),
    can_login     boolean NOT NULL,
    is_active     boolean NOT NULL,
    blocked       boolean NOT NULL,
    blocked_until timestamptz CHECK (blocked_until BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    block_reason  text COLLATE "C" CHECK (length(block_reason) <= 1000),
    invited_at    timestamptz CHECK (invited_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    accepted_at   timestamptz CHECK (accepted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    email_verified  boolean NOT NULL,
    mobile_verified boolean NOT NULL,
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz CHECK (deleted_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    -- What the number is compared by.
    external_id_folded text COLLATE "C",
    -- Folded words (model/search.rs), found by their beginnings.
    search        tsvector NOT NULL DEFAULT '',
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    CHECK (NOT can_login OR email IS NOT NULL OR username IS NOT NULL),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, department_id) REFERENCES departments (org_id, id),
    FOREIGN KEY (org_id, reports_to_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

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
CREATE INDEX users_blocked ON users (org_id, blocked_until) WHERE blocked;
CREATE INDEX users_invited ON users (org_id, invited_at) WHERE invited_at IS NOT NULL AND accepted_at IS NULL;
CREATE INDEX users_deleted ON users (org_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX users_deletion ON users (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX users_search ON users USING gin (search);

ALTER TABLE departments ADD FOREIGN KEY (org_id, manager_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE branches ADD COLUMN manager_id uuid;
ALTER TABLE branches ADD FOREIGN KEY (org_id, manager_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX branches_manager ON branches (org_id, manager_id) WHERE manager_id IS NOT NULL;

-- Which branches a user is of; the primary one comes first.
CREATE TABLE user_branches (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    branch_id     uuid NOT NULL,
    user_id       uuid NOT NULL,
    is_primary    boolean NOT NULL,
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
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX user_branches_key ON user_branches (org_id, branch_id, user_id) WHERE deleted_at IS NULL;
CREATE INDEX user_branches_branch ON user_branches (org_id, branch_id);
CREATE INDEX user_branches_user ON user_branches (org_id, user_id);
CREATE INDEX user_branches_deletion ON user_branches (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

-- Counters that codes are made of: the next number of an organisation's kind, and the key that scatters it.
CREATE TABLE code_counters (
    org_id        integer NOT NULL REFERENCES orgs (org_id) ON DELETE CASCADE,
    kind          text COLLATE "C" NOT NULL CHECK (length(kind) BETWEEN 1 AND 50),
    next          bigint NOT NULL CHECK (next BETWEEN 0 AND 9007199254740991),
    key           bytea NOT NULL CHECK (length(key) = 16),
    PRIMARY KEY (org_id, kind)
);

-- A counter goes on, not further than a load of all people of an organisation takes it, and keeps its key.
CREATE TRIGGER code_counters_go_on BEFORE UPDATE ON code_counters FOR EACH ROW
WHEN (NOT (NEW.org_id = OLD.org_id AND NEW.kind = OLD.kind AND NEW.key = OLD.key
    AND NEW.next >= OLD.next AND NEW.next - OLD.next <= 20000000))
EXECUTE FUNCTION refuse_change('a counter of codes only goes on');

CREATE TRIGGER code_counters_begin BEFORE INSERT ON code_counters FOR EACH ROW
WHEN (NEW.next <> 0)
EXECUTE FUNCTION refuse_change('a counter of codes begins with the first');
