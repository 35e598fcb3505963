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
    error       text        COLLATE "C" CHECK (length(error) <= 2000)
);

CREATE INDEX backups_started ON backups (started_at, id);
