-- The catalogue of backups, which also stands beside the archives: what is known of each archive that was made.
CREATE TABLE backups (
    id          uuid        PRIMARY KEY,
    type        text        COLLATE "C" NOT NULL CHECK (type IN ('full', 'incremental', 'schema_only')),
    status      text        COLLATE "C" NOT NULL CHECK (status IN ('running', 'complete', 'failed', 'verified', 'missing')),
    label       text        COLLATE "C" CHECK (label <> '' AND length(label) <= 200),
    -- Host and path, or the URL of an object store.
    host        text        COLLATE "C" NOT NULL CHECK (length(host) <= 255),
    location    text        COLLATE "C" CHECK (location <> '' AND length(location) <= 4096),
    engine      text        COLLATE "C" NOT NULL CHECK (engine IN ('sqlite', 'postgres')),
    size        bigint      CHECK (size >= 0),
    checksum    bytea       CHECK (length(checksum) = 32),
    encrypted   boolean     NOT NULL,
    parent_id   uuid,
    rows        bigint      CHECK (rows >= 0),
    -- Size of the trail of each organisation, as JSON.
    heads       text        COLLATE "C",
    started_at  timestamptz NOT NULL CHECK (started_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    finished_at timestamptz CHECK (finished_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    verified_at timestamptz CHECK (verified_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    -- Nothing removes it before.
    hold_until  timestamptz CHECK (hold_until BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    error       text        COLLATE "C" CHECK (length(error) <= 2000),
    -- When it was last held against itself, whatever came of it.
    checked_at  timestamptz CHECK (checked_at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z')
);

CREATE INDEX backups_started ON backups (started_at, id);

-- Where the logs of signed checkpoints go on from a backup that was restored (docs/audit-format.md): the signed statement
-- of each, in order.
CREATE TABLE audit_lineages (
    seq         bigint      PRIMARY KEY CHECK (seq > 0),
    at          timestamptz NOT NULL CHECK (at BETWEEN '0001-01-01Z' AND '9999-12-31T23:59:59.999999Z'),
    note        text        COLLATE "C" NOT NULL CHECK (note <> '')
);

CREATE TRIGGER audit_lineages_no_update BEFORE UPDATE ON audit_lineages FOR EACH ROW
EXECUTE FUNCTION refuse_change('a statement of a restore can not be changed');

CREATE TRIGGER audit_lineages_no_delete BEFORE DELETE ON audit_lineages FOR EACH ROW
EXECUTE FUNCTION refuse_change('a statement of a restore can not be deleted');

CREATE TRIGGER audit_lineages_no_truncate BEFORE TRUNCATE ON audit_lineages FOR EACH STATEMENT
EXECUTE FUNCTION refuse_change('a statement of a restore can not be deleted');

CREATE FUNCTION refuse_lineage_out_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq <> coalesce((SELECT max(seq) FROM orgctl.audit_lineages), 0) + 1 THEN
        RAISE EXCEPTION 'statements of restores can only be appended, one after another';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER audit_lineages_in_order BEFORE INSERT ON audit_lineages FOR EACH ROW
EXECUTE FUNCTION refuse_lineage_out_of_order();

-- Where the trail says that it was restored: few records, asked for with each proof.
CREATE INDEX audit_records_restored ON audit_records (tree, seq) WHERE kind = 'backup' AND action = 'backup_restore';
