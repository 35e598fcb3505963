//! What a decision reads, and a page of a list that is narrowed, is found by indexes: the plans of both engines say so.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use orgctl::access::permission::Permission;
use orgctl::access::{About, Actor, Facts, Grant, Subject};
use orgctl::crud::gate;
use orgctl::model::clock::Clock as _;
use orgctl::model::kinds::Kinds;
use orgctl::model::kinds::kyc::Kyc;
use orgctl::model::kinds::user::User;
use orgctl::model::resource::Resource as _;
use orgctl::model::scope::{Belongings, Conditions, Scope};
use orgctl::store::access::{Asked, Own, Which, fact_statements, role_statements, statement};
use orgctl::store::engine::db::Db;
use orgctl::store::engine::location::{self, Location, Opening};
use orgctl::store::engine::opening::Telling;
use orgctl::store::engine::sql::Sql;
use orgctl::store::reader::{Reader, Told};
use orgctl::store::records::query::{Condition, Op, Query, column};
use orgctl::store::records::{Column, columns as columns_of, filter_columns};
use orgctl::store::trail::row_check::{missing, recorded};
use orgctl::store::trail::{self, Search, exposure};
use uuid::Uuid;

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::on;
use crate::subjects::plan;

/// Tables that grow with the people of an organisation; of the others an engine may read all.
const GREAT: &[&str] = &["users", "user_branches", "role_grants"];

fn company(p: &TestEnv) {
    let load = |noun: &str, head: &str, row: &dyn Fn(usize) -> String, n: usize| {
        let rows: String = (0..n).map(|n| row(n) + "\n").collect();
        p.run_with(&format!("{noun} import -"), format!("{head}\n{rows}")).ok();
    };
    load("branch", "code,name,parent", &|n| format!("B{n},Branch {n},{}", if n == 1 { "B0" } else { "" }), 400);
    load("dept", "code,name", &|n| format!("D{n},Department {n}"), 400);
    load("user", "username,name,branch,department", &|n| format!("u{n},User {n},B{},D{}", n % 400, n / 7 % 400), 4000);
    load("role", "code,name", &|n| format!("R{n},Role {n}"), 100);
    load("role-inheritance", "role,parent", &|n| format!("R{},R{}", n * 3, n * 3 + 1), 30);
    let given = |n: usize| format!("R{n},{},update,yes", if n < 3 { "users" } else { "other" });
    load("role-permission", "role,resource,action,own_branch", &given, 100);
    load("role-grant", "role,user", &|n| format!("R{},u{n}", n % 100), 4000);
    p.sql("analyze").expect("analyzed");
}

fn id(p: &TestEnv, line: &str) -> Uuid {
    p.json(&format!("{line} --columns id"))["id"].as_str().expect("an id").parse().expect("an id")
}

fn engine(p: &TestEnv) -> location::Engine {
    match p.engine {
        Engine::Sqlite => location::Engine::Sqlite,
        Engine::Postgres => location::Engine::Postgres,
    }
}

/// Of several statements, those that are not served: each table is to be reached by one of the indexes that are named, and none
/// to be read from one end to the other, nor all of an organisation.
fn unserved(p: &TestEnv, asked: Vec<(&str, Sql, Vec<&str>)>) -> String {
    // What a statement has made itself is read whole.
    let own = ["reached", "x", "above", "below", "told_place_0", "few", "of_all", "of_role", "(subquery", "CONSTANT"];
    let is_own = |name: &str| own.iter().any(|own| name.trim_start().starts_with(own));
    let mut faults = String::new();
    for (what, sql, indexes) in asked {
        let lines = plan(p, &sql);
        let text = lines.join("\n");
        let is_great = |name: &str| GREAT.iter().any(|table| name.starts_with(table) || name.starts_with("sqlite"));
        let indexes = indexes.into_iter().filter(|index| p.engine == Engine::Sqlite || is_great(index));
        let lacking = indexes.filter(|index| !text.contains(index)).map(str::to_owned);
        let scanned = lines.iter().filter(|line| {
            let scanned = match p.engine {
                Engine::Postgres => line.split_once("Seq Scan on ").map(|(_, rest)| rest).filter(|name| is_great(name)),
                Engine::Sqlite => line.trim_start().strip_prefix("SCAN "),
            };
            // Nothing but the organisation was asked for.
            scanned.is_some_and(|name| !is_own(name)) || line.trim_end().ends_with(" (org_id=?)")
        });
        for fault in lacking.chain(scanned.cloned()) {
            faults.push_str(&format!("{what}: {fault} in\n{text}\n{}\n\n", sql.text));
        }
    }
    faults
}

#[test]
fn a_check_reads_what_it_is_about() {
    on_both_engines_with_acme(|p| {
        company(p);
        let ana = [id(p, "user show u401")];
        let asked = Permission::parse("users:update").expect("two words");
        let mut all = Vec::new();
        for (what, which, first) in [
            ("held", Which::HeldBy(&ana), "role_grants_user"),
            ("held or giving", Which::HeldByOrGiving(&ana), "role_permissions_word"),
            ("giving", Which::Giving, "role_permissions_word"),
        ] {
            let is_giving = matches!(which, Which::Giving);
            let walked = if is_giving { "role_inheritances_parent" } else { "role_inheritances_role" };
            for sql in role_statements(engine(p), 1, which, Some(&asked)) {
                all.push((what, sql, vec![first, walked]));
            }
        }
        let users = if p.engine == Engine::Sqlite { "sqlite_autoindex_users_1" } else { "users_pkey" };
        let by = ["account", "branches", "grants", "grants that ended"];
        for ((what, index), sql) in by
            .into_iter()
            .zip([users, "user_branches_", "role_grants_", "role_grants_"])
            .zip(fact_statements(engine(p), 1, &ana))
        {
            all.push((what, sql, vec![index]));
        }
        let faults = unserved(p, all);
        assert!(faults.is_empty(), "{faults}");
    });
}

#[test]
fn a_page_of_who_can_is_found_by_what_the_question_names() {
    on_both_engines_with_acme(|p| {
        company(p);
        let roles = [id(p, "role show R0"), id(p, "role show R1")];
        let belongings = Belongings {
            branches: [id(p, "branch show B1"), id(p, "branch show B0")].into(),
            departments: [id(p, "dept show D1")].into(),
            people: [id(p, "user show u401")].into(),
        };
        let of: BTreeMap<&str, (Own, About<'_>, &str)> = BTreeMap::from([
            ("everybody", (Own::default(), About::Unnamed, "role_grants_")),
            ("own branch", ((true, false, false), About::Record(&belongings), "user_branches_")),
            ("own department", ((false, true, false), About::Record(&belongings), "users_department")),
            ("own records", ((false, false, true), About::Record(&belongings), "role_grants_")),
            ("all three", ((true, true, true), About::Record(&belongings), "user_branches_")),
        ]);
        let all = of.into_iter().map(|(what, (own, about, index))| {
            let asked = Asked { org: 1, at: p.clock.now(), after: None, limit: 51, about, in_use: true };
            (what, statement(engine(p), own, &roles, asked), vec![index])
        });
        let faults = unserved(p, all.collect());
        assert!(faults.is_empty(), "{faults}");
    });
}

#[test]
fn a_page_of_a_narrowed_list_is_found_by_the_place() {
    on_both_engines_with_acme(|p| {
        company(p);
        let (branch, department, ana) = (id(p, "branch show B0"), id(p, "dept show D1"), id(p, "user show u401"));
        let in_branch = Conditions { branches: vec![BTreeSet::from([branch])], ..Conditions::default() };
        let mut all = Vec::new();
        for (what, conditions, index) in [
            ("branch", in_branch.clone(), "user_branches_branch"),
            ("branch alone", Conditions { branches_alone: true, ..in_branch }, "user_branches_branch"),
            (
                "department",
                Conditions { departments: vec![BTreeSet::from([department])], ..Conditions::default() },
                "users_department",
            ),
            ("own records", Conditions { own_of: Some(ana), ..Conditions::default() }, ""),
        ] {
            let grant = Grant {
                resource: "*".into(),
                action: "read".into(),
                conditions,
                requires_approval: false,
                contains_critical: false,
            };
            let who = Subject::Somebody(Actor { org: 1, facts: Facts::of_grants([grant], []) });
            let told =
                as_told(p, &who, "select t.id from users t where t.org_id = $1 and t.deleted_at is null order by t.id");
            all.push((what, told, vec![index]));
        }
        let faults = unserved(p, all);
        assert!(faults.is_empty(), "{faults}");
    });
}

/// Who reads the trail of an organisation is told nothing of another's, by the same indexes as who reads all.
#[test]
fn the_trail_of_one_organisation_is_read_by_the_same_indexes() {
    on_both_engines_with_acme(|p| {
        if p.engine == Engine::Postgres {
            // What is small is read from one end to the other, whatever there is.
            company(p);
        }
        let reader = Reader::new(1, [(User::DESCRIPTOR, Told::Of(Scope::All))]).with_trail();
        let reader: Arc<dyn Telling> = Arc::new(reader);
        let ana = Uuid::from_u128(1);
        let about = Search { resources: Some(vec![ana]), as_subjects: true, ..Search::default() };
        let (resource, subject) = ("audit_records_resource", "audit_records_subject");
        let mut faults = String::new();
        for (what, sql, index) in [
            ("rows against their records", recorded(User::DESCRIPTOR, 1), resource),
            ("rows that are gone", missing(User::DESCRIPTOR, 1), resource),
            ("of a record", trail::statement(&about, 1, false), resource),
            ("about somebody", trail::statement(&about, 1, true), subject),
            ("merged", trail::merged(1, User::DESCRIPTOR, ana), subject),
        ] {
            let told = as_read(p, Some(Arc::clone(&reader)), sql);
            assert!(told.text.contains("audit_records as not materialized"), "{}", told.text);
            let lines = plan(p, &told);
            let text = lines.join("\n");
            let is_served = match p.engine {
                Engine::Sqlite => {
                    text.contains(index) && !lines.iter().any(|l| l.contains("AUTOMATIC") || l.contains("SCAN audit"))
                }
                // It may read all once instead, but not all for each.
                Engine::Postgres => {
                    [index, "audit_records_purged", "Hash ", "Merge "].iter().any(|way| text.contains(way))
                }
            };
            if !is_served {
                faults.push_str(&format!("{what}:\n{text}\n{}\n\n", told.text));
            }
        }
        assert!(faults.is_empty(), "{faults}");
    });
}

/// A statement as it is run for somebody.
fn as_told(p: &TestEnv, who: &Subject, text: &str) -> Sql {
    as_read(p, gate::reader_of_all(who, Kinds::default()), Sql::new(text).with([1.into()]))
}

fn as_read(p: &TestEnv, reader: Option<Arc<dyn Telling>>, sql: Sql) -> Sql {
    let kinds = Kinds::default();
    let opening = Opening {
        create: false,
        wait: std::time::Duration::from_secs(5),
        application: "test".into(),
        variables: BTreeMap::new(),
        kinds,
        reader,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let db = Db::open(&Location::parse(&p.url).expect("a URL"), &opening).await.expect("a database");
        db.as_told(sql)
    })
}

/// Whose data was shown is told by the index of what is shown, however long the trail is.
#[test]
fn exposure_is_told_by_its_index() {
    on_both_engines_with_acme(|p| {
        if p.engine == Engine::Postgres {
            company(p);
        }
        let since = Some(chrono::DateTime::from_timestamp(1_700_000_000, 0).expect("a time"));
        let by = exposure::Doers { actors: vec![1, 2], ..exposure::Doers::default() };
        for (what, sql, index) in [
            ("revealed", exposure::revealed(1, &by, since), "audit_records_shown"),
            ("backups", exposure::backed_up(Some(&by), since), "audit_records_shown"),
            ("all backups", exposure::backed_up(None, None), "audit_records_shown"),
            ("rotations", exposure::rotated(), "audit_records_shown"),
            ("gone", exposure::gone(Kyc::DESCRIPTOR, 1), "audit_records_purged"),
        ] {
            let lines = plan(p, &sql);
            let text = lines.join("\n");
            let by = |line: &String| line.contains("audit_requests_actor") || line.contains("SCAN ");
            let is_served = match p.engine {
                Engine::Sqlite => text.contains(&format!("COVERING INDEX {index}")) && !lines.iter().any(by),
                // Of SYSTEM there are so few records that it may find them by their numbers.
                Engine::Postgres => !text.contains("Seq Scan on audit_records"),
            };
            assert!(is_served, "{what}:\n{text}");
        }
        // What was taken out of records is looked up by these.
        let sql = exposure::taken_out(Kyc::DESCRIPTOR, 1, ("number", "number_index", "kind"));
        let text = plan(p, &sql).join("\n");
        let is_served = match p.engine {
            Engine::Sqlite => text.contains("INDEX audit_records_resource") && !text.contains("SCAN "),
            Engine::Postgres => !text.contains("Seq Scan on audit_records"),
        };
        assert!(is_served, "taken out:\n{text}");
    });
}

/// The queue of papers, and what has one status, are told in the order of an index, however many there are.
#[test]
fn a_queue_is_read_in_the_order_of_its_index() {
    on_both_engines_with_acme(|p| {
        p.run("user create --username asha --name 'Asha Rao'").ok();
        p.run("key init").ok();
        p.run_with("kyc submit pan asha --from -", "AAPPV8261K\nname: ASHA RAO\n").ok();
        let columns = "kind, serial, mask, created_at, created_by, updated_at, updated_by, version";
        let many = on(
            p,
            "with recursive n (n) as (select 1 union all select n + 1 from n where n < 20000)",
            "with n (n) as (select generate_series(1, 20000))",
        );
        let unbound = on(p, "pragma foreign_keys = off; ", "alter table kyc drop constraint kyc_org_id_user_id_fkey; ");
        let made = on(p, "randomblob(16)", "gen_random_uuid()");
        let later = on(p, "submitted_at + n", "submitted_at + n * interval '1 second'");
        // Half of them wait.
        p.sql(&format!(
            "{unbound}insert into kyc (org_id, id, user_id, state, submitted_at, verified_at, verification_method, note, {columns})
             {many} select org_id, {made}, {made}, case when n % 2 = 0 then 'submitted' else 'verified' end, {later},
                    case when n % 2 = 0 then null else submitted_at end, null, null, {columns} from kyc, n"
        ))
        .expect("many");
        p.sql("analyze").expect("analyzed");
        let desc = Kyc::DESCRIPTOR;
        let named = |columns: &[Column], name: &str| column(columns, name).expect("a column").clone();
        let open = Condition { column: named(&filter_columns(desc), "open"), op: Op::Is, values: vec![true.into()] };
        let state = named(&columns_of(desc), "status");
        let submitted = Condition { column: state, op: Op::Is, values: vec!["submitted".into()] };
        for (condition, index) in [(open, "kyc_queue"), (submitted, "kyc_state")] {
            let mut query = Query::new(desc, p.clock.now());
            query.filter = vec![condition, Condition::of_org(1)];
            query.sort = vec![named(&columns_of(desc), "submitted_at")];
            query.limit = Some(50);
            let lines = plan(p, &query.statement(engine(p), false).0);
            let text = lines.join("\n");
            assert!(text.contains(index) || text.contains("kyc_queue"), "{index}:\n{text}");
            assert!(!text.contains("FOR ORDER BY") && !text.contains("Seq Scan on kyc t"), "{index}:\n{text}");
        }
    });
}
