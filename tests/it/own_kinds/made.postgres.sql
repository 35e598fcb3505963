create table books (
    org_id integer not null references orgs (org_id), id uuid not null, code text not null,
    created_at timestamptz not null, created_by bigint not null, updated_at timestamptz not null, updated_by bigint not null,
    version bigint not null, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    unique (org_id, id)
);
create unique index books_code on books (org_id, code) where deleted_at is null;

create table pages (
    org_id integer not null references orgs (org_id), id uuid not null, code text not null,
    book_id uuid not null, number integer not null, writer_id uuid, text text,
    created_at timestamptz not null, created_by bigint not null, updated_at timestamptz not null, updated_by bigint not null,
    version bigint not null, deleted_at timestamptz, deleted_by bigint, deletion_id uuid,
    unique (org_id, id),
    foreign key (org_id, book_id) references books (org_id, id),
    foreign key (org_id, writer_id) references users (org_id, id)
);
create unique index pages_code on pages (org_id, code) where deleted_at is null;
create unique index pages_number on pages (org_id, book_id, number) where deleted_at is null;
create index pages_writer on pages (org_id, writer_id);
