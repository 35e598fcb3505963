-- What the program itself has to say, apart from the trail: what it would tell of people is taken out before. Old rows go.
CREATE TABLE system_log (
    org_id      integer     NOT NULL,
    id          uuid        NOT NULL,
    level       text        COLLATE "C" NOT NULL CHECK (level IN ('info', 'warning', 'error', 'critical')),
    source      text        COLLATE "C" NOT NULL CHECK (source <> '' AND length(source) <= 50),
    message     text        COLLATE "C" NOT NULL CHECK (message <> '' AND length(message) <= 10000),
    context     text        COLLATE "C" CHECK (length(context) <= 10000),
    user_id     uuid,
    ip          inet CHECK (masklen(ip) = CASE family(ip) WHEN 4 THEN 32 ELSE 128 END),
    user_agent  text        COLLATE "C" CHECK (user_agent <> '' AND length(user_agent) <= 1000),
    at          timestamptz NOT NULL CHECK (at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    actor_id    bigint      NOT NULL REFERENCES actors (actor_id),
    request_id  uuid        NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX system_log_at ON system_log (at, id);
CREATE INDEX system_log_org ON system_log (org_id, at, id);
CREATE INDEX system_log_level ON system_log (level, at, id);
CREATE INDEX system_log_source ON system_log (source, at, id);
CREATE INDEX system_log_user ON system_log (org_id, user_id) WHERE user_id IS NOT NULL;

CREATE TRIGGER system_log_no_update BEFORE UPDATE ON system_log FOR EACH ROW
EXECUTE FUNCTION refuse_change('the system log can not be changed');
