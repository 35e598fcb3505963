-- What the program itself has to say, apart from the trail: personal data are taken out before. Old rows are removed.
CREATE TABLE system_log (
    org_id      INTEGER NOT NULL,
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    at          INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    level       TEXT    NOT NULL CHECK (level IN ('info', 'warning', 'error', 'critical')),
    source      TEXT    NOT NULL CHECK (length(source) BETWEEN 1 AND 50),
    message     TEXT    NOT NULL CHECK (length(message) <= 10000),
    context     TEXT,
    actor_id    INTEGER REFERENCES actors (actor_id),
    user_id     BLOB    CHECK (length(user_id) = 16),
    ip          TEXT    CHECK (length(ip) <= 45),
    user_agent  TEXT    CHECK (length(user_agent) <= 1000),
    request_id  BLOB    CHECK (length(request_id) = 16),
    PRIMARY KEY (org_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX system_log_at ON system_log (at, id);
CREATE INDEX system_log_level ON system_log (level, at, id) WHERE level <> 'info';
CREATE INDEX system_log_source ON system_log (source, at, id);

CREATE TRIGGER system_log_no_update BEFORE UPDATE ON system_log
BEGIN SELECT RAISE(ABORT, 'the system log can not be changed'); END;
