//! What clap can't read, in one sentence and a hint.

use clap::error::{ContextKind, ContextValue, ErrorKind as ClapErrorKind};

use crate::model::problem::Problem;

/// Whether it is no mistake, but the help or the version.
pub fn is_help(e: &clap::Error) -> bool {
    use ClapErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};
    matches!(e.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand)
}

/// What is wrong with a command line.
pub fn problem_of(e: &clap::Error, words: &[String]) -> Problem {
    let text = e.render().to_string();
    let mut lines = text.lines();
    let mut sentence = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(':').to_owned();
    let listed: Vec<&str> = text.lines().skip(1).take_while(|l| !l.trim().is_empty()).map(str::trim).collect();
    match e.kind() {
        ClapErrorKind::MissingRequiredArgument => sentence = format!("missing: {}", listed.join(", ")),
        // Of several each stands on a line of its own.
        ClapErrorKind::ArgumentConflict if !listed.is_empty() => sentence = format!("{sentence} {}", listed.join(", ")),
        _ => {}
    }
    if let (ClapErrorKind::UnknownArgument, Some(ContextValue::String(word))) =
        (e.kind(), e.get(ContextKind::InvalidArg))
        && may_be_password(word, words)
    {
        let flag = if word.starts_with('-') { format!(" '{word}'") } else { String::new() };
        let problem = Problem::usage(format!("unexpected argument{flag} found"));
        return problem.hint(match words.get(1).is_some_and(|noun| noun == "user") {
            true => "a password is never an argument: 'orgctl user passwd KEY' asks for it, --password-stdin reads it"
                .to_owned(),
            false => {
                let verb = verb_of(words, None).join(" ");
                format!(
                    "a secret is never an argument: 'orgctl {verb} --help' says which flag asks for one or reads it"
                )
            }
        });
    }
    // What a switch was given may be the secret that it would read elsewhere.
    if let (ClapErrorKind::TooManyValues, Some(ContextValue::String(flag))) = (e.kind(), e.get(ContextKind::InvalidArg))
    {
        let flag = flag.split('=').next().unwrap_or_default();
        sentence = format!("'{flag}' takes no value");
    }
    let mut problem = Problem::usage(sentence);
    if let (ClapErrorKind::InvalidValue, Some(ContextValue::Strings(words))) =
        (e.kind(), e.get(ContextKind::ValidValue))
        && !words.is_empty()
    {
        problem = problem.hint(format!("one of: {}", words.join(", ")));
    }
    let mut tips: Vec<String> =
        text.lines().filter_map(|l| l.trim().strip_prefix("tip: ")).map(str::to_owned).collect();
    // A value that begins with a hyphen looks like a flag; clap's own tip makes it a key.
    if let (ClapErrorKind::UnknownArgument, Some(ContextValue::String(word))) =
        (e.kind(), e.get(ContextKind::InvalidArg))
        && word.starts_with('-')
        && !word.starts_with("--")
    {
        tips = vec![format!("where it is the value of a flag, write --FLAG={word}")];
    }
    if tips.is_empty() && e.get(ContextKind::SuggestedSubcommand).is_none() {
        let wrong = match (e.kind(), e.get(ContextKind::InvalidSubcommand)) {
            (ClapErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) => Some(word.as_str()),
            _ => None,
        };
        tips.push(format!("see 'orgctl {}'", [verb_of(words, wrong).as_slice(), &["--help"]].concat().join(" ")));
    }
    for tip in tips {
        problem = problem.hint(tip);
    }
    problem
}

/// The noun and the verb of a command line, as far as they are not what is wrong.
fn verb_of<'w>(words: &'w [String], wrong: Option<&str>) -> Vec<&'w str> {
    let words = words.iter().skip(1).map(String::as_str);
    words.take_while(|w| !w.starts_with('-') && Some(*w) != wrong).take(2).collect()
}

/// Whether a word that is too much may be a password, or the flag for one: then it is not repeated.
fn may_be_password(word: &str, words: &[String]) -> bool {
    match word.strip_prefix("--") {
        Some(flag) => ["pass", "pwd", "secret"].iter().any(|part| flag.contains(part)),
        None => !word.starts_with('-') && words.iter().any(|w| w == "passwd" || w == "user"),
    }
}
