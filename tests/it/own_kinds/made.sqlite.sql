create table books (
    row_id integer primary key, org_id integer not null references orgs (org_id), id blob not null, code text not null,
    created_at integer not null, created_by integer not null, updated_at integer not null, updated_by integer not null,
    version integer not null, deleted_at integer, deleted_by integer, deletion_id blob,
    unique (org_id, id)
) strict;
create unique index books_code on books (org_id, code) where deleted_at is null;

create table pages (
    row_id integer primary key, org_id integer not null references orgs (org_id), id blob not null, code text not null,
    book_id blob not null, number integer not null, writer_id blob, text text,
    created_at integer not null, created_by integer not null, updated_at integer not null, updated_by integer not null,
    version integer not null, deleted_at integer, deleted_by integer, deletion_id blob,
    unique (org_id, id),
    foreign key (org_id, book_id) references books (org_id, id),
    foreign key (org_id, writer_id) references users (org_id, id)
) strict;
create unique index pages_code on pages (org_id, code) where deleted_at is null;
create unique index pages_number on pages (org_id, book_id, number) where deleted_at is null;
create index pages_writer on pages (org_id, writer_id);
