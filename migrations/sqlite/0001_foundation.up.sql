-- Who acts, and the audit trail. Every later table stands on these.

-- Who did something: the system itself, local operators, and later users and API keys.
-- Append-only; created_by, updated_by, deleted_by and the audit trail point here. A key is opaque (operator:UID@HOST,
-- user:ID), and a name can be erased.
CREATE TABLE actors (
    actor_id    INTEGER PRIMARY KEY,
    org_id      INTEGER NOT NULL DEFAULT 0,
    kind        TEXT    NOT NULL CHECK (kind IN ('system', 'operator', 'user', 'apikey')),
    key         TEXT    NOT NULL CHECK (key = kind OR substr(key, 1, length(kind) + 1) = kind || ':'),
    name        TEXT,
    created_at  INTEGER NOT NULL CHECK (created_at BETWEEN -62135596800000000 AND 253402300799999999),
    UNIQUE (key)
) STRICT;

INSERT INTO actors (actor_id, kind, key, name, created_at) VALUES (0, 'system', 'system', 'system', 0);

-- One row for each tree (an organisation's number; 0 is SYSTEM). Locking it makes an organisation's writers serial.
CREATE TABLE audit_heads (
    tree        INTEGER PRIMARY KEY CHECK (tree BETWEEN 0 AND 2147483647),
    size        INTEGER NOT NULL CHECK (size >= 0),
    frontier    BLOB    NOT NULL,
    at          INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999)
) STRICT;

INSERT INTO audit_heads (tree, size, frontier, at) VALUES (0, 0, x'', 0);

-- What the records of one transaction in one tree have in common.
CREATE TABLE audit_requests (
    tree        INTEGER NOT NULL,
    first_seq   INTEGER NOT NULL CHECK (first_seq > 0),
    last_seq    INTEGER NOT NULL CHECK (last_seq >= first_seq),
    request_id  BLOB    NOT NULL CHECK (length(request_id) = 16),
    at          INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    actor_id    INTEGER NOT NULL REFERENCES actors (actor_id),
    source      TEXT    NOT NULL CHECK (length(source) BETWEEN 1 AND 50),
    status      TEXT    NOT NULL CHECK (length(status) BETWEEN 1 AND 50),
    salt        BLOB    CHECK (length(salt) = 16),
    payload     TEXT,
    commitment  BLOB    NOT NULL CHECK (length(commitment) = 32),
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (tree, first_seq),
    CHECK ((salt IS NULL) = (payload IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_requests_request ON audit_requests (request_id);
CREATE INDEX audit_requests_actor ON audit_requests (tree, actor_id, at);
CREATE INDEX audit_requests_source ON audit_requests (tree, source, at);
-- What did not succeed is rare and looked for; what succeeded is neither.
CREATE INDEX audit_requests_status ON audit_requests (tree, status, at) WHERE status <> 'success';
CREATE INDEX audit_requests_at ON audit_requests (tree, at);

-- One row for each change: docs/audit-format.md describes the bytes.
CREATE TABLE audit_records (
    tree        INTEGER NOT NULL,
    seq         INTEGER NOT NULL CHECK (seq > 0),
    action      TEXT    NOT NULL CHECK (length(action) BETWEEN 1 AND 50),
    effect      TEXT    NOT NULL CHECK (effect IN ('none', 'create', 'update', 'delete', 'restore', 'purge')),
    kind        TEXT    NOT NULL CHECK (length(kind) BETWEEN 1 AND 50),
    resource_id BLOB    NOT NULL CHECK (length(resource_id) = 16),
    subject_id  BLOB    CHECK (length(subject_id) = 16 AND subject_id <> x'00000000000000000000000000000000'),
    salt        BLOB    CHECK (length(salt) = 16),
    payload     TEXT,
    leaf        BLOB    NOT NULL CHECK (length(leaf) = 32),
    PRIMARY KEY (tree, seq),
    CHECK ((salt IS NULL) = (payload IS NULL)),
    -- What changed a row names it.
    CHECK (effect = 'none' OR resource_id <> x'00000000000000000000000000000000')
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_records_resource ON audit_records (resource_id, seq);
-- Whose data a record holds, where it is not about that person's own row: those are found by the index above.
CREATE INDEX audit_records_subject ON audit_records (subject_id, seq) WHERE subject_id <> resource_id;
-- The history of what is gone is still asked for by its natural key.
CREATE INDEX audit_records_purged ON audit_records (tree, kind, effect) WHERE effect = 'purge';
-- What was shown of people, and to whom; backups hold all of them, and a key that is replaced protected all.
CREATE INDEX audit_records_shown ON audit_records (tree, action) WHERE action IN ('backup', 'export', 'key_rotate', 'reveal');
-- Where the clock was corrected: from there on earlier times count again.
CREATE INDEX audit_records_clock ON audit_records (tree, seq) WHERE kind = 'clock' AND action = 'config_change';

-- What an erased payload was committed to: with it the leaf still proves. Erasing and archiving write here.
CREATE TABLE audit_erased (
    tree        INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    commitment  BLOB    NOT NULL CHECK (length(commitment) = 32),
    PRIMARY KEY (tree, seq)
) STRICT, WITHOUT ROWID;

-- The database itself refuses to change the trail. Only one change is let through, the one that erasure and archiving
-- need: salt and payload become NULL and nothing else moves. INSERT OR REPLACE deletes without firing DELETE
-- triggers, hence the triggers BEFORE INSERT.
CREATE TRIGGER audit_records_no_update BEFORE UPDATE ON audit_records
WHEN NOT (OLD.payload IS NOT NULL AND NEW.payload IS NULL AND NEW.salt IS NULL
    AND NEW.tree = OLD.tree AND NEW.seq = OLD.seq AND NEW.action = OLD.action AND NEW.effect = OLD.effect
    AND NEW.kind = OLD.kind AND NEW.resource_id = OLD.resource_id AND NEW.subject_id IS OLD.subject_id
    AND NEW.leaf = OLD.leaf)
BEGIN SELECT RAISE(ABORT, 'audit records can not be changed'); END;

CREATE TRIGGER audit_records_no_delete BEFORE DELETE ON audit_records
BEGIN SELECT RAISE(ABORT, 'audit records can not be deleted'); END;

CREATE TRIGGER audit_records_no_replace BEFORE INSERT ON audit_records
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM audit_records WHERE tree = NEW.tree), 0) + 1
BEGIN SELECT RAISE(ABORT, 'audit records can only be appended, one after another'); END;

CREATE TRIGGER audit_requests_no_update BEFORE UPDATE ON audit_requests
WHEN NOT (OLD.payload IS NOT NULL AND NEW.payload IS NULL AND NEW.salt IS NULL
    AND NEW.tree = OLD.tree AND NEW.first_seq = OLD.first_seq AND NEW.last_seq = OLD.last_seq
    AND NEW.request_id = OLD.request_id AND NEW.at = OLD.at AND NEW.actor_id = OLD.actor_id
    AND NEW.source = OLD.source AND NEW.status = OLD.status
    AND NEW.commitment = OLD.commitment AND NEW.digest = OLD.digest)
BEGIN SELECT RAISE(ABORT, 'audit requests can not be changed'); END;

CREATE TRIGGER audit_requests_no_delete BEFORE DELETE ON audit_requests
BEGIN SELECT RAISE(ABORT, 'audit requests can not be deleted'); END;

CREATE TRIGGER audit_requests_no_replace BEFORE INSERT ON audit_requests
WHEN NEW.first_seq IS NOT (SELECT size + 1 FROM audit_heads WHERE tree = NEW.tree)
    OR NEW.last_seq IS NOT (SELECT max(seq) FROM audit_records WHERE tree = NEW.tree)
BEGIN SELECT RAISE(ABORT, 'audit requests can only be appended, each with its records'); END;

-- What did not succeed changed nothing.
CREATE TRIGGER audit_requests_without_effect BEFORE INSERT ON audit_requests
WHEN NEW.status <> 'success' AND EXISTS (SELECT 1 FROM audit_records
         WHERE tree = NEW.tree AND seq BETWEEN NEW.first_seq AND NEW.last_seq AND effect <> 'none')
BEGIN SELECT RAISE(ABORT, 'a command that did not succeed has no effect'); END;

-- A command is not older than the one before it, unless its first record corrects the clock, to a time when the program was
-- there.
CREATE TRIGGER audit_requests_forward BEFORE INSERT ON audit_requests
WHEN NEW.at < (SELECT at FROM audit_heads WHERE tree = NEW.tree)
    AND (NEW.status <> 'success' OR NEW.at < 1767225600000000 OR NOT EXISTS (SELECT 1 FROM audit_records
             WHERE tree = NEW.tree AND seq = NEW.first_seq AND kind = 'clock' AND action = 'config_change'))
BEGIN SELECT RAISE(ABORT, 'the times of audit requests run forward'); END;

-- A head grows by the records of one command, to its time. Without that nothing of it changes.
CREATE TRIGGER audit_heads_only_grow BEFORE UPDATE ON audit_heads
WHEN NOT (NEW.tree = OLD.tree AND length(NEW.frontier) % 32 = 0
    AND ((NEW.size = OLD.size AND NEW.frontier = OLD.frontier AND NEW.at = OLD.at)
        OR (NEW.size > OLD.size AND NEW.size = (SELECT max(seq) FROM audit_records WHERE tree = NEW.tree)
            AND EXISTS (SELECT 1 FROM audit_requests WHERE tree = NEW.tree AND first_seq = OLD.size + 1
                           AND last_seq = NEW.size AND at = NEW.at))))
BEGIN SELECT RAISE(ABORT, 'an audit head only grows, by the records of a command'); END;

CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads
BEGIN SELECT RAISE(ABORT, 'an audit head can not be deleted'); END;

CREATE TRIGGER audit_heads_no_replace BEFORE INSERT ON audit_heads
WHEN NEW.tree <> coalesce((SELECT max(tree) FROM audit_heads), -1) + 1 OR NEW.size <> 0 OR NEW.frontier <> x''
BEGIN SELECT RAISE(ABORT, 'an audit head begins empty, behind the last one'); END;

CREATE TRIGGER audit_erased_no_update BEFORE UPDATE ON audit_erased
BEGIN SELECT RAISE(ABORT, 'an erasure can not be changed'); END;

CREATE TRIGGER audit_erased_no_delete BEFORE DELETE ON audit_erased
BEGIN SELECT RAISE(ABORT, 'an erasure can not be deleted'); END;

CREATE TRIGGER audit_erased_no_replace BEFORE INSERT ON audit_erased
WHEN EXISTS (SELECT 1 FROM audit_erased WHERE tree = NEW.tree AND seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'an erasure can not be replaced'); END;

CREATE TRIGGER audit_erased_append BEFORE INSERT ON audit_erased
WHEN NOT EXISTS (SELECT 1 FROM audit_records WHERE tree = NEW.tree AND seq = NEW.seq AND payload IS NULL)
BEGIN SELECT RAISE(ABORT, 'an erasure is of a record without a payload'); END;

-- An actor stays who it was; only its name can be erased.
CREATE TRIGGER actors_no_update BEFORE UPDATE ON actors
WHEN NOT (NEW.name IS NULL AND NEW.actor_id = OLD.actor_id AND NEW.org_id = OLD.org_id AND NEW.kind = OLD.kind
    AND NEW.key = OLD.key AND NEW.created_at = OLD.created_at)
BEGIN SELECT RAISE(ABORT, 'an actor can not be changed'); END;

CREATE TRIGGER actors_no_delete BEFORE DELETE ON actors
BEGIN SELECT RAISE(ABORT, 'an actor can not be deleted'); END;

CREATE TRIGGER actors_no_replace BEFORE INSERT ON actors
WHEN EXISTS (SELECT 1 FROM actors WHERE actor_id = NEW.actor_id OR key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'an actor can not be replaced'); END;
