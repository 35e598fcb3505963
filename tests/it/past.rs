//! The past: records, lists and differences as they were, and changes undone.

use orgctl::model::clock::Clock as _;
use orgctl::model::values::value::rfc3339;

use serde_json::{Value, json};

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};
use crate::raw::int;

/// This moment, as `--as-of` takes it; whatever is done from here on is later.
fn moment(p: &TestEnv) -> String {
    rfc3339(p.clock.now())
}

/// Words drawn in an order of its own for each seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.up_to(words.len() as u64)).expect("small")]
    }

    fn branch(&mut self) -> String {
        format!("B{}", self.up_to(5))
    }

    fn user(&mut self) -> String {
        format!("u{}", self.up_to(6))
    }

    fn dept(&mut self) -> String {
        format!("D{}", self.up_to(3))
    }

    /// A command that may or may not succeed.
    fn command(&mut self, p: &TestEnv) -> String {
        let orgs = p.column("org list", "code");
        let org = &orgs[usize::try_from(self.up_to(orgs.len() as u64)).expect("small")];
        let (b, c, u, v, d) = (self.branch(), self.branch(), self.user(), self.user(), self.dept());
        let n = self.up_to(100);
        let going = self.one(&["", "", "--orphan", "--orphan", "--cascade", "--reassign-to u0", "--reassign-to u1"]);
        let leaving = self.one(&["", "", "--orphan", "--cascade", "--reassign-to B0", "--reassign-to B1"]);
        let of_org = if self.up_to(60) == 0 { 4 } else { 0 };
        let line = match self.up_to(41 + of_org) {
            0..=2 => format!("branch create --code {b} --name 'Branch {n}'"),
            3 => format!("branch create --code {b} --name 'Branch {n}' --parent {c} --city Pune"),
            4 => format!("branch update {b} --code {c}"),
            5 => format!("branch update {b} --name 'Branch {n}' --manager {u}"),
            6 => format!("branch move {b} --to {c}"),
            7 => format!("branch deactivate {b}"),
            8 => format!("branch activate {b}"),
            9 | 10 => format!("branch delete {b} {leaving} --yes"),
            11 => format!("branch restore {b}"),
            12 => format!("branch purge {b} --yes"),
            13 | 14 => format!("dept create --code {d} --name 'Dept {d}' --branch {b}"),
            15 => format!("dept update {d} --name 'Dept {n}' --budget {n}.25 --manager {u}"),
            16 => format!("dept delete {d} {going} --yes").replace("--reassign-to u0", "--reassign-to D0"),
            17 => format!("dept restore {d}"),
            18..=20 => format!("user create --name 'Asha {n} Rao' --username {u} --branch {b}"),
            21 => format!(
                "user create --name 'Ravi {n}' --username {u} --email {u}@x.example --reports-to {v} --department {d}"
            ),
            22 => format!("user update {u} --email {v}@x.example --mobile '98200 123{:02}'", n % 100),
            23 => format!("user update {u} --name 'Ravi Kumar {n}' --dob 1990-02-{:02}", n % 28 + 1),
            24 => format!("user update {u} --username {v}"),
            25 => format!("user move {u} --branch {b} --reports-to {v}"),
            26 | 27 => format!("branch assign {c} {u}"),
            28 => format!("branch unassign {b} {u} --yes"),
            29 => format!("user block {u} --reason 'reason {n}' --until {n}m"),
            30 => format!("user unblock {u}"),
            31 => format!("user deactivate {u} {}", going.replace("--cascade", "")),
            32 => format!("user activate {u}"),
            33 | 34 => format!("user delete {u} {going} --yes"),
            35 => format!("user restore {u}"),
            36 => format!("user purge {u} --yes"),
            37 => format!("user merge {u} {v} --yes"),
            38 => format!("user passwd {u} --generate"),
            39 => format!("user invite {u}"),
            40 => {
                let file =
                    format!("username,name,branch,branches\n{u},Import {n},{b},{b};{c}\n{v},Import {n} Too,,{c}\n");
                format!("user import {} --key username --on-conflict update", p.write("more.csv", file))
            }
            41 => return format!("org update {org} --name 'Org {n}' --code {}", self.one(&["ACME", "BETA", "GAMMA"])),
            42 if orgs.len() > 1 => return format!("org delete {org} --cascade --yes"),
            42 | 43 => {
                return format!(
                    "org {} --yes",
                    self.one(&["restore GAMMA", "restore BETA", "purge GAMMA", "purge BETA"])
                );
            }
            _ => return format!("org create --code {0} --name {0}", self.one(&["ACME", "BETA", "GAMMA"])),
        };
        format!("{line} --org {org}")
    }
}

const LISTS: [&str; 6] = [
    "org list --with-deleted",
    "branch list --with-deleted",
    "dept list --with-deleted --sort=-version",
    "user list --with-deleted",
    "user list --filter status=active --sort branch,name",
    "user list --org ACME --filter branches=B1",
];

/// Whatever was done, each list of each moment is told again exactly as it was, on both engines.
#[test]
fn every_moment_is_told_again() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        let branches = p.write("branches.csv", "code,name,parent\nB0,Zero,\nB1,One,B0\nB2,Two,B1\nB3,Three,B0\n");
        let users = "username,name,branches,reports_to.username\n";
        let users = format!("{users}u0,Asha Rao,B0,\nu1,Ravi Iyer,B1;B2,u0\nu2,Zoe K,,u1\nu3,Meena Iyer,B3;B1,u1\n");
        let users = p.write("users.csv", users);
        for org in ["ACME", "BETA"] {
            p.run(&format!("branch import {branches} --org {org}")).ok();
            p.run(&format!("user import {users} --org {org} --map reports_to.username=reports_to.username")).ok();
            p.run(&format!("dept create --code D0 --name Zero --branch B1 --manager u1 --org {org}")).ok();
        }
        let mut dice = Dice(7);
        let mut moments = Vec::new();
        let mut done = 0;
        for _ in 0..STEPS {
            let line = dice.command(p);
            let said = p.run(&line);
            assert!(matches!(said.code, 0 | 2 | 3 | 4 | 6), "{line}: {}", said.err);
            if said.code == 0 {
                done += 1;
                let lists = LISTS.map(|list| {
                    let said = p.run(&format!("{list} --all -o json"));
                    (said.code, said.out)
                });
                moments.push((moment(p), line, lists));
            }
            p.wait(i64::try_from(dice.up_to(900)).expect("small"));
        }
        assert!(done > STEPS / 4, "{done} of {STEPS} commands were done");
        for (i, (at, after, lists)) in moments.iter().enumerate() {
            for (list, (code, was)) in LISTS.iter().zip(lists) {
                let told = p.run(&format!("{list} --all -o json --as-of {at}"));
                let since: Vec<&String> = moments[i + 1..].iter().map(|(_, line, _)| line).collect();
                assert_eq!(told.code, *code, "{list} as of {at}, after {after}: {}", told.err);
                assert_eq!(told.out, *was, "{list} as of {at}, after {after}; since: {since:#?}");
            }
        }
        p.run("audit verify --deep").ok();
    });
}

/// Commands that are drawn, on each engine.
const STEPS: u64 = 120;

/// Lets the payload of a record of ACME go, as erasure and archiving do.
fn erase(p: &TestEnv, seq: i64) {
    p.sql(&format!("update audit_records set salt = null, payload = null where tree = 1 and seq = {seq}"))
        .expect("an erasure");
}

/// What a record showed at a time: some of its columns.
fn shown(p: &TestEnv, line: &str, columns: &[&str]) -> Value {
    let all = p.json(line);
    columns.iter().map(|c| all[*c].clone()).collect()
}

#[test]
fn a_record_is_shown_as_it_was() {
    on_both_engines_with_acme(|p| {
        let never = moment(p);
        p.wait(60);
        p.run("branch create --code MUM01 --name Fort").ok();
        let created = p.json("branch show MUM01")["created_at"].clone();
        let made = moment(p);
        p.wait(60);
        p.run("branch update MUM01 --name 'Fort Main' --city Mumbai").ok();
        let updated = p.json("branch show MUM01")["updated_at"].clone();
        let named = moment(p);
        p.wait(60);
        p.run("branch update MUM01 --code FORT").ok();
        let renamed = moment(p);
        p.wait(60);
        p.run("branch delete FORT --yes").ok();
        let deleted = moment(p);
        p.wait(60);
        // Its key is another's meanwhile.
        p.run("branch create --code MUM01 --name Another").ok();
        let reused = moment(p);
        p.wait(60);
        p.run("branch restore FORT").ok();
        let restored = moment(p);
        p.wait(60);
        p.run("branch delete FORT --yes").ok();
        p.run("branch purge FORT --yes").ok();
        let columns = ["name", "city", "version", "updated_at", "status"];
        let at = |key: &str, at: &str| shown(p, &format!("branch show {key} --as-of {at}"), &columns);
        assert_eq!(at("MUM01", &made), json!(["Fort", null, 1, created, "active"]));
        assert_eq!(at("MUM01", &named), json!(["Fort Main", "Mumbai", 2, updated, "active"]));
        // What happened at that instant had happened.
        let instant = updated.as_str().expect("a time");
        assert_eq!(at("MUM01", instant), json!(["Fort Main", "Mumbai", 2, updated, "active"]));
        assert_eq!(at("FORT", &renamed)[2], 3);
        assert_eq!(at("FORT --with-deleted", &deleted)[4], "deleted");
        assert_eq!(at("MUM01", &reused)[0], "Another");
        assert_eq!(at("FORT", &restored)[2], 5);
        let not = |key: &str, at: &str| p.run(&format!("branch show {key} --as-of {at}")).fails(3);
        assert!(not("MUM01", &never).contains("branch MUM01 does not exist"));
        assert!(not("FORT", &named).contains("branch FORT does not exist"));
        let said = not("FORT", &deleted);
        assert!(said.contains("branch FORT is deleted") && said.contains("--with-deleted"), "{said}");
        p.run("branch show FORT").fails(3);
        // The id is the same all the time.
        let id = p.json(&format!("branch show FORT --as-of {restored}"))["id"].clone();
        let id = id.as_str().expect("an id");
        assert_eq!(p.json(&format!("branch show {id} --as-of {made}"))["code"], "MUM01");
        // The time is told, absolutely.
        assert_eq!(p.run(&format!("branch show MUM01 --as-of {made}")).err, format!("as of {made}\n"));
        assert!(p.run("branch list --as-of 30s").err.starts_with("as of 2026-11-21T"));
        assert!(p.run("branch list --as-of 2026-11-20").err.starts_with("as of 2026-11-20T00:00:00.000000Z"));
    });
}

#[test]
fn what_makes_no_sense_of_the_past_is_refused() {
    on_both_engines_with_acme(|p| {
        assert!(p.run("branch list --as-of 2099-01-01").fails(2).contains("is in the future"));
        assert!(p.run("branch list --as-of yesterday").fails(2).contains("is no time"));
        assert!(p.run("branch list --as-of 1h --search fort").fails(2).contains("--filter 'status=active name~fort'"));
        assert!(p.run("user export --as-of 1h --with-hashes").fails(2).contains("not kept"));
        // An organisation that was not there yet had no list.
        assert!(p.run("branch list --org ACME --as-of 1h").fails(3).contains("organisation ACME does not exist"));
        assert_eq!(p.run("org list --as-of 1h").ok().lines().count(), 1);
    });
}

#[test]
fn lists_are_filtered_and_paged_as_they_were() {
    on_both_engines_with_acme(|p| {
        for i in 1..=5 {
            p.run(&format!("branch create --code B{i} --name 'Branch {i}' --city Pune")).ok();
        }
        let then = moment(p);
        p.wait(60);
        p.run("branch update B2 --city Mumbai --name 'A branch'").ok();
        p.run("branch update B3 --code X3").ok();
        p.run("branch delete B4 --yes").ok();
        p.run("branch create --code B0 --name Zero --city Pune").ok();
        p.run("branch deactivate B1").ok();
        let codes = |line: &str| p.column(&format!("branch list {line} --as-of {then}"), "code");
        assert_eq!(codes(""), ["B1", "B2", "B3", "B4", "B5"]);
        assert_eq!(codes("--filter city=Pune"), ["B1", "B2", "B3", "B4", "B5"]);
        assert_eq!(codes("--filter status=active --sort=-name"), ["B5", "B4", "B3", "B2", "B1"]);
        assert_eq!(codes("--deleted").len(), 0);
        assert_eq!(codes("--filter name~3"), ["B3"]);
        // Pages go on at the same time, however it was said.
        let (mut all, mut line) = (Vec::new(), "branch list --as-of 50s --limit 2 -o key".to_owned());
        for _ in 0..5 {
            let said = p.run(&line);
            all.extend(said.out.lines().map(str::to_owned));
            p.wait(100);
            let Some((_, next)) = said.err.split_once("more follow: orgctl ") else { break };
            assert!(next.contains("--as-of 2026-11-21T00:0"), "{next}");
            line = next.trim().to_owned();
        }
        assert_eq!(all, ["B1", "B2", "B3", "B4", "B5"]);
        let exported = p.run(&format!("branch export --columns code,city --as-of {then}")).ok();
        assert_eq!(exported, "code,city\nB1,Pune\nB2,Pune\nB3,Pune\nB4,Pune\nB5,Pune\n");
        // An export is recorded, now, with the time that it is of.
        assert_eq!(p.json("audit list --action export")[0]["details"]["as_of"], json!(then));
    });
}

#[test]
fn what_a_record_referred_to_is_called_as_it_was() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code BETA --name Beta").ok();
        for org in ["ACME", "BETA"] {
            p.run(&format!("branch create --code B1 --name One --org {org}")).ok();
            p.run(&format!("branch create --code B2 --name Two --org {org}")).ok();
            p.run(&format!("user create --name 'Asha Rao' --username asha --branch B1 --org {org}")).ok();
        }
        p.run("branch assign B2 asha --org ACME").ok();
        p.run("user block asha --reason 'lost laptop' --until 1h --org BETA").ok();
        let then = moment(p);
        p.wait(7200);
        p.run("branch update B1 --code HQ --org ACME").ok();
        p.run("branch update B2 --code B1 --org ACME").ok();
        p.run("branch unassign B1 asha --org ACME --yes").ok();
        p.run("user move asha --branch '' --org ACME").ok();
        p.run("branch delete HQ --yes --org ACME").ok();
        p.run("org update ACME --code APEX --name 'Apex Ltd'").ok();
        let users = format!("user list --as-of {then}");
        let all = p.json(&users);
        assert_eq!([&all[0]["org"], &all[1]["org"]], ["ACME", "BETA"]);
        assert_eq!([&all[0]["branch"], &all[1]["branch"]], ["B1", "B1"]);
        assert_eq!([&all[0]["branches"], &all[1]["branches"]], [&json!(["B1", "B2"]), &json!(["B1"])]);
        // A block that has ended by itself had not ended then.
        assert_eq!([&all[0]["status"], &all[1]["status"]], ["active", "blocked"]);
        assert_eq!(p.column(&format!("{users} --filter status=blocked"), "org"), ["BETA"]);
        assert_eq!(p.json("user list --filter status=blocked"), json!([]));
        assert_eq!(p.column(&format!("{users} --filter branch=B1"), "org"), ["ACME", "BETA"]);
        assert_eq!(p.column(&format!("{users} --filter branch!=B1"), "org").len(), 0);
        assert_eq!(p.column(&format!("{users} --filter branch=HQ"), "org").len(), 0);
        assert_eq!(p.column(&format!("{users} --filter branches=B2"), "org"), ["ACME"]);
        assert_eq!(p.column(&format!("{users} --filter branches=B1"), "org"), ["ACME", "BETA"]);
        // The organisation answers to the code that it had.
        assert_eq!(p.column(&format!("{users} --org ACME"), "branch"), ["B1"]);
        assert!(p.run(&format!("{users} --org APEX")).fails(3).contains("organisation APEX does not exist"));
        assert_eq!(p.json(&format!("org show ACME --as-of {then}"))["name"], "Acme Ltd");
    });
}

/// A record whose payload is gone is named wherever it would be needed, and only there.
#[test]
fn what_can_not_be_told_is_named() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch create --code B2 --name Two").ok();
        p.run("dept create --code D1 --name Sales --branch B1").ok();
        p.run("dept create --code D2 --name Support --branch B2").ok();
        let then = moment(p);
        p.wait(60);
        p.run("branch update B1 --name Uno").ok();
        let after = moment(p);
        p.wait(60);
        p.run("branch update B1 --city Pune").ok();
        let first = int(p, "select max(seq) from audit_records where tree = 1") - 1;
        let changed = p.json(&format!("audit show {first} --org ACME"))["at"].clone();
        erase(p, first);
        for line in [
            "branch list",
            "branch show B1",
            "branch show B9",
            "dept list",
            "dept show D1",
            "user list",
            "branch export",
        ] {
            let said = p.run(&format!("{line} --as-of {then}")).fails(4);
            let named = format!("record {first} of ACME, which changed it at {}", changed.as_str().expect("a time"));
            assert!(said.contains(&named) && said.contains("branch B1"), "{line}: {said}");
            assert!(
                said.contains(&format!("what was from {} on can be told", changed.as_str().expect("a time"))),
                "{line}: {said}"
            );
        }
        // What it did not touch can be told, and so can all that came after it.
        assert_eq!(p.json(&format!("branch show B2 --as-of {then}"))["name"], "Two");
        assert_eq!(p.json(&format!("dept show D2 --as-of {then}"))["branch"], "B2");
        assert_eq!(p.json(&format!("branch list --as-of {after}"))[0]["name"], "Uno");
        assert_eq!(p.json(&format!("branch show B1 --as-of {}", changed.as_str().expect("a time")))["name"], "Uno");
        // A deletion holds the whole row, so that nothing behind it is needed.
        p.run("branch update B2 --name Dos").ok();
        let before = moment(p);
        p.run("branch delete B2 --orphan --yes").ok();
        p.run("branch restore B2").ok();
        p.run("branch update B2 --name Due").ok();
        erase(p, int(p, "select max(seq) from audit_records where tree = 1"));
        assert_eq!(p.json(&format!("branch show B2 --as-of {before}"))["name"], "Dos");
        // A difference tells what it can, and says what it can't.
        let said = p.run(&format!("audit diff --from {then} --resource branch --key B1 -o json"));
        assert_eq!(said.json()[0]["field"], "city");
        assert!(said.err.contains(&format!("record {first} of ACME is erased or archived")), "{}", said.err);
        assert!(p.run(&format!("audit revert {first} --org ACME")).fails(4).contains("erased or archived"));
    });
}

/// Where payloads before a time are gone, who wrote a row last is still known, and so is whether it did.
#[test]
fn an_archived_past_does_not_stand_in_the_way() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("user create --name 'Asha Rao' --username asha").ok();
        p.wait(60);
        p.run("user update asha --designation Clerk").ok();
        let updated = p.json("user show asha")["updated_at"].clone();
        p.wait(60);
        p.run("branch assign B1 asha").ok();
        p.run("user passwd asha --generate").ok();
        erase(p, int(p, "select max(seq) from audit_records where tree = 1"));
        let then = moment(p);
        let was = p.json("user show asha");
        p.wait(60);
        // What changed no row is not missed.
        p.run("user passwd asha --generate").ok();
        erase(p, int(p, "select max(seq) from audit_records where tree = 1"));
        p.run("user update asha --designation Manager").ok();
        p.run("branch unassign B1 asha --yes").ok();
        assert_eq!(p.json(&format!("user show asha --as-of {then}")), was);
        let told = p.json(&format!("user show asha --as-of {then}"));
        assert_eq!([&told["updated_at"], &told["version"]], [&updated, &json!(2)]);
    });
}

#[test]
fn a_difference_is_net() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("branch create --code B2 --name Two").ok();
        p.run("branch create --code B3 --name Three").ok();
        p.run("branch create --code B4 --name Four").ok();
        p.run("user create --name 'Asha Rao' --username asha --branch B1").ok();
        p.run("branch delete B4 --yes").ok();
        let from = moment(p);
        p.wait(60);
        p.run("branch update B1 --city Pune").ok();
        p.run("branch update B1 --city Mumbai --name Uno").ok();
        // There and back again.
        p.run("branch update B2 --city Pune").ok();
        p.run("branch update B2 --city ''").ok();
        // Came and went.
        p.run("branch create --code B9 --name Nine").ok();
        p.run("branch delete B9 --yes").ok();
        p.run("branch purge B9 --yes").ok();
        p.run("branch create --code B8 --name Eight").ok();
        p.run("branch delete B8 --yes").ok();
        p.run("branch create --code B7 --name Seven").ok();
        p.run("branch update B7 --name 'Seven and a half'").ok();
        let middle = moment(p);
        p.wait(60);
        p.run("branch update B3 --code X3").ok();
        p.run("branch delete X3 --yes").ok();
        p.run("branch restore B4").ok();
        p.run("branch update B4 --name Vier").ok();
        p.run("user move asha --branch B2").ok();
        p.run("branch assign B1 asha").ok();
        p.run("user passwd asha --generate").ok();
        p.run("setting set password.min_length 20 --org ACME").ok();
        let rows = |flags: &str| {
            let text = p.run(&format!("audit diff {flags} --columns resource,key,change,field,old,new -o tsv")).ok();
            text.lines().skip(1).map(|l| l.replace('\t', "|")).collect::<Vec<_>>()
        };
        let user = p.json("user show asha")["user_code"].as_str().expect("a code").to_owned();
        let all = [
            "branch|B1|updated|name|One|Uno",
            "branch|B1|updated|city||Mumbai",
            "branch|B4|restored|||",
            "branch|B4|updated|name|Four|Vier",
            "branch|B7|created|||",
            "branch|X3|deleted|||",
            &format!("user-branch|B1:{user}|updated|branch|B1|B2"),
            &format!("user-branch|B1:{user}|created|||"),
            &format!("credential|{user}|created|||"),
            "setting|password.min_length|created|||",
        ];
        assert_eq!(rows(&format!("--from {from}")), all);
        assert_eq!(
            rows(&format!("--from {from} --to {middle}")),
            ["branch|B1|updated|name|One|Uno", "branch|B1|updated|city||Mumbai", "branch|B7|created|||"]
        );
        assert_eq!(rows(&format!("--from {from} --resource credential")).len(), 1);
        assert_eq!(rows(&format!("--from {from} --org SYSTEM")).len(), 0);
        // Programs get ids, and all columns.
        let moved = p.json(&format!("audit diff --from {from} --resource user-branch --key B2:asha"));
        let b1 = p.json("branch show B1")["id"].clone();
        assert_eq!(
            [&moved[0]["field"], &moved[0]["old"], &moved[0]["org"]],
            [&json!("branch_id"), &b1, &json!("ACME")]
        );
        assert!(p.run(&format!("audit diff --from {middle} --to {from}")).fails(2).contains("before the first"));
        assert!(p.run("audit diff --from 2099-01-01").fails(2).contains("in the future"));
        assert!(p.run("audit diff --from 0s").err.contains("nothing changed"));
        assert!(
            p.run_on_terminal(&format!("audit diff --from {from} --color always"), 100).ok().contains("\u{1b}[38;5;9m")
        );
    });
}

#[test]
fn a_change_is_undone_where_nothing_came_after_it() {
    on_both_engines_with_acme(|p| {
        let last = || int(p, "select max(seq) from audit_records where tree = 1");
        p.run("branch create --code B1 --name One --city Pune").ok();
        p.run("branch create --code B2 --name Two").ok();
        p.run("branch update B1 --name Uno --city '' --parent B2").ok();
        let seq = last();
        p.run("branch update B1 --phone '022 2345 6789'").ok();
        assert!(p.run(&format!("audit revert {seq} --dry-run")).err.contains("dry run: nothing was changed"));
        assert_eq!((last(), p.json("branch show B1")["name"].clone()), (seq + 1, json!("Uno")));
        let said = p.run(&format!("audit revert {seq} --comment 'the file was wrong'"));
        assert_eq!(said.err, format!("reverted record {seq} of ACME: branch B1: city, name, parent\n"));
        let columns = ["name", "city", "parent", "phone", "version"];
        assert_eq!(shown(p, "branch show B1", &columns), json!(["One", "Pune", null, "+912223456789", 4]));
        let told = p.json(&format!("audit show {} --org ACME", last()));
        assert_eq!(
            [&told["action"], &told["payload"]["reverts"], &told["payload"]["comment"]],
            [&json!("revert"), &json!(seq), &json!("the file was wrong")]
        );
        assert!(p.run_on_terminal(&format!("audit show {}", last()), 100).ok().contains("the file was wrong"));
        // Twice: nothing is left to undo. The revert itself can be undone.
        let n = last();
        assert!(p.run(&format!("audit revert {seq}")).err.contains("already; nothing was changed"));
        assert_eq!(last(), n);
        p.run(&format!("audit revert {n}")).ok();
        assert_eq!(p.json("branch show B1")["parent"], "B2");
        // What came after it is named, with who did it.
        p.run("branch update B1 --name Eins").ok();
        let by = last();
        let said = p.run(&format!("audit revert {seq}")).fails(4);
        assert!(said.contains(&format!("name is Eins, no longer Uno (record {by})")), "{said}");
        let n = last();
        p.run("branch update B1 --parent ''").ok();
        p.run("branch delete B2 --yes").ok();
        assert!(
            p.run(&format!("audit revert {}", n + 1))
                .fails(4)
                .contains("can't get its parent back: branch B2 is deleted")
        );
        // Another has the key that it had.
        p.run("branch update B1 --code B3").ok();
        let seq = last();
        p.run("branch create --code B1 --name Another").ok();
        assert!(p.run(&format!("audit revert {seq}")).fails(4).contains("branch B1 exists already"));
        p.run("branch delete B3 --yes").ok();
        let gone = last();
        assert!(p.run(&format!("audit revert {seq}")).fails(4).contains("branch B3 is deleted"));
        assert!(p.run(&format!("audit revert {gone}")).fails(2).contains("orgctl branch restore B3"));
        p.run("branch purge B3 --yes").ok();
        let purged = last();
        assert!(p.run(&format!("audit revert {seq}")).fails(4).contains("was purged since"));
        assert!(p.run(&format!("audit revert {purged}")).fails(2).contains("gone for good"));
        assert!(p.run("audit revert 1").fails(2).contains("orgctl org delete ACME"));
        assert!(p.run("audit revert 9999").fails(3).contains("has no record 9999"));
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}

#[test]
fn changes_of_people_and_settings_are_undone() {
    on_both_engines_with_acme(|p| {
        let last = || int(p, "select max(seq) from audit_records where tree = 1");
        let revert = |seq: i64| p.run(&format!("audit revert {seq}"));
        p.run("branch create --code B1 --name One").ok();
        p.run("branch create --code B2 --name Two").ok();
        p.run("user create --name 'Asha Rao' --username asha --email a@x.example --branch B1").ok();
        p.run("user create --name 'Ravi Iyer' --username ravi --reports-to asha").ok();
        // An address that was proved is proved again; one that was not does not become so.
        let proved = if p.engine == Engine::Sqlite { "1" } else { "true" };
        p.sql(&format!("update users set email_verified = {proved} where username = 'asha'")).expect("a proof");
        p.run("user update asha --email b@x.example").ok();
        let first = last();
        assert_eq!(shown(p, "user show asha", &["email", "email_verified"]), json!(["b@x.example", false]));
        revert(first).ok();
        assert_eq!(shown(p, "user show asha", &["email", "email_verified"]), json!(["a@x.example", true]));
        p.run("user update ravi --email r@x.example").ok();
        p.run("user update ravi --email s@x.example").ok();
        let second = last();
        p.sql(&format!("update users set email_verified = {proved} where username = 'ravi'")).expect("a proof");
        revert(second).ok();
        assert_eq!(shown(p, "user show ravi", &["email", "email_verified"]), json!(["r@x.example", false]));
        // Names and what is joined of them.
        p.run("user update asha --name 'Asha Devi Iyer'").ok();
        revert(last()).ok();
        assert_eq!(shown(p, "user show asha", &["name", "middle_name", "last_name"]), json!(["Asha Rao", null, "Rao"]));
        p.run("user block asha --reason 'lost laptop'").ok();
        revert(last()).ok();
        assert_eq!(shown(p, "user show asha", &["status", "block_reason"]), json!(["active", null]));
        // An invitation that is taken back serves no more.
        p.run("user invite asha").ok();
        revert(last()).ok();
        assert_eq!(p.json("user show asha")["status"], "active");
        let until = p.json("user dossier asha")["records"]["tokens"][0]["expires_at"].clone();
        assert!(until.as_str().expect("a time") < moment(p).as_str(), "{until}");
        // Who leads somebody is not deactivated unnoticed.
        p.run("user deactivate asha --orphan").ok();
        p.run("user activate asha").ok();
        let activated = last();
        p.run("user move ravi --reports-to asha").ok();
        assert!(revert(activated).fails(4).contains("needed by 1 user (reports_to)"));
        // What links give has records of its own: one that was made is taken back, one that went over goes back.
        p.run("branch assign B1 ravi").ok();
        assert!(revert(last()).fails(2).contains("delete it: orgctl user-branch delete B1:"));
        p.run("user update ravi --branch B1").ok();
        p.run("user move ravi --branch B2").ok();
        let moved = last();
        assert_eq!(p.json("user show ravi")["branches"], json!(["B2"]));
        revert(moved).ok();
        assert_eq!(p.json("user show ravi")["branches"], json!(["B1"]));
        p.run("user update ravi --branch ''").ok();
        assert!(revert(moved).fails(4).contains("is deleted"));
        p.run("user passwd ravi --generate").ok();
        assert!(revert(last()).fails(2).contains("a password can't be reverted"));
        // Settings: set, changed, and taken back.
        let get = || p.run("setting get password.min_length").ok().trim().to_owned();
        p.run("setting set password.min_length 20").ok();
        let set = last();
        p.run("setting set password.min_length 24").ok();
        p.run("setting set password.min_length 30").ok();
        assert!(revert(set + 1).fails(4).contains("value is 30, no longer 24"));
        revert(set + 2).ok();
        revert(set + 1).ok();
        assert_eq!(get(), "20");
        // What made it is taken back by a reset, and a reset by bringing it back.
        assert!(revert(set).fails(2).contains("reset it: orgctl setting reset password.min_length"));
        p.run("setting reset password.min_length").ok();
        assert!(p.json("setting explain password.min_length")["org_value"].is_null());
        assert!(revert(last()).fails(2).contains("bring it back: orgctl setting restore password.min_length"));
        p.run("setting restore password.min_length").ok();
        assert_eq!(get(), "20");
        p.run("audit verify --deep").ok();
        p.run("db check").ok();
    });
}
