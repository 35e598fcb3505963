CREATE TABLE tickets (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    title         text COLLATE "C" NOT NULL CHECK (title <> '' AND length(title) <= 200),
    requester_id  uuid NOT NULL,
    assignee_id   uuid,
    specialty_id  uuid,
    waits_for_id  uuid,
    minutes       integer NOT NULL CHECK (minutes >= 0),
    reason        text COLLATE "C" CHECK (reason <> '' AND length(reason) <= 200),
    state         text COLLATE "C" NOT NULL CHECK (state IN ('open', 'in_progress', 'done', 'closed')),
    started_at    timestamptz CHECK (started_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    done_at       timestamptz CHECK (done_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    closed_at     timestamptz CHECK (closed_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
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
    CHECK (closed_at IS NOT NULL OR state NOT IN ('closed')),
    CHECK (closed_at IS NULL OR state NOT IN ('open', 'in_progress', 'done')),
    CHECK (done_at IS NOT NULL OR state NOT IN ('done')),
    CHECK (done_at IS NULL OR state NOT IN ('open', 'in_progress', 'closed')),
    CHECK (started_at IS NOT NULL OR state NOT IN ('in_progress', 'done')),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, specialty_id) REFERENCES specialties (org_id, id),
    FOREIGN KEY (org_id, waits_for_id) REFERENCES tickets (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE UNIQUE INDEX tickets_code ON tickets (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX tickets_requester ON tickets (org_id, requester_id);
CREATE INDEX tickets_assignee ON tickets (org_id, assignee_id);
CREATE INDEX tickets_state ON tickets (org_id, state);
CREATE INDEX tickets_specialty ON tickets (org_id, specialty_id);
CREATE INDEX tickets_waits_for ON tickets (org_id, waits_for_id);
CREATE INDEX tickets_deletion ON tickets (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX tickets_search ON tickets USING gin (search);
