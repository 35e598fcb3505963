-- The catalogue of backups, which also stands beside the archives: what is known of each archive that was made.
CREATE TABLE backups (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    type        TEXT    NOT NULL CHECK (type IN ('full', 'incremental', 'schema_only')),
    status      TEXT    NOT NULL CHECK (status IN ('running', 'complete', 'failed', 'verified', 'missing')),
    label       TEXT    CHECK (label <> '' AND length(label) <= 200),
    -- Host and path, or the URL of an object store.
    host        TEXT    NOT NULL CHECK (length(host) <= 255),
    location    TEXT    CHECK (location <> '' AND length(location) <= 4096),
    engine      TEXT    NOT NULL CHECK (engine IN ('sqlite', 'postgres')),
    size        INTEGER CHECK (size >= 0),
    checksum    BLOB    CHECK (length(checksum) = 32),
    encrypted   INTEGER NOT NULL CHECK (encrypted IN (0, 1)),
    parent_id   BLOB    CHECK (length(parent_id) = 16),
    rows        INTEGER CHECK (rows >= 0),
    -- Size of the trail of each organisation, as JSON.
    heads       TEXT,
    started_at  INTEGER NOT NULL CHECK (started_at BETWEEN -62135596800000000 AND 253402300799999999),
    finished_at INTEGER CHECK (finished_at BETWEEN -62135596800000000 AND 253402300799999999),
    verified_at INTEGER CHECK (verified_at BETWEEN -62135596800000000 AND 253402300799999999),
    -- Nothing removes it before.
    hold_until  INTEGER CHECK (hold_until BETWEEN -62135596800000000 AND 253402300799999999),
    error       TEXT    CHECK (length(error) <= 2000),
    -- When it was last held against itself, whatever came of it.
    checked_at  INTEGER CHECK (checked_at BETWEEN -62135596800000000 AND 253402300799999999)
) STRICT, WITHOUT ROWID;

CREATE INDEX backups_started ON backups (started_at, id);

-- Where the logs of signed checkpoints go on from a backup that was restored (docs/audit-format.md): the signed statement
-- of each, in order.
CREATE TABLE audit_lineages (
    seq         INTEGER PRIMARY KEY CHECK (seq > 0),
    at          INTEGER NOT NULL CHECK (at BETWEEN -62135596800000000 AND 253402300799999999),
    note        TEXT    NOT NULL CHECK (note <> '')
) STRICT;

CREATE TRIGGER audit_lineages_no_update BEFORE UPDATE ON audit_lineages
BEGIN SELECT RAISE(ABORT, 'a statement of a restore can not be changed'); END;

CREATE TRIGGER audit_lineages_no_delete BEFORE DELETE ON audit_lineages
BEGIN SELECT RAISE(ABORT, 'a statement of a restore can not be deleted'); END;

CREATE TRIGGER audit_lineages_no_replace BEFORE INSERT ON audit_lineages
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM audit_lineages), 0) + 1
BEGIN SELECT RAISE(ABORT, 'statements of restores can only be appended, one after another'); END;

-- Where the trail says that it was restored: few records, asked for with each proof.
CREATE INDEX audit_records_restored ON audit_records (tree, seq) WHERE kind = 'backup' AND action = 'backup_restore';
