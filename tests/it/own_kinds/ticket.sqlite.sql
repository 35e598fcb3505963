CREATE TABLE tickets (
    row_id        INTEGER PRIMARY KEY,
    org_id        INTEGER NOT NULL REFERENCES orgs (org_id),
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    code          TEXT    NOT NULL CHECK (code <> '' AND length(code) <= 32),
    title         TEXT    NOT NULL CHECK (title <> '' AND length(title) <= 200),
    requester_id  BLOB    NOT NULL CHECK (length(requester_id) = 16),
    assignee_id   BLOB    CHECK (length(assignee_id) = 16),
    specialty_id  BLOB    CHECK (length(specialty_id) = 16),
    waits_for_id  BLOB    CHECK (length(waits_for_id) = 16),
    minutes       INTEGER NOT NULL CHECK (minutes BETWEEN 0 AND 2147483647),
    reason        TEXT    CHECK (reason <> '' AND length(reason) <= 200),
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
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, specialty_id) REFERENCES specialties (org_id, id),
    FOREIGN KEY (org_id, waits_for_id) REFERENCES tickets (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE UNIQUE INDEX tickets_code ON tickets (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX tickets_requester ON tickets (org_id, requester_id);
CREATE INDEX tickets_assignee ON tickets (org_id, assignee_id);
CREATE INDEX tickets_state ON tickets (org_id, state);
CREATE INDEX tickets_specialty ON tickets (org_id, specialty_id);
CREATE INDEX tickets_waits_for ON tickets (org_id, waits_for_id);
CREATE INDEX tickets_deletion ON tickets (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE VIRTUAL TABLE tickets_search USING fts5 (
    words, content = '', contentless_delete = 1, detail = none,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Mn Mc Co'"
);
