//! The help of a kind is about that kind: what it tells to try works, and speaks of no other one.

use clap::Command;
use orgctl::cli::program::{Found, Program};
use orgctl::model::resource::Descriptor;
use orgctl::model::resource::verbs::Verbs;

use crate::harness::{Engine, TestEnv};
use crate::own_kinds::PROGRAM;

/// The lines that the help of a verb tells to try.
fn examples(c: &Command) -> Vec<String> {
    let text = c.get_after_help().map(ToString::to_string).unwrap_or_default();
    text.lines().filter_map(|l| l.trim().strip_prefix("orgctl ")).map(str::to_owned).collect()
}

/// The verbs that a kind has in common with others, with their help.
fn common(program: Program, desc: &Descriptor) -> Vec<Command> {
    let tree = program.command();
    let noun = tree.find_subcommand(desc.noun).expect("a noun");
    let is_common = |c: &&Command| matches!(program.find(desc.noun, c.get_name()), Some(Found::Generic(..)));
    noun.get_subcommands().filter(is_common).cloned().collect()
}

fn in_org(desc: &Descriptor) -> &'static str {
    if desc.is_org() { "" } else { " --org SAHYADRI" }
}

/// On the data of the demo.
#[test]
fn what_the_help_tells_to_try_works() {
    let p = TestEnv::new(Engine::Sqlite);
    p.run("init --org-code SAHYADRI --org-name 'Sahyadri Finance'").ok();
    let branches = crate::harness::root().join("docs/examples/branches.csv");
    p.run(&format!("branch import {}", branches.display())).ok();
    // Of two that are joined the example of their kind makes one.
    p.run("role create --code READER --name Reader --org SAHYADRI").ok();
    for desc in Program::default().kinds.resources().filter(|d| d.is_told()) {
        if desc.keys.is_empty() {
            // Nobody makes one, and knows its id.
            continue;
        }
        assert_ne!(desc.examples.key, "", "{}: examples(...) is missing", desc.noun);
        if desc.formerly_of().is_some() {
            p.run("user create --name 'A Rao' --email a.rao@sahyadri.example --org SAHYADRI").ok();
            p.run("user merge a.rao@sahyadri.example asha@sahyadri.example --org SAHYADRI --yes").ok();
            continue;
        }
        // A link is made at the noun of its item, and a setting is set.
        let tree = p.program.command();
        let own = if matches!(desc.verbs, Verbs::Own(_)) { "set" } else { "create" };
        let (noun, verb) = desc.link().map_or((desc.noun, own), |link| (link.item.1.noun, link.assign));
        let found = tree.find_subcommand(noun).and_then(|noun| noun.find_subcommand(verb));
        let Some(verb) = found else {
            // One paper brings a record of both kinds that other verbs make.
            if desc.noun == "kyc" {
                p.run("key init").ok();
                let notice = p.write("notice.txt", "What we do with your papers\n");
                let line = format!(
                    "kyc submit pan asha@sahyadri.example --org SAHYADRI --from - --consent KYC-1 --notice-file {notice} --given-at 1d --channel web --language en"
                );
                p.run_with(&line, "AAPPV8261K\nname: ASHA RAO\n").ok();
            }
            assert!(["kyc", "consent"].contains(&desc.noun), "{}: nothing makes one", desc.noun);
            continue;
        };
        let line = examples(verb)[0].clone();
        let org = if line.contains("--org") { "" } else { in_org(desc) };
        p.run(&format!("{line}{org}")).ok();
    }
    p.wait(8 * 86_400);
    for desc in Program::default().kinds.resources().filter(|d| d.is_told()) {
        let in_org = in_org(desc);
        let is_named = !desc.keys.is_empty();
        if is_named {
            p.run(&format!("{} exists {}{in_org}", desc.noun, desc.examples.key)).ok();
        }
        for verb in common(p.program, desc) {
            if ["create", "delete", "restore", "purge", "deactivate", "revoke", "import"].contains(&verb.get_name())
                || (!is_named && verb.get_name() == "show")
            {
                continue;
            }
            for line in examples(&verb) {
                let (line, _) = line.split_once(" && ").unwrap_or((&line, ""));
                // A form is filled in, a version is another one, and a file would be made here.
                if ["--edit", "--if-version", ".csv"].iter().all(|word| !line.contains(word)) {
                    p.run(&format!("{line}{in_org}")).ok();
                }
            }
        }
    }
}

/// Nothing that the program says of a kind of somebody else's is about one of its own.
#[test]
fn the_help_of_a_kind_speaks_of_that_kind() {
    let keys = Program::default().kinds.resources().map(|d| d.examples.key);
    let own: Vec<&str> = keys.filter(|key| !key.is_empty()).collect();
    for noun in ["ticket", "specialty"] {
        let desc = PROGRAM.kinds.by_noun(noun).expect("a kind");
        for mut verb in common(PROGRAM, desc) {
            for line in examples(&verb) {
                assert!(
                    line.starts_with(&format!("{noun} {}", verb.get_name()))
                        || line == format!("{noun} list --deleted"),
                    "{line}"
                );
            }
            let help = verb.render_long_help().to_string();
            let others = own.iter().copied().filter(|key| *key != desc.examples.key).chain([
                "asha",
                "ravi",
                "raj",
                "branch",
                "department",
                "Emp ID",
                "dob",
                "person",
            ]);
            for word in others {
                assert!(!help.contains(word), "{noun} {} speaks of {word}:\n{help}", verb.get_name());
            }
        }
    }
}
