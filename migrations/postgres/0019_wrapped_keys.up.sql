-- Keys, each wrapped by another: an organisation's by the master key, which is in no database, and all others by their
-- organisation's (docs/keys.md).
-- A rotation writes every row anew: with half of a page free each stays in its page, its index entries stay too, and nothing swells.
CREATE TABLE wrapped_keys (
    org_id        integer NOT NULL REFERENCES orgs (org_id),
    id            uuid NOT NULL,
    purpose       text COLLATE "C" NOT NULL CHECK (purpose IN ('organisation', 'data', 'fingerprint', 'index')),
    -- Whose data; none: the organisation's own.
    subject_id    uuid,
    -- Of an index: table.column.
    column_name   text COLLATE "C" CHECK (column_name <> '' AND length(column_name) <= 200),
    -- The key that it is wrapped by: the check value of a master key, or the id of a row.
    wrapping_id   uuid NOT NULL,
    wrapped       bytea NOT NULL CHECK (length(wrapped) = 73),
    created_at    timestamptz NOT NULL CHECK (created_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    -- Since when another one is written with.
    retired_at    timestamptz CHECK (retired_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    CHECK ((purpose = 'index') = (column_name IS NOT NULL)),
    CHECK (purpose IN ('data', 'fingerprint') OR subject_id IS NULL),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, subject_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED
) WITH (fillfactor = 50);

-- One of a kind is written with.
CREATE UNIQUE INDEX wrapped_keys_subject ON wrapped_keys (org_id, subject_id, purpose, coalesce(retired_at, '-infinity'));
CREATE UNIQUE INDEX wrapped_keys_own ON wrapped_keys (org_id, purpose, coalesce(column_name, ''), coalesce(retired_at, '-infinity')) WHERE subject_id IS NULL;
