//! create and update: values from flags, prompts or a form.

use anyhow::Result;

use super::flags::{ChangedFields, Edit, Forced, IfVersion, Named, NewFields};
use super::gate;
use super::invocation::Invocation;
use super::leaf::{KindVerb, flags};
use super::parse::given_of;
use super::read::known_columns;
use super::write::{Change, Create, Target, change, is_version, not_in_system, tell_created};
use super::{edit, owned, prompt};
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::Problem;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Descriptor, Field, examples};
use crate::model::trail::audit::Action;
use crate::model::values::value::Value;

flags! {
    /// The flags of `create`.
    pub struct CreateFlags {
        edit: Edit,
        fields: NewFields,
        force: Forced,
    }
}

impl KindVerb for CreateFlags {
    const VERB: VerbName = VerbName::Create;
    const WRITES: bool = true;

    fn about(desc: &Descriptor) -> String {
        format!("Create {}", desc.indefinite())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("{}\norgctl {} create --edit", examples::create(desc), desc.noun)
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        known_columns(s.context, desc)?;
        let org = match s.the_org_of(desc).await? {
            Some(org) => Some(not_in_system(desc, org)?),
            None => None,
        };
        if self.edit.edit {
            return edit::create(s, desc, org, None, &self.fields.0).await;
        }
        let mut values = given_of(s, desc, desc.settable(), org, &self.fields.0).await?;
        ask_missing(s, desc, desc.settable().filter(|f| f.must_be_given()), org, &mut values).await?;
        let record = gate::write(s, &Create { noun: desc.noun.into(), org, values }).await?;
        tell_created(s, desc, org, &record).await
    }
}

/// Asks for fields that were not given.
pub(super) async fn ask_missing(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    fields: impl Iterator<Item = &'static Field>,
    org: Option<i32>,
    values: &mut Vec<(String, Value)>,
) -> Result<()> {
    for field in fields {
        if desc.is_given(field, |f| values.iter().any(|(c, _)| c == f.column)) {
            continue;
        }
        if !s.context.ui.style.interactive {
            return Err(Problem::usage(format!("the {} of the {} is missing", field.name(), desc.noun))
                .hint(format!("give it with --{} {}", field.name().replace('_', "-"), field.ty.label))
                .field(field.name())
                .into());
        }
        values.push((field.column.to_owned(), prompt::value(s, desc, field, org).await?));
    }
    Ok(())
}

flags! {
    /// The flags of `update`.
    pub struct UpdateFlags {
        named: Named,
        version: IfVersion,
        edit: Edit,
        fields: ChangedFields,
        force: Forced,
    }
}

impl KindVerb for UpdateFlags {
    const VERB: VerbName = VerbName::Update;
    const WRITES: bool = true;

    fn about(desc: &Descriptor) -> String {
        format!("Change fields of {}", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        let (noun, key, change) = (desc.noun, examples::key(desc), examples::change(desc));
        let line = format!("orgctl {noun} update {key}");
        format!("{line} {change}\n{line} {change} --if-version 3\n{line} --edit")
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let given: Vec<_> = desc.changeable().filter(|f| self.fields.0.get(f.name()).is_some()).collect();
        gate::by_its_own(s, desc, &given, &[]).await?;
        let (records, owners) = owned::targets(s, desc, &self.named.key).await?;
        gate::by_its_own(s, desc, &given, &records).await?;
        let count = records.len() + owners.len();
        let version = self.version.if_version;
        if version.is_some() && count > 1 {
            return Err(Problem::usage("--if-version goes with one record").into());
        }
        if self.edit.edit {
            return match (records.as_slice(), owners.as_slice()) {
                ([record], []) => {
                    is_version(record, version)?;
                    known_columns(s.context, desc)?;
                    edit::update(s, desc, record, &self.fields.0).await
                }
                ([], [owner]) => edit::create(s, desc, Some(owner.meta.org_id), Some(owner), &self.fields.0).await,
                _ => Err(Problem::usage("--edit goes with one record").into()),
            };
        }
        if let (Some(version), [owner]) = (version, owners.as_slice()) {
            let sentence = format!("nothing is stored for {}, and nothing has version {version}", owner.title());
            return Err(Problem::conflict(sentence).into());
        }
        // References are looked up in the organisation of the records, which then must be one.
        let org = if desc.is_org() { None } else { records.iter().chain(&owners).next().map(|r| r.meta.org_id) };
        if org.is_some() && records.iter().chain(&owners).any(|r| Some(r.meta.org_id) != org) {
            return Err(Problem::usage("the records belong to several organisations")
                .hint("change those of one at a time")
                .into());
        }
        if desc.is_org() && records.len() > 1 {
            // One text for several organisations, each with its own region: the installation's is meant.
            s.outcome.about = SYSTEM;
        }
        let set = given_of(s, desc, desc.changeable(), org, &self.fields.0).await?;
        if set.is_empty() {
            let flags: Vec<String> = desc.changeable().map(|f| format!("--{}", f.name().replace('_', "-"))).collect();
            return Err(Problem::usage("there is nothing to change")
                .hint(format!("say what: {}", flags.join(" ")))
                .hint("or fill in a form: --edit")
                .into());
        }
        if owners.is_empty() {
            return change(s, desc, &records, version, set, Action::Update).await;
        }
        known_columns(s.context, desc)?;
        let targets = records.iter().map(Target::of).collect();
        let change = Change { noun: desc.noun.into(), targets, set, action: Action::Update };
        owned::keep(s, desc, change, &owners).await
    }
}
