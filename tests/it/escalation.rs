//! Nobody gains by a command what who runs it could not do, nobody decides about himself or herself, and an organisation that
//! has a super administrator keeps one.

use std::process::Stdio;

use orgctl::cli::tree::Program;

use crate::harness::{TestEnv, on_both_engines_with};
use crate::raw::{start, wait};

fn shipped(story: fn(&TestEnv)) {
    on_both_engines_with(Program::SHIPPED, &["init --org-code ACME --org-name Acme"], story);
}

fn people(p: &TestEnv, names: &[&str]) {
    for name in names {
        p.run(&format!("user create --username {name} --name {name} --email {name}@x.example")).ok();
    }
}

fn all_is_well(p: &TestEnv) {
    p.run("db check").ok();
    p.run("audit verify --deep").ok();
}

/// Whatever takes the last one away is refused, whoever does it; with another one it is done.
#[test]
fn the_last_super_administrator_stays() {
    shipped(|p| {
        people(p, &["sue", "tom", "ben"]);
        // Nobody has it yet, and nothing is kept.
        p.run("user block sue --reason x").ok();
        p.run("user unblock sue").ok();
        // Whose has an end, is narrowed, begins later or is through a role that is not in use does not count.
        p.run("branch create --code B1 --name B1").ok();
        p.run("role create --code BOSS --name Boss").ok();
        p.run("role inherit BOSS SUPER_ADMIN").ok();
        p.run("role assign BOSS sue").ok();
        p.run("role assign SUPER_ADMIN tom --until 2031-01-01").ok();
        p.run("role assign SUPER_ADMIN tom --branch B1").ok();
        p.run("role create --code LATER --name Later").ok();
        p.run("role inherit LATER SUPER_ADMIN").ok();
        p.run("role assign LATER tom --granted-at 2027-06-01T00:00:00Z").ok();
        p.run("user block ben --reason x").ok();
        p.run("role assign SUPER_ADMIN ben").ok();
        let merged = "user merge sue tom --yes --dry-run";
        p.run(merged).ok();
        let file = p.write("who.csv", "username,roles\nsue,USER\n");
        let blocked = p.write("blocked.csv", "username,blocked,block_reason\nsue,yes,x\n");
        let lines = [
            "user block sue --reason x".to_owned(),
            "user block sue --reason x --until 2027-01-01".to_owned(),
            "user delete sue --yes".to_owned(),
            "user deactivate sue --yes".to_owned(),
            "role unassign BOSS sue --yes".to_owned(),
            "role assign BOSS sue --until 2031-01-01".to_owned(),
            "role-grant delete BOSS:sue --yes".to_owned(),
            "role deactivate BOSS".to_owned(),
            "role delete BOSS --yes --cascade".to_owned(),
            "role disinherit BOSS SUPER_ADMIN --yes".to_owned(),
            "role-inheritance delete BOSS:SUPER_ADMIN --yes".to_owned(),
            format!("user import {file} --key username --on-conflict update"),
            format!("user import {blocked} --key username --on-conflict update"),
        ];
        for line in &lines {
            let said = p.run(line).fails(4);
            let sentence = "organisation ACME would have nobody any more who has SUPER_ADMIN for good and is in use";
            assert!(said.contains(sentence), "{line}: {said}");
            assert!(
                said.contains("hint: give it to somebody else first: orgctl role assign SUPER_ADMIN USER"),
                "{said}"
            );
            assert_eq!(p.run(&format!("{line} --dry-run")).code, 4, "{line}");
        }
        assert_eq!(p.run("role check sue users:purge").ok(), "allow\n");
        // The program's own role stays as it is anyhow.
        p.run("role revoke SUPER_ADMIN '*:*' --yes").fails(4);
        p.run("role deactivate SUPER_ADMIN").fails(4);
        // With another one it is done, and the other one is the last then.
        p.run("user unblock ben").ok();
        p.run("role unassign BOSS sue --yes").ok();
        assert!(p.run("user block ben --reason x").fails(4).contains("nobody any more"));
        let seq = &p.json("audit list --resource user --action user_unblock --limit 1")[0]["seq"];
        assert!(p.run(&format!("audit revert {seq} --org ACME --yes")).fails(4).contains("nobody any more"));
        // The organisation itself may close, and what is closed keeps nobody.
        p.run("org deactivate ACME --yes").ok();
        p.run("user block ben --reason x").ok();
        p.run("org activate ACME").ok();
        p.run("user unblock ben").ok();
        p.run("org delete ACME --cascade --yes").ok();
        all_is_well(p);
    });
}

/// Two at once, each of whom would leave the other one.
#[test]
fn two_at_once_do_not_take_the_last_two_away() {
    shipped(|p| {
        people(p, &["sue", "tom"]);
        p.run("role assign SUPER_ADMIN sue tom").ok();
        let all = ["role unassign SUPER_ADMIN sue --yes", "user block tom --reason x"];
        let all: Vec<_> = all.iter().map(|line| start(&mut p.spawn(line), Stdio::null())).collect();
        let mut codes: Vec<u8> = all.into_iter().map(|child| wait(child).code).collect();
        codes.sort_unstable();
        assert_eq!(codes, [0, 4]);
        all_is_well(p);
    });
}
