//! Tables of kinds that are named by several fields, for each engine.

/// A step of the schema that makes one table: its name, its columns and references on each engine, and what its key is over.
macro_rules! table {
    ($name:literal, sqlite: $sqlite:literal, postgres: $postgres:literal, references: $references:literal, keys: [$($key:literal on $over:literal / $over_pg:literal),+]) => {
        orgctl::model::kinds::Migration {
            name: $name,
            sqlite: orgctl::model::kinds::MigrationScripts {
                up: concat!(
                    "CREATE TABLE ", $name, " (row_id INTEGER PRIMARY KEY,
                     org_id INTEGER NOT NULL REFERENCES orgs (org_id), id BLOB NOT NULL CHECK (length(id) = 16), ",
                    $sqlite, ",
                     created_at INTEGER NOT NULL, created_by INTEGER NOT NULL REFERENCES actors (actor_id),
                     updated_at INTEGER NOT NULL, updated_by INTEGER NOT NULL REFERENCES actors (actor_id),
                     version INTEGER NOT NULL, deleted_at INTEGER, deleted_by INTEGER REFERENCES actors (actor_id),
                     deletion_id BLOB CHECK (length(deletion_id) = 16),
                     CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
                     UNIQUE (org_id, id), ", $references, ") STRICT;
                     \nCREATE INDEX ", $name, "_deletion ON ", $name, " (org_id, deletion_id) WHERE deletion_id IS NOT NULL;",
                    $("\nCREATE UNIQUE INDEX ", $key, " ON ", $name, " (org_id, ", $over, ") WHERE deleted_at IS NULL;"),+
                ),
                down: concat!("DROP TABLE ", $name),
            },
            postgres: orgctl::model::kinds::MigrationScripts {
                up: concat!(
                    "CREATE TABLE ", $name, " (org_id INTEGER NOT NULL REFERENCES orgs (org_id), id UUID NOT NULL, ",
                    $postgres, ",
                     created_at TIMESTAMPTZ NOT NULL, created_by BIGINT NOT NULL REFERENCES actors (actor_id),
                     updated_at TIMESTAMPTZ NOT NULL, updated_by BIGINT NOT NULL REFERENCES actors (actor_id),
                     version BIGINT NOT NULL, deleted_at TIMESTAMPTZ, deleted_by BIGINT REFERENCES actors (actor_id),
                     deletion_id UUID,
                     CHECK ((deleted_at IS NULL) = (deleted_by IS NULL) AND (deleted_at IS NULL) = (deletion_id IS NULL)),
                     PRIMARY KEY (org_id, id), ", $references, ");
                     \nCREATE INDEX ", $name, "_deletion ON ", $name, " (org_id, deletion_id) WHERE deletion_id IS NOT NULL;",
                    $("\nCREATE UNIQUE INDEX ", $key, " ON ", $name, " (org_id, ", $over_pg, ") WHERE deleted_at IS NULL;"),+
                ),
                down: concat!("DROP TABLE ", $name),
            },
        }
    };
}
