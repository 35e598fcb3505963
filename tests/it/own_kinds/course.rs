//! Kinds of every course of life: licences that end and are followed by others, readings that stay as they were written,
//! counters that nobody records; and kinds of the installation.

use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::model::code_generator::CodeGenerator;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Kinds, Migration, MigrationScripts, OWN};
use orgctl::model::resource::derived::{Derived, What};
use orgctl::model::resource::lifecycle::Class;
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Code, Count, Line, Moment, Ref};
use orgctl::store::schema;
use orgctl::{resource, states};

use crate::conformance::conforms;
use crate::harness::{Engine, TestEnv, golden, on_both_engines_with};
use crate::raw::int;

states! {
    /// How far an errand is
    pub enum Progress {
        Open = "open" [Open],
        Started = "in_progress" [Open],
        Done = "done" [Importable],
        Closed = "closed",
    }
    /// Begin errands
    "start": [Open] => Started [Stamps(&["started_at"])];
    /// Tell that errands are done
    "finish": [Started] => Done [Stamps(&["done_at"])];
    /// Take up errands again
    "reopen": [Done, Closed] => Open [Clears(&["done_at", "closed_at"]), Permission("reopen")];
    /// Give errands up
    "close": [Open, Started] => Closed [Stamps(&["closed_at"]), Told(Action::Archive)];
}

resource! {
    /// What somebody may do for a time
    pub struct Licence "licence" in "licences" keys(&[&["code"]]) lifecycle(Supersede) derived(OF_SEATS) {
        /// Number
        code: Code<32>,
        /// Who has it
        user_id: Ref<User> [Within, Subject],
        /// When it ends to hold
        expires_at: Option<Moment>,
        /// When it ended, or another one took its place
        ended_at: Option<Moment> [Managed, Hidden],
    }
}

/// What the seats of a licence come to.
const OF_SEATS: &[Derived] = &[
    Derived::new("seats", "How many seats it has", (|| Seat::DESCRIPTOR, "licence_id"), What::Count),
    Derived::new("minutes", "How long they were taken", (|| Seat::DESCRIPTOR, "licence_id"), What::Sum("minutes")),
    Derived::new(
        "last_taken",
        "When one was taken last",
        (|| Seat::DESCRIPTOR, "licence_id"),
        What::Latest("taken_at"),
    ),
];

resource! {
    /// A seat that a licence gives
    pub struct Seat "seat" in "seats" keys(&[&["code"]]) {
        /// Number
        code: Code<32>,
        /// The licence
        licence_id: Ref<Licence> [Within, Subject],
        /// How long it was taken
        minutes: Count [Default("0")],
        /// When it was taken last
        taken_at: Option<Moment>,
    }
}

resource! {
    /// What a meter said
    pub struct Reading "reading" in "readings" keys(&[&["code"]]) subject(Nobody("a thing")) lifecycle(AppendOnly) {
        /// Number
        code: Code<32> [Generated(CodeGenerator::Numbered("R-"))],
        /// The licence
        licence_id: Ref<Licence> [Within],
        /// Minutes
        minutes: Count,
    }
}

resource! {
    /// When somebody came
    pub struct Visit "visit" in "visits" keys(&[&["code"]]) lifecycle(AppendOnly) {
        /// Number
        code: Code<32> [Generated(CodeGenerator::Numbered("V-"))],
        /// Who came
        user_id: Ref<User> [Keep, Subject],
    }
}

resource! {
    /// What is counted
    pub struct Pulse "pulse" in "pulses" keys(&[&["code"]]) subject(Nobody("a thing")) lifecycle(Volatile) {
        /// Short code
        code: Code<32>,
        /// How often
        beats: Count [Default("0")],
    }
}

resource! {
    /// What the installation offers
    pub struct Plan "plan" in "plans" keys(&[&["code"]]) subject(Nobody("a thing")) tenancy(Tenancy::System) {
        /// Short code
        code: Code<32>,
        /// Name
        name: Line<200>,
    }
}

resource! {
    /// What is announced, here or everywhere
    pub struct Notice "notice" in "notices" keys(&[&["code"]]) subject(Nobody("a text")) tenancy(Tenancy::Either) {
        /// Short code
        code: Code<32>,
        /// What it says
        name: Line<200>,
    }
}

resource! {
    /// Something to be done
    pub struct Errand "errand" in "errands" keys(&[&["code"]]) subject(Nobody("a thing")) states("state", Progress::STATES) {
        /// Number
        code: Code<32>,
        /// What
        name: Line<200>,
        /// Who asks
        asked_by_id: Option<Ref<User>> [Keep],
        /// Who does it
        assignee_id: Option<Ref<User>> [Duty],
        /// How far it is
        state: Progress [Managed, Hidden],
        /// When the work began
        started_at: Option<Moment> [Managed, Hidden],
        /// When it was done
        done_at: Option<Moment> [Managed, Hidden],
        /// When it was given up
        closed_at: Option<Moment> [Managed, Hidden],
    }
}

impl Check for Errand {}
impl Check for Licence {}
impl Check for Seat {}
impl Check for Reading {}
impl Check for Pulse {}
impl Check for Visit {}
impl Check for Plan {}
impl Check for Notice {}

const DOWN: &str = "DROP TABLE errands;\nDROP TABLE notices;\nDROP TABLE plans;\nDROP TABLE pulses;\nDROP TABLE visits;\nDROP TABLE readings;\nDROP TABLE seats;\n\
                    DROP TABLE licences;";

const KINDS: &[Kind] = &[
    Kind {
        desc: Licence::DESCRIPTOR,
        migrations: &[Migration {
            name: "course",
            sqlite: MigrationScripts { up: include_str!("course.sqlite.sql"), down: DOWN },
            postgres: MigrationScripts { up: include_str!("course.postgres.sql"), down: DOWN },
        }],
        catalogue: include_str!("course.schema.txt"),
    },
    Kind { desc: Seat::DESCRIPTOR, migrations: &[], catalogue: "" },
    Kind { desc: Reading::DESCRIPTOR, migrations: &[], catalogue: "" },
    Kind { desc: Visit::DESCRIPTOR, migrations: &[], catalogue: "" },
    Kind { desc: Pulse::DESCRIPTOR, migrations: &[], catalogue: "" },
    Kind { desc: Plan::DESCRIPTOR, migrations: &[], catalogue: "" },
    Kind { desc: Notice::DESCRIPTOR, migrations: &[], catalogue: "" },
    Kind { desc: Errand::DESCRIPTOR, migrations: &[], catalogue: "" },
];

const LISTS: &[&[Kind]] = &[OWN, KINDS];

pub const PROGRAM: Program = Program::new(Kinds::new(LISTS), &[LEAVES]);

/// Where Asha and Ravi work for ACME.
fn both(story: impl Fn(&TestEnv)) {
    let lines = [
        "init --org-code ACME --org-name 'Acme Ltd'",
        "user create --name asha --username asha",
        "user create --name ravi --username ravi",
    ];
    on_both_engines_with(PROGRAM, &lines, story);
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

fn records(p: &TestEnv) -> i64 {
    int(p, "select count(*) from audit_records")
}

#[test]
fn nothing_is_declared_that_can_t_be_kept() {
    assert_eq!(PROGRAM.kinds.faults(), Vec::<String>::new());
    assert_eq!(super::PROGRAM.kinds.faults(), Vec::<String>::new());
    assert_eq!(Kinds::default().faults(), Vec::<String>::new());
    let classes = schema::tables(PROGRAM.kinds);
    let of = |table: &str| classes.iter().find(|(t, _)| *t == table).map(|(_, class)| *class);
    assert_eq!(
        ["licences", "seats", "readings", "pulses", "plans"].map(of),
        [Class::Recorded, Class::Recorded, Class::Journal, Class::Volatile, Class::Recorded].map(Some)
    );
}

#[test]
fn what_postgresql_says_of_these_tables_is_kept() {
    let mut p = TestEnv::new(Engine::Postgres);
    p.program = PROGRAM;
    let _ = p.run("init");
    golden("tests/it/own_kinds/course.schema.txt", &super::added_to_catalogue(&p));
}

/// A licence of the same number takes the place of the former, which stays as history.
#[test]
fn a_successor_ends_the_former() {
    both(|p| {
        let create = |more: &str| p.run(&format!("licence create --code L-1 --user asha {more}"));
        create("--expires-at 2027-01-01").ok();
        p.wait(60);
        let made = create("--expires-at 2028-01-01");
        assert!(made.err.contains("it takes the place of the one of 2026-11-21T00:00:"), "{}", made.err);
        made.ok();
        assert_eq!(p.column("licence list", "code"), ["L-1"]);
        assert_eq!(p.json("licence show L-1")["status"], "active");
        assert_eq!(p.column("licence list --filter status=ended", "code"), ["L-1"]);
        assert_eq!(p.column("licence list --with-deleted --sort created_at", "status"), ["ended", "active"]);
        // What was then is told by what ended since.
        let then = p.column("licence list --as-of 2026-11-21T00:00:30Z", "expires_at");
        assert!(then[0].starts_with("2027-01-01") || then[0].starts_with("2026-12-31"), "{then:?}");
        let ended = p.column("licence list --filter status=ended", "id").pop().expect("an id");
        let last = p.column(&format!("licence history {ended}"), "seq").pop().expect("a record");
        let told = p.json(&format!("audit show {last} --org ACME"));
        assert_eq!((&told["payload"]["verb"], &told["effect"]), (&"supersede".into(), &"update".into()));
        // It does not come back beside its successor, is changed no more, and can go for good.
        let refused = p.run(&format!("audit revert {last} --org ACME")).fails(4);
        assert!(refused.contains("licence L-1 exists already"), "{refused}");
        p.run(&format!("licence update {ended} --expires-at 2029-01-01")).fails(3);
        assert!(
            p.run(&format!("licence restore {ended}")).fails(4).contains("has ended, which is no deletion"),
            "no deletion"
        );
        p.run(&format!("licence purge {ended} --yes")).ok();
        assert_eq!(p.column("licence list --with-deleted", "status"), ["active"]);
        all_is_well(p);
    });
}

#[test]
fn a_licence_is_revoked_and_given_again() {
    both(|p| {
        p.run("licence create --code L-1 --user asha").ok();
        p.run("licence update L-1 --expires-at 2028-01-01").ok();
        let done = p.run("licence revoke L-1");
        assert!(done.err.contains("ended licence L-1"), "{}", done.err);
        done.ok();
        p.run("licence exists L-1").fails(3);
        p.run("licence revoke L-1").fails(3);
        assert_eq!(p.column("licence list", "code"), Vec::<String>::new());
        // A mistake is undone as long as nothing took its place.
        let seq = p.column("licence history L-1", "seq").pop().expect("a record");
        // What it said before is history now.
        let update = p.column("licence history L-1", "seq").remove(1);
        assert!(
            p.run(&format!("audit revert {update} --org ACME")).fails(4).contains("has ended, and stays"),
            "history"
        );
        p.run(&format!("audit revert {seq} --org ACME")).ok();
        assert_eq!(p.json("licence show L-1")["status"], "active");
        p.run("licence revoke L-1").ok();
        p.run("licence create --code L-1 --user ravi").ok();
        assert_eq!(p.column("licence list", "code"), ["L-1"]);
        // One whose time has passed holds no more, and makes room.
        p.run("licence create --code L-2 --user ravi --expires-at 2026-11-21T01:00:00Z").ok();
        assert_eq!(p.json("licence show L-2")["status"], "active");
        p.wait(7200);
        assert_eq!(p.json("licence show L-2")["status"], "expired");
        assert_eq!(p.column("licence list --filter status=expired", "code"), ["L-2"]);
        p.run_with("licence import -", "code,user\nL-2,asha\n").ok();
        assert_eq!(
            p.column("licence list --filter code=L-2 --with-deleted --sort created_at", "status"),
            ["ended", "active"]
        );
        // One whose row falls stays as it is, and holds no more.
        p.run("licence create --code L-3 --user ravi --expires-at 2026-11-21T03:00:00Z").ok();
        p.run("licence create --code L-4 --user ravi --expires-at 2026-11-21T03:00:00Z").ok();
        p.wait(7200);
        p.run_with("licence import - --keep-going", "code,user\nL-3,nobody\nL-4,asha\n").fails(7);
        assert_eq!(p.column("licence list --filter code=L-3 --with-deleted", "status"), ["expired"]);
        assert_eq!(
            p.column("licence list --filter code=L-4 --with-deleted --sort created_at", "status"),
            ["ended", "active"]
        );
        // What holds is not overrun by a file.
        let said = p.run_with("licence import -", "code,user\nL-2,ravi\n").fails(6);
        assert!(said.contains("L-2 exists already"), "{said}");
        all_is_well(p);
    });
}

/// What ended before its container went does not come back with it.
#[test]
fn what_ended_stays_so() {
    both(|p| {
        p.run("licence create --code L-1 --user asha").ok();
        p.run("licence create --code L-1 --user asha").ok();
        p.run("licence create --code L-2 --user asha").ok();
        p.run("licence delete L-2 --yes").ok();
        p.run("user delete asha --yes").ok();
        assert_eq!(p.column("licence list", "code"), Vec::<String>::new());
        p.run("user restore asha").ok();
        assert_eq!(p.column("licence list", "code"), ["L-1"]);
        assert_eq!(p.column("licence list --filter status=ended", "code"), ["L-1"]);
        assert_eq!(p.column("licence list --filter status=deleted", "code"), ["L-2"]);
        p.run("user delete asha --yes").ok();
        p.run("user purge asha --yes").ok();
        assert_eq!(int(p, "select count(*) from licences"), 0);
        all_is_well(p);
    });
}

/// What has ended is purged with what is within it, though nobody deleted that.
#[test]
fn what_ended_is_purged_with_what_is_within_it() {
    both(|p| {
        p.run("licence create --code L-1 --user asha").ok();
        p.run("seat create --code S-1 --licence L-1").ok();
        p.run("reading create --licence L-1 --minutes 5").ok();
        let id = p.json("licence show L-1")["id"].as_str().expect("an id").to_owned();
        p.run("licence revoke L-1").ok();
        p.run(&format!("licence purge {id} --yes")).ok();
        for table in ["licences", "seats", "readings"] {
            assert_eq!(int(p, &format!("select count(*) from {table}")), 0, "{table}");
        }
        all_is_well(p);
    });
}

/// What a person has is told whole: what holds, what has ended, what was deleted, and what came from a duplicate.
#[test]
fn a_dossier_tells_all_records_of_a_person() {
    both(|p| {
        for line in ["create --code L-1", "create --code L-2", "revoke L-2", "create --code L-3", "delete L-3 --yes"] {
            let user = if line.starts_with("create") { " --user asha" } else { "" };
            p.run(&format!("licence {line}{user}")).ok();
        }
        p.run("user create --name Asha --username asha2").ok();
        p.run("licence create --code L-4 --user asha2").ok();
        p.run("licence create --code L-5 --user ravi").ok();
        p.run("user merge asha2 asha --yes").ok();
        let told = p.run("user dossier asha").json();
        let mut licences: Vec<(String, String)> = told["records"]["licences"]
            .as_array()
            .expect("licences")
            .iter()
            .map(|l| {
                (l["code"].as_str().unwrap_or_default().to_owned(), l["status"].as_str().unwrap_or_default().to_owned())
            })
            .collect();
        licences.sort();
        let wanted = [("L-1", "active"), ("L-2", "ended"), ("L-3", "deleted"), ("L-4", "active")];
        assert_eq!(licences, wanted.map(|(code, status)| (code.to_owned(), status.to_owned())));
        // And what the duplicate was called.
        let kinds: Vec<&String> = told["records"].as_object().expect("records").keys().collect();
        assert_eq!(kinds, ["former_keys", "licences"]);
        let mut keys: Vec<&str> = told["records"]["former_keys"]
            .as_array()
            .expect("keys")
            .iter()
            .filter_map(|k| k["field"].as_str())
            .collect();
        keys.sort_unstable();
        assert_eq!(keys, ["user_code", "username"]);
    });
}

/// What is within somebody's record is that one's data, too: it is in the history, the dossier and the erasure.
#[test]
fn what_is_within_a_record_of_somebody_is_about_somebody() {
    both(|p| {
        p.run("licence create --code L-1 --user asha").ok();
        p.run("licence create --code L-2 --user ravi").ok();
        p.run("seat create --code S-1 --licence L-1").ok();
        p.run_with("seat import -", "code,licence\nS-2,L-1\nS-3,L-2\n").ok();
        p.run("seat update S-1 --minutes 5").ok();
        let told = |user: &str| {
            let mut keys = p.column(&format!("user history {user}"), "key");
            keys.retain(|key| key.starts_with("S-"));
            keys
        };
        assert_eq!((told("asha"), told("ravi")), (vec!["S-1".into(), "S-2".into(), "S-1".into()], vec!["S-3".into()]));
        let of =
            |user: &str| p.run(&format!("user dossier {user}")).json()["records"]["seats"].as_array().map(Vec::len);
        assert_eq!((of("asha"), of("ravi")), (Some(2), Some(1)));
        p.run("user delete asha --yes").ok();
        p.run("user purge asha --yes").ok();
        p.wait(370 * 86_400);
        let before = int(p, "select count(*) from audit_records where kind = 'seat' and payload is not null");
        p.run("audit erase --subject asha --org ACME --yes").ok();
        let after = int(p, "select count(*) from audit_records where kind = 'seat' and payload is not null");
        // Made, made by a file, changed, deleted twice, purged twice.
        assert_eq!(before - after, 7);
        all_is_well(p);
    });
}

/// What journals tell of a person who is gone is destroyed with what is recorded, once it may be.
#[test]
fn an_erasure_takes_what_journals_tell() {
    both(|p| {
        p.run("visit create --user asha").ok();
        p.run("visit create --user ravi").ok();
        p.wait(370 * 86_400);
        p.run("visit create --user asha").ok();
        assert_eq!(p.run("user dossier asha").json()["records"]["visits"].as_array().map(Vec::len), Some(2));
        p.run("user delete asha --yes").ok();
        p.run("user purge asha --yes").ok();
        // They outlive the person, until they are asked for.
        assert_eq!(p.column("visit list --sort code", "code"), ["V-001", "V-002", "V-003"]);
        let said = p.run("audit erase --subject asha --org ACME --yes -o json");
        assert!(said.err.contains("1 rows of journals; the trail proves as before"), "{}", said.err);
        assert_eq!(said.json()["rows"], 1);
        assert_eq!(p.column("visit list --sort code", "code"), ["V-002", "V-003"], "the last one is too new");
        all_is_well(p);
    });
}

/// A journal is added to, and that is all.
#[test]
fn a_journal_is_its_own_record() {
    both(|p| {
        p.run("licence create --code L-1 --user asha").ok();
        let before = records(p);
        p.run("reading create --licence L-1 --minutes 12").ok();
        p.run("reading create --licence L-1 --minutes 30").ok();
        assert_eq!(records(p), before, "it is recorded");
        assert_eq!(p.column("reading list --sort code", "minutes"), ["12", "30"]);
        for verb in [
            "update R-001 --minutes 3",
            "delete R-001",
            "restore R-001",
            "purge R-001",
            "history R-001",
            "import x.csv",
            "prune",
            "list --as-of 1h",
            "list --deleted",
        ] {
            p.run(&format!("reading {verb}")).fails(2);
        }
        // Neither can it be rewritten behind the program's back.
        assert!(p.sql("update readings set minutes = 13").is_err());
        // It stays whatever becomes of what it is of, until that is gone for good.
        p.run("licence delete L-1 --yes").ok();
        assert_eq!(p.column("reading list", "code").len(), 2);
        all_is_well(p);
        p.run("licence purge L-1 --yes").ok();
        assert_eq!(p.column("reading list", "code"), Vec::<String>::new());
        all_is_well(p);
    });
}

/// It keeps no organisation from going, for nothing puts it away before.
#[test]
fn what_is_volatile_goes_with_its_organisation() {
    both(|p| {
        p.run("org create --code GONE --name Gone").ok();
        p.run("pulse create --code P1 --org GONE").ok();
        p.run("org delete GONE --yes").ok();
        p.run("db check").ok();
        p.run("org restore GONE").ok();
        p.run("pulse exists P1 --org GONE").ok();
        p.run("org delete GONE --yes").ok();
        p.run("org purge GONE --yes").ok();
        p.run("db check").ok();
        p.run("pulse exists P1").fails(3);
    });
}

#[test]
fn what_is_volatile_is_not_recorded() {
    both(|p| {
        let before = records(p);
        p.run("pulse create --code P1").ok();
        p.run("pulse update P1 --beats 7").ok();
        assert_eq!(records(p), before);
        assert_eq!(p.json("pulse show P1")["beats"], 7);
        p.run("pulse history P1").fails(2);
        p.run("pulse show P1 --as-of 1h").fails(2);
        all_is_well(p);
    });
}

/// What belongs to the installation is asked for without an organisation; what may be either, with one.
#[test]
fn some_belongs_to_the_installation() {
    both(|p| {
        p.run("org create --code ZEN --name Zen").ok();
        p.run("plan create --code BASIC --name Basic").ok();
        p.run("plan create --code BASIC --name Again").fails(4);
        assert_eq!(p.column("plan list", "org"), ["SYSTEM"]);
        p.run("plan update BASIC --name Simple").ok();
        assert!(p.run("plan list --org ACME").fails(2).contains("its records belong to the installation"), "no --org");
        assert_eq!(p.column("plan history BASIC", "action"), ["create", "update"]);
        p.run_with("plan import -", "code,name\nMORE,More\n").ok();
        assert_eq!(p.column("plan list --sort code", "name"), ["Simple", "More"]);
        assert_eq!(p.column("plan list --as-of 2026-11-21", "code"), Vec::<String>::new());
        p.run("plan delete MORE --yes").ok();
        p.run("plan restore MORE").ok();
        p.run("notice create --code N1 --name Here --org ACME").ok();
        p.run("notice create --code N1 --name Everywhere --org SYSTEM").ok();
        assert_eq!(p.column("notice list --sort name", "org"), ["SYSTEM", "ACME"]);
        assert_eq!(p.json("notice show N1 --org SYSTEM")["name"], "Everywhere");
        p.run("notice show N1").fails(2);
        // A licence belongs to an organisation.
        p.run("licence create --code L-1 --user asha --org SYSTEM").fails(4);
        all_is_well(p);
    });
}

/// What a licence's seats come to is told of now and of then, and stored nowhere.
#[test]
fn a_derived_column_is_told_filtered_and_sorted_by() {
    both(|p| {
        p.run("licence create --code L-1 --user asha").ok();
        p.run("licence create --code L-2 --user ravi").ok();
        p.run("seat create --code S-1 --licence L-1 --minutes 20 --taken-at 2026-11-01T10:00:00Z").ok();
        p.run("seat create --code S-2 --licence L-1 --minutes 40 --taken-at 2026-11-02T10:00:00Z").ok();
        let told = p.json("licence show L-1");
        assert_eq!((&told["seats"], &told["minutes"]), (&2.into(), &60.into()));
        assert!(told["last_taken"].as_str().is_some_and(|t| t.starts_with("2026-11-02T")), "{told}");
        let none = p.json("licence show L-2");
        assert_eq!((&none["seats"], &none["minutes"], &none["last_taken"]), (&0.into(), &0.into(), &().into()));
        assert_eq!(p.column("licence list --filter 'minutes>50'", "code"), ["L-1"]);
        assert_eq!(p.column("licence list --filter seats=0", "code"), ["L-2"]);
        assert_eq!(p.column("licence list --sort=-minutes", "code"), ["L-1", "L-2"]);
        p.wait(3600);
        p.run("seat update S-1 --minutes 100").ok();
        p.run("seat delete S-2 --yes").ok();
        assert_eq!(p.column("licence list --sort code", "minutes"), ["100", "0"]);
        let then = "--as-of 2026-11-21T00:30:00Z";
        assert_eq!(p.column(&format!("licence list --sort code {then}"), "minutes"), ["60", "0"]);
        assert_eq!(p.column(&format!("licence list --filter seats=2 {then}"), "code"), ["L-1"]);
        p.run("licence create --code L-3 --user asha --minutes 4").fails(2);
        let out = p.run("licence export").ok();
        assert!(!out.contains("minutes"), "it is stored nowhere: {out}");
        all_is_well(p);
    });
}

/// What all kinds do, these do too: each in a thread of its own.
#[test]
fn licences_seats_and_errands_conform() {
    let play = |engine, desc| {
        conforms(&|| TestEnv::with_acme_and(engine, PROGRAM), desc);
    };
    std::thread::scope(|scope| {
        for engine in [Engine::Sqlite, Engine::Postgres] {
            for desc in [Licence::DESCRIPTOR, Seat::DESCRIPTOR, Errand::DESCRIPTOR] {
                scope.spawn(move || play(engine, desc));
            }
        }
    });
}
