//! What a newcomer sees: the demo, and every command that it names to go on with.

use std::process::Command;

use crate::harness::split;

fn orgctl(dir: &std::path::Path, words: &[String]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orgctl"));
    command.args(words).env_clear().env("HOME", dir).env("TERM", "xterm").current_dir(dir);
    command.env("ORGCTL_DATABASE_URL", "sqlite://orgctl-demo.db").output().expect("orgctl runs")
}

#[test]
fn the_demo_shows_what_it_says_and_all_that_it_names_works() {
    let dir = tempfile::tempdir().expect("a folder");
    let demo = || {
        let done = orgctl(dir.path(), &["demo".to_owned()]);
        (
            done.status.code(),
            String::from_utf8(done.stdout).expect("UTF-8"),
            String::from_utf8_lossy(&done.stderr).into_owned(),
        )
    };
    let (code, out, err) = demo();
    assert_eq!(code, Some(0), "{out}\n{err}");
    for shown in [
        "created org SAHYADRI",
        "read 320 rows: created 320, updated 0, unchanged 0, rejected 0",
        "CODE   NAME",
        "├─ MUM01  Mumbai Fort",
        "11 of 15 rows were rejected",
        "reject_reason\nBAD-PHONE,",
        "nothing was changed behind orgctl's back",
        "# Now try it yourself:",
    ] {
        assert!(out.contains(shown), "{shown:?} is not in\n{out}");
    }
    let next: Vec<&str> = out.split("# Now try it yourself:").nth(1).expect("commands").lines().skip(2).collect();
    assert!(next.len() >= 6, "{next:?}");
    for line in next.iter().filter(|l| !l.is_empty()) {
        let words = split(line);
        let done = orgctl(dir.path(), &words[1..]);
        assert!(done.status.success(), "{line}\n{}", String::from_utf8_lossy(&done.stderr));
    }
    // What was done with it since is not thrown away, unless that is said.
    let (code, out, err) = demo();
    assert_eq!(code, Some(4), "{out}\n{err}");
    assert!(err.contains("was changed since the demo made it") && err.contains("--yes replaces it"), "{err}");
    assert!(orgctl(dir.path(), &split("branch show MUM01")).status.success());
    assert!(orgctl(dir.path(), &split("demo --yes")).status.success());
    // Nothing was, so a second time over what the first left.
    assert_eq!(demo().0, Some(0));
    // It is shown to people.
    assert_eq!(orgctl(dir.path(), &split("demo -o json")).status.code(), Some(2));
    // But never over somebody's own work.
    let own = split("org create --code REAL --name Real");
    assert!(orgctl(dir.path(), &own).status.success());
    let (code, out, err) = demo();
    assert_eq!(code, Some(4), "{out}\n{err}");
    assert!(err.contains("holds more than the demo made"), "{err}");
    assert!(orgctl(dir.path(), &split("org show REAL")).status.success());
}
