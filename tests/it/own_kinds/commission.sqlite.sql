CREATE TABLE services (
    row_id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL REFERENCES orgs (org_id), id BLOB NOT NULL,
    code TEXT NOT NULL, name TEXT NOT NULL,
    created_at INTEGER NOT NULL, created_by INTEGER NOT NULL, updated_at INTEGER NOT NULL, updated_by INTEGER NOT NULL,
    version INTEGER NOT NULL, deleted_at INTEGER, deleted_by INTEGER, deletion_id BLOB,
    UNIQUE (org_id, id)
) STRICT;
CREATE UNIQUE INDEX services_code ON services (org_id, code) WHERE deleted_at IS NULL;

CREATE TABLE products (
    row_id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL REFERENCES orgs (org_id), id BLOB NOT NULL,
    code TEXT NOT NULL, name TEXT NOT NULL,
    created_at INTEGER NOT NULL, created_by INTEGER NOT NULL, updated_at INTEGER NOT NULL, updated_by INTEGER NOT NULL,
    version INTEGER NOT NULL, deleted_at INTEGER, deleted_by INTEGER, deletion_id BLOB,
    UNIQUE (org_id, id)
) STRICT;
CREATE UNIQUE INDEX products_code ON products (org_id, code) WHERE deleted_at IS NULL;

CREATE TABLE commissions (
    row_id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL REFERENCES orgs (org_id), id BLOB NOT NULL,
    code TEXT NOT NULL, user_id BLOB NOT NULL, service_id BLOB, product_id BLOB, branch_id BLOB,
    valid_from TEXT NOT NULL, valid_until TEXT, is_main INTEGER NOT NULL, is_first INTEGER NOT NULL, percent INTEGER NOT NULL,
    created_at INTEGER NOT NULL, created_by INTEGER NOT NULL, updated_at INTEGER NOT NULL, updated_by INTEGER NOT NULL,
    version INTEGER NOT NULL, deleted_at INTEGER, deleted_by INTEGER, deletion_id BLOB,
    UNIQUE (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, service_id) REFERENCES services (org_id, id),
    FOREIGN KEY (org_id, product_id) REFERENCES products (org_id, id),
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id)
) STRICT;
CREATE UNIQUE INDEX commissions_code ON commissions (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX commissions_user ON commissions (org_id, user_id);
CREATE INDEX commissions_service ON commissions (org_id, service_id);
CREATE INDEX commissions_product ON commissions (org_id, product_id);
CREATE INDEX commissions_branch ON commissions (org_id, branch_id);
