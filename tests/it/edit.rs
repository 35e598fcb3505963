//! `--edit`: a form in the user's editor. The editors here are scripts; a person's would be vi.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use orgctl::crud::form;
use orgctl::model::kinds::branch::Branch;
use orgctl::model::kinds::org::Org;
use orgctl::model::problem::Problem;
use orgctl::model::resource::Resource as _;
use proptest::prelude::*;
use rexpect::session::spawn_command;

use crate::harness::{Engine, Output, TestEnv, on_both_engines_with_acme};
use crate::terminal::ends;

/// An editor that runs this shell script on the file `$1`; what VISUAL says.
fn editor(p: &TestEnv, name: &str, script: &str) -> String {
    let path = p.write(name, format!("set -eu\nhere={}\n{script}\n", p.dir.path().display()));
    format!("sh {path}")
}

pub fn edited(p: &TestEnv, line: &str, script: &str) -> Output {
    let mut env = p.env.clone();
    env.insert("VISUAL".into(), editor(p, "editor", script));
    env.insert("EDITOR".into(), "false".into());
    p.run_with_env(line, &env, false)
}

/// What is left in the folder for temporary files.
fn left_behind(p: &TestEnv) -> String {
    p.read("folder").trim().to_owned()
}

#[test]
fn a_form_shows_what_there_is_and_changes_what_is_changed() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code HO --name Head").ok();
        p.run("branch create --code B1 --name 'Fort \"A\" Road' --city Mumbai --parent HO").ok();
        let script =
            "cp \"$1\" $here/shown; stat -c %a \"$1\" $(dirname \"$1\") > $here/modes; dirname \"$1\" > $here/folder
            sed -i 's/^name = .*/name = \"Fort \\\\u00e9\"/; s/^city = .*/city = \"\"/; /^state/d' \"$1\"";
        let said = edited(p, "branch update B1 --edit", script);
        assert_eq!((said.code, said.err.as_str()), (0, "updated branch B1: name, city\n"), "{}", said.err);
        let branch = p.json("branch show B1");
        assert_eq!((&branch["name"], &branch["city"]), (&"Fort é".into(), &serde_json::Value::Null));
        assert_eq!((&branch["parent"], &branch["version"]), (&"HO".into(), &2.into()));
        // Readable by its owner alone, and gone.
        assert_eq!(p.read("modes"), "600\n700\n");
        assert!(!std::path::Path::new(&left_behind(p)).exists());
        let shown = p.read("shown");
        for line in [
            "# branch B1, version 1. Change, save and close the editor.",
            "# Short code, unique in the organisation\n# CODE of at most 16 characters, required\ncode = \"B1\"",
            "# Name\n# TEXT of at most 200 characters, required\nname = 'Fort \"A\" Road'",
            "# Branch that this one belongs to\n# KEY of a branch, optional\nparent = \"HO\"",
            "phone = \"\"",
        ] {
            assert!(shown.contains(line), "{line} in:\n{shown}");
        }
        // What verbs of their own change is no matter of the form.
        assert!(!shown.contains("is_active"), "{shown}");
        // What a flag says is filled in already.
        let said = edited(p, "branch update B1 --edit --city Pune", "cp \"$1\" $here/shown; echo >> \"$1\"");
        assert_eq!((said.code, said.err.as_str()), (0, "updated branch B1: city\n"));
        assert!(p.read("shown").contains("city = \"Pune\""));
    });
}

#[test]
fn a_form_makes_a_record() {
    on_both_engines_with_acme(|p| {
        let script =
            "cp \"$1\" $here/shown; sed -i 's/^code = .*/code = \"beta\"/; s/^name = .*/name = \"\"\"\\nBeta\"\"\"/;
            s/^max_users = .*/max_users = 12/' \"$1\"";
        let said = edited(p, "org create --edit --industry finance", script);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(said.err.contains("created org BETA"), "{}", said.err);
        let org = p.json("org show BETA");
        assert_eq!(
            (&org["type"], &org["industry"], &org["max_users"]),
            (&"corporation".into(), &"finance".into(), &12.into())
        );
        let shown = p.read("shown");
        let choice = "# CHOICE, required: one of corporation, nonprofit, government, startup, retail (default: corporation)\n\
            type = \"corporation\"";
        assert!(shown.contains(choice), "{shown}");
        assert!(shown.contains("industry = \"finance\""), "{shown}");
        // What a setting gives is filled in, and can be taken out.
        p.run("setting set --system org.default_max_users 50").ok();
        let script = "cp \"$1\" $here/shown; sed -i 's/^code = .*/code = \"C\"/; s/^name = .*/name = \"C\"/;
            s/^max_users = .*/max_users = \"\"/' \"$1\"";
        edited(p, "org create --edit", script).fails(0);
        assert!(p.read("shown").contains("max_users = 50\n"), "{}", p.read("shown"));
        assert_eq!(p.json("org show C")["max_users"], serde_json::Value::Null);
        p.run("setting reset --system org.default_max_users").ok();
        // Left as it was, or emptied, it makes nothing.
        for script in ["true", ": > \"$1\"", "rm \"$1\"", "sed -i '/^[^#]/d' \"$1\""] {
            let said = edited(p, "org create --edit", script);
            assert_eq!((said.code, said.err.as_str()), (1, "error: the form was not filled in; nothing was made\n"));
        }
        // A dry run goes all the way and back.
        let said = edited(
            p,
            "branch create --org ACME --edit --dry-run",
            "sed -i 's/ = \"\"$/ = \"B1\"/; /phone\\|mail\\|parent\\|manager =/d' \"$1\"",
        );
        assert!(said.clone().err.ends_with("dry run: nothing was changed\n"), "{}", said.err);
        assert_eq!(p.run("branch list -o key").ok(), "");
    });
}

#[test]
fn what_is_wrong_is_said() {
    let p = &TestEnv::with_acme(Engine::Sqlite);
    p.run("branch create --code B1 --name One").ok();
    for (script, code, says) in [
        (
            "sed -i 's/^name/nmae/' \"$1\"",
            6,
            "error: there is no field 'nmae' in this form\nhint: did you mean name?\n",
        ),
        ("echo 'is_active = true' >> \"$1\"", 6, "error: there is no field 'is_active' in this form\n"),
        ("sed -i 's/^name = .*/name = One/' \"$1\"", 6, "error: line 11: "),
        ("sed -i 's/^phone = .*/phone = 12345/' \"$1\"", 6, "error: phone is not in quotes: write phone = \"...\"\n"),
        ("sed -i 's/^phone = .*/phone = \"12345\"/' \"$1\"", 6, "error: phone must be a phone number"),
        ("sed -i 's/^name = .*/name = \"\"/' \"$1\"", 6, "error: name must not be empty\n"),
        ("sed -i 's/^parent = .*/parent = \"B9\"/' \"$1\"", 3, "error: branch B9 does not exist in ACME\n"),
        ("sed -i 's/^parent = .*/parent = \"B1\"/' \"$1\"", 4, "error: branch B1 can't stand below itself\n"),
        ("sed -i 's/^pincode = .*/pincode = \"012345\"/' \"$1\"", 6, "error: pincode '012345' is no postal code"),
        ("echo 'name = \"Two\"' >> \"$1\"", 6, "error: line "),
        ("printf '\\377' >> \"$1\"", 6, "error: the form is not UTF-8 text; nothing was changed\n"),
        ("exit 3", 1, "ended with exit code 3; nothing was changed\nhint: VISUAL or EDITOR names the editor\n"),
        ("true", 0, "nothing was changed\n"),
        (": > \"$1\"", 0, "nothing was changed\n"),
        ("sed -i 's/^name = .*/name = \"  One \"/' \"$1\"", 0, "branch B1 is so already; nothing was changed\n"),
    ] {
        let said = edited(p, "branch update B1 --edit", &format!("dirname \"$1\" > $here/folder\n{script}"));
        assert!(said.code == code && said.err.contains(says), "{script}: {} {}", said.code, said.err);
        assert!(!std::path::Path::new(&left_behind(p)).exists(), "{script}");
    }
    assert_eq!(p.json("branch show B1")["version"], 1);
    // It goes with one record, an editor, and somebody who may be asked.
    p.run("branch create --code B2 --name Two").ok();
    assert!(edited(p, "branch update B1 B2 --edit", "true").fails(2).contains("--edit goes with one record"));
    assert!(edited(p, "branch update B1 --edit --no-input", "true").fails(2).contains("--no-input forbids it"));
    assert!(edited(p, "branch update B1 --edit --if-version 7", "true").fails(4).contains("has version 1, not 7"));
    assert!(p.run("branch update B1 --edit").fails(2).contains("hint: name one in VISUAL or EDITOR"));
}

#[test]
fn somebody_elses_change_meanwhile_is_a_conflict_and_the_text_is_kept() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        let other = format!("{} branch update B1 --city Pune", env!("CARGO_BIN_EXE_orgctl"));
        let variables: String = p.env.iter().map(|(k, v)| format!("{k}='{v}' ")).collect();
        // Without what the tests themselves are told.
        let script = format!("env -i {variables}{other}\nsed -i 's/^name = .*/name = \"Long thought about\"/' \"$1\"");
        let said = edited(p, "branch update B1 --edit", &script);
        assert_eq!(said.code, 4, "{}", said.err);
        assert!(said.err.contains("error: branch B1 has version 2, not 1\n"), "{}", said.err);
        let hint = "hint: what you wrote is kept in ";
        let path = said.err.lines().find_map(|l| l.strip_prefix(hint)).expect("a path");
        assert!(std::fs::read_to_string(path).expect("the text").contains("name = \"Long thought about\""));
        assert_eq!(std::fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(std::path::Path::new(path).parent().expect("a folder")).expect("removed");
        assert_eq!(p.json("branch show B1")["name"], "One");
    });
}

/// A person's branch is told by links: a change of it is no new version of the person, and a form is as stale by it.
#[test]
fn a_branch_that_somebody_else_gave_meanwhile_is_a_conflict() {
    on_both_engines_with_acme(|p| {
        for branch in ["B1", "B2", "B3"] {
            p.run(&format!("branch create --code {branch} --name {branch}")).ok();
        }
        p.run("user create --name 'Asha Rao' --user-code ASHA22 --branch B1").ok();
        let other = format!("{} user update ASHA22 --branch B2", env!("CARGO_BIN_EXE_orgctl"));
        let variables: String = p.env.iter().map(|(k, v)| format!("{k}='{v}' ")).collect();
        let script = format!("env -i {variables}{other}\nsed -i 's/^branch = .*/branch = \"B3\"/' \"$1\"");
        let said = edited(p, "user update ASHA22 --edit", &script);
        assert_eq!(said.code, 4, "{}", said.err);
        let sentence = "error: user ASHA22 (Asha Rao) was changed in the meantime: branch\n";
        assert!(said.err.contains(sentence), "{}", said.err);
        assert!(said.err.contains("hint: what you wrote is kept in "), "{}", said.err);
        assert_eq!(p.json("user show ASHA22")["branch"], "B2");
    });
}

#[test]
fn at_a_terminal_it_is_mended_where_it_stands() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        // Wrong twice over the first time; the second time what is said is at the top, and what was typed is there.
        let script = "if [ -e $here/again ]; then cp \"$1\" $here/shown; sed -i 's/12345/022 2345 6789/; s/^nmae = .*//' \"$1\"
            else touch $here/again; sed -i 's/^phone = .*/phone = \"12345\"/; s/^city = .*/city = \"Mumbai\"/' \"$1\"; fi";
        let mut command = p.spawn("branch update B1 --edit");
        command.env("EDITOR", editor(p, "editor", script)).env("PATH", std::env::var("PATH").expect("a path"));
        let mut t = spawn_command(command, Some(10_000)).expect("a terminal");
        t.exp_string("phone must be a phone number").expect("why not");
        t.exp_string("edit again? [Y/n]").expect("the question");
        t.send_line("").expect("typed");
        t.exp_string("updated branch B1: city, phone").expect("done");
        assert_eq!(ends(t), 0);
        let shown = p.read("shown");
        assert!(shown.starts_with("# error: phone must be a phone number like +91 22 2345 6789; '12345'"), "{shown}");
        assert!(shown.contains("city = \"Mumbai\"") && shown.contains("phone = \"12345\""), "{shown}");
        assert_eq!(p.json("branch show B1")["phone"], "+912223456789");
        // No leaves with the error, and so does a form that is left wrong.
        for answer in ["n", ""] {
            let mut command = p.spawn("branch update B1 --edit");
            let script = "if ! grep -q '^# error' \"$1\"; then sed -i 's/^phone = .*/phone = \"1\"/' \"$1\"; fi";
            command.env("EDITOR", editor(p, "editor", script)).env("PATH", std::env::var("PATH").expect("a path"));
            let mut t = spawn_command(command, Some(10_000)).expect("a terminal");
            t.exp_string("edit again? [Y/n]").expect("the question");
            t.send_line(answer).expect("typed");
            t.exp_string("error:").and_then(|_| t.exp_string("phone must be a phone number")).expect("the error");
            assert_eq!(ends(t), 6, "{answer:?}");
        }
        // A Ctrl-C while the editor runs is the editor's.
        let script = "trap 'touch $here/caught' INT; echo ready; n=0
            while [ ! -e $here/caught ] && [ $n -lt 100 ]; do sleep 0.1 || true; n=$((n+1)); done
            sed -i 's/^city = .*/city = \"Nagpur\"/' \"$1\"";
        // By itself, and through a shell where the value needs one.
        let alone = editor(p, "editor", script);
        for command_line in [alone.clone(), alone.replacen("sh ", "'sh' ", 1)] {
            p.run("branch update B1 --city Thane").ok();
            let mut command = p.spawn("branch update B1 --edit");
            command.env("EDITOR", command_line).env("PATH", std::env::var("PATH").expect("a path"));
            let mut t = spawn_command(command, Some(20_000)).expect("a terminal");
            t.exp_string("ready").expect("the editor");
            t.send_control('c').expect("typed");
            t.exp_string("updated branch B1: city").expect("done");
            assert_eq!(ends(t), 0);
            std::fs::remove_file(p.path("caught")).expect("a signal that the editor caught");
        }
        // With the command goes the editor, and what it saved last is nobody's wish.
        let script =
            "trap 'sed -i s/One/Two/ \"$1\"; touch $here/ended; exit 0' TERM; dirname \"$1\" > $here/folder; stty raw
            echo ready; n=0; while [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done";
        let mut command = p.spawn("branch update B1 --edit");
        command.env("EDITOR", editor(p, "editor", script)).env("PATH", std::env::var("PATH").expect("a path"));
        let mut t = spawn_command(command, Some(10_000)).expect("a terminal");
        t.exp_string("ready").expect("the editor");
        t.process_mut().signal(rexpect::process::Signal::SIGTERM).expect("a signal");
        // Lines end as lines do: the terminal is as it was.
        t.exp_string("interrupted; nothing was changed\r\n").expect("an answer");
        assert_eq!(ends(t), 143);
        assert!(p.path("ended").exists() && !std::path::Path::new(&left_behind(p)).exists());
        assert_eq!(p.json("branch show B1")["name"], "One");
    });
}

proptest! {
    /// Whatever a text holds, the form gives it back, line breaks and quotes and all.
    #[test]
    fn a_form_gives_back_what_it_was_given(texts in prop::collection::vec("(?s).*|[\"'\\\\\n\r#= ]*", 13), number in 0i64..=2_147_483_647) {
        let lines: Vec<form::FormLine> = Branch::DESCRIPTOR.settable().zip(texts).collect();
        let text = form::write(&["A form\nof two lines".to_owned()], &lines);
        prop_assert_eq!(by_name(form::read(&Branch::DESCRIPTOR.settable().collect::<Vec<_>>(), &text)), by_name(Ok(lines)));
        let lines = vec![(Org::DESCRIPTOR.field("max_users").expect("a field"), number.to_string())];
        let text = form::write(&[], &lines);
        prop_assert_eq!(by_name(form::read(&Org::DESCRIPTOR.settable().collect::<Vec<_>>(), &text)), by_name(Ok(lines)));
    }
}

fn by_name(read: Result<Vec<form::FormLine>, Vec<Problem>>) -> BTreeMap<&'static str, String> {
    read.unwrap_or_else(|wrong| panic!("{wrong:?}")).into_iter().map(|(f, text)| (f.name(), text)).collect()
}
