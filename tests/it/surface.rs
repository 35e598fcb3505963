//! What the surface promises: layers, permissions, help, completions.

use orgctl::cli::tree::{self, Found};

/// Every leaf of the command tree names its `resource:action`.
#[test]
fn every_verb_names_its_permission() {
    let mut leaves = 0;
    for noun in tree::command().get_subcommands() {
        let verbs: Vec<String> = noun.get_subcommands().map(|v| v.get_name().to_owned()).collect();
        let pairs: Vec<(&str, &str)> = match verbs.as_slice() {
            [] => vec![("", noun.get_name())],
            verbs => verbs.iter().map(|v| (noun.get_name(), v.as_str())).collect(),
        };
        for (noun, verb) in pairs {
            let access = tree::find(noun, verb).access();
            match (noun, verb) {
                // These open no database.
                ("config", _) | ("", "demo") => assert!(matches!(tree::find(noun, verb), Found::Plain)),
                _ => {
                    let permission = access.unwrap_or_else(|| panic!("{noun} {verb} names no permission")).permission;
                    let (resource, action) = permission.split_once(':').expect("resource:action");
                    let word = |w: &str| !w.is_empty() && w.chars().all(|c| c.is_ascii_lowercase() || c == '_');
                    assert!(word(resource) && word(action), "{noun} {verb}: {permission}");
                }
            }
            leaves += 1;
        }
    }
    assert!(leaves > 35, "{leaves} leaves");
}
