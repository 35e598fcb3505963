//! Forty kinds, as large as those that are to come: each with a score of fields, of which some refer to others.

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::model::kinds::branch::Branch;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Kinds, Migration, MigrationScripts, OWN};
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Code, Count, Date, Email, Line, Money, Note, Phone, Ref};
use orgctl::resource;

macro_rules! kinds {
    ($($name:ident $noun:literal $table:literal)+) => {
        $(
            resource! {
                /// A record like many others
                pub struct $name $noun in $table keys(&[&["code"]]) subject(Nobody("it is measured alone")) {
                    /// Short code, unique in the organisation
                    code: Code<16> [Search],
                    /// What it is about
                    title: Line<200> [Search],
                    /// More about it
                    description: Option<Note<10_000>> [Hidden],
                    /// User whose it is
                    owner_id: Ref<User>,
                    /// User who helps
                    helper_id: Option<Ref<User>>,
                    /// Branch that it is at
                    branch_id: Option<Ref<Branch>>,
                    /// What it costs
                    price: Option<Money>,
                    /// How many there are
                    amount: Count [Default("1")],
                    /// When it begins
                    begins: Option<Date>,
                    /// When it ends
                    ends: Option<Date>,
                    /// Where questions go
                    email: Option<Email> [Hidden, Search],
                    /// Where calls go
                    phone: Option<Phone> [Hidden, Search],
                    /// Street address
                    address: Option<Line<200>> [Hidden],
                    /// City or town
                    city: Option<Line<200>> [Hidden],
                    /// State or province
                    state: Option<Line<200>> [Hidden],
                    /// Country
                    country: Option<Line<200>> [Hidden],
                    /// What others call it
                    reference: Option<Line<200>> [Hidden],
                    /// Whether it is in use
                    is_active: bool [Managed, Default("yes"), Hidden],
                }
            }
            impl Check for $name {}
        )+
        const ADDED: &[Kind] = &[$(Kind {
            desc: $name::DESCRIPTOR,
            migrations: &[Migration {
                name: $table,
                sqlite: MigrationScripts { up: sqlite!($table), down: concat!("DROP TABLE ", $table, "_search; DROP TABLE ", $table) },
                // It is measured on SQLite, where there is no server to wait for.
                postgres: MigrationScripts { up: "", down: "" },
            }],
            catalogue: "",
        }),+];
    };
}

macro_rules! sqlite {
    ($table:literal) => {
        concat!(
            "CREATE TABLE ",
            $table,
            " (
                row_id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL, id BLOB NOT NULL,
                code TEXT NOT NULL, title TEXT NOT NULL, description TEXT,
                owner_id BLOB NOT NULL, helper_id BLOB, branch_id BLOB,
                price INTEGER, amount INTEGER NOT NULL, begins TEXT, ends TEXT, email TEXT, phone TEXT,
                address TEXT, city TEXT, state TEXT, country TEXT, reference TEXT, is_active INTEGER NOT NULL,
                created_at INTEGER NOT NULL, created_by INTEGER NOT NULL, updated_at INTEGER NOT NULL,
                updated_by INTEGER NOT NULL, version INTEGER NOT NULL,
                deleted_at INTEGER, deleted_by INTEGER, deletion_id BLOB, UNIQUE (org_id, id)
            ) STRICT;
            CREATE UNIQUE INDEX ",
            $table,
            "_code ON ",
            $table,
            " (org_id, code) WHERE deleted_at IS NULL;
            CREATE VIRTUAL TABLE ",
            $table,
            "_search USING fts5 (
                words, content = '', contentless_delete = 1, detail = none);"
        )
    };
}

kinds! {
    Kind01 "kind01" "kind01s"
    Kind02 "kind02" "kind02s"
    Kind03 "kind03" "kind03s"
    Kind04 "kind04" "kind04s"
    Kind05 "kind05" "kind05s"
    Kind06 "kind06" "kind06s"
    Kind07 "kind07" "kind07s"
    Kind08 "kind08" "kind08s"
    Kind09 "kind09" "kind09s"
    Kind10 "kind10" "kind10s"
    Kind11 "kind11" "kind11s"
    Kind12 "kind12" "kind12s"
    Kind13 "kind13" "kind13s"
    Kind14 "kind14" "kind14s"
    Kind15 "kind15" "kind15s"
    Kind16 "kind16" "kind16s"
    Kind17 "kind17" "kind17s"
    Kind18 "kind18" "kind18s"
    Kind19 "kind19" "kind19s"
    Kind20 "kind20" "kind20s"
    Kind21 "kind21" "kind21s"
    Kind22 "kind22" "kind22s"
    Kind23 "kind23" "kind23s"
    Kind24 "kind24" "kind24s"
    Kind25 "kind25" "kind25s"
    Kind26 "kind26" "kind26s"
    Kind27 "kind27" "kind27s"
    Kind28 "kind28" "kind28s"
    Kind29 "kind29" "kind29s"
    Kind30 "kind30" "kind30s"
    Kind31 "kind31" "kind31s"
    Kind32 "kind32" "kind32s"
    Kind33 "kind33" "kind33s"
    Kind34 "kind34" "kind34s"
    Kind35 "kind35" "kind35s"
    Kind36 "kind36" "kind36s"
    Kind37 "kind37" "kind37s"
    Kind38 "kind38" "kind38s"
    Kind39 "kind39" "kind39s"
    Kind40 "kind40" "kind40s"
}

/// The program with them.
pub const PROGRAM: Program = Program::new(Kinds::new(&[OWN, ADDED]), &[LEAVES]);
