CREATE TABLE services (
    org_id integer NOT NULL REFERENCES orgs (org_id), id uuid NOT NULL,
    code text NOT NULL, name text NOT NULL,
    created_at timestamptz NOT NULL, created_by bigint NOT NULL, updated_at timestamptz NOT NULL, updated_by bigint NOT NULL,
    version bigint NOT NULL, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX services_code ON services (org_id, code) WHERE deleted_at IS NULL;

CREATE TABLE products (
    org_id integer NOT NULL REFERENCES orgs (org_id), id uuid NOT NULL,
    code text NOT NULL, name text NOT NULL,
    created_at timestamptz NOT NULL, created_by bigint NOT NULL, updated_at timestamptz NOT NULL, updated_by bigint NOT NULL,
    version bigint NOT NULL, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX products_code ON products (org_id, code) WHERE deleted_at IS NULL;

CREATE TABLE commissions (
    org_id integer NOT NULL REFERENCES orgs (org_id), id uuid NOT NULL,
    code text NOT NULL, user_id uuid NOT NULL, service_id uuid, product_id uuid, branch_id uuid,
    valid_from date NOT NULL, valid_until date, is_main boolean NOT NULL, is_first boolean NOT NULL, percent integer NOT NULL,
    created_at timestamptz NOT NULL, created_by bigint NOT NULL, updated_at timestamptz NOT NULL, updated_by bigint NOT NULL,
    version bigint NOT NULL, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES users (org_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (org_id, service_id) REFERENCES services (org_id, id),
    FOREIGN KEY (org_id, product_id) REFERENCES products (org_id, id),
    FOREIGN KEY (org_id, branch_id) REFERENCES branches (org_id, id)
);
CREATE UNIQUE INDEX commissions_code ON commissions (org_id, code) WHERE deleted_at IS NULL;
CREATE INDEX commissions_user ON commissions (org_id, user_id);
CREATE INDEX commissions_service ON commissions (org_id, service_id);
CREATE INDEX commissions_product ON commissions (org_id, product_id);
CREATE INDEX commissions_branch ON commissions (org_id, branch_id);
