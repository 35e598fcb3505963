//! Settings: flag before environment before file before default, and where each came from.

use crate::harness::{Engine, TestEnv, on_both_engines_with_acme};

/// Value and origin of a setting.
#[track_caller]
fn setting(p: &TestEnv, words: &str, name: &str) -> (String, String) {
    let rows = p.run(&format!("config show -o json {words}")).json();
    let row = rows.as_array().expect("a list").iter().find(|r| r["name"] == name).expect(name).clone();
    (row["value"].as_str().unwrap_or("-").to_owned(), row["origin"].as_str().unwrap_or("-").to_owned())
}

fn file(p: &TestEnv, text: &str) -> String {
    std::fs::create_dir_all(p.path("home/.config/orgctl")).expect("a folder");
    p.write("home/.config/orgctl/config.toml", text)
}

#[test]
fn flag_before_environment_before_file_before_default() {
    let mut p = TestEnv::new(Engine::Sqlite);
    let path = file(&p, "wait = 7\ncolor = \"never\"\norg = \"FILE\"\nquiet = false\n");
    assert_eq!(p.run("config path").ok(), format!("{path}\n"));
    assert_eq!(setting(&p, "", "wait"), ("7".into(), format!("file ({path})")));
    assert_eq!(setting(&p, "", "verbose"), ("false".into(), "default".into()));
    p.env.insert("ORGCTL_WAIT".into(), "8".into());
    p.env.insert("ORGCTL_ORG".into(), String::new());
    assert_eq!(setting(&p, "", "wait"), ("8".into(), "environment (ORGCTL_WAIT)".into()));
    assert_eq!(setting(&p, "", "org"), ("FILE".into(), format!("file ({path})")), "an empty variable is none");
    assert_eq!(setting(&p, "--wait 9", "wait"), ("9".into(), "flag".into()));
    assert_eq!(setting(&p, "--wait=9 --org X", "org"), ("X".into(), "flag".into()));
    assert_eq!(setting(&p, "", "color"), ("never".into(), format!("file ({path})")));
    assert_eq!(setting(&p, "", "database").1, "environment (ORGCTL_DATABASE_URL)");
    // Where the file is: a variable of its own, the XDG folder, the home folder.
    let other = p.write("other.toml", "wait = 1\n");
    p.env.remove("ORGCTL_WAIT");
    p.env.insert("XDG_CONFIG_HOME".into(), p.path("xdg").display().to_string());
    assert_eq!(p.run("config path").ok(), format!("{}/orgctl/config.toml\n", p.path("xdg").display()));
    assert_eq!(setting(&p, "", "wait"), ("30".into(), "default".into()));
    p.env.insert("ORGCTL_CONFIG".into(), other.clone());
    assert_eq!(setting(&p, "", "wait"), ("1".into(), format!("file ({other})")));
    assert_eq!(p.run("config path").ok(), format!("{other}\n"));
    p.env.insert("ORGCTL_CONFIG".into(), "/nowhere.toml".into());
    assert!(p.run("config show").fails(2).contains("can't read the configuration /nowhere.toml: no such file"));
    // Without a word about it the database is in the XDG data folder.
    p.env.remove("ORGCTL_CONFIG");
    p.env.remove("ORGCTL_DATABASE_URL");
    p.env.insert("XDG_DATA_HOME".into(), p.path("data").display().to_string());
    let default = format!("sqlite://{}/orgctl/orgctl.db", p.path("data").display());
    assert_eq!(setting(&p, "", "database"), (default, "default".into()));
    assert!(p.run("branch list").fails(1).contains(&p.path("data/orgctl/orgctl.db").display().to_string()));
    p.run("init --org-code ACME --org-name Acme").ok();
    assert!(p.path("data/orgctl/orgctl.db").exists());
    assert_eq!(p.run("org list -o key").ok(), "ACME\n");
}

#[test]
fn settings_do_what_they_say() {
    on_both_engines_with_acme(|p| {
        p.run("org create --code GLOBEX --name Globex").ok();
        p.run("branch create --org GLOBEX --code G --name G").ok();
        let mut env = p.env.clone();
        env.insert("ORGCTL_ORG".into(), "GLOBEX".into());
        env.insert("ORGCTL_OUTPUT".into(), "key".into());
        assert_eq!(p.run_with_env("branch list", &env, false).ok(), "G\n");
        assert_eq!(p.run_with_env("branch list --org ACME", &env, false).ok(), "");
        env.insert("ORGCTL_COLUMNS".into(), "name,code".into());
        assert_eq!(p.run_with_env("branch list -o csv", &env, false).ok(), "name,code\nG,G\n");
        env.insert("ORGCTL_DRY_RUN".into(), "yes".into());
        env.insert("ORGCTL_YES".into(), "1".into());
        assert!(p.run_with_env("branch delete G", &env, false).fails(0).contains("dry run"));
        env.remove("ORGCTL_DRY_RUN");
        env.insert("ORGCTL_QUIET".into(), "On".into());
        assert_eq!(p.run_with_env("branch delete G", &env, false).fails(0), "");
        env.insert("ORGCTL_REQUEST_ID".into(), "0199c1f0-0000-7000-8000-000000000001".into());
        p.run_with_env("branch restore G", &env, false).ok();
        assert_eq!(
            p.column("branch history G", "request_id").last().map(String::as_str),
            Some("0199c1f0-0000-7000-8000-000000000001")
        );
        for (name, value, sentence) in [
            ("ORGCTL_QUIET", "perhaps", "quiet is 'perhaps', which is not yes or no"),
            (
                "ORGCTL_OUTPUT",
                "xml",
                "output is 'xml', which is not one of table, json, ndjson, jsonl, csv, tsv, yaml, key, ocsf",
            ),
            ("ORGCTL_COLOR", "pink", "color is 'pink', which is not auto, always or never"),
            ("ORGCTL_WAIT", "-1", "wait is '-1', which is not a number of seconds"),
            ("ORGCTL_REQUEST_ID", "x", "request-id is 'x', which is not a UUID"),
        ] {
            let mut wrong = p.env.clone();
            wrong.insert(name.into(), value.into());
            let said = p.run_with_env("org list", &wrong, false).fails(2);
            assert!(
                said.contains(sentence) && said.contains(&format!("hint: it comes from: environment ({name})")),
                "{said}"
            );
        }
    });
}

#[test]
fn what_is_not_known_is_an_error_with_the_nearest_name() {
    let mut p = TestEnv::new(Engine::Sqlite);
    p.run("init").ok();
    for (text, sentence, hint) in [
        ("wiat = 3\n", "has an unknown key 'wiat'", "did you mean wait?"),
        ("datbase = \"x\"\n", "has an unknown key 'datbase'", "did you mean database?"),
        (
            "[branch]\nx = 1\n",
            "has an unknown key 'branch'",
            "keys: database, org, output, no_input, quiet, verbose, color, wait",
        ),
        ("yes = true\n", "has an unknown key 'yes'", "keys: "),
        ("wait = [1]\n", "gives wait something that is no single value", ""),
        ("wait = 1\nquiet = \n", "can't be read: line 2", ""),
        ("output = \"xml\"\n", "output is 'xml', which is not one of", "hint: it comes from: file ("),
    ] {
        let path = file(&p, text);
        let said = p.run("org list").fails(2);
        assert!(said.contains(sentence) && said.contains(hint) && said.contains(&path), "{text}: {said}");
    }
    file(&p, "");
    for (name, meant) in
        [("ORGCTL_DATABASE", "ORGCTL_DATABASE_URL"), ("ORGCTL_WIAT", "ORGCTL_WAIT"), ("ORGCTL_ORGS", "ORGCTL_ORG")]
    {
        p.env.insert(name.into(), "x".into());
        let said = p.run("org list").fails(2);
        assert!(said.contains(&format!("the environment has {name}, which orgctl does not know")), "{said}");
        assert!(said.contains("hint: variables: ORGCTL_DATABASE_URL, "), "{said}");
        if name != "ORGCTL_DATABASE" {
            assert!(said.contains(&format!("did you mean {meant}?")), "{said}");
        }
        p.env.remove(name);
    }
    p.env.insert("ORGCTL".into(), "x".into());
    p.env.insert("NORGCTL_X".into(), "x".into());
    p.run("org list").ok();
}

#[test]
fn a_password_is_never_shown() {
    let mut p = TestEnv::new(Engine::Sqlite);
    for url in [
        "postgres://rao:s3cret@127.0.0.1:1/people",
        "postgresql://rao:s3cret@127.0.0.1:1/people?sslmode=disable",
        "postgres://rao@127.0.0.1:1/people?password=s3cret",
        "postgres://rao:s3cret@[broken/people",
        "mysql://rao:s3cret@127.0.0.1/people",
        "mysql://rao:s3cret@[broken/people",
    ] {
        p.env.insert("ORGCTL_DATABASE_URL".into(), url.into());
        for line in ["config show", "config show -o json", "branch list", "branch list -v", "init", "db status -o json"]
        {
            let said = p.run(line);
            assert!(
                !said.out.contains("s3cret") && !said.err.contains("s3cret"),
                "{url} {line}: {}{}",
                said.out,
                said.err
            );
        }
        p.env.remove("ORGCTL_DATABASE_URL");
        let said = p.run(&format!("--database '{url}' branch list -v"));
        assert!(said.code != 0 && !said.err.contains("s3cret"), "{url}: {}", said.err);
        let said = p.run(&format!("--database '{url}' config show"));
        assert!(!said.out.contains("s3cret"), "{url}: {}", said.out);
    }
}

/// What the environment asks of all that is printed is not asked of a file, which has a format of its own.
#[test]
fn a_file_has_its_own_format_whatever_the_environment_asks() {
    on_both_engines_with_acme(|p| {
        p.run("branch create --code B1 --name One").ok();
        p.run("user create --user-code AAA222 --name 'Asha Rao' --email a@acme.example").ok();
        let mut env = p.env.clone();
        for format in ["table", "key", "tsv"] {
            env.insert("ORGCTL_OUTPUT".into(), format.into());
            let (csv, trail) = (p.path("b.csv"), p.path("t.jsonl"));
            for file in [&csv, &trail] {
                let _ = std::fs::remove_file(file);
            }
            p.run_with_env(&format!("branch export {}", csv.display()), &env, false).ok();
            assert!(p.read("b.csv").starts_with("code,name,"), "{format}: {}", p.read("b.csv"));
            p.run_with_env(&format!("audit export {} --org ACME", trail.display()), &env, false).ok();
            p.run(&format!("audit verify --file {}", trail.display())).ok();
            let dossier = p.run_with_env("user dossier AAA222", &env, false).ok();
            assert!(serde_json::from_str::<serde_json::Value>(&dossier).is_ok(), "{format}: {dossier}");
            // What stands on the command line is meant.
            p.run_with_env(&format!("branch export {} -o json", csv.display()), &env, false).ok();
            assert!(p.read("b.csv").starts_with('['), "{format}: {}", p.read("b.csv"));
        }
    });
}

#[test]
fn a_mistyped_variable_of_the_tests_is_mistyped_too() {
    on_both_engines_with_acme(|p| {
        let mut env = p.env.clone();
        env.insert("ORGCTL_TEST_PG".into(), "postgres://localhost".into());
        p.run_with_env("branch list", &env, false).ok();
        env.insert("ORGCTL_TEST_DATABASE_URL".into(), "x".into());
        let said = p.run_with_env("branch list", &env, false);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("ORGCTL_TEST_DATABASE_URL"), "{}", said.err);
    });
}
