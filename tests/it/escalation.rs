//! Nobody gains by a command what who runs it could not do, nobody decides about himself or herself, and an organisation that
//! has a super administrator keeps one.

use std::process::Stdio;

use orgctl::cli::program::Program;
use orgctl::model::clock::Clock as _;
use proptest::prelude::*;

use crate::harness::{Engine, TestEnv, on_both_engines_with};
use crate::raw::{start, wait};
use crate::rights::{self, BRANCHES, DEPARTMENTS, Dice, PEOPLE, Played, ROLES, Row, Target, WORDS, World};

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
        // The organisation itself may close, and opens again with one.
        p.run("org deactivate ACME --yes").ok();
        assert!(p.run("user block ben --reason x").fails(4).contains("nobody any more"));
        p.run("org activate ACME").ok();
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

/// Each of some lines, and a piece of what is said: nothing, where it succeeds. All that is otherwise is told together.
fn tried(p: &TestEnv, lines: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (line, piece) in lines {
        let (line, stdin) = line.split_once(" < ").unwrap_or((line, ""));
        let said = p.run_with(line, stdin.replace("\\n", "\n"));
        let is_right = match piece.is_empty() {
            true => said.code == 0,
            false => said.code == 5 && said.err.contains(piece),
        };
        if !is_right {
            wrong.push(format!("{line}\n    expected {piece:?}\n    {} {}{}", said.code, said.out, said.err));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Ada administers, and may not look into the audit trail; who audits may. Nor do keepers of HR, each of a branch.
fn world(p: &TestEnv) {
    people(p, &["ada", "sue", "bob", "cho", "aud", "mia"]);
    for line in [
        "branch create --code B1 --name B1",
        "branch create --code B11 --name B11 --parent B1",
        "branch create --code B2 --name B2",
        "dept create --code D1 --name D1",
        "role assign ADMIN ada",
        "role assign SUPER_ADMIN sue",
        "role create --code AUDITOR --name Auditor",
        "role grant AUDITOR audit:read",
        "role create --code CLERK --name Clerk",
        "role grant CLERK users:read",
        "role assign AUDITOR aud",
        "role assign CLERK cho",
        "role create --code MERGER --name Merger",
        "role grant MERGER users:merge users:read users:update users:delete users:passwd role_grants:update role_grants:create",
        "role assign MERGER mia",
    ] {
        p.run(line).ok();
    }
}

const NOT_YOURS: &str = "audit:read, which you may not do";

/// Roles: what they give, whoever has them or will.
#[test]
fn no_role_gives_more_than_who_changes_it_may() {
    shipped(|p| {
        world(p);
        for line in [
            "role create --code LOCAL --name Local",
            "role grant LOCAL audit:read --own-branch",
            "role create --code OFF --name Off",
            "role grant OFF audit:read",
            "role deactivate OFF",
            "role create --code GONE --name Gone",
            "role grant GONE audit:read users:read",
            "role delete GONE --yes",
            "role grant CLERK audit:verify",
            "role revoke CLERK audit:verify --yes",
        ] {
            p.run(line).ok();
        }
        tried(
            p,
            &[
                // grant
                ("role grant CLERK users:read branches:read --as ada", ""),
                ("role grant CLERK audit:read --as ada", "role CLERK would give audit:read, which you may not do"),
                ("role grant CLERK audit:read --own-branch --require-approval --as ada", NOT_YOURS),
                ("role grant CLERK 'branches:*' --as ada", "would give branches:*, which you may not do"),
                ("role grant CLERK roles:escalate --as ada", "would give roles:escalate, which you may not do"),
                ("role-permission create --role CLERK --resource audit --action read --as ada", NOT_YOURS),
                ("role-permission import - --as ada < role,resource,action\\nCLERK,audit,read\\n", NOT_YOURS),
                ("role-permission import - --as ada < role,resource,action\\nCLERK,kyc,read\\n", ""),
                ("role-permission restore CLERK:audit:verify --as ada", "audit:verify, which you may not do"),
                // condition: a narrower one gives nothing, a wider one does
                ("role-permission update LOCAL:audit:read --require-approval yes --as ada", ""),
                ("role-permission update LOCAL:audit:read --require-approval no --as ada", NOT_YOURS),
                ("role-permission update LOCAL:audit:read --own-branch no --as ada", NOT_YOURS),
                ("role-permission update CLERK:kyc:read --action reveal --as ada", "kyc:reveal, which you may not do"),
                // inherit
                (
                    "role inherit CLERK AUDITOR --as ada",
                    "role CLERK would give audit:read by role AUDITOR, which you may not do",
                ),
                ("role inherit CLERK SUPER_ADMIN --as ada", "would give *:* by role SUPER_ADMIN, which you may not do"),
                (
                    "role-inheritance import - --as ada < role,parent\\nCLERK,AUDITOR\\n",
                    NOT_YOURS.split(',').next().expect("a word"),
                ),
                ("role inherit CLERK USER --as ada", ""),
                // clone and template
                ("role clone AUDITOR COPY --as ada", NOT_YOURS),
                ("role clone SUPER_ADMIN BOSS --as ada", "role BOSS would give *:*, which you may not do"),
                ("role clone CLERK COPY --as ada", ""),
                ("role template apply FINANCE_HEAD --as ada", "role FINANCE_HEAD would give"),
                ("role template apply FINANCE_HEAD --as sue", ""),
                // activate and restore
                ("role activate OFF --as ada", NOT_YOURS),
                ("role restore GONE --as ada", NOT_YOURS),
                ("role activate OFF --as sue", ""),
                ("role restore GONE --as sue", ""),
            ],
        );
        // What was refused left nothing, but for its record.
        assert_eq!(p.column("role permissions CLERK", "permission"), ["branches:read", "kyc:read", "users:read"]);
        p.run("role show COPY").ok();
        let last = p.run("role grant CLERK audit:read --as ada").fails(5);
        assert!(
            last.contains("hint: only who may do roles:escalate gives others more than he or she may do"),
            "{last}"
        );
        let refused = p.json("audit list --status denied --limit 1");
        assert_eq!(refused[0]["status"], "denied", "{refused:#}");
        // Who may give more does.
        p.run("role create --code ESCALATOR --name E").ok();
        p.run("role grant ESCALATOR roles:escalate").ok();
        p.run("role assign ESCALATOR ada").ok();
        tried(p, &[("role grant CLERK audit:read --as ada", ""), ("role inherit COPY AUDITOR --as ada", "")]);
        all_is_well(p);
    });
}

/// People: what they are given, by whatever path.
#[test]
fn nobody_is_given_more_than_who_gives_it_may() {
    shipped(|p| {
        world(p);
        people(p, &["old", "off", "tim", "loc"]);
        for line in [
            "role assign AUDITOR old off",
            "user block off --reason x",
            "user delete old --yes",
            "role assign CLERK cho --until 2030-01-01",
            // Tim administers for ten days, and Loc one branch.
            "role assign ADMIN tim --until 10d",
            "role create --code READER --name Reader",
            "role grant READER roles:read users:read branches:read departments:read role_grants:read",
            "role create --code HR --name HR",
            "role grant HR role_grants:create role_grants:update users:update users:create users:read",
            "role create --code LOCAL --name Local",
            "role grant LOCAL users:update --own-branch",
            "role assign READER loc",
            "role assign HR loc --branch B1",
            "user assign-branch bob --branch B1",
        ] {
            p.run(line).ok();
        }
        let bob_would = "would have audit:read by role AUDITOR, which you may not do";
        tried(
            p,
            &[
                // A grant, by flag, list, file, and the headers of earlier systems.
                ("role assign CLERK bob --as ada", ""),
                ("role assign AUDITOR bob --as ada", bob_would),
                ("role assign AUDITOR bob --until 1d --branch B1 --as ada", bob_would),
                ("role-grant import - --as ada < role,user\\nAUDITOR,bob\\n", bob_would),
                (
                    "user import - --on-conflict update --key username --as ada < username,roles\\nbob,AUDITOR\\n",
                    bob_would,
                ),
                ("user import - --key username --as ada < username,name,role\\nnew2,New,AUDITOR\\n", "by role AUDITOR"),
                (
                    "user import - --key username --as ada < username,name,is_superuser\\nnew2,New,1\\n",
                    "by role SUPER_ADMIN",
                ),
                ("user import - --key username --as ada < username,name,role\\nnew,New,CLERK\\n", ""),
                // Who comes back, comes back with all that he or she has.
                ("user restore old --as ada", "by role AUDITOR, which you may not do"),
                ("user unblock off --as ada", "who has audit:read by role AUDITOR, which you may not do"),
                ("user restore old --as sue", ""),
                // No longer than one has it.
                ("role assign ADMIN new --until 5d --as tim", ""),
                ("role assign ADMIN new --until 20d --as tim", "alone"),
                ("role assign AUDITOR new --as tim", "would have audit:read by role AUDITOR, which you may not do"),
                ("role assign USER new --as tim", "alone"),
                ("role assign CLERK cho --until '' --as ada", ""),
                // No wider than one has it.
                ("role assign CLERK bob --branch B11 --as loc", ""),
                ("role assign CLERK bob --branch B2 --as loc", "role_grants:create is not allowed of"),
                ("role assign LOCAL bob --as loc", ""),
                ("role assign READER bob --branch B1 --as loc", ""),
                ("role assign HR bob --as loc", "which you may not do of all those records"),
            ],
        );
        // Merging gives the one what the other has.
        tried(
            p,
            &[
                ("user merge bob cho --yes --as mia", "who has more than you have, by a role that you can't see"),
                ("user merge aud mia --yes --as mia", "you can't change your own role grants"),
            ],
        );
        all_is_well(p);
    });
}

/// What was taken back does not come back by a revert that gives more than who reverts may.
#[test]
fn a_revert_gives_nothing_more() {
    shipped(|p| {
        world(p);
        for line in [
            "role create --code REVERTER --name Reverter",
            "role grant AUDITOR audit:export",
            "role grant REVERTER audit:revert audit:read users:read roles:read role_grants:read role_grants:update role_permissions:update",
            "role assign REVERTER mia",
            "role grant CLERK kyc:reveal --own-branch",
            "role-permission update CLERK:kyc:reveal --own-branch yes --require-approval yes",
            "role unassign AUDITOR aud --yes",
            "role assign CLERK bob",
            "role unassign CLERK bob --yes",
        ] {
            p.run(line).ok();
        }
        let last = |line: &str| p.json(line)[0]["seq"].clone();
        let [grant, permission] =
            ["role-grant history AUDITOR:aud", "role-permission history CLERK:kyc:reveal"].map(|line| {
                let all = p.json(line);
                all.as_array().and_then(|all| all.last()).expect("a record")["seq"].clone()
            });
        let allowed = last("audit list --resource role-grant --limit 1");
        let reverting = |seq: &serde_json::Value| p.run(&format!("audit revert {seq} --yes --as mia"));
        let said = reverting(&grant).fails(5);
        assert!(said.contains("would have audit:export by role AUDITOR, which you may not do"), "{said}");
        assert!(said.contains("role explain --denied"), "{said}");
        let said = reverting(&permission).fails(5);
        assert!(said.contains("role CLERK would give kyc:reveal, which you may not do"), "{said}");
        // Bob had kyc:reveal by it too, which is more than Mia may do.
        reverting(&allowed).fails(5);
        p.run("role revoke CLERK kyc:reveal --yes").ok();
        reverting(&allowed).ok();
        all_is_well(p);
    });
}

/// Nobody decides about himself or herself.
#[test]
fn nobody_decides_about_himself_or_herself() {
    shipped(|p| {
        world(p);
        for line in [
            "role create --code EXTRA --name Extra",
            "role create --code BASE --name Base",
            "role grant EXTRA users:update",
            "role inherit EXTRA BASE",
            "role assign EXTRA ada",
            "user assign-branch ada --branch B2",
        ] {
            p.run(line).ok();
        }
        let role = "you can't change a role that you have or inherit from";
        tried(
            p,
            &[
                ("role assign CLERK ada --as ada", "you can't change your own role grants"),
                ("role unassign EXTRA ada --yes --as ada", "you can't change your own role grants"),
                ("role assign EXTRA ada --until 2027-01-01 --as ada", "you can't change your own role grants"),
                ("role-grant import - --as ada < role,user\\nCLERK,ada\\n", "you can't change your own role grants"),
                ("user assign-branch ada --branch B1 --as ada", "you can't change your own user branches"),
                ("user unassign-branch ada --branch B2 --yes --as ada", "you can't change your own user branches"),
                ("user move ada --branch B1 --as ada", "you can't change your own user branches"),
                ("user update ada --department D1 --as ada", "you can't change your own department"),
                ("user update ada --can-login yes --as ada", "you can't change your own can_login"),
                ("user deactivate ada --as ada", "you can't change your own is_active"),
                ("user block ada --reason x --as ada", "you can't change your own blocked"),
                ("user delete ada --yes --as ada", "you can't"),
                ("role grant EXTRA users:read --as ada", role),
                ("role grant BASE users:read --as ada", role),
                ("role revoke EXTRA users:update --yes --as ada", role),
                ("role inherit EXTRA CLERK --as ada", role),
                ("role disinherit EXTRA BASE --yes --as ada", role),
                ("role update EXTRA --name Other --as ada", role),
                ("role deactivate EXTRA --as ada", role),
                ("role delete EXTRA --yes --as ada", "you can't change"),
                // What is somebody's own besides, and what others have of it.
                ("user update ada --bio Hello --email ada2@x.example --as ada", ""),
                ("role assign EXTRA bob --as ada", ""),
                ("role inherit CLERK EXTRA --as ada", ""),
                // Nor does who may do everything.
                ("role assign CLERK sue --as sue", "you can't change your own role grants"),
                ("user block sue --reason x --as sue", "you can't change your own blocked"),
                ("role unassign EXTRA ada --yes --as sue", ""),
            ],
        );
        all_is_well(p);
    });
}

/// Who may do more is not changed in what makes out who he or she is.
#[test]
fn nobody_touches_who_may_do_more() {
    shipped(|p| {
        world(p);
        let of_aud = "who has audit:read by role AUDITOR, which you may not do";
        tried(
            p,
            &[
                ("user update aud --email z@x.example --as ada", of_aud),
                ("user update aud --mobile +919812345678 --as ada", of_aud),
                ("user update aud --external-id E9 --as ada", of_aud),
                ("user update aud --can-login yes --as ada", of_aud),
                ("user rename aud --username aud2 --as ada", of_aud),
                (
                    "user import - --on-conflict update --key username --as ada < username,email\\naud,z@x.example\\n",
                    of_aud,
                ),
                ("user block aud --reason x --as ada", of_aud),
                ("user deactivate aud --as ada", of_aud),
                ("user delete aud --yes --as ada", of_aud),
                ("user assign-branch aud --branch B1 --as ada", of_aud),
                ("user move aud --branch B1 --as ada", of_aud),
                ("user update aud --department D1 --as ada", of_aud),
                ("role assign CLERK aud --as ada", of_aud),
                ("role unassign AUDITOR aud --yes --as ada", of_aud),
                ("role delete AUDITOR --yes --as ada", of_aud),
                ("user invite aud --expires 2027-06-01 --as ada", of_aud),
                (
                    "user passwd aud --password-stdin --as mia < correct horse battery\\n",
                    "who has more than you have, by a role that you can't see",
                ),
                ("user merge aud bob --yes --as mia", "who has more than you have, by a role that you can't see"),
                ("user merge bob aud --yes --as mia", "who has more than you have, by a role that you can't see"),
                // What says nothing of it may be changed, and of others everything.
                ("user update aud --designation Chief --as ada", ""),
                ("user update cho --email c2@x.example --department D1 --as ada", ""),
                ("user block cho --reason x --as ada", ""),
                ("user unblock cho --as ada", ""),
                ("user passwd cho --password-stdin --as mia < correct horse battery\\n", ""),
                ("role unassign CLERK cho --yes --as ada", ""),
                ("user block aud --reason x --as sue", ""),
                ("user unblock aud --as ada", of_aud),
            ],
        );
        all_is_well(p);
    });
}

/// Whoever may change nothing else changes what he or she says of himself or herself.
#[test]
fn people_change_their_own_profile() {
    shipped(|p| {
        world(p);
        for line in [
            "role create --code HR --name HR",
            "role grant HR users:update --own-branch",
            "role assign USER cho bob",
            "role assign HR bob",
            "user assign-branch aud --branch B1",
            "user assign-branch mia --branch B2",
        ] {
            p.run(line).ok();
        }
        tried(
            p,
            &[
                (
                    "user update cho --bio Hello --timezone Asia/Kolkata --language en --city Pune --country India --as cho",
                    "",
                ),
                ("user update cho --designation Chief --as cho", "users:update is not allowed"),
                ("user update cho --bio Other --designation Chief --as cho", "users:update is not allowed"),
                ("user update cho --email c@x.example --as cho", "users:update is not allowed"),
                ("user update bob --bio Other --as cho", "users:update_profile is not allowed of user"),
                // Who may change people of other places changes the own profile all the same.
                ("user update bob --bio Mine --as bob", ""),
                ("user update bob --designation Chief --as bob", "is not allowed of"),
            ],
        );
        assert_eq!(
            (&p.json("user show cho")["bio"], &p.json("user show bob")["bio"]),
            (&"Hello".into(), &"Mine".into())
        );
        all_is_well(p);
    });
}

/// A branch that is moved gives nobody more, through it, than who moves it may do: nor whoever moves it.
#[test]
fn no_move_of_a_branch_gives_more() {
    shipped(|p| {
        world(p);
        people(p, &["cat", "xan", "nar", "ann"]);
        for line in [
            "branch create --code B3 --name B3",
            "branch create --code B4 --name B4",
            "branch create --code B5 --name B5",
            "role create --code MOVER --name Mover",
            "role grant MOVER branches:update branches:read branches:import branches:create users:read",
            "role grant MOVER users:delete --own-branch",
            "role assign MOVER bob",
            "user assign-branch bob --branch B1",
            "user assign-branch cat --branch B2",
            "role create --code REVEALER --name Revealer",
            "role grant REVEALER kyc:reveal --own-branch",
            "role assign REVEALER xan",
            "user assign-branch xan --branch B3",
            "role create --code TELLER --name Teller",
            "role grant TELLER kyc:reveal",
            "role assign TELLER nar --branch B4",
            "role assign AUDITOR ann",
            "user assign-branch ann --branch B5",
        ] {
            p.run(line).ok();
        }
        let reveal = |who: &str| format!("{who} would have kyc:reveal by role");
        let (xan, nar) = (reveal("(xan)"), reveal("(nar)"));
        tried(
            p,
            &[
                ("branch move B2 --to B1 --as bob", "users:delete"),
                ("branch update B2 --parent B11 --as bob", "users:delete"),
                ("branch import - --on-conflict update --key code --as bob < code,parent\\nB2,B1\\n", "users:delete"),
                ("branch move B2 --to B3 --as ada", &xan),
                ("branch move B2 --to B4 --as ada", &nar),
                // Who has something everywhere gains nothing by it, whatever it is.
                ("branch move B2 --to B5 --as ada", ""),
                ("branch update B2 --parent '' --as ada", ""),
                // Below another branch of the same reach.
                ("branch move B11 --to B1 --as bob", ""),
                ("branch move B2 --to B5 --as bob", ""),
                ("branch move B2 --to B1 --as ada", ""),
                ("branch move B2 --to B11 --as bob", ""),
            ],
        );
        p.run("branch update B2 --parent B3").ok();
        p.run("setting set access.include_sub_branches no --org ACME").ok();
        p.run("branch update B2 --parent ''").ok();
        tried(p, &[("branch move B2 --to B3 --as ada", "")]);
        all_is_well(p);
    });
}

/// Nobody who may do more is stripped of it through a role.
#[test]
fn no_role_is_stripped_from_who_may_do_more() {
    shipped(|p| {
        world(p);
        for line in [
            "role create --code BASE --name Base",
            "role grant BASE users:read kyc:read",
            "role create --code BOSS --name Boss",
            "role grant BOSS kyc:reveal users:update",
            "role inherit BOSS BASE",
            "role assign BOSS bob",
            "role create --code FREE --name Free",
            "role grant FREE kyc:reveal users:read",
            "role inherit FREE CLERK",
        ] {
            p.run(line).ok();
        }
        let bob = "(bob), who has kyc:reveal by role BOSS, which you may not do";
        tried(
            p,
            &[
                ("role deactivate BOSS --as ada", bob),
                ("role deactivate BASE --as ada", bob),
                ("role revoke BOSS kyc:reveal --yes --as ada", bob),
                ("role revoke BASE kyc:read --yes --as ada", bob),
                ("role-permission update BOSS:users:update --own-branch yes --as ada", bob),
                ("role-permission delete BOSS:users:update --yes --as ada", bob),
                ("role disinherit BOSS BASE --yes --as ada", bob),
                ("role delete BASE --cascade --yes --as ada", bob),
                // What nobody has who may do more, and what takes nothing away.
                ("role update BOSS --name Chief --as ada", ""),
                ("role grant BASE users:update --as ada", ""),
                ("role-permission update FREE:kyc:reveal --require-approval yes --as ada", ""),
                ("role revoke FREE kyc:reveal --yes --as ada", ""),
                ("role disinherit FREE CLERK --yes --as ada", ""),
                ("role revoke CLERK users:read --yes --as ada", ""),
                ("role deactivate FREE --as ada", ""),
                ("role deactivate BOSS --as sue", ""),
            ],
        );
        all_is_well(p);
    });
}

/// A word that is made critical is taken from all who have it by a star: who may not do it decides that of nobody.
#[test]
fn no_word_is_made_critical_by_who_lacks_it() {
    shipped(|p| {
        people(p, &["head", "clerk"]);
        for line in [
            "role create --code HEAD --name Head",
            "role grant HEAD users:*",
            "role assign HEAD head",
            "role create --code WORDS --name Words",
            "role grant WORDS permissions:* users:read",
            "role assign WORDS clerk",
            "permission create --resource users --action praise",
        ] {
            p.run(line).ok();
        }
        let rows = p.write("words.csv", "resource,action,is_critical\nusers,update,yes\n");
        let why = "it would take users:update from all who have it by a '*'";
        tried(
            p,
            &[
                ("permission create --resource users --action update --is-critical yes --as clerk", why),
                (&format!("permission import {rows} --as clerk"), why),
                ("permission update users:praise --is-critical yes --as clerk", "it would take users:praise from all"),
                ("permission create --resource users --action update --as clerk", ""),
                ("permission create --resource users --action read --is-critical yes --as clerk", ""),
            ],
        );
        assert_eq!(p.run("role check head users:update").ok(), "allow\n");
        p.run("permission update users:update --is-critical yes --org ACME").ok();
        p.run("role check head users:update").fails(5);
        all_is_well(p);
    });
}

/// How far branches reach is not for who is bound to say.
#[test]
fn who_is_bound_does_not_say_how_far_branches_reach() {
    shipped(|p| {
        world(p);
        p.run("role create --code SETTER --name Setter").ok();
        p.run("role grant SETTER settings:update settings:delete settings:read users:read").ok();
        p.run("role assign SETTER bob").ok();
        let of_it = "of access.include_sub_branches: it decides how far others may go";
        let set = "setting set access.include_sub_branches";
        let (yes, no) = (format!("{set} yes --org ACME --as bob"), format!("{set} no --org ACME --as bob"));
        tried(p, &[(&yes, of_it), (&no, of_it)]);
        p.run("setting set access.include_sub_branches no --org ACME").ok();
        tried(
            p,
            &[
                (&yes, of_it),
                ("setting reset access.include_sub_branches --org ACME --as bob", of_it),
                ("setting set password.min_length 14 --org ACME --as bob", ""),
                ("setting reset access.include_sub_branches --org ACME --as sue", ""),
            ],
        );
        all_is_well(p);
    });
}

/// Nobody draws somebody into his or her own reach who lay outside of it.
#[test]
fn nobody_is_drawn_into_reach() {
    shipped(|p| {
        world(p);
        people(p, &["pia", "pip", "new"]);
        for line in [
            "role create --code DRAWER --name Drawer",
            "role grant DRAWER user_branches:create user_branches:import user_branches:restore user_branches:update users:delete users:update --own-branch",
            "role grant DRAWER users:read branches:read user_branches:read",
            "role assign DRAWER bob",
            "user assign-branch bob --branch B1",
            "user assign-branch pia --branch B2",
            "user assign-branch pip --branch B1",
            "user assign-branch mia --branch B1",
            "user unassign-branch mia --branch B1 --yes",
            "role create --code PLACER --name Placer",
            "role grant PLACER user_branches:create user_branches:import users:read branches:read",
            "role assign PLACER cho",
        ] {
            p.run(line).ok();
        }
        let pia = "(pia)";
        tried(
            p,
            &[
                ("branch assign B1 pia --as bob", pia),
                ("branch assign B1 new --as bob", "(new)"),
                ("user-branch import - --as bob < branch,user\\nB1,pia\\n", pia),
                ("user-branch restore B1:mia --as bob", "(mia)"),
                ("user assign-branch pia --branch B1 --as bob", pia),
                ("user delete pia --yes --as bob", pia),
                // Who lies in reach, and by who may place everybody.
                ("branch assign B11 pip --as bob", ""),
                ("user-branch import - --as cho < branch,user\\nB1,pia\\n", ""),
                ("branch assign B1 new --as cho", ""),
            ],
        );
        all_is_well(p);
    });
}

/// Nobody brings within his or her own reach what lay outside of it, to do there what could not be done with it before.
#[test]
fn nothing_is_placed_within_reach() {
    shipped(|p| {
        world(p);
        people(p, &["cat", "dan", "eli"]);
        for line in [
            "role create --code PLACER --name Placer",
            "role grant PLACER users:read users:create users:update users:import branches:read branches:update branches:create departments:read departments:update user_branches:create user_branches:update user_branches:delete user_branches:import",
            "role grant PLACER users:delete departments:delete --own-branch",
            "role grant PLACER audit:read roles:read",
            "role grant PLACER users:block --own-department",
            "role assign PLACER bob",
            "user update bob --branch B1 --department D1",
            "user update cat --branch B2",
            "user update dan --branch B11",
            "user update eli --branch B2",
            "branch create --code B3 --name B3",
            "dept create --code D2 --name D2 --branch B2",
            "role create --code KEEPER --name Keeper",
            "role grant KEEPER users:delete users:block",
        ] {
            p.run(line).ok();
        }
        let cat = "(cat) within your reach of users:delete";
        tried(
            p,
            &[
                ("user delete cat --yes --dry-run --as bob", "users:delete is not allowed"),
                ("user assign-branch cat --branch B1 --as bob", cat),
                ("user assign-branch cat --branch B11 --as bob", cat),
                ("branch assign B1 cat --as bob", cat),
                ("user-branch import - --as bob < branch,user\nB1,cat\n", cat),
                ("user update cat --branch B1 --as bob", cat),
                ("user update cat --branch B1 --as bob --dry-run", cat),
                ("user update cat --branch B1 --email cat@y.example --as bob", cat),
                ("user import - --key username --on-conflict update --as bob < username,branch\ncat,B1\n", cat),
                ("user import - --key username --on-conflict update --as bob < username,branches\ncat,B2;B1\n", cat),
                ("user update cat --department D1 --as bob", "within your reach of users:block"),
                (
                    "user import - --key username --on-conflict update --as bob < username,department\ncat,D1\n",
                    "users:block",
                ),
                ("dept update D2 --branch B1 --as bob", "dept D2 within your reach of "),
                // Where it lies already, where nothing lies in reach, and what is new.
                ("user update dan --branch B1 --as bob", ""),
                ("user assign-branch cat --branch B3 --as bob", ""),
                ("user create --username new --name New --branch B1 --as bob", ""),
                ("user import - --key username --as bob < username,name,branch\nnova,Nova,B1\n", ""),
            ],
        );
        // The refusal tells what would have sufficed.
        let said = p.run("branch assign B1 cat --as bob").fails(5);
        let (_, line) = said.split_once("'orgctl ").expect("a command");
        let told = p.run(line.split('\'').next().expect("its end"));
        assert!(
            told.out.contains("may not users:delete") && told.out.contains("PLACER gives users:delete"),
            "{}",
            told.out
        );
        // Who may do it everywhere gains nothing by it.
        p.run("role assign KEEPER bob").ok();
        tried(
            p,
            &[("user assign-branch cat --branch B1 --as bob", ""), ("user update cat --department D1 --as bob", "")],
        );
        all_is_well(p);
    });
}

/// A way to say something to the roles and grants of a world, and what becomes of the world where it is done.
type Change = (String, Box<dyn FnOnce(&mut World)>);

fn change(played: &Played<'_>, world: &World, dice: &mut Dice) -> Option<Change> {
    let (r, u, b, d) = (dice.roll(ROLES), dice.roll(PEOPLE), dice.roll(BRANCHES), dice.roll(DEPARTMENTS));
    Some(match dice.roll(10) {
        0 | 1 => {
            let row = dice.row();
            let key = |known: &Row| (known.resource, known.action) == (row.resource, row.action);
            if world.roles[r].rows.iter().any(key) {
                return None;
            }
            let flags = [
                (row.own_branch, " --own-branch"),
                (row.own_department, " --own-department"),
                (row.own_records, " --own-records"),
                (row.approval, " --require-approval"),
            ];
            let flags: String = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| *flag).collect();
            let line = format!("role grant R{r} {}:{}{flags}", row.resource, row.action);
            (line, Box::new(move |w| w.roles[r].rows.push(row)))
        }
        2 => {
            let at = (!world.roles[r].rows.is_empty()).then(|| dice.roll(world.roles[r].rows.len()))?;
            let row = &world.roles[r].rows[at];
            let line = format!(
                "role-permission update R{r}:{}:{} --own-branch no --require-approval no",
                row.resource, row.action
            );
            let change = move |w: &mut World| {
                (w.roles[r].rows[at].own_branch, w.roles[r].rows[at].approval) = (false, false);
            };
            (line, Box::new(change))
        }
        3 => {
            let parent = r + 1 + dice.roll(ROLES - r);
            if parent >= ROLES || world.roles[r].parents.contains(&parent) {
                return None;
            }
            (format!("role inherit R{r} R{parent}"), Box::new(move |w| w.roles[r].parents.extend([parent])))
        }
        4 => {
            let verb = if world.roles[r].is_active { "deactivate" } else { "activate" };
            (format!("role {verb} R{r}"), Box::new(move |w| w.roles[r].is_active ^= true))
        }
        5 if !world.people[u].has_left => {
            let is_in = world.people[u].branches.contains(&b) || world.people[u].branches.is_empty();
            let line = format!("user assign-branch u{u} --branch B{b}");
            return (!is_in).then(|| (line, Box::new(move |w: &mut World| w.people[u].branches.extend([b])) as _));
        }
        6 => (format!("user update u{u} --department D{d}"), Box::new(move |w| w.people[u].department = Some(d))),
        7 => {
            let is_blocked = world.people[u].blocked.is_some();
            let line = if is_blocked { format!("user unblock u{u}") } else { format!("user block u{u} --reason x") };
            (line, Box::new(move |w| w.people[u].blocked = if is_blocked { None } else { Some(None) }))
        }
        _ => {
            let branch = dice.one_in(2).then_some(b);
            let department = dice.one_in(4).then_some(d);
            let until = dice.one_in(3).then(|| played.now() + 3600 * (1 + dice.roll(40)) as i64);
            let key = (r, u, branch, department);
            let is_same = |g: &rights::Grant| (g.role, g.user, g.branch, g.department) == key && !g.is_taken_back;
            if until.is_none() && world.grants.iter().any(is_same) {
                return None;
            }
            let mut line = format!("role assign R{r} u{u}");
            let flags = [
                branch.map(|b| format!(" --branch B{b}")),
                department.map(|d| format!(" --department D{d}")),
                until.map(|at| format!(" --until {}", played.time(at))),
            ];
            line.extend(flags.into_iter().flatten());
            let change = move |w: &mut World| {
                w.grants.retain(|g| (g.role, g.user, g.branch, g.department) != key);
                w.grants.push(rights::Grant { role: r, user: u, branch, department, until, is_taken_back: false });
            };
            (line, Box::new(change))
        }
    })
}

/// All that each may do with each, now and at some instants to come, by the words of DOMAIN.md.
fn pairs(world: &World, now: i64) -> Vec<Vec<u8>> {
    let rank =
        |answer: &str| ["deny", "needs approval", "allow"].iter().position(|a| *a == answer).expect("an answer") as u8;
    let of = |user: usize| {
        let times = [0, 1, 10, 30, 60].map(|hours| now + hours * 3600);
        let all = times.into_iter().flat_map(|at| {
            WORDS.iter().flat_map(move |word| (0..PEOPLE).map(move |target| (at, *word, Target::User(target))))
        });
        all.map(|(at, word, target)| rank(world.answer(user, word, target, at))).collect()
    };
    (0..PEOPLE).map(of).collect()
}

/// What u0, who may change roles and grants, does of chance in a world of chance: whoever may do something after it could do it
/// before it, or u0 could.
fn gains_nothing(engine: Engine, seed: u64) -> (usize, usize) {
    let (p, mut dice) = (TestEnv::with_acme(engine), Dice(seed));
    let played = Played { p: &p, began: p.clock.now().timestamp() };
    let mut world = rights::world(&mut dice);
    played.make(&world);
    p.run("permission create --resource roles --action escalate --is-critical yes").ok();
    p.run("role create --code KEEPER --name Keeper").ok();
    p.run("role grant KEEPER roles:* role_grants:* role_permissions:* role_inheritances:* users:read users:block branches:read departments:read").ok();
    p.run("role assign KEEPER u0").ok();
    let read = Row {
        resource: "users",
        action: "read",
        own_branch: false,
        own_department: false,
        own_records: false,
        approval: false,
    };
    world.roles.push(rights::Role { is_active: true, parents: Default::default(), rows: vec![read] });
    world.grants.push(rights::Grant {
        role: ROLES,
        user: 0,
        branch: None,
        department: None,
        until: None,
        is_taken_back: false,
    });
    let (mut done, mut refused) = (0, 0);
    for _ in 0..40 {
        let Some((line, change)) = change(&played, &world, &mut dice) else { continue };
        let before = pairs(&world, played.now());
        let said = p.run(&format!("{line} --as u0"));
        if said.code != 0 {
            assert!([4, 5].contains(&said.code), "{line}: {}", said.err);
            refused += 1;
            continue;
        }
        done += 1;
        change(&mut world);
        let after = pairs(&world, played.now());
        // Who may do something to people of a place may do it to whoever comes there: that is asked of who moves them.
        let mover = ["user assign-branch u", "user update u"].iter().find_map(|begin| line.strip_prefix(begin));
        let moved: Option<usize> = mover.and_then(|rest| rest.get(..1)?.parse().ok());
        for (user, (before_it, after_it)) in before.iter().zip(&after).enumerate() {
            for (n, had) in before_it.iter().enumerate().filter(|(n, _)| Some(n % PEOPLE) != moved) {
                let allowed = (*had).max(before[0][n]);
                assert!(after_it[n] <= allowed, "{seed}: u{user} gained by '{line}' (pair {n})\n{world:#?}");
            }
        }
    }
    (done, refused)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn whoever_gains_gains_nothing_that_the_actor_could_not_do(seed in any::<u64>()) {
        let of_engine = |engine| gains_nothing(engine, seed);
        // The engines say the same, and neither everything nor nothing is refused.
        let told = of_engine(Engine::Sqlite);
        prop_assert_eq!(told, of_engine(Engine::Postgres));
    }
}

/// Of many worlds some commands are done and some are not: the property above is about something.
#[test]
fn some_commands_are_done_and_some_are_refused() {
    let (mut done, mut refused) = (0, 0);
    for seed in 0..8 {
        let told = gains_nothing(Engine::Sqlite, seed);
        (done, refused) = (done + told.0, refused + told.1);
    }
    assert!(done > 20 && refused > 40, "{done} done, {refused} refused");
}

/// Whoever may do everything in an organisation neither closes it nor lets it go: its people would go with it.
#[test]
fn nobody_of_an_organisation_closes_it() {
    shipped(|p| {
        people(p, &["sue", "jon"]);
        p.run("role assign SUPER_ADMIN sue").ok();
        p.run("role create --code CLOSER --name Closer").ok();
        p.run("role grant CLOSER orgs:read orgs:update orgs:delete orgs:purge orgs:restore").ok();
        p.run("role assign CLOSER jon").ok();
        for who in ["sue", "jon"] {
            for line in ["org deactivate ACME --yes", "org delete ACME --cascade --yes", "org purge ACME --yes"] {
                let said = p.run(&format!("{line} --as {who}")).fails(5);
                assert!(said.contains("it is about the whole installation"), "{line} --as {who}: {said}");
            }
            p.run(&format!("org update ACME --name Other{who} --as {who}")).ok();
            assert_eq!(p.run(&format!("role check {who} orgs:delete")).code, 5);
        }
        // The local operator does, and nobody of it opens it again.
        p.run("org deactivate ACME").ok();
        p.run("org activate ACME --as sue").fails(5);
        p.run("org activate ACME").ok();
        all_is_well(p);
    });
}
