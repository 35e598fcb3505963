//! Kinds of record that the program does not ship: it is given a list, and does for them what it does for its own.

use chrono::NaiveDate;
use orgctl::cli::program::Program;
use orgctl::cli::tree::LEAVES;
use orgctl::cli::verb::{Leaf, leaf};
use orgctl::crud::gate::Verb;
use orgctl::crud::invocation::Invocation;
use orgctl::crud::leaf::{self, Spec};
use orgctl::model::clock::Clock as _;
use orgctl::model::code_generator::CodeGenerator;
use orgctl::model::kinds::specialty::Specialty;
use orgctl::model::kinds::user::User;
use orgctl::model::kinds::{Kind, Kinds, Migration, MigrationScripts, OWN};
use orgctl::model::operator::Operator;
use orgctl::model::problem::Problem;
use orgctl::model::resource::{Check, Resource as _};
use orgctl::model::values::scalar::{Code, Count, Line, Moment, ParseContext, Ref};
use orgctl::resource;
use orgctl::store::engine::db::Db;
use orgctl::store::engine::location::{Location, Opening};
use orgctl::store::tx::{Origin, Permit, Tx};

use crate::harness::{Engine, TestEnv, golden, on_both_engines_with};

mod commission;
pub mod composite;
mod course;
mod import;
mod made;
mod ticket;

use ticket::Progress;

resource! {
    /// What somebody asks for
    pub struct Ticket "ticket" in "tickets" keys(&[&["code"]])
        path(&["assignee", "requester"], &["assignee"]) states("state", Progress::STATES) rules(&[Tree("waits_for_id")]) {
        /// Number, unique in the organisation; made where none is given
        code: Code<32> [Search, Generated(CodeGenerator::Numbered("T-"))],
        /// What it is about
        title: Line<200> [Search],
        /// User who asks
        requester_id: Ref<User> [Keep],
        /// User who does it: somebody else
        assignee_id: Option<Ref<User>> [Duty],
        /// What it takes
        specialty_id: Option<Ref<Specialty>>,
        /// Ticket that must be done first
        waits_for_id: Option<Ref<Ticket>>,
        /// How long it takes
        minutes: Count [Default("30")],
        /// Why it takes long
        reason: Option<Line<200>>,
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

impl Check for Ticket {
    fn check(&self, _: NaiveDate) -> Vec<Problem> {
        let mut faults = Vec::new();
        if matches!((self.minutes, &self.reason), (Count(701..), None)) {
            faults.push(Problem::invalid("minutes above 700 need a reason").field("minutes"));
        }
        if self.assignee_id == Some(self.requester_id) {
            faults.push(Problem::invalid("assignee must not be the requester").field("assignee"));
        }
        faults
    }
}

const TICKETS: &[Migration] = &[Migration {
    name: "tickets",
    sqlite: MigrationScripts {
        up: include_str!("ticket.sqlite.sql"),
        down: "DROP TABLE tickets_search;\nDROP TABLE tickets;",
    },
    postgres: MigrationScripts { up: include_str!("ticket.postgres.sql"), down: "DROP TABLE tickets;" },
}];

const ADDED: &[Kind] =
    &[Kind { desc: Ticket::DESCRIPTOR, migrations: TICKETS, catalogue: include_str!("postgres-schema.txt") }];

const LISTS: &[&[Kind]] = &[OWN, ADDED];

/// A verb of its own.
#[derive(clap::Args)]
struct Shirk {}

impl leaf::Leaf for Shirk {
    const SPEC: Spec = Spec {
        noun: "ticket",
        verb: "shirk",
        permission: "tickets:read",
        writes: false,
        about: "Say that there is nothing to do",
        examples: "orgctl ticket shirk",
    };

    async fn run(self, s: &mut Invocation<'_>) -> anyhow::Result<()> {
        s.context.ui.out("nothing to do\n")
    }
}

const SHIRK: &[Leaf] = &[leaf::<Shirk>()];

pub const PROGRAM: Program = Program::new(Kinds::new(LISTS), &[LEAVES, SHIRK]);

fn test_env(engine: Engine) -> TestEnv {
    let mut p = TestEnv::new(engine);
    p.program = PROGRAM;
    p
}

/// Plays a story on both engines, where Asha and Ravi work for ACME.
pub fn on_both_engines(story: impl Fn(&TestEnv)) {
    let lines = [
        "init --org-code ACME --org-name 'Acme Ltd'",
        "user create --name asha --email asha@acme.example --username asha",
        "user create --name ravi --email ravi@acme.example --username ravi",
    ];
    on_both_engines_with(PROGRAM, &lines, story);
}

/// What is right with a database from its schema to its trail.
fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

#[test]
fn a_kind_of_ones_own_lives_as_others_do() {
    on_both_engines(|p| {
        p.run("specialty create --code PLUMB --name Plumbing").ok();
        p.run("specialty create --code ELEC --name Electricity").ok();
        p.run("specialty create --code elec --name Other").fails(4);
        p.run("ticket create --title 'Leaking tap' --requester asha@acme.example --specialty plumb").ok();
        p.run("ticket create --title 'No light' --requester ravi --specialty ELEC --waits-for T-001").ok();
        assert_eq!(p.column("ticket list --sort code", "code"), ["T-001", "T-002"]);
        assert_eq!(p.column("ticket list --filter specialty=PLUMB", "title"), ["Leaking tap"]);
        assert_eq!(p.column("ticket list --filter 'requester=ravi minutes=30'", "waits_for"), ["T-001"]);
        assert_eq!(p.column("ticket find leak", "code"), ["T-001"]);
        assert_eq!(p.column("specialty list --sort code", "status"), ["active", "active"]);

        p.wait(60);
        p.run("ticket update T-001 --minutes 900").fails(6);
        p.run("ticket update T-001 --minutes 45 --requester ravi@acme.example").ok();
        p.run("ticket update T-001 --requester ''").fails(6);
        p.run("specialty deactivate ELEC").ok();
        assert_eq!(p.column("specialty list --sort code", "status"), ["inactive", "active"]);
        let then = "2026-11-21T00:00:30Z";
        assert_eq!(p.column(&format!("ticket list --as-of {then} --sort code"), "minutes"), ["30", "30"]);
        assert_eq!(p.column(&format!("specialty list --as-of {then} --sort code"), "status"), ["active", "active"]);

        // What is referred to is protected; what goes together comes back together.
        assert!(p.run("specialty delete PLUMB --yes").fails(4).contains("1 ticket"), "protected");
        p.run("specialty delete PLUMB --cascade --yes").ok();
        assert_eq!(p.column("ticket list", "code"), Vec::<String>::new());
        // What is not in use takes nothing new, and a ticket that returns is new to it.
        p.run("specialty restore PLUMB").fails(4);
        p.run("specialty activate ELEC").ok();
        p.run("specialty restore PLUMB").ok();
        assert_eq!(p.column("ticket list --sort code", "code"), ["T-001", "T-002"]);
        p.run("ticket delete T-002 --yes").ok();
        p.run("ticket purge T-002 --yes").ok();
        let actions = p.column("ticket history T-001", "action");
        // Two updates were refused, and are told too.
        assert_eq!(actions, ["create", "update", "update", "update", "delete", "restore"]);
        all_is_well(p);
    });
}

#[test]
fn a_change_of_it_is_reverted_and_told_as_a_difference() {
    on_both_engines(|p| {
        p.run("ticket create --title 'Leaking tap' --requester asha@acme.example").ok();
        p.run("ticket update T-001 --requester ravi@acme.example --minutes 45").ok();
        let seq = p.column("ticket history T-001", "seq");
        p.run(&format!("audit revert {} --org ACME", seq[1])).ok();
        let ticket = p.json("ticket show T-001");
        assert_eq!(
            (ticket["minutes"].as_i64(), &ticket["requester"]),
            (Some(30), &p.json("user show asha")["user_code"])
        );
        assert_eq!(p.column("audit diff --from 1d --org ACME --resource ticket", "change"), ["created"]);
        assert!(p.run("audit list --resource ticket --key T-001 -o ndjson").ok().lines().count() == 3);
        all_is_well(p);
    });
}

/// Who has left gets nothing new to do by a file, but may have done what is done.
#[test]
fn who_has_left_is_given_nothing_to_do() {
    on_both_engines(|p| {
        p.run("user create --name Meena --username meena").ok();
        p.run("ticket create --title Tap --requester ravi --assignee asha").ok();
        for line in ["user delete asha --yes", "user deactivate asha"] {
            assert!(p.run(line).fails(4).contains("1 ticket (assignee): T-001 depends on it"), "{line}");
        }
        // Whoever takes over, the rules between the fields of what is handed over hold.
        for line in ["user deactivate asha --reassign-to ravi", "user delete asha --reassign-to ravi --yes"] {
            assert!(p.run(line).fails(6).contains("T-001 can't point elsewhere: assignee must not be the requester"));
        }
        p.run("user deactivate asha --reassign-to meena").ok();
        assert_eq!(p.column("ticket list", "assignee"), ["meena"].map(|u| user_code(p, u)));
        let done = p.run_with("ticket import - --on-conflict update", "code,assignee\nT-001,asha\n");
        assert!(done.err.contains("1 row names somebody who has left: nothing changes there"), "{}", done.err);
        p.run_with("ticket import -", "title,requester,assignee\nSink,ravi,asha\n").fails(6);
        let times = "2026-11-01T10:00:00Z,2026-11-01T11:00:00Z";
        let head = "code,title,requester,assignee,state,started_at,done_at\n";
        p.run_with("ticket import -", format!("{head}T-900,Old,ravi,asha,done,{times}\n")).ok();
        assert_eq!(p.column("ticket list --filter status=done", "assignee"), ["asha"].map(|u| user_code(p, u)));
        all_is_well(p);
    });
}

/// What is missing is asked for by its flag.
#[test]
fn a_required_reference_is_asked_for() {
    on_both_engines(|p| {
        assert!(p.run("ticket create --title Tap").fails(2).contains("--requester"), "named");
        assert!(p.run("ticket create --title Tap --requester nobody").fails(3).contains("user nobody"), "not there");
        p.run("ticket create --title Tap --requester ''").fails(6);
    });
}

/// It plays what every kind plays, on an engine.
fn conforms(engine: Engine) {
    crate::conformance::conforms(&|| TestEnv::with_acme_and(engine, PROGRAM), Ticket::DESCRIPTOR);
}

#[test]
fn a_ticket_conforms_on_sqlite() {
    conforms(Engine::Sqlite);
}

#[test]
fn a_ticket_conforms_on_postgres() {
    conforms(Engine::Postgres);
}

fn user_code(p: &TestEnv, key: &str) -> String {
    p.json(&format!("user show {key}"))["user_code"].as_str().expect("a code").to_owned()
}

#[test]
fn a_backup_holds_it() {
    for from in [Engine::Sqlite, Engine::Postgres] {
        let p = TestEnv::with_acme_and(from, PROGRAM);
        p.run("user create --name Asha --email asha@acme.example").ok();
        p.run("ticket create --title 'Leaking tap' --requester asha@acme.example").ok();
        let copy = test_env(from);
        p.run(&format!("db copy --to {}", copy.url)).ok();
        assert_eq!(copy.column("ticket list", "title"), ["Leaking tap"]);
        let file = p.json("backup create")["file"].as_str().expect("a file").to_owned();
        for into in [Engine::Sqlite, Engine::Postgres] {
            let other = test_env(into);
            let key = other.write("audit.pub", p.run("audit pubkey").ok());
            other.run(&format!("backup restore {file} --into {} --key {key}", other.url)).ok();
            assert_eq!(other.column("ticket list --org ACME", "title"), ["Leaking tap"]);
            assert_eq!(other.column("ticket find leak --org ACME", "code"), ["T-001"]);
            all_is_well(&other);
            let part = test_env(into);
            part.run(&format!("backup restore {file} --only ticket --into {} --key {key}", part.url)).ok();
            assert_eq!(part.run("ticket list -o key").ok(), "T-001\n");
            // Codes that may have been given out since are not given again.
            other.run("ticket create --org ACME --title Next --requester asha@acme.example").ok();
            assert!(other.column("ticket list --org ACME", "code").iter().all(|code| code != "T-002"));
        }
    }
}

#[test]
fn its_schema_goes_forward_and_back() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let mut p = TestEnv::prepared(engine, PROGRAM, &["init"]);
        p.run("db rollback --yes").ok();
        assert!(p.run("ticket list").fails(1).contains("version"), "a version behind");
        p.run("db migrate --yes").ok();
        p.run("db check").ok();
        // Without its kinds the database is newer than the program.
        p.program = Program::default();
        assert!(p.run("user list").fails(1).contains("newer than this orgctl"), "newer");
        // With them, one that was made without is behind.
        let mut plain = TestEnv::after(engine, "init");
        plain.program = PROGRAM;
        assert!(plain.run("user list").fails(1).contains("orgctl db migrate"), "older");
        plain.run("db migrate --yes").ok();
        plain.run("db check").ok();
    }
}

#[test]
fn its_commands_are_those_that_mean_something() {
    let p = TestEnv::with_acme_and(Engine::Sqlite, PROGRAM);
    let help = p.run("--help").ok();
    assert!(help.lines().any(|l| l.split_whitespace().eq(["ticket", "Manage", "tickets"])), "{help}");
    assert_eq!(p.run("ticket shirk").ok(), "nothing to do\n");
    // Nothing says of a ticket whether it is in use.
    p.run("ticket activate T-001").fails(2);
    p.run("ticket deactivate T-001").fails(2);
    p.run("audit log list --source 'ticket import'").ok();
    p.run("audit log list --source 'ticket activate'").fails(2);
    p.run("specialty create --code PLUMB --name Plumbing").ok();
    p.run("specialty activate PLUMB").ok();
    // One of ours must be there.
    p.run("audit append --action transfer --resource ticket:T-001").fails(3);
    let env = [("COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "3"), ("_CLAP_IFS", "\n")];
    let env = p.env.clone().into_iter().chain(env.map(|(n, v)| (n.to_owned(), v.to_owned()))).collect();
    assert_eq!(p.run_with_env("-- orgctl specialty show PL", &env, false).ok(), "PLUMB");
    TestEnv::new(Engine::Sqlite).run("ticket list").fails(2);
}

/// A column that a kind does not have is an error wherever it is named.
#[test]
fn a_column_that_there_is_not_is_named() {
    on_both_engines(|p| {
        for line in [
            "ticket list --filter is_active=yes",
            "ticket list --filter status=active",
            "ticket list --sort manager",
            "ticket list --columns code,blocked",
        ] {
            p.run(line).fails(2);
        }
        assert!(p.run("ticket list --columns code,blocked").err.contains("blocked"), "named");
    });
}

/// What PostgreSQL says of the tables, as `db check` holds it against.
#[test]
fn what_postgresql_says_of_its_tables_is_kept() {
    let p = test_env(Engine::Postgres);
    // What is not kept yet is refused here, and is there all the same.
    let _ = p.run("init");
    golden("tests/it/own_kinds/postgres-schema.txt", &added_to_catalogue(&p));
}

/// What the catalogue has besides the program's own.
fn added_to_catalogue(p: &TestEnv) -> String {
    let all = catalogue(p);
    let own = std::fs::read_to_string(crate::harness::root().join("docs/postgres-schema.txt")).expect("the schema");
    all.lines().filter(|l| own.lines().all(|o| o != *l)).map(|l| format!("{l}\n")).collect()
}

fn catalogue(p: &TestEnv) -> String {
    with_database(p, async |db| orgctl::store::schema::catalogue::text(db).await.expect("a catalogue"))
}

/// Does something with a connection to the place's database.
fn with_database<T>(p: &TestEnv, work: impl AsyncFnOnce(&mut Db) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let wait = std::time::Duration::from_secs(5);
        let (variables, kinds) = (Default::default(), p.program.kinds);
        let opening =
            Opening { create: false, wait, application: "orgctl test".into(), variables, kinds, reader: None };
        let mut db = Db::open(&Location::parse(&p.url).expect("a URL"), &opening).await.expect("a database");
        let done = work(&mut db).await;
        db.close().await;
        done
    })
}

/// Runs a verb in a transaction of its own, as a user of some organisation would who signed in, or as the operator.
pub fn run_verb<V: Verb>(
    p: &TestEnv,
    user: Option<(i32, uuid::Uuid)>,
    permission: &str,
    verb: &V,
) -> anyhow::Result<V::Output> {
    let origin = Origin {
        actor_key: user.map_or("operator:0@here".into(), |(_, id)| format!("user:{id}")),
        actor_name: "Asha".into(),
        actor_kind: if user.is_some() { "user" } else { "operator" },
        user,
        operator: Operator::new(0, None, None),
        source: "cli",
        request_id: uuid::Uuid::from_u128(7),
        command: Vec::new(),
        host: "here".into(),
        details: serde_json::Map::new(),
        started_at: p.clock.now(),
        zone: ParseContext::default().zone,
        clock_is_sure: false,
    };
    with_database(p, async |db| {
        let mut tx = Tx::begin(db, Permit::issue(permission), &origin, &p.clock, &p.random, &mut |_| {}).await?;
        tx.lock(&verb.orgs(), &mut |_| {}).await?;
        let output = verb.run(&mut tx, &ParseContext::default()).await?;
        tx.commit().await?;
        Ok(output)
    })
}
