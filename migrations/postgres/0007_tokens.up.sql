-- Tokens that prove an address or a wish: invitation, password reset, e-mail verification. Single use; only the SHA-256 of
-- a token is kept, which its 178 random bits make as good as a slow hash.
CREATE TABLE tokens (
    org_id        integer NOT NULL,
    id            uuid NOT NULL,
    user_id       uuid NOT NULL,
    purpose       text COLLATE "C" NOT NULL CHECK (purpose IN ('invitation', 'password_reset', 'email_verification')),
    hash          bytea NOT NULL CHECK (length(hash) = 32),
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    requested_ip  inet,
    used_at       timestamptz,
    used_ip       inet,
    user_agent    text COLLATE "C" CHECK (length(user_agent) <= 1000),
    PRIMARY KEY (org_id, id),
    UNIQUE (hash),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) ON DELETE CASCADE
);

CREATE INDEX tokens_user ON tokens (org_id, user_id, purpose, expires_at);
CREATE INDEX tokens_expires ON tokens (expires_at);
