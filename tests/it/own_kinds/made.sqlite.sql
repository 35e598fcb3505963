CREATE TABLE books (
    row_id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL REFERENCES orgs (org_id), id BLOB NOT NULL, code TEXT NOT NULL,
    created_at INTEGER NOT NULL, created_by INTEGER NOT NULL, updated_at INTEGER NOT NULL, updated_by INTEGER NOT NULL,
    version INTEGER NOT NULL, deleted_at INTEGER, deleted_by INTEGER, deletion_id BLOB,
    UNIQUE (org_id, id)
) STRICT;
CREATE UNIQUE INDEX books_code ON books (org_id, code) WHERE deleted_at IS NULL;

CREATE TABLE pages (
    row_id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL REFERENCES orgs (org_id), id BLOB NOT NULL, code TEXT NOT NULL,
    book_id BLOB NOT NULL, number INTEGER NOT NULL, writer_id BLOB, text TEXT,
    created_at INTEGER NOT NULL, created_by INTEGER NOT NULL, updated_at INTEGER NOT NULL, updated_by INTEGER NOT NULL,
    version INTEGER NOT NULL, deleted_at INTEGER, deleted_by INTEGER, deletion_id BLOB,
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, book_id) REFERENCES books (org_id, id),
    FOREIGN KEY (org_id, writer_id) REFERENCES users (org_id, id)
) STRICT;
CREATE UNIQUE INDEX pages_code ON pages (org_id, code) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX pages_number ON pages (org_id, book_id, number) WHERE deleted_at IS NULL;
CREATE INDEX pages_writer ON pages (org_id, writer_id);
