//! The README's transcripts are true: each command of a console block is run in order, on the demo's database and the
//! files of docs/examples, and must say what stands there.

use std::path::Path;
use std::process::Command;

use crate::harness::root;

/// A command of a transcript, and the lines that it is said to print.
struct Step {
    command: String,
    printed: Vec<String>,
}

/// The console blocks of a text, in order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|l| l == "```console") {
        for line in lines.by_ref().take_while(|l| *l != "```") {
            let goes_on = steps.last().is_some_and(|s| s.printed.is_empty() && s.command.ends_with('\\'));
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command: command.to_owned(), printed: Vec::new() }),
                (None, Some(step)) if goes_on => {
                    step.command.pop();
                    step.command.push_str(line.trim_start());
                }
                // A comment below a comment.
                (None, _) if line.trim_start().starts_with("# ") || line.is_empty() => {}
                (None, Some(step)) => step.printed.push(line.to_owned()),
                (None, None) => panic!("a console block begins with a command: {line}"),
            }
        }
    }
    steps
}

/// Blanks folded, and what differs from run to run made alike: codes of people, ids, times, speeds.
fn alike(line: &str) -> String {
    let is_code = |w: &str| w.len() == 6 && w.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let is_short_id = |w: &str| w.len() == 8 && w.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let word = |word: &str| {
        let bare = word.trim_matches([',', '(', ')', ':']);
        let is_time = bare.len() == 27 && bare.ends_with('Z') && bare.contains('T');
        let is_id = word.starts_with("orgctl/") && word.contains('-');
        match () {
            () if is_code(bare) => "CODE".to_owned(),
            () if is_short_id(bare) => "ID".to_owned(),
            () if is_time => "TIME".to_owned(),
            () if is_id => "ORIGIN".to_owned(),
            () => word.to_owned(),
        }
    };
    let mut words: Vec<String> = line.split_whitespace().map(word).collect();
    if line.starts_with("error: ") {
        // People are named in the order of their codes.
        for word in &mut words {
            *word = word.trim_end_matches(',').to_owned();
        }
        words.sort_unstable();
    }
    if let [.., "in", seconds, "s"] = words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        && seconds.parse::<f64>().is_ok()
    {
        words.truncate(words.len() - 3);
    }
    let line = words.join(" ");
    match (line.find(" ("), line.ends_with(" rows/s)")) {
        (Some(at), true) => line[..at].to_owned(),
        _ => line,
    }
}

/// Runs a line of shell in a folder; its exit code and all it said.
fn shell(dir: &Path, command: &str) -> (Option<i32>, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_orgctl")).parent().expect("a folder").display().to_string();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap_or_default());
    let done = Command::new("bash")
        .args(["-c", &format!("( {command}\n) 2>&1")])
        .env_clear()
        .envs([("HOME", dir.display().to_string()), ("PATH", path), ("TERM", "xterm".into()), ("TZ", "UTC".into())])
        .env("ORGCTL_DATABASE_URL", "sqlite://orgctl-demo.db")
        // As on a terminal; a file is written as it is anywhere.
        .envs((!command.contains(" export ")).then_some(("ORGCTL_OUTPUT", "table")))
        .current_dir(dir)
        .output()
        .expect("bash runs");
    (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
fn the_transcripts_of_the_readme_are_true() {
    let dir = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(root().join("docs/examples")).expect("examples") {
        let path = entry.expect("an example").path();
        std::fs::copy(&path, dir.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    std::fs::create_dir(dir.path().join("other")).expect("another machine's folder");
    let (code, said) = shell(dir.path(), "orgctl demo");
    assert_eq!(code, Some(0), "{said}");
    let (_, now) = shell(dir.path(), "date -u +%Y-%m-%dT%H:%M:%S.999999Z");
    let steps = steps(&std::fs::read_to_string(root().join("README.md")).expect("the README"));
    assert!(steps.len() >= 25, "{}", steps.len());
    let mut wrong = String::new();
    for Step { command, printed } in steps {
        // What is another machine's, and the day on which the README was written.
        let line = command.split(" # ").next().unwrap_or_default().trim_end();
        let line = line.replace("/mnt/other/", "other/").replace("2026-11-21", now.trim());
        let (code, said) = shell(dir.path(), &line);
        let is_refused = printed.iter().any(|l| l.starts_with("error: "));
        let all: Vec<String> = said.lines().map(alike).collect();
        let mut rest = all.iter();
        let missing = printed.iter().filter(|l| *l != "...").find(|l| !rest.any(|s| *s == alike(l)));
        if (code == Some(0)) == is_refused || missing.is_some() {
            wrong.push_str(&format!("$ {line}\n{said}[exit {code:?}, missing: {missing:?}]\n\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
