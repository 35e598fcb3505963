//! What the surface promises: layers, permissions, help, completions, classes of tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap_complete::env::Shells;
use orgctl::cli::complete;
use orgctl::cli::program::{Found, Program};
use orgctl::model::kinds::Kinds;
use orgctl::store::schema;

use crate::harness::{golden, root};

/// Every leaf of the command tree names its `resource:action`.
#[test]
fn every_verb_names_its_permission() {
    let mut leaves = 0;
    for noun in Program::default().command().get_subcommands() {
        let mut pairs: Vec<(String, String)> = Vec::new();
        let mut below = vec![(String::new(), noun)];
        while let Some((path, c)) = below.pop() {
            let here = format!("{path} {}", c.get_name()).trim_start().to_owned();
            below.extend(c.get_subcommands().map(|sub| (here.clone(), sub)));
            if !c.has_subcommands() {
                pairs.push((path, c.get_name().to_owned()));
            }
        }
        for (noun, verb) in pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())) {
            let found = Program::default().find(noun, verb).unwrap_or_else(|| panic!("{noun} {verb} leads nowhere"));
            match (noun, verb) {
                // These open no database.
                ("config", _) | ("", "demo" | "permissions") => assert!(matches!(found, Found::Plain(_))),
                // Everybody may ask these.
                ("user", "whoami") | ("kyc", "validate" | "match") => {
                    assert_eq!(found.access().expect("a leaf").permission, "", "{noun} {verb}");
                }
                _ => {
                    let permission =
                        found.access().unwrap_or_else(|| panic!("{noun} {verb} names no permission")).permission;
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

/// Source files with their text.
fn files() -> BTreeMap<String, String> {
    fn walk(dir: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = std::fs::read_to_string(&path).expect("a source file");
                let name = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
                found.insert(name, text);
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&root().join("src"), &mut found);
    found
}

/// The same without what stands in comments.
fn sources() -> BTreeMap<String, String> {
    let code = |text: String| {
        let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        code.join("\n")
    };
    files().into_iter().map(|(name, text)| (name, code(text))).collect()
}

/// The most lines that a function has, with all that is in it.
const LONGEST: usize = 70;

/// The name of the function that a line begins.
fn begun_function(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(public) = rest.strip_prefix("pub") {
        rest = match public.strip_prefix('(') {
            Some(within) => within.split_once(')')?.1,
            None => public,
        };
        rest = rest.strip_prefix(' ')?;
    }
    for word in ["const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// A function is read in one go.
#[test]
fn no_function_is_longer_than_a_screen() {
    let (mut seen, mut too_long) = (0, Vec::new());
    for (file, text) in files() {
        let lines: Vec<&str> = text.lines().collect();
        for (first, line) in lines.iter().enumerate() {
            let Some(name) = begun_function(line) else { continue };
            let indent = &line[..line.len() - line.trim_start().len()];
            let (mut has_body, mut length) = (false, 0);
            for line in &lines[first..] {
                length += 1;
                has_body |= line.contains('{');
                let is_end = line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('}'));
                let is_whole = length == 1 && has_body && line.ends_with('}');
                if is_end || is_whole || (!has_body && line.ends_with(';')) {
                    break;
                }
            }
            seen += 1;
            if length > LONGEST {
                too_long.push(format!("{name} in {file} has {length} lines"));
            }
        }
    }
    assert!(seen > 3000, "{seen} functions");
    assert!(too_long.is_empty(), "{}", too_long.join("\n"));
}

/// DESIGN: floors, arrows point down only.
#[test]
fn arrows_point_down() {
    let below: &[(&str, &[&str])] = &[
        ("model", &[]),
        ("store", &["model"]),
        ("ui", &["model"]),
        ("access", &["model"]),
        ("crud", &["model", "store", "ui", "access"]),
        ("verbs", &["model", "store", "ui", "access", "crud"]),
        ("cli", &["model", "store", "ui", "access", "crud", "verbs"]),
    ];
    let mut seen = 0;
    for (file, text) in sources() {
        let Some((_, allowed)) = below.iter().find(|(floor, _)| file.starts_with(&format!("{floor}/"))) else {
            continue;
        };
        let own = file.split('/').next().expect("a floor");
        for (at, _) in text.match_indices("crate::") {
            let target: String = text[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // `$crate::` in a macro and the two macros at the root are the model's own.
            if target.is_empty() || target == "choice" || target == "resource" || target == own {
                continue;
            }
            assert!(allowed.contains(&target.as_str()), "{file} reaches up to {target}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen} arrows");
}

/// The paths of a `use`, each by itself.
fn paths(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, group)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or(tree).trim().to_owned()];
    };
    let group = group.rsplit_once('}').map_or(group, |(inner, _)| inner);
    let (mut depth, mut items) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        match items.last_mut() {
            Some(item) if c != ',' || depth > 0 => item.push(c),
            _ => items.push(String::new()),
        }
    }
    let items = items.iter().filter(|item| !item.trim().is_empty());
    items.flat_map(|item| paths(item)).map(|path| format!("{before}{path}")).collect()
}

/// The module that a file is.
fn module_of(file: &str) -> String {
    let name = file.trim_end_matches(".rs").replace('/', "::");
    name.trim_end_matches("::mod").to_owned()
}

/// Which modules each uses: by paths that begin at the root, above it or at itself. What it takes from its own by their bare
/// names is not among them.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources();
    let modules: BTreeSet<String> = sources.keys().map(|file| module_of(file)).collect();
    let arrows = sources.iter().map(|(file, text)| {
        let module = module_of(file);
        let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
        let mut used: Vec<String> = code
            .split(';')
            .filter_map(|statement| Some(paths(statement.rsplit_once("use ")?.1)))
            .flatten()
            .map(|path| path.split_whitespace().collect())
            .collect();
        for root in ["crate::", "super::", "self::"] {
            let path = |(at, _): (usize, &str)| {
                code[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()
            };
            used.extend(code.match_indices(root).map(path));
        }
        let absolute = |path: String| -> Option<String> {
            if let Some(path) = path.strip_prefix("crate::") {
                return Some(path.to_owned());
            }
            let (mut at, mut path) = (module.as_str(), path.as_str());
            if let Some(own) = path.strip_prefix("self::") {
                return Some(format!("{at}::{own}"));
            }
            path.starts_with("super::").then_some(())?;
            while let Some(above) = path.strip_prefix("super::") {
                (at, path) = (at.rsplit_once("::").map_or("", |(above, _)| above), above);
            }
            Some(if at.is_empty() { path.to_owned() } else { format!("{at}::{path}") })
        };
        let known = |path: String| {
            let mut path = path.as_str();
            while !modules.contains(path) {
                path = path.rsplit_once("::")?.0;
            }
            Some(path.to_owned())
        };
        let used = used.into_iter().filter_map(absolute).filter_map(known).filter(|to| *to != module).collect();
        (module.clone(), used)
    });
    arrows.collect()
}

/// All that a module uses, and what that uses.
fn reached<'a>(from: &'a str, arrows: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(module) = open.pop() {
        for to in arrows.get(module).into_iter().flatten() {
            if reached.insert(to.as_str()) {
                open.push(to);
            }
        }
    }
    reached
}

/// The rooms of a floor stand in an order too: no file uses one that uses it, by whatever way.
#[test]
fn files_stand_in_no_circle() {
    // What a kind is, what its fields hold, what is set for it and what is recorded of it are said by each other.
    let declared = [
        "model::kinds",
        "model::resource",
        "model::setting",
        "model::trail::audit",
        "model::values::permission",
        "model::values::s",
    ];
    let arrows = arrows();
    let mut seen = 0;
    for module in arrows.keys() {
        let around = reached(module, &arrows);
        seen += around.len();
        let is_declared = declared.iter().any(|part| module.starts_with(part));
        assert!(is_declared || !around.contains(module.as_str()), "{module} uses itself by way of others");
    }
    assert!(seen > 1000, "{seen} ways");
    // The test would see one.
    assert!(reached("model::resource", &arrows).contains("model::resource"));
}

/// Only `store` knows SQL's driver, only `ui` the terminal, and only the gate lets a transaction be opened.
#[test]
fn what_belongs_to_one_floor_stays_there() {
    let only: &[(&str, &[&str])] = &[
        ("sqlx::", &["store/"]),
        ("rusqlite::", &["store/"]),
        ("(unsafe_code", &["store/engine/sqlite_raw.rs"]),
        ("Permit::issue", &["crud/gate.rs"]),
        ("Tx::begin", &["crud/gate.rs"]),
        // What sees past the scope of who asks: the table itself, and what is checked.
        (
            "main_schema()",
            &[
                "store/engine/db.rs",
                "store/reader.rs",
                "store/as_of/mod.rs",
                "store/records/mod.rs",
                "store/records/among.rs",
            ],
        ),
        (
            ".checking()",
            &[
                "store/access/",
                "store/as_of/mod.rs",
                "store/keys.rs",
                "store/reader.rs",
                "store/records/any.rs",
                "store/records/settings.rs",
                "crud/remove.rs",
            ],
        ),
        ("sees_all", &["store/engine/db.rs", "store/tx.rs"]),
        // The store has variants for what is decided on.
        ("downcast", &["store/error.rs", "crud/", "verbs/", "cli/"]),
        // A flag is a field: what else looks for it by its name may misspell it.
        ("ArgMatches", &["cli/", "crud/leaf.rs"]),
        ("from_arg_matches", &["cli/", "crud/leaf.rs"]),
        ("println!", &[]),
        ("dialoguer::", &["ui/"]),
        ("comfy_table::", &["ui/"]),
        ("indicatif::", &["ui/"]),
        ("process::exit", &["main.rs"]),
        ("Utc::now", &["main.rs"]),
    ];
    for (file, text) in sources() {
        for (word, places) in only {
            let allowed = places.iter().any(|p| file.starts_with(p));
            assert!(allowed || !text.contains(word), "{file} uses {word}");
        }
    }
}

/// Every table that a migration makes has a class, on both engines.
#[test]
fn every_table_has_a_class() {
    let known: Vec<&str> = schema::tables(Kinds::default()).iter().map(|(t, _)| *t).collect();
    for engine in ["sqlite", "postgres"] {
        let mut made = vec!["schema_migrations".to_owned()];
        for entry in std::fs::read_dir(root().join("migrations").join(engine)).expect("migrations") {
            let path = entry.expect("an entry").path();
            if !path.to_string_lossy().ends_with(".up.sql") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a migration");
            let tables =
                text.lines().filter_map(|l| l.strip_prefix("CREATE TABLE ")).filter(|t| !t.starts_with("branches_new"));
            made.extend(tables.map(|t| t.trim_end_matches(" (").to_owned()));
        }
        made.sort();
        let mut expected = known.clone();
        expected.sort_unstable();
        assert_eq!(made, expected, "{engine}");
    }
}

/// Both engines have the same migrations, each with its way back.
#[test]
fn migrations_come_in_fours() {
    let names = |engine: &str| {
        let entries = std::fs::read_dir(root().join("migrations").join(engine)).expect("migrations");
        let mut names: Vec<String> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    for name in names("sqlite").iter().filter(|n| n.ends_with(".up.sql")) {
        assert!(names("sqlite").contains(&name.replace(".up.", ".down.")), "{name} has no way back");
    }
}

/// What the reference of a kind with states draws of them.
pub fn states_of(program: Program, noun: &str) -> String {
    let states = program.kinds.by_noun(noun).and_then(|d| d.states);
    states.map_or(String::new(), |(_, states)| format!("\n## States\n\n```mermaid\n{}```\n", states.diagram()))
}

/// The changelog is put together of a file for each change, so that those who work at the same time don't meet in it: of a
/// release a folder, of a heading one below it.
#[test]
fn the_changelog_is_its_pieces() {
    fn within(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        paths
    }
    fn title(folder: &Path) -> String {
        let words = folder.file_name().expect("a name").to_string_lossy().replace('-', " ");
        words[..1].to_uppercase() + &words[1..]
    }
    let read = |path: &Path| std::fs::read_to_string(path).expect("a text");
    let mut text = read(&root().join("docs/changelog/head.md"));
    // What is not released comes first, then the releases, the newest first.
    for release in within(&root().join("docs/changelog")).iter().rev().filter(|path| path.is_dir()) {
        text += &format!("\n## {}\n", title(release));
        for heading in within(release) {
            text += &format!("\n### {}\n", title(&heading));
            for change in within(&heading) {
                let lines = read(&change);
                assert!(lines.ends_with('\n') && !lines.contains("\n\n"), "{} is no one item", change.display());
                text += &format!("- {}\n", lines.trim_end().replace('\n', "\n  "));
            }
        }
    }
    golden("docs/CHANGELOG.md", &text);
}

/// The whole help, as reviewed files: one for each noun, and one that names them.
#[test]
fn help_is_the_reference() {
    fn page(text: &mut String, words: &[&str], command: &mut clap::Command) {
        let name = words.join(" ");
        let help = command.render_help().to_string();
        // The global options are the same everywhere: once is enough.
        let own =
            if words.len() == 1 { help.as_str() } else { help.split("\nGlobal options:").next().unwrap_or_default() };
        let after = help.find("\nExamples:").filter(|_| words.len() > 1).map_or("", |at| &help[at..]);
        let shown: Vec<&str> = own.lines().chain(after.lines()).map(str::trim_end).collect();
        text.push_str(&format!(
            "\n## {name}\n\n```text\n{}\n```\n",
            shown.join("\n").trim_end().replace("\n\n\n", "\n\n")
        ));
        let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
        for sub in names.iter().filter(|_| words.len() > 1) {
            let below = command.find_subcommand_mut(sub).expect("a subcommand");
            page(text, &[words, &[sub.as_str()]].concat(), below);
        }
    }
    let mut root = Program::default().command().term_width(100);
    root.build();
    let mut index =
        "# Reference\n\nEvery command with its help. Made from the program; a test compares it.\n".to_owned();
    page(&mut index, &["orgctl"], &mut root);
    index.push_str("\n## Each command\n\n");
    let mut names = Vec::new();
    for noun in root.get_subcommands_mut() {
        let name = noun.get_name().to_owned();
        let mut text = format!("# orgctl {name}\n");
        page(&mut text, &["orgctl", &name], noun);
        text.push_str(&states_of(Program::default(), &name));
        golden(&format!("docs/reference/{name}.md"), &text);
        index.push_str(&format!("- [{name}](reference/{name}.md)\n"));
        names.push(format!("{name}.md"));
    }
    golden("docs/reference.md", &index);
    for entry in std::fs::read_dir(crate::harness::root().join("docs/reference")).expect("a folder") {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(names.contains(&name), "docs/reference/{name} belongs to no command");
    }
}

/// Help wording: imperative first line without a full stop, and examples for every leaf.
#[test]
fn help_is_worded_as_the_house_words_it() {
    fn walk(name: &str, command: &clap::Command) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.starts_with(char::is_uppercase) && !about.ends_with('.'), "{name}: {about}");
        if command.get_subcommands().next().is_none() {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.starts_with("Examples:\n  orgctl "), "{name} has no examples");
        }
        for arg in command.get_arguments().filter(|a| !matches!(a.get_id().as_str(), "help" | "version")) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let stops = help.ends_with('.') && !help.ends_with("...");
            assert!(!help.is_empty() && !stops, "{name} --{}: {help:?}", arg.get_id());
        }
        for sub in command.get_subcommands() {
            walk(&format!("{name} {}", sub.get_name()), sub);
        }
    }
    walk("orgctl", &Program::default().command());
}

/// What users install: scripts that call the program back for every Tab.
#[test]
fn completions_are_those_of_the_program() {
    for shell in Shells::builtins().iter() {
        let name = match shell.name() {
            "bash" => "orgctl.bash",
            "zsh" => "_orgctl",
            "fish" => "orgctl.fish",
            "elvish" => "orgctl.elv",
            _ => "_orgctl.ps1",
        };
        let text = complete::script(shell, "orgctl").expect("a script");
        golden(&format!("completions/{name}"), &text);
    }
}

#[test]
fn man_pages_are_those_of_the_tree() {
    let made = tempfile::tempdir().expect("a folder");
    clap_mangen::generate_to(Program::default().command(), made.path()).expect("man pages");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(made.path()).expect("man pages") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        golden(&format!("completions/man/{name}"), &std::fs::read_to_string(&path).expect("UTF-8"));
        names.push(name);
    }
    let kept = std::fs::read_dir(root().join("completions/man")).expect("a folder");
    for entry in kept {
        let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(names.contains(&name), "completions/man/{name} belongs to no command");
    }
}

/// What `db check` holds a PostgreSQL database against is what the migrations make.
#[test]
fn the_schema_of_postgresql_is_kept() {
    use orgctl::store::engine::location::{Location, Opening};
    let p = crate::harness::TestEnv::new(crate::harness::Engine::Postgres);
    // Ends with an error while the file is being written anew.
    let _ = p.run("init");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let text = runtime.block_on(async {
        let wait = std::time::Duration::from_secs(5);
        let opening = Opening {
            create: false,
            wait,
            application: "orgctl test".into(),
            variables: Default::default(),
            kinds: Kinds::default(),
            reader: None,
        };
        let location = Location::Postgres(p.url.clone());
        let mut db = orgctl::store::engine::db::Db::open(&location, &opening).await.expect("a connection");
        orgctl::store::schema::catalogue::text(&mut db).await.expect("a catalogue")
    });
    golden("docs/postgres-schema.txt", &text);
}

/// What `db check` and `init` hold an SQLite file against is what the migrations make.
#[test]
fn the_schema_of_sqlite_is_kept() {
    use orgctl::store::engine::db::Db;
    use orgctl::store::engine::location::{Location, Opening};
    let p = crate::harness::TestEnv::new(crate::harness::Engine::Sqlite);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let text = runtime.block_on(async {
        let wait = std::time::Duration::from_secs(5);
        let (variables, kinds) = (Default::default(), Kinds::default());
        let opening = Opening { create: true, wait, application: "orgctl test".into(), variables, kinds, reader: None };
        let db = Db::open(&Location::Sqlite(p.file()), &opening).await.expect("a file");
        schema::to_keep(&db).await.expect("what the migrations make")
    });
    golden("docs/sqlite-schema.txt", &text);
}

/// Two flags the program itself looks for in whatever verb has them: by their ids, which nothing else holds.
#[test]
fn flags_that_the_program_looks_for_have_their_ids() {
    let root = Program::default().command();
    let (mut open, mut seen) = (vec![&root], BTreeMap::new());
    while let Some(c) = open.pop() {
        open.extend(c.get_subcommands());
        for (long, id) in [("force", "force"), ("keep-going", "keep_going")] {
            for arg in c.get_arguments().filter(|a| a.get_long() == Some(long)) {
                assert_eq!(arg.get_id().as_str(), id, "{}", c.get_name());
                *seen.entry(long).or_insert(0) += 1;
            }
        }
    }
    assert!(seen["force"] > 10 && seen["keep-going"] > 50, "{seen:?}");
}
