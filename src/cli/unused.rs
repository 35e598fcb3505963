//! Options that hold for every command, given to one that has no use for them: refused, not passed over.
//!
//! Only what stands on the command line: a variable or a file speaks to all commands at once.

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::model::kinds::Kinds;
use crate::model::problem::Problem;

/// Verbs of one noun, or of every resource where none is named; `*` are all of them.
type Verbs = &'static [(&'static str, &'static [&'static str])];

/// What is about the installation, a file or nothing at all.
const WITHOUT_ORG: Verbs = &[
    ("", &["init", "doctor", "demo", "permissions"]),
    ("user", &["whoami"]),
    ("kyc", &["validate", "match"]),
    ("audit", &["keygen", "pubkey", "check-proof"]),
    ("role template", &["list"]),
    ("backup", &["*"]),
    ("db", &["*"]),
    // `config show` shows them all.
    ("config", &["path"]),
];

/// Of organisations, the verbs for which `--org` names one: whose trail, and which one goes.
const WITH_ORG_OF_ORGS: &[&str] = &["history", "purge"];

/// What prints no columns, or always the same.
const WITHOUT_COLUMNS: Verbs = &[
    ("", &["init", "demo"]),
    ("*", &["delete", "purge", "import", "exists", "stats", "prune"]),
    ("branch", &["tree"]),
    ("role", &["check", "explain", "revoke"]),
    ("kyc", &["match"]),
    (
        "user",
        &[
            "invite",
            "uninvite",
            "reports",
            "passwd",
            "check-password",
            "dossier",
            "whoami",
            "assign-branch",
            "unassign-branch",
            "merge",
        ],
    ),
    (
        "audit",
        &[
            "stats",
            "show",
            "verify",
            "append",
            "archive",
            "erase",
            "keygen",
            "pubkey",
            "checkpoint",
            "prove",
            "check-proof",
        ],
    ),
    ("audit log", &["prune"]),
    ("backup", &["create", "restore", "verify", "drill", "status"]),
    ("db", &["*"]),
    ("config", &["path"]),
];

/// What tells what it did, and has no rows or keys to give.
const WITHOUT_ROWS: Verbs = &[
    ("", &["init"]),
    ("*", &["delete", "purge", "exists", "import", "prune"]),
    ("user", &["assign-branch", "unassign-branch", "merge", "passwd", "check-password"]),
    ("role", &["check", "explain", "revoke"]),
    ("kyc", &["match"]),
    (
        "audit",
        &[
            "append",
            "archive",
            "erase",
            "correct-clock",
            "verify",
            "keygen",
            "pubkey",
            "checkpoint",
            "prove",
            "check-proof",
        ],
    ),
    ("audit log", &["prune"]),
    ("backup", &["create", "restore", "verify", "drill", "hold", "release", "forget"]),
    ("db", &["migrate", "rollback", "reset", "repair", "copy", "check", "grants", "seed"]),
    ("config", &["path"]),
];

/// What writes outside the database, and has no steps to tell.
const WITHOUT_DRY_RUN: Verbs = &[("", &["demo"]), ("audit", &["prove"])];

fn is_among(kinds: Kinds, verbs: Verbs, noun: &str, verb: &str) -> bool {
    verbs.iter().any(|(n, list)| {
        let same_noun = *n == noun || (*n == "*" && kinds.by_noun(noun).is_some());
        same_noun && list.iter().any(|v| *v == verb || *v == "*")
    })
}

/// Whether a command prints columns to choose from.
pub fn takes_columns(kinds: Kinds, noun: &str, verb: &str) -> bool {
    !is_among(kinds, WITHOUT_COLUMNS, noun, verb)
}

/// Refuses an option that the command would pass over.
pub fn check(kinds: Kinds, noun: &str, verb: &str, leaf: &ArgMatches) -> Result<(), Problem> {
    let is_given = |option: &str| leaf.value_source(option) == Some(ValueSource::CommandLine);
    let of_orgs = kinds.by_noun(noun).is_some_and(|d| d.is_org()) && !WITH_ORG_OF_ORGS.contains(&verb);
    let command = format!("{noun} {verb}");
    let refuse = |option: &str, why: &str| {
        let sentence = format!("'{}' has no use for --{option}: {why}", command.trim());
        Err(Problem::usage(sentence).hint(format!("leave --{option} out")))
    };
    if is_given("org") && kinds.by_noun(noun).is_some_and(|d| d.is_of_the_installation()) {
        return refuse("org", "its records belong to the installation");
    }
    if is_given("org") && (of_orgs || is_among(kinds, WITHOUT_ORG, noun, verb)) {
        return refuse("org", "it is about no organisation's records");
    }
    if is_given("columns") && is_among(kinds, WITHOUT_COLUMNS, noun, verb) {
        return refuse("columns", "it prints no columns to choose from");
    }
    let format = leaf.get_one::<String>("output").filter(|_| is_given("output"));
    if let Some(format) = format.filter(|f| matches!(f.as_str(), "csv" | "tsv" | "key"))
        && is_among(kinds, WITHOUT_ROWS, noun, verb)
    {
        let sentence = format!("'{}' gives no rows: there is nothing that -o {format} could print", command.trim());
        return Err(Problem::usage(sentence).hint("-o json tells a program what was done"));
    }
    if is_given("dry-run") && is_among(kinds, WITHOUT_DRY_RUN, noun, verb) {
        return refuse("dry-run", "what it does is not undone");
    }
    Ok(())
}
