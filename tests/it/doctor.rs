//! `orgctl doctor`: what is wrong, or about to be.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{Engine, TestEnv, on_both_engines, on_both_engines_with_acme};

/// What it says of one thing: `ok`, `warn` or `fail`, and the words.
#[track_caller]
fn told(page: &Value, check: &str) -> Vec<(String, String)> {
    let text = |l: &Value, name: &str| l[name].as_str().unwrap_or_default().to_owned();
    let lines = page["checks"].as_array().expect("checks").iter().filter(|l| l["check"] == check);
    lines.map(|l| (text(l, "status"), text(l, "what"))).collect()
}

#[track_caller]
fn says(p: &TestEnv, check: &str, status: &str, what: &str) {
    let page = p.json("doctor");
    let lines = told(&page, check);
    assert!(lines.iter().any(|(s, w)| s == status && w.contains(what)), "{check} {status} {what} in {page}");
}

fn chmod(path: impl AsRef<std::path::Path>, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

#[test]
fn a_page_says_what_is_wrong() {
    on_both_engines_with_acme(|p| {
        says(p, "keys", "warn", "there is no signing key");
        says(p, "checkpoint", "warn", "none was ever signed");
        says(p, "backup", "fail", "there is no whole backup");
        let said = p.run("doctor --check").fails(1);
        assert_eq!(
            said.lines().next().map(|l| l.starts_with("error: backup: there is no whole backup")),
            Some(true),
            "{said}"
        );
        p.run("audit keygen").ok();
        p.run("audit checkpoint").ok();
        p.run("backup create").ok();
        says(p, "backup", "warn", "the newest is in clear");
        says(p, "drill", "warn", "no backup was ever restored");
        p.run("backup drill").ok();
        for check in
            ["program", "database", "schema", "modes", "keys", "clock", "audit", "checkpoint", "settings", "drill"]
        {
            says(p, check, "ok", "");
        }
        let line = p.run("doctor --check").ok();
        assert!(line.starts_with("ok: ") && line.lines().count() == 1, "{line}");
        assert_eq!(p.run("doctor --check -o json").json()["ok"], true);
        let page = p.run_on_terminal("doctor", 100).ok();
        assert!(page.contains("ok") && page.contains("hint: "), "{page}");
        // Others may read.
        let folder = p.path("home/.local/share/orgctl/backups");
        chmod(&folder, 0o755);
        says(p, "modes", "fail", "(mode 0755)");
        chmod(&folder, 0o700);
        let key = p.path("home/.config/orgctl/audit.key");
        chmod(&key, 0o644);
        says(p, "keys", "fail", "others can read the signing key");
        chmod(&key, 0o600);
        // It is there, and none.
        let text = std::fs::read(&key).expect("a key");
        for wrong in ["", "nothing like it\n"] {
            std::fs::write(&key, wrong).expect("a file");
            says(p, "keys", "fail", "holds no signing key");
            p.run("doctor --check").fails(1);
            let said = p.run("backup verify latest").fails(8);
            assert!(said.contains("the key of this machine can't be used: "), "{said}");
        }
        std::fs::write(&key, text).expect("a key");
        // An organisation that asks for less.
        p.run("setting set password.min_length 12 --org ACME").ok();
        says(p, "settings", "warn", "ACME has password.min_length 12, the installation 15");
        // Time goes by.
        p.wait(8 * 86_400);
        p.run("branch create --code HQ --name Head").ok();
        says(p, "checkpoint", "warn", "the last was signed 8 days ago");
        says(p, "backup", "fail", "the newest backup was made 8 days ago");
        p.run("doctor --check --max-age 30d").ok();
        p.wait(-3 * 86_400);
        says(p, "clock", "fail", ", ahead of this machine's clock");
    });
}

#[test]
fn what_was_changed_behind_its_back_is_8() {
    on_both_engines_with_acme(|p| {
        p.run("backup create").ok();
        p.run("doctor --check").ok();
        let index = match p.engine {
            Engine::Sqlite => "drop index backups_started",
            Engine::Postgres => "drop index orgctl.backups_started",
        };
        p.sql(index).expect("SQL");
        says(p, "schema", "fail", "index backups_started is missing");
        p.run("doctor --check").fails(8);
    });
}

#[test]
fn a_database_that_is_not_ready_is_told_of() {
    on_both_engines(|p| {
        let what = if p.engine == Engine::Sqlite { "database" } else { "schema" };
        assert!(told(&p.json("doctor"), what).iter().any(|(status, _)| status == "fail"));
        p.run("doctor --check").fails(1);
        p.run("init --org-code ACME --org-name Acme").ok();
        p.run("db rollback --yes").ok();
        says(p, "schema", "fail", "1 migration is pending");
        let said = p.run("doctor --check").fails(1);
        assert!(said.contains("schema: 1 migration is pending"), "{said}");
        // What can be restored matters most where the database can't be used.
        p.run("db migrate").ok();
        p.run("backup create").ok();
        p.run("backup drill").ok();
        p.run("db rollback --yes").ok();
        says(p, "backup", "ok", "the newest was made");
        says(p, "drill", "ok", "");
        let said = p.run("doctor --check").fails(1);
        assert!(!said.contains("catalogue"), "{said}");
    });
}
