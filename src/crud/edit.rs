//! `--edit`: create and update through a form in the user's editor.

use anyhow::Result;

use super::context::Context;
use super::form::{self, FormLine};
use super::gate;
use super::invocation::Invocation;
use super::leaf::FieldTexts;
use super::parse::{is_of_the_act, mendable, parse};
use super::write::{Change, ChangedRecord, Create, Created, Target, tell_changed, tell_created};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Field, Record};
use crate::model::trail::audit::Action;
use crate::store::records;
use crate::ui::editor::Draft;

/// `$VISUAL`, `$EDITOR`, or vi where there is a terminal to run it on.
fn editor(context: &Context<'_>) -> Result<String, Problem> {
    if context.ui.style.no_input {
        return Err(Problem::usage("--edit asks for input, and --no-input forbids it").hint("give the values as flags"));
    }
    let named = ["VISUAL", "EDITOR"].iter().filter_map(|v| context.env.get(*v)).find(|v| !v.trim().is_empty());
    match named {
        Some(command) => Ok(command.clone()),
        None if context.ui.io().stdin_is_terminal && context.ui.io().stderr_is_terminal => Ok("vi".into()),
        None => Err(Problem::usage("--edit finds no editor, and no terminal to run vi on")
            .hint("name one in VISUAL or EDITOR, or give the values as flags")),
    }
}

/// What the form is for.
enum FormPurpose<'a> {
    Create {
        org: Option<i32>,
    },
    /// Bound to the version that the form shows; with the fields as they are.
    Update {
        before: &'a Record,
        present: Vec<FormLine>,
    },
}

impl FormPurpose<'_> {
    /// The fields that it is made of.
    fn fields(&self, desc: &'static Descriptor) -> Vec<&'static Field> {
        match self {
            FormPurpose::Create { .. } => desc.settable().collect(),
            FormPurpose::Update { .. } => desc.changeable().collect(),
        }
    }
}

/// What came of a form that was handed in.
enum FormOutcome {
    Made(Box<Created>),
    Changed(Vec<ChangedRecord>),
    /// Nothing differs.
    Same,
    /// The user can mend it.
    Wrong(Vec<Problem>),
}

/// `create --edit`, and of what is one per owner `update --edit` where nothing is stored.
pub async fn create(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    org: Option<i32>,
    owner: Option<&Record>,
    texts: &FieldTexts,
) -> Result<()> {
    let place = match org {
        Some(org) => format!(" in {}", records::org_code(s.db().await?, org).await?),
        None => String::new(),
    };
    let header = [
        format!("A new {}{place}. Fill in, save and close the editor.", desc.noun),
        "Saved as it is, or emptied, nothing is made. Lines that begin with # don't count.".into(),
    ];
    if desc.is_org() {
        s.use_context_of(SYSTEM).await?;
    }
    let lines = desc.settable().map(|f| {
        let is_owner = desc.owner().is_some_and(|(field, _)| field.column == f.column);
        let owner = owner.filter(|_| is_owner).map(Record::key);
        let given = owner.or_else(|| texts.get(f.name()).map(str::to_owned));
        (f, given.or_else(|| desc.default(f, &s.connection.parsing).map(Into::into)).unwrap_or_default())
    });
    let lines = lines.collect::<Vec<_>>();
    match fill_in(s, desc, &form::write(&header, &lines), &FormPurpose::Create { org }).await? {
        Some(FormOutcome::Made(record)) => tell_created(s, desc, org, &record).await,
        _ => Err(Problem::failed("the form was not filled in; nothing was made").into()),
    }
}

/// `update KEY --edit`.
pub async fn update(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    before: &Record,
    texts: &FieldTexts,
) -> Result<()> {
    let header = [
        format!("{}, version {}. Change, save and close the editor.", before.title(), before.meta.version),
        "Saved as it is, or emptied, nothing is changed. Lines that begin with # don't count.".into(),
        "\"\" clears a field; one whose line is taken out stays as it is.".into(),
    ];
    let mut present = Vec::new();
    for field in desc.changeable() {
        present.push((field, shown(s, before, field).await?));
    }
    // What flags say is filled in beforehand.
    let given = |(f, text): &FormLine| (*f, texts.get(f.name()).unwrap_or(text).to_owned());
    let lines = present.iter().map(given).collect::<Vec<_>>();
    match fill_in(s, desc, &form::write(&header, &lines), &FormPurpose::Update { before, present }).await? {
        Some(FormOutcome::Changed(changed)) => tell_changed(s, desc, &changed, Action::Update).await,
        _ => {
            s.context.ui.status("nothing was changed");
            Ok(())
        }
    }
}

/// A field as the form shows it: a reference by the key of what it points at.
async fn shown(s: &mut Invocation<'_>, record: &Record, field: &Field) -> Result<String> {
    let value = record.get(field.column);
    let (Some(target), Some(id)) = (field.target(), value.as_uuid()) else {
        return Ok(value.to_text());
    };
    let pointed = records::load(s.db().await?, target, record.meta.org_id, id).await?;
    Ok(pointed.map_or_else(|| value.to_text(), |r| r.key()))
}

/// Opens the form, again where it was wrong, until it is right or given up; nothing where it was left as it was.
async fn fill_in(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    blank: &str,
    work: &FormPurpose<'_>,
) -> Result<Option<FormOutcome>> {
    let ui = &s.context.ui;
    let editor = editor(s.context)?;
    let draft = Draft::new(&format!("{}.toml", desc.noun))?;
    let mut text = blank.to_owned();
    let mut wrong: Vec<Problem> = Vec::new();
    loop {
        let offered = form::with_problems(&wrong, &text);
        let left = ui.edit(&editor, &draft, &offered).await?;
        if left == offered || form::is_blank(&left) {
            // Left as it was, a form that was wrong is still wrong.
            return wrong.into_iter().next().map_or(Ok(None), |p| Err(p.into()));
        }
        text = form::without_problems(&left).to_owned();
        wrong = match hand_in(s, desc, work, &text).await {
            Ok(FormOutcome::Wrong(problems)) => problems,
            Ok(done) => return Ok(Some(done)),
            // What was typed is not lost to somebody else's change, or to a server that went away.
            Err(e) => return Err(with_hint(gate::in_words(s, e), draft, &text)),
        };
        let Some(first) = wrong.first().cloned() else { return Ok(None) };
        if !ui.style.interactive {
            return Err(Problem::joined(wrong).unwrap_or(first).into());
        }
        for problem in &wrong {
            ui.warn(&problem.sentence);
        }
        if !ui.yes("edit again?", true).await? {
            return Err(first.into());
        }
    }
}

/// Says where the text is kept.
fn with_hint(e: anyhow::Error, draft: Draft, text: &str) -> anyhow::Error {
    let Ok(path) = draft.keep(text) else { return e };
    let hint = format!("what you wrote is kept in {}", path.display());
    match e.downcast::<Problem>() {
        Ok(problem) => problem.hint(hint).into(),
        Err(e) => Problem::failed(e.to_string()).hint(hint).into(),
    }
}

/// Reads the form and does what it says, through the gate.
async fn hand_in(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    work: &FormPurpose<'_>,
    text: &str,
) -> Result<FormOutcome> {
    let fields = work.fields(desc);
    let lines = match form::read(&fields, text) {
        Ok(lines) => lines,
        Err(problems) => return Ok(FormOutcome::Wrong(problems)),
    };
    let org = match work {
        FormPurpose::Create { org } => *org,
        FormPurpose::Update { before, .. } => (!desc.is_org()).then_some(before.meta.org_id),
    };
    let (mut set, mut wrong) = (Vec::new(), Vec::new());
    for field in fields {
        let line = lines.iter().find(|(f, _)| f.name() == field.name()).map(|(_, text)| text.as_str());
        let text = match (line, work) {
            // What is not touched is not read: it may be older than a rule.
            (Some(text), FormPurpose::Update { present, .. })
                if present.iter().any(|(f, t)| f.name() == field.name() && t == text) =>
            {
                continue;
            }
            (Some(text), _) => text,
            (None, FormPurpose::Create { .. }) if field.must_be_given() => "",
            (None, _) => continue,
        };
        match parse(s, desc, field, org, text).await {
            Ok(value) => {
                if matches!(work, FormPurpose::Update { .. }) {
                    is_of_the_act(s, desc, field, &value)?;
                }
                set.push((field.column.to_owned(), value));
            }
            Err(e) => wrong.push(mendable(e)?),
        }
    }
    if !wrong.is_empty() {
        return Ok(FormOutcome::Wrong(wrong));
    }
    let done = match work {
        FormPurpose::Create { org } => gate::write(s, &Create { noun: desc.noun.into(), org: *org, values: set })
            .await
            .map(|made| FormOutcome::Made(Box::new(made))),
        FormPurpose::Update { .. } if set.is_empty() => return Ok(FormOutcome::Same),
        FormPurpose::Update { before, .. } => {
            let targets = vec![Target::as_seen(before)];
            let change = Change { noun: desc.noun.into(), targets, set, action: Action::Update };
            gate::write(s, &change).await.map(FormOutcome::Changed)
        }
    };
    let e = match done {
        Ok(done) => return Ok(done),
        Err(e) => e,
    };
    if let FormPurpose::Update { before, .. } = work {
        let now = records::load(s.db().await?, desc, before.meta.org_id, before.meta.id).await?;
        if now.is_none_or(|now| !Target::as_seen(before).is_met_by(&now)) {
            return Err(e);
        }
    }
    Ok(FormOutcome::Wrong(vec![mendable(e)?]))
}
