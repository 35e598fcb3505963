-- Tokens that prove an address or a wish: invitation, password reset, e-mail verification. Single use; only the SHA-256 of
-- a token is kept, which its 178 random bits make as good as a slow hash.
CREATE TABLE tokens (
    org_id        INTEGER NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    user_id       BLOB    NOT NULL CHECK (length(user_id) = 16),
    purpose       TEXT    NOT NULL CHECK (purpose IN ('invitation', 'password_reset', 'email_verification')),
    hash          BLOB    NOT NULL CHECK (length(hash) = 32),
    expires_at    INTEGER NOT NULL CHECK (expires_at BETWEEN -62135596800000000 AND 253402300799999999),
    requested_ip  TEXT CHECK (length(requested_ip) <= 45),
    used_at       INTEGER CHECK (used_at BETWEEN -62135596800000000 AND 253402300799999999),
    used_ip       TEXT CHECK (length(used_ip) <= 45),
    user_agent    TEXT    CHECK (user_agent <> '' AND length(user_agent) <= 1000),
    created_at    INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    created_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    updated_at    INTEGER NOT NULL CHECK (updated_at BETWEEN -62135596800000000 AND 253402300799999999),
    updated_by    INTEGER NOT NULL REFERENCES actors (actor_id),
    version       INTEGER NOT NULL CHECK (version BETWEEN 1 AND 9007199254740991),
    PRIMARY KEY (org_id, id),
    UNIQUE (hash),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_user ON tokens (org_id, user_id, purpose, expires_at);
CREATE INDEX tokens_expires ON tokens (expires_at);
