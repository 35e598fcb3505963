//! Two operators at the same time: each looks at what is there, and then one after the other writes. What the second one looked
//! at is looked at again under the lock: what the first one did to it meanwhile is refused, or nothing against it.

use std::process::Stdio;

use orgctl::cli::program::Program;

use crate::harness::{Engine, Output, TestEnv, with_lock};
use crate::raw::{HeldLock, int, signal, start, until, until_waiting, wait};

/// What two commands do to each other: the first, the second, and how the second ends when it has waited for the first.
struct Pair(&'static str, &'static str, [u8; 2]);

/// Lets both look at what is there, then the first one do its work, and behind it the second.
fn one_behind_the_other(p: &TestEnv, first: &str, second: &str) -> (Output, Output) {
    if p.engine == Engine::Postgres {
        // The first one stands before its commit, with all that it checks behind it; the second stands behind its lock.
        let (one, other) = with_lock(p, "begin; lock table orgctl.audit_requests in share mode", || {
            let one = start(&mut p.spawn(first), Stdio::null());
            until("the first to wait", || int(p, WAITING) == 1);
            let other = start(&mut p.spawn(second), Stdio::null());
            until("the second to wait", || int(p, WAITING) == 2);
            (one, other)
        });
        return (wait(one), wait(other));
    }
    let held = HeldLock::new(p);
    let mut one = start(&mut p.spawn(first), Stdio::null());
    until_waiting(&mut one);
    let mut other = start(&mut p.spawn(second), Stdio::null());
    until_waiting(&mut other);
    // Who comes first where nobody stands in a queue, chance decides.
    signal(&other, "STOP");
    drop(held);
    let one = wait(one);
    signal(&other, "CONT");
    (one, wait(other))
}

/// How many commands wait for a lock of the server.
const WAITING: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name like 'orgctl%' and wait_event_type = 'Lock'";

/// Plays pairs in both orders; after each the database keeps its rules, and the trail tells it.
fn play(setup: &[&str], pairs: &[Pair]) {
    let init = "init --org-code ACME --org-name Acme";
    let lines: Vec<&str> = std::iter::once(init).chain(setup.iter().copied()).collect();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        for Pair(a, b, codes) in pairs {
            for (first, second, code) in [(a, b, codes[0]), (b, a, codes[1])] {
                let p = &TestEnv::prepared(engine, Program::SHIPPED, &lines);
                let (one, other) = one_behind_the_other(p, first, second);
                assert_eq!(one.code, 0, "{engine:?}: {first}: {}", one.err);
                assert_eq!(other.code, code, "{engine:?}: {second}, behind {first}: {}", other.err);
                let said = p.run("db check");
                assert_eq!(said.code, 0, "{engine:?}: {second}, behind {first}: {}{}", said.out, said.err);
                p.run("audit verify --deep").ok();
                assert_eq!(int(p, LED_BY_THE_UNUSED), 0, "{engine:?}: {second}, behind {first}");
            }
        }
    }
}

/// Who is in charge, or above somebody, is in use.
const LED_BY_THE_UNUSED: &str =
    "select (select count(*) from users u join users s on s.org_id = u.org_id and s.id = u.reports_to_id
     where u.is_active and u.deleted_at is null and not s.is_active)
  + (select count(*) from branches b join users s on s.org_id = b.org_id and s.id = b.manager_id
     where b.is_active and b.deleted_at is null and not s.is_active)
  + (select count(*) from departments d join users s on s.org_id = d.org_id and s.id = d.manager_id
     where d.is_active and d.deleted_at is null and not s.is_active)";

const PEOPLE: &[&str] = &[
    "branch create --code B1 --name 'Branch 1'",
    "branch create --code B2 --name 'Branch 2'",
    "dept create --code D1 --name 'Department 1'",
    "dept create --code D2 --name 'Department 2'",
    "user create --email x@x.example --name 'X X'",
    "user create --email y@x.example --name 'Y Y'",
    "user create --email z@x.example --name 'Z Z'",
    "role create --code R1 --name 'Role 1'",
    "role create --code R2 --name 'Role 2'",
];

/// Whoever is put in charge, or above somebody, is there and in use when that is written; and whoever leaves is in charge of nothing.
#[test]
fn nobody_is_put_in_charge_while_he_or_she_leaves() {
    play(
        PEOPLE,
        &[
            Pair("user deactivate x@x.example", "user update y@x.example --reports-to x@x.example", [4, 4]),
            Pair("user deactivate x@x.example", "branch update B1 --manager x@x.example", [4, 4]),
            Pair("user deactivate x@x.example", "dept update D1 --manager x@x.example", [4, 4]),
            Pair("user deactivate x@x.example", "branch create --code B3 --name New --manager x@x.example", [4, 4]),
            Pair("user delete x@x.example --yes", "user update y@x.example --reports-to x@x.example", [4, 4]),
            Pair("user delete x@x.example --yes", "branch update B1 --manager x@x.example", [4, 4]),
            Pair("user delete x@x.example --yes", "role update R1 --owner x@x.example", [4, 4]),
            Pair("user merge x@x.example z@x.example --yes", "branch update B1 --manager x@x.example", [4, 0]),
            Pair("user merge x@x.example z@x.example --yes", "user deactivate z@x.example", [0, 4]),
            Pair("user merge x@x.example z@x.example --yes", "user delete z@x.example --yes", [0, 4]),
        ],
    );
}

/// What takes over is there and in use when it takes over.
#[test]
fn nothing_takes_over_while_it_leaves() {
    let led = ["branch update B1 --manager x@x.example", "user update z@x.example --reports-to x@x.example"];
    let setup: Vec<&str> = PEOPLE.iter().chain(&led).copied().collect();
    play(
        &setup,
        &[
            Pair("user deactivate x@x.example --reassign-to y@x.example", "user deactivate y@x.example", [4, 4]),
            Pair("user deactivate x@x.example --reassign-to y@x.example", "user delete y@x.example --yes", [4, 4]),
            Pair("user delete x@x.example --reassign-to y@x.example --yes", "user deactivate y@x.example", [4, 4]),
            Pair("user delete x@x.example --reassign-to y@x.example --yes", "user delete y@x.example --yes", [4, 4]),
        ],
    );
}

/// What takes people and places is there when it gets them, and in use unless that is forced.
#[test]
fn nothing_is_put_where_nothing_is_any_more() {
    let setup: Vec<&str> =
        PEOPLE.iter().copied().chain(["branch create --code B3 --name 'Branch 3' --parent B2"]).collect();
    play(
        &setup,
        &[
            Pair("branch deactivate B1", "user move y@x.example --branch B1", [4, 0]),
            Pair("branch deactivate B1", "branch assign B1 y@x.example", [4, 0]),
            Pair("branch deactivate B1", "branch update B2 --parent B1", [4, 0]),
            Pair("branch delete B1 --yes", "user move y@x.example --branch B1", [4, 4]),
            Pair("branch delete B1 --yes", "branch assign B1 y@x.example", [4, 4]),
            Pair("branch delete B1 --yes", "branch update B2 --parent B1", [4, 4]),
            Pair("branch delete B2 --reassign-to B1 --yes", "branch delete B1 --yes", [4, 4]),
            Pair("dept delete D1 --yes", "user update y@x.example --department D1", [4, 4]),
            Pair("dept delete D1 --yes", "user create --email n@x.example --name 'N N' --department D1", [4, 4]),
            Pair("role delete R1 --yes", "role assign R1 y@x.example", [4, 0]),
            Pair("user delete x@x.example --yes", "role assign R1 x@x.example", [4, 0]),
            Pair("user delete x@x.example --yes", "branch assign B1 x@x.example", [4, 0]),
            Pair("org delete ACME --cascade --yes", "branch create --code B9 --name New --org ACME", [4, 0]),
        ],
    );
}

/// Keys, circles and limits: of two that would break one together the second is refused.
#[test]
fn two_that_break_a_rule_together_don_t() {
    let setup: Vec<&str> = PEOPLE.iter().copied().chain(["org update ACME --max-users 4"]).collect();
    play(
        &setup,
        &[
            Pair("branch update B1 --parent B2", "branch update B2 --parent B1", [4, 4]),
            Pair(
                "user update x@x.example --reports-to y@x.example",
                "user update y@x.example --reports-to x@x.example",
                [4, 4],
            ),
            Pair("role inherit R1 R2", "role inherit R2 R1", [4, 4]),
            Pair("user rename x@x.example --username one", "user rename y@x.example --username one", [4, 4]),
            Pair("user update x@x.example --email a@x.example", "user create --email a@x.example --name 'N N'", [4, 4]),
            Pair(
                "user create --email a@x.example --name 'N N'",
                "user create --email b@x.example --name 'N N'",
                [4, 4],
            ),
            Pair("org update ACME --max-users 3", "user create --email a@x.example --name 'N N'", [4, 4]),
            Pair("user merge x@x.example y@x.example --yes", "user merge y@x.example x@x.example --yes", [4, 4]),
            Pair("user merge x@x.example y@x.example --yes", "user delete x@x.example --yes", [4, 4]),
        ],
    );
}

/// What is gone is brought back, or removed for good, once.
#[test]
fn what_is_gone_is_dealt_with_once() {
    let gone = ["user delete x@x.example --yes", "branch delete B1 --yes"];
    let setup: Vec<&str> = PEOPLE.iter().chain(&gone).copied().collect();
    play(
        &setup,
        &[
            Pair("user restore x@x.example", "user restore x@x.example", [4, 4]),
            Pair("user restore x@x.example", "user purge x@x.example --yes", [4, 4]),
            Pair("user purge x@x.example --yes", "user purge x@x.example --yes", [4, 4]),
            Pair("user restore x@x.example", "user update y@x.example --email x@x.example", [4, 4]),
            Pair("branch restore B1", "branch create --code B1 --name Other", [4, 4]),
        ],
    );
}
