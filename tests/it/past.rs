//! The past: records, lists and differences as they were, and changes undone.

use orgctl::model::chance::Clock;
use orgctl::model::value::rfc3339;

use crate::harness::{Place, both};

/// This moment, as `--as-of` takes it; whatever is done from here on is later.
fn moment(p: &Place) -> String {
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
    fn command(&mut self, p: &Place) -> String {
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
            21 => format!("user create --name 'Ravi {n}' --username {u} --email {u}@x.example --reports-to {v} --department {d}"),
            22 => format!("user update {u} --email {v}@x.example --mobile '98200 123{:02}'", n % 100),
            23 => format!("user update {u} --name 'Ravi Kumar {n}' --dob 1990-02-{:02}", n % 28 + 1),
            24 => format!("user update {u} --username {v}"),
            25 => format!("user move {u} --branch {b} --reports-to {v}"),
            26 | 27 => format!("user assign-branch {u} --branch {b} --branch {c}"),
            28 => format!("user unassign-branch {u} --branch {b}"),
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
                let file = format!("username,name,branch,branches\n{u},Import {n},{b},{b};{c}\n{v},Import {n} Too,,{c}\n");
                format!("user import {} --key username --on-conflict update", p.write("more.csv", file))
            }
            41 => return format!("org update {org} --name 'Org {n}' --code {}", self.one(&["ACME", "BETA", "GAMMA"])),
            42 if orgs.len() > 1 => return format!("org delete {org} --cascade --yes"),
            42 | 43 => return format!("org {} --yes", self.one(&["restore GAMMA", "restore BETA", "purge GAMMA", "purge BETA"])),
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
    both(|p| {
        p.run("init --org-code ACME --org-name 'Acme Ltd'").ok();
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
        let mut dice = Dice(std::env::var("SEED").map_or(7, |s| s.parse().unwrap()));
        let mut moments = Vec::new();
        let mut done = 0;
        for _ in 0..steps() {
            let line = dice.command(p);
            let said = p.run(&line);
            assert!(matches!(said.code, 0 | 2 | 3 | 4 | 6), "{line}: {}", said.err);
            done += u64::from(said.code == 0);
            if std::env::var_os("SHOW").is_some() { eprintln!("{} {line}: {}", said.code, said.err.lines().next().unwrap_or("")); }
            if said.code == 0 {
                let lists = LISTS.map(|list| {
                    let said = p.run(&format!("{list} --all -o json"));
                    (said.code, said.out)
                });
                moments.push((moment(p), line, lists));
            }
            p.wait(i64::try_from(dice.up_to(900)).expect("small"));
        }
        assert!(done > steps() / 4, "{done} of {} commands were done", steps());
        for (i, (at, after, lists)) in moments.iter().enumerate() {
            for (list, (code, was)) in LISTS.iter().zip(lists) {
                let told = p.run(&format!("{list} --all -o json --as-of {at}"));
                let since: Vec<&String> = moments[i + 1..].iter().map(|(_, line, _)| line).collect();
                assert_eq!(told.code, *code, "{list} as of {at}, after {after}: {}", told.err);
                assert_eq!(told.out, *was, "{list} as of {at}, after {after}; since: {since:#?}");
            }
        }
        p.run("audit verify").ok();
    });
}

fn steps() -> u64 {
    std::env::var("ORGCTL_TEST_STEPS").map_or(120, |n| n.parse().expect("a number"))
}
