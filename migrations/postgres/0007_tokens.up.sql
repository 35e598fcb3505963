-- Tokens that prove an address or a wish: invitation, password reset, e-mail verification. Single use; only the SHA-256 of
-- a token is kept, which its 178 random bits make as good as a slow hash.
CREATE TABLE tokens (
    org_id        integer NOT NULL,
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    purpose       text COLLATE "C" NOT NULL CHECK (purpose IN ('invitation', 'password_reset', 'email_verification')),
    hash          bytea NOT NULL CHECK (length(hash) = 32),
    expires_at    timestamptz NOT NULL CHECK (expires_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    requested_ip  inet CHECK (masklen(requested_ip) = CASE family(requested_ip) WHEN 4 THEN 32 ELSE 128 END),
    used_at       timestamptz CHECK (used_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    used_ip       inet CHECK (masklen(used_ip) = CASE family(used_ip) WHEN 4 THEN 32 ELSE 128 END),
    user_agent    text COLLATE "C" CHECK (user_agent <> '' AND length(user_agent) <= 1000),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    created_by    bigint NOT NULL REFERENCES actors (actor_id),
    updated_at    timestamptz NOT NULL CHECK (updated_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    updated_by    bigint NOT NULL REFERENCES actors (actor_id),
    version       bigint NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    PRIMARY KEY (org_id, id),
    UNIQUE (hash),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
);

CREATE INDEX tokens_user ON tokens (org_id, user_id, purpose, expires_at);
CREATE INDEX tokens_expires ON tokens (expires_at);
