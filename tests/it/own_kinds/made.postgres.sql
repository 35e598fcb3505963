CREATE TABLE books (
    org_id integer NOT NULL REFERENCES orgs (org_id), id uuid NOT NULL, code text NOT NULL,
    created_at timestamptz NOT NULL, created_by bigint NOT NULL, updated_at timestamptz NOT NULL, updated_by bigint NOT NULL,
    version bigint NOT NULL, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX books_code ON books (org_id, code) WHERE deleted_at IS NULL;

CREATE TABLE pages (
    org_id integer NOT NULL REFERENCES orgs (org_id), id uuid NOT NULL, code text NOT NULL,
    book_id uuid NOT NULL, number integer NOT NULL, writer_id uuid, text text,
    created_at timestamptz NOT NULL, created_by bigint NOT NULL, updated_at timestamptz NOT NULL, updated_by bigint NOT NULL,
    version bigint NOT NULL, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, book_id) REFERENCES books (org_id, id),
    FOREIGN KEY (org_id, writer_id) REFERENCES users (org_id, id)
);
CREATE UNIQUE INDEX pages_code ON pages (org_id, code) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX pages_number ON pages (org_id, book_id, number) WHERE deleted_at IS NULL;
CREATE INDEX pages_writer ON pages (org_id, writer_id);
