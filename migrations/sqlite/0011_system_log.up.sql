-- What the program itself has to say, apart from the trail: what it would tell of people is taken out before. Old rows go.
CREATE TABLE system_log (
    org_id      INTEGER NOT NULL,
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    level       TEXT    NOT NULL CHECK (level IN ('info', 'warning', 'error', 'critical')),
    source      TEXT    NOT NULL CHECK (source <> '' AND length(source) <= 50),
    message     TEXT    NOT NULL CHECK (message <> '' AND length(message) <= 10000),
    context     TEXT    CHECK (length(context) <= 10000),
    user_id     BLOB    CHECK (length(user_id) = 16),
    ip          TEXT    CHECK (length(ip) <= 45),
    user_agent  TEXT    CHECK (user_agent <> '' AND length(user_agent) <= 1000),
    at          INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    actor_id    INTEGER NOT NULL REFERENCES actors (actor_id),
    request_id  BLOB    NOT NULL CHECK (length(request_id) = 16),
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX system_log_at ON system_log (at, id);
CREATE INDEX system_log_org ON system_log (org_id, at, id);
CREATE INDEX system_log_level ON system_log (level, at, id);
CREATE INDEX system_log_source ON system_log (source, at, id);
CREATE INDEX system_log_user ON system_log (org_id, user_id) WHERE user_id IS NOT NULL;

CREATE TRIGGER system_log_no_update BEFORE UPDATE ON system_log
BEGIN SELECT RAISE(ABORT, 'the system log can not be changed'); END;
