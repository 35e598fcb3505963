create table services (
    row_id integer primary key, org_id integer not null references orgs (org_id), id blob not null,
    code text not null, name text not null,
    created_at integer not null, created_by integer not null, updated_at integer not null, updated_by integer not null,
    version integer not null, deleted_at integer, deleted_by integer, deletion_id blob,
    unique (org_id, id)
) strict;
create unique index services_code on services (org_id, code) where deleted_at is null;

create table products (
    row_id integer primary key, org_id integer not null references orgs (org_id), id blob not null,
    code text not null, name text not null,
    created_at integer not null, created_by integer not null, updated_at integer not null, updated_by integer not null,
    version integer not null, deleted_at integer, deleted_by integer, deletion_id blob,
    unique (org_id, id)
) strict;
create unique index products_code on products (org_id, code) where deleted_at is null;

create table commissions (
    row_id integer primary key, org_id integer not null references orgs (org_id), id blob not null,
    code text not null, user_id blob not null, service_id blob, product_id blob, branch_id blob,
    valid_from text not null, valid_until text, is_main integer not null, is_first integer not null, percent integer not null,
    created_at integer not null, created_by integer not null, updated_at integer not null, updated_by integer not null,
    version integer not null, deleted_at integer, deleted_by integer, deletion_id blob,
    unique (org_id, id),
    foreign key (org_id, user_id) references users (org_id, id) deferrable initially deferred,
    foreign key (org_id, service_id) references services (org_id, id),
    foreign key (org_id, product_id) references products (org_id, id),
    foreign key (org_id, branch_id) references branches (org_id, id)
) strict;
create unique index commissions_code on commissions (org_id, code) where deleted_at is null;
create index commissions_user on commissions (org_id, user_id);
create index commissions_service on commissions (org_id, service_id);
create index commissions_product on commissions (org_id, product_id);
create index commissions_branch on commissions (org_id, branch_id);
