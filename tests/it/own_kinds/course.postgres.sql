CREATE TABLE licences (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    user_id       uuid NOT NULL,
    expires_at    timestamptz,
    ended_at      timestamptz,
    created_at    timestamptz NOT NULL,
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL,
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz,
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX licences_code ON licences (org_id, code) WHERE deleted_at IS NULL AND ended_at IS NULL;
CREATE INDEX licences_deletion ON licences (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX licences_user ON licences (org_id, user_id);

CREATE TABLE seats (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    licence_id    uuid NOT NULL,
    minutes       integer NOT NULL CHECK (minutes >= 0),
    taken_at      timestamptz,
    created_at    timestamptz NOT NULL,
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL,
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz,
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, licence_id) REFERENCES licences (org_id, id) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX seats_code ON seats (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX seats_deletion ON seats (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX seats_licence ON seats (org_id, licence_id);

CREATE TABLE readings (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    licence_id    uuid NOT NULL,
    minutes       integer NOT NULL CHECK (minutes >= 0),
    at            timestamptz NOT NULL,
    actor_id      bigint NOT NULL REFERENCES actors (actor_id),
    request_id    uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, licence_id) REFERENCES licences (org_id, id) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX readings_code ON readings (org_id, code);
CREATE INDEX readings_licence ON readings (org_id, licence_id);
CREATE INDEX readings_at ON readings (org_id, at, id);
CREATE TRIGGER readings_no_update BEFORE UPDATE ON readings FOR EACH ROW
EXECUTE FUNCTION refuse_change('a journal can not be changed');

CREATE TABLE visits (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    user_id       uuid NOT NULL,
    at            timestamptz NOT NULL,
    actor_id      bigint NOT NULL REFERENCES actors (actor_id),
    request_id    uuid NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX visits_code ON visits (org_id, code);
CREATE INDEX visits_user ON visits (org_id, user_id);
CREATE INDEX visits_at ON visits (org_id, at, id);
CREATE TRIGGER visits_no_update BEFORE UPDATE ON visits FOR EACH ROW
EXECUTE FUNCTION refuse_change('a journal can not be changed');

CREATE TABLE pulses (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    beats         integer NOT NULL CHECK (beats >= 0),
    created_at    timestamptz NOT NULL,
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL,
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX pulses_code ON pulses (org_id, code);

CREATE TABLE plans (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    created_at    timestamptz NOT NULL,
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL,
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz,
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX plans_code ON plans (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX plans_deletion ON plans (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE TABLE notices (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    created_at    timestamptz NOT NULL,
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL,
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz,
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX notices_code ON notices (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX notices_deletion ON notices (org_id, deletion_id) WHERE deletion_id IS NOT NULL;

CREATE TABLE errands (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    code          text COLLATE "C" NOT NULL CHECK (code <> '' AND length(code) <= 32),
    name          text COLLATE "C" NOT NULL CHECK (name <> '' AND length(name) <= 200),
    asked_by_id   uuid,
    assignee_id   uuid,
    state         text COLLATE "C" NOT NULL CHECK (state IN ('open', 'in_progress', 'done', 'closed')),
    started_at    timestamptz,
    done_at       timestamptz,
    closed_at     timestamptz,
    created_at    timestamptz NOT NULL,
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL,
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    deleted_at    timestamptz,
    deleted_by    bigint REFERENCES actors (actor_id),
    deletion_id   uuid,
    CHECK (closed_at IS NOT NULL OR state NOT IN ('closed')),
    CHECK (closed_at IS NULL OR state NOT IN ('open', 'in_progress', 'done')),
    CHECK (done_at IS NOT NULL OR state NOT IN ('done')),
    CHECK (done_at IS NULL OR state NOT IN ('open', 'in_progress', 'closed')),
    CHECK (started_at IS NOT NULL OR state NOT IN ('in_progress', 'done')),
    CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX errands_code ON errands (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX errands_deletion ON errands (org_id, deletion_id) WHERE deletion_id IS NOT NULL;
CREATE INDEX errands_assignee ON errands (org_id, assignee_id);
CREATE INDEX errands_asked_by ON errands (org_id, asked_by_id);
