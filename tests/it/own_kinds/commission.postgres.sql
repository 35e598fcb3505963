create table services (
    org_id integer not null references orgs (org_id), id uuid not null,
    code text not null, name text not null,
    created_at timestamptz not null, created_by bigint not null, updated_at timestamptz not null, updated_by bigint not null,
    version bigint not null, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    unique (org_id, id)
);
create unique index services_code on services (org_id, code) where deleted_at is null;

create table products (
    org_id integer not null references orgs (org_id), id uuid not null,
    code text not null, name text not null,
    created_at timestamptz not null, created_by bigint not null, updated_at timestamptz not null, updated_by bigint not null,
    version bigint not null, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    unique (org_id, id)
);
create unique index products_code on products (org_id, code) where deleted_at is null;

create table commissions (
    org_id integer not null references orgs (org_id), id uuid not null,
    code text not null, user_id uuid not null, service_id uuid, product_id uuid, branch_id uuid,
    valid_from date not null, valid_until date, is_main boolean not null, is_first boolean not null, percent integer not null,
    created_at timestamptz not null, created_by bigint not null, updated_at timestamptz not null, updated_by bigint not null,
    version bigint not null, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    unique (org_id, id),
    foreign key (org_id, user_id) references users (org_id, id) deferrable initially deferred,
    foreign key (org_id, service_id) references services (org_id, id),
    foreign key (org_id, product_id) references products (org_id, id),
    foreign key (org_id, branch_id) references branches (org_id, id)
);
create unique index commissions_code on commissions (org_id, code) where deleted_at is null;
create index commissions_user on commissions (org_id, user_id);
create index commissions_service on commissions (org_id, service_id);
create index commissions_product on commissions (org_id, product_id);
create index commissions_branch on commissions (org_id, branch_id);
