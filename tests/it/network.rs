//! PostgreSQL over a network: how often a command waits for the server, the socket of one machine, a server far away.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use orgctl::cli::program::Program;

use crate::harness::{Engine, Output, TestEnv, socket};
use crate::raw::{branches_csv, int};

/// What went from a client to the server.
#[derive(Debug, Default)]
struct Traffic {
    /// How often the client spoke after the server had: each costs the time to the server and back.
    turns: u64,
    /// How often a COPY ended, where the client waits for an acknowledgement besides.
    copies: u64,
    /// What was asked with arguments.
    statements: Vec<String>,
    is_clients_turn: bool,
    /// The message that is coming, as far as it has come.
    message: Vec<u8>,
    has_started: bool,
}

impl Traffic {
    /// <https://www.postgresql.org/docs/current/protocol-message-formats.html>: a letter, but for the first message, and
    /// a length that counts itself.
    fn take_in(&mut self, bytes: &[u8]) {
        self.turns += u64::from(std::mem::take(&mut self.is_clients_turn));
        self.message.extend(bytes);
        loop {
            let letter = usize::from(self.has_started);
            let Some(length) = self.message.get(letter..letter + 4) else { return };
            let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
            if self.message.len() < letter + length {
                return;
            }
            self.copies += u64::from(self.has_started && self.message[0] == b'c');
            if self.has_started && self.message[0] == b'P' {
                // Behind its name.
                let asked = self.message[5..letter + length].split(|b| *b == 0).nth(1).unwrap_or_default();
                self.statements.push(String::from_utf8_lossy(asked).into_owned());
            }
            self.has_started = true;
            self.message.drain(..letter + length);
        }
    }
}

/// Stands between the program and the server, and counts.
struct Relay {
    env: BTreeMap<String, String>,
    seen: Arc<Mutex<Traffic>>,
}

fn pump(mut from: TcpStream, mut to: TcpStream, mut seen: impl FnMut(&[u8])) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        seen(&bytes[..n]);
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    // The other side may have gone before.
    let _ = to.shutdown(Shutdown::Write);
}

/// What a relay sees.
pub enum Seen<'a> {
    Connected,
    ToServer(&'a [u8]),
    ToClient,
}

/// Stands between the program and the server: the environment in which commands go by it.
pub fn relay(p: &TestEnv, seen: impl Fn(Seen<'_>) + Clone + Send + 'static) -> BTreeMap<String, String> {
    let mut url = url::Url::parse(&p.url).expect("a URL");
    let server = (url.host_str().expect("a host").to_owned(), url.port().expect("a port"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(listener.local_addr().expect("an address").port())).expect("a port");
    let mut env = p.env.clone();
    env.insert("ORGCTL_DATABASE_URL".into(), url.to_string());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.expect("a connection");
            let server = TcpStream::connect(&server).expect("the server");
            for stream in [&client, &server] {
                stream.set_nodelay(true).expect("no delay");
            }
            seen(Seen::Connected);
            let back = (server.try_clone().expect("a stream"), client.try_clone().expect("a stream"));
            let to_client = seen.clone();
            std::thread::spawn(move || pump(back.0, back.1, |_| to_client(Seen::ToClient)));
            pump(client, server, |bytes| seen(Seen::ToServer(bytes)));
        }
    });
    env
}

impl Relay {
    fn new(p: &TestEnv) -> Relay {
        let seen = Arc::new(Mutex::new(Traffic::default()));
        let counted = Arc::clone(&seen);
        let env = relay(p, move |what| {
            let mut traffic = counted.lock().expect("a count");
            match what {
                Seen::Connected => *traffic = Traffic::default(),
                Seen::ToServer(bytes) => traffic.take_in(bytes),
                Seen::ToClient => traffic.is_clients_turn = true,
            }
        });
        Relay { env, seen }
    }

    /// Runs a command; what it said, how often it waited for the server, and how often for the end of a COPY.
    fn run(&self, p: &TestEnv, line: &str) -> (Output, u64, u64) {
        let said = p.run_with_env(line, &self.env, false);
        let seen = self.seen.lock().expect("a count");
        (said, seen.turns, seen.copies)
    }
}

fn acme() -> TestEnv {
    TestEnv::with_acme(Engine::Postgres)
}

/// The end of a COPY waits up to 40 ms for an acknowledgement, whatever the network: tables are sent whole, or by the
/// megabyte.
#[test]
fn a_bulk_load_waits_for_the_end_of_a_copy_a_few_times_only() {
    let p = acme();
    let relay = Relay::new(&p);
    let csv = p.write("b.csv", branches_csv(5000));
    // What is staged, the rows, their records.
    let (said, turns, copies) = relay.run(&p, &format!("branch import {csv}"));
    said.ok();
    assert_eq!(copies, 3);
    // 20 pieces of 250 rows ask for what becomes of them.
    assert!(turns <= 130, "{turns} round trips");
    assert_eq!(int(&p, "select count(*) from branches"), 5000);
    // 9 MB of rows, and of their records: each 4 MB wait their turn, users before what they sign in with.
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$yOlYUhbvJEkbiqGjUVfMk28hf8lxeCO9GxTbvBC9Sk8";
    let rows: String = (0..1000).map(|i| format!("u{i}@x.example,User {i},\"{hash}\"\n")).collect();
    let csv = p.write("u.csv", format!("email,name,password_hash\n{rows}"));
    let (said, _, copies) = relay.run(&p, &format!("user import {csv} --set bio={}", "b".repeat(9000)));
    said.ok();
    assert_eq!(copies, 1 + 2 * 3);
    assert_eq!(int(&p, "select count(*) from users u join credentials c on c.user_id = u.id"), 1000);
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}

#[test]
fn a_few_rows_are_loaded_without_that_wait() {
    let p = acme();
    let relay = Relay::new(&p);
    let csv = p.write("b.csv", branches_csv(50));
    let (said, turns, copies) = relay.run(&p, &format!("branch import {csv}"));
    said.ok();
    assert_eq!(copies, 0);
    assert!(turns <= 90, "{turns} round trips");
    p.run("branch update B00007 --name Seven").ok();
    p.wait(60);
    p.run("branch update B00007 --name Eight").ok();
    let (said, turns, copies) = relay.run(&p, "branch show B00007 --as-of 30s -o json");
    assert_eq!((said.json()["name"].as_str(), copies), (Some("Seven"), 0));
    assert!(turns <= 40, "{turns} round trips");
    p.run("audit verify --deep").ok();
}

/// Bounds of today, so that none grows unseen. Where a server is 20 ms away, 50 are a second.
#[test]
fn everyday_commands_wait_for_the_server_so_often_and_no_more() {
    let p = acme();
    p.run("branch create --code F1 --name First").ok();
    let relay = Relay::new(&p);
    for (line, bound) in [
        ("branch show F1", 7),
        ("branch list --limit 2", 7),
        ("branch exists F1", 5),
        ("branch create --code N1 --name New", 48),
        ("branch update N1 --name Newer", 48),
        ("branch delete N1 --yes", 58),
        ("user create --email a@x.example --name 'A B'", 65),
        ("user show a@x.example", 11),
        ("user deactivate a@x.example", 63),
        ("audit list --limit 2", 14),
        ("setting list", 7),
    ] {
        let (said, turns, copies) = relay.run(&p, line);
        said.ok();
        assert!(turns <= bound, "{line}: {turns} round trips, {bound} before");
        assert_eq!(copies, 0, "{line}");
    }
}

/// What an update of plain columns asks about other records: nothing. That grows with the number of kinds otherwise.
#[test]
fn rules_are_asked_about_where_what_they_read_was_written() {
    let p = acme();
    p.run("branch create --code F1 --name First").ok();
    p.run("user create --email a@x.example --name 'A B'").ok();
    p.run("org update ACME --max-users 10").ok();
    let relay = Relay::new(&p);
    let said = |line: &str, how: &str| {
        relay.run(&p, line).0.ok();
        let seen = relay.seen.lock().expect("a count");
        assert!(seen.statements.iter().any(|s| s.starts_with(how)), "{:?}", seen.statements);
        // All of one kind are asked in one statement.
        let of_rules = seen.statements.iter().map(|s| s.matches("when exists (select 1 ").count());
        let asked: Vec<usize> = of_rules.filter(|n| *n > 0).collect();
        assert!(asked.len() <= 2, "{asked:?}");
        let counts = |s: &&String| s.contains("count(*) from users");
        let up = |s: &&String| s.contains("recursive up");
        let n = |is: &dyn Fn(&&String) -> bool| seen.statements.iter().filter(is).count();
        (asked.iter().sum::<usize>(), n(&counts), n(&up))
    };
    let rules = |line: &str| said(line, "update ");
    let rules_of_new = |line: &str| said(line, "insert into user_branches");
    assert_eq!(rules("user update a@x.example --designation Clerk"), (0, 0, 0));
    assert_eq!(rules("branch update F1 --name Second --city Pune"), (0, 0, 0));
    // By a link, whose two are there, and live, of which one is the person's own, in an organisation that lives.
    assert_eq!(rules_of_new("user update a@x.example --branch F1"), (6, 0, 0));
    // Nor do its keys mean somebody else since a merge: all of them are asked about together.
    assert_eq!(rules("user create --email b@x.example --name 'B B'"), (6, 1, 1));
    assert_eq!(rules("user update b@x.example --username b --external-id 7"), (1, 0, 0));
    // And nobody stands in a ring.
    assert_eq!(rules("user update a@x.example --reports-to b@x.example"), (2, 0, 1));
    assert_eq!(rules("org update ACME --name Other"), (0, 0, 0));
    assert_eq!(rules("org update ACME --max-users 20"), (0, 1, 0));
    assert_eq!(rules("user deactivate a@x.example"), (0, 1, 0));
    // Two that it refers to, fourteen ways in which others refer to it, its organisation; and of the link that goes along both
    // ends, that it is the only own one, and the organisation.
    assert_eq!(rules("user delete a@x.example --yes"), (21, 1, 0));
    assert_eq!(rules("user restore a@x.example"), (21, 1, 0));
}

/// A server on this machine may be reached by its socket.
#[test]
fn the_socket_does_what_the_network_does() {
    let p = acme();
    let mut url = url::Url::parse(&socket()).expect("a URL");
    url.set_path(url::Url::parse(&p.url).expect("a URL").path());
    let env = {
        let mut env = p.env.clone();
        env.insert("ORGCTL_DATABASE_URL".into(), url.to_string());
        env
    };
    let run = |line: &str| p.run_with_env(line, &env, false);
    let csv = p.write("b.csv", branches_csv(300));
    run(&format!("branch import {csv}")).ok();
    run("branch create --code S1 --name 'By the socket'").ok();
    assert_eq!(int(&p, "select count(*) from branches"), 301);
    assert!(run("branch show S1").ok().contains("By the socket"));
    assert_eq!(run("branch list --all").ok(), p.run("branch list --all").ok());
    run("audit verify --deep").ok();
    run("db check").ok();
}

/// What an organisation begins with is written together: its eighty records cost a few statements.
#[test]
fn an_organisation_is_made_with_what_it_begins_with() {
    let p = TestEnv::prepared(Engine::Postgres, Program::SHIPPED, &["init --org-code ACME --org-name Acme"]);
    let relay = Relay::new(&p);
    for (line, bound) in [("org create --code BETA --name Beta", 90), ("db seed", 30)] {
        let (said, turns, copies) = relay.run(&p, line);
        said.ok();
        assert!(turns <= bound, "{line}: {turns} round trips, {bound} before");
        assert_eq!(copies, 0, "{line}");
    }
    assert_eq!(p.column("role list --org BETA", "code").len(), 3);
}

/// What is below a branch is looked for, and put away, many at once: ten times as many cost hardly a statement more.
#[test]
fn a_deletion_of_many_asks_no_more_than_one_of_few() {
    let p = acme();
    let below = |top: &str, n: usize| {
        p.run(&format!("branch create --code {top} --name {top}")).ok();
        let csv = (0..n).map(|i| format!("{top}{i},Branch {i},{top}\n")).collect::<String>();
        p.run_with("branch import -", format!("code,name,parent\n{csv}")).ok();
    };
    below("FEW", 30);
    below("MANY", 300);
    let relay = Relay::new(&p);
    let turns = |branch: &str| {
        let (said, turns, _) = relay.run(&p, &format!("branch delete {branch} --cascade --yes"));
        said.ok();
        turns
    };
    let (few, many) = (turns("FEW"), turns("MANY"));
    assert!(many <= few + 20, "{few} round trips for 30 branches, {many} for 300");
    assert_eq!(int(&p, "select count(*) from branches where deleted_at is null"), 0);
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}

/// What one command does with many records it does with a statement for many of them: of more than a thousand a few more for
/// each kind that has to do with them, and never one for each.
#[test]
fn a_verb_of_many_asks_no_more_than_one_of_few() {
    let p = acme();
    for code in ["HQ", "B2"] {
        p.run(&format!("branch create --code {code} --name {code}")).ok();
    }
    p.run("role create --code R1 --name 'Role 1'").ok();
    let keys = |name: &str, n: usize| (0..n).map(|i| format!("{name}{i}@x.example")).collect::<Vec<_>>();
    let (few, many) = (keys("f", 10), keys("m", 1100));
    let rows: String = few.iter().chain(&many).map(|email| format!("{email},A B,HQ\n")).collect();
    p.run_with("user import -", format!("email,name,branch\n{rows}")).ok();
    let relay = Relay::new(&p);
    for line in [
        "user block KEYS --reason late",
        "user unblock KEYS",
        "user update KEYS --designation Clerk",
        "user move KEYS --branch B2",
        "user deactivate KEYS",
        "user activate KEYS",
        "branch assign HQ KEYS",
        "branch unassign HQ KEYS --yes",
        "role assign R1 KEYS",
        "role unassign R1 KEYS --yes",
        "user delete KEYS --yes",
        "user restore KEYS",
        "user delete KEYS --yes",
        "user purge KEYS --yes",
    ] {
        let turns = |keys: &[String]| {
            let (said, turns, _) = relay.run(&p, &line.replace("KEYS", &keys.join(" ")));
            said.ok();
            turns
        };
        let (few, many) = (turns(&few), turns(&many));
        // Five statements for each of some twenty kinds, of which each is new to the connection.
        assert!(many <= few + 200, "{line}: {few} round trips for 10, {many} for 1100");
    }
    assert_eq!(int(&p, "select count(*) from users"), 0);
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}

/// People who each have a branch, a role, somebody who reports to them and something to lead: what goes with them is of several
/// kinds, and is written kind by kind, not person by person.
#[test]
fn what_goes_with_many_is_written_kind_by_kind() {
    let p = acme();
    p.run("branch create --code HQ --name HQ").ok();
    p.run("role create --code R1 --name 'Role 1'").ok();
    p.run("user create --email heir@x.example --name 'H H'").ok();
    let verbs = [
        ("c", "user delete KEYS --cascade --yes"),
        ("o", "user delete KEYS --orphan --yes"),
        ("r", "user delete KEYS --reassign-to heir@x.example --yes"),
        ("d", "user deactivate KEYS --reassign-to heir@x.example"),
        ("b", "branch delete BRANCHES --reassign-to HQ --yes"),
    ];
    let named = |group: &str, n: usize| (0..n).map(|i| format!("{group}{n}-{i}")).collect::<Vec<_>>();
    let groups: Vec<(&str, &str, [Vec<String>; 2])> =
        verbs.map(|(group, line)| (group, line, [named(group, 10), named(group, 250)])).to_vec();
    let all: Vec<&String> = groups.iter().flat_map(|(.., names)| names.iter().flatten()).collect();
    let csv =
        |header: &str, row: &dyn Fn(&String) -> String| all.iter().fold(format!("{header}\n"), |csv, n| csv + &row(n));
    let (branches, people) =
        (csv("code,name", &|n| format!("{n},B\n")), csv("email,name", &|n| format!("{n}@x.example,A B\n")));
    p.run_with("branch import -", branches).ok();
    p.run_with("user import -", people).ok();
    p.run_with("user import -", csv("email,name,reports_to", &|n| format!("{n}-r@x.example,A B,{n}@x.example\n"))).ok();
    p.run_with("branch import - --on-conflict update", csv("code,manager", &|n| format!("{n},{n}@x.example\n"))).ok();
    p.run_with("user-branch import -", csv("user,branch", &|n| format!("{n}@x.example,{n}\n"))).ok();
    p.run_with("role-grant import -", csv("role,user", &|n| format!("R1,{n}@x.example\n"))).ok();
    let relay = Relay::new(&p);
    for (_, line, [few, many]) in &groups {
        let turns = |names: &[String]| {
            let keys: Vec<String> = names.iter().map(|n| format!("{n}@x.example")).collect();
            let line = line.replace("KEYS", &keys.join(" ")).replace("BRANCHES", &names.join(" "));
            let (said, turns, _) = relay.run(&p, &line);
            said.ok();
            turns
        };
        let (few, many) = (turns(few), turns(many));
        assert!(many <= few + 100, "{line}: {few} round trips for 10, {many} for 250");
    }
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}

/// A hundred times as many links under one record: they go, and come back, with a statement for many of them.
#[test]
fn links_of_one_owner_go_with_a_statement_for_many() {
    let p = acme();
    p.run("branch create --code HQ --name HQ").ok();
    let rows: String = (0..1100).map(|i| format!("u{i}@x.example,A B\n")).collect();
    p.run_with("user import -", format!("email,name\n{rows}")).ok();
    let keys = |of: std::ops::Range<usize>| of.map(|i| format!("u{i}@x.example")).collect::<Vec<_>>().join(" ");
    for (role, of) in [("FEW", 0..10), ("MANY", 0..1100)] {
        p.run(&format!("role create --code {role} --name {role}")).ok();
        p.run(&format!("role assign {role} {}", keys(of.clone()))).ok();
        p.run(&format!("branch create --code {role} --name {role}")).ok();
        p.run(&format!("branch assign {role} {}", keys(of))).ok();
    }
    let relay = Relay::new(&p);
    for line in [
        "role delete KEY --cascade --yes",
        "role restore KEY",
        "role delete KEY --orphan --yes",
        "branch delete KEY --cascade --yes",
        "branch restore KEY",
        "branch delete KEY --reassign-to HQ --yes",
    ] {
        let turns = |key: &str| {
            let (said, turns, _) = relay.run(&p, &line.replace("KEY", key));
            said.ok();
            turns
        };
        let (few, many) = (turns("FEW"), turns("MANY"));
        assert!(many <= few + 100, "{line}: {few} round trips for 10 links, {many} for 1100");
    }
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}

/// All that is about one person goes over to the other, and an update by a file sets the lists of many, in the same way.
#[test]
fn a_merge_and_a_file_of_lists_ask_no_more_for_many() {
    let p = acme();
    for code in ["HQ", "B2"] {
        p.run(&format!("branch create --code {code} --name {code}")).ok();
    }
    let rows = |name: &str, n: usize, list: &str| {
        let row = |i| format!("{name}{i}@x.example,A B,boss-{name}@x.example,{list}\n");
        let rows: String = (0..n).map(row).collect();
        format!("email,name,reports_to,branches\n{rows}")
    };
    for (name, n) in [("f", 10), ("m", 1100)] {
        for key in ["boss", "other"] {
            p.run(&format!("user create --email {key}-{name}@x.example --name 'A B'")).ok();
        }
        p.run_with("user import -", rows(name, n, "HQ")).ok();
    }
    let relay = Relay::new(&p);
    let turns = |line: String| {
        let (said, turns, _) = relay.run(&p, &line);
        said.ok();
        turns
    };
    let merge = |name: &str| turns(format!("user merge boss-{name}@x.example other-{name}@x.example --yes"));
    let (few, many) = (merge("f"), merge("m"));
    assert!(many <= few + 60, "merge: {few} round trips for 10, {many} for 1100");
    let file = |name: &str, n: usize| {
        let rows = rows(name, n, "B2;HQ").replace("boss-", "other-");
        let csv = p.write(&format!("{name}.csv"), rows);
        turns(format!("user import {csv} --on-conflict update"))
    };
    let (few, many) = (file("f", 10), file("m", 1100));
    assert!(many <= few + 150, "import: {few} round trips for 10, {many} for 1100");
    let of = "select count(*) from user_branches where deleted_at is null";
    assert_eq!(int(&p, of), 2 * 1110);
    p.run("audit verify --deep").ok();
    p.run("db check").ok();
}
