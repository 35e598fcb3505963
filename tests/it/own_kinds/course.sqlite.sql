CREATE TABLE licences (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    expires_at    INTEGER CHECK (expires_at BETWEEN -62135596800000000 AND 253402300799999999),
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
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX licences_code ON licences (org_id, code) WHERE deleted_at IS NULL AND ended_at IS NULL;
CREATE INDEX licences_deletion ON licences (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX licences_user ON licences (org_id, user_id);

CREATE TABLE seats (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    licence_id    BLOB    NOT NULL CHECK (length(licence_id) = 16),
    minutes       INTEGER NOT NULL CHECK (minutes BETWEEN 0 AND 2147483647),
    taken_at      INTEGER CHECK (taken_at BETWEEN -62135596800000000 AND 253402300799999999),
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
    FOREIGN KEY (org_id, licence_id) REFERENCES licences (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX seats_code ON seats (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX seats_deletion ON seats (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX seats_licence ON seats (org_id, licence_id);

CREATE TABLE readings (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    licence_id    BLOB    NOT NULL CHECK (length(licence_id) = 16),
    minutes       INTEGER NOT NULL CHECK (minutes BETWEEN 0 AND 2147483647),
    at            INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    actor_id      INTEGER NOT NULL REFERENCES actors (actor_id),
    request_id    BLOB    NOT NULL CHECK (length(request_id) = 16),
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, licence_id) REFERENCES licences (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE UNIQUE INDEX readings_code ON readings (org_id, code);
CREATE INDEX readings_licence ON readings (org_id, licence_id);
CREATE INDEX readings_at ON readings (org_id, at, id);
CREATE TRIGGER readings_no_update BEFORE UPDATE ON readings
BEGIN SELECT RAISE(ABORT, 'a journal can not be changed'); END;

CREATE TABLE visits (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    at            INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    actor_id      INTEGER NOT NULL REFERENCES actors (actor_id),
    request_id    BLOB    NOT NULL CHECK (length(request_id) = 16),
    UNIQUE (org_id, id)
) STRICT;
CREATE UNIQUE INDEX visits_code ON visits (org_id, code);
CREATE INDEX visits_user ON visits (org_id, user_id);
CREATE INDEX visits_at ON visits (org_id, at, id);
CREATE TRIGGER visits_no_update BEFORE UPDATE ON visits
BEGIN SELECT RAISE(ABORT, 'a journal can not be changed'); END;

CREATE TABLE pulses (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    beats         INTEGER NOT NULL CHECK (beats BETWEEN 0 AND 2147483647),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    UNIQUE (org_id, id)
) STRICT;
CREATE UNIQUE INDEX pulses_code ON pulses (org_id, code);

CREATE TABLE plans (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
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
CREATE UNIQUE INDEX plans_code ON plans (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX plans_deletion ON plans (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE TABLE notices (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
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
CREATE UNIQUE INDEX notices_code ON notices (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX notices_deletion ON notices (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE TABLE errands (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          TEXT    NOT NULL CHECK (name <> '' AND length(name) <= 200),
    asked_by_id   BLOB    CHECK (length(asked_by_id) = 16),
    assignee_id   BLOB    CHECK (length(assignee_id) = 16),
    state         TEXT    NOT NULL CHECK (state IN ('open', 'in_progress', 'done', 'closed')),
    started_at    INTEGER CHECK (started_at BETWEEN -62135596800000000 AND 253402300799999999),
    done_at       INTEGER CHECK (done_at BETWEEN -62135596800000000 AND 253402300799999999),
    closed_at     INTEGER CHECK (closed_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    INTEGER CHECK (deleted_at BETWEEN -62135596800000000 AND 253402300799999999),
    deleted_by    INTEGER REFERENCES actors (actor_id),
    deletion_id   BLOB    CHECK (length(deletion_id) = 16),
    CHECK (closed_at IS NOT NULL OR state NOT IN ('closed')),
    CHECK (closed_at IS NULL OR state NOT IN ('open', 'in_progress', 'done')),
    CHECK (done_at IS NOT NULL OR state NOT IN ('done')),
    CHECK (done_at IS NULL OR state NOT IN ('open', 'in_progress', 'closed')),
    CHECK (started_at IS NOT NULL OR state NOT IN ('in_progress', 'done')),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    UNIQUE (org_id, id)
) STRICT;
CREATE UNIQUE INDEX errands_code ON errands (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX errands_deletion ON errands (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX errands_assignee ON errands (org_id, assignee_id);
CREATE INDEX errands_asked_by ON errands (org_id, asked_by_id);
