//! A resource is declared once, as a typed struct; the descriptor that generic code reads derives from it.

pub mod derived;
pub mod examples;
pub mod former;
pub mod hold;
pub mod key;
pub mod lifecycle;
pub mod lifetime;
pub mod path;
pub mod protection;
pub mod row_rule;
pub mod states;
pub mod status;
pub mod stored;
pub mod tenancy;
pub mod verbs;

use std::borrow::Cow;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::code_generator::CodeGenerator;
use super::problem::Problem;
use super::setting::Setting;
use super::trail::audit::Action;
use super::values::scalar::{FieldKind, Invalid, ParseContext, Type, at_most, fold, is_comma, is_line_break};
use super::values::unseen::is_blank;
use super::values::value::{Value, ValueType};
use derived::Derived;
use hold::Hold;
use key::Key;
use lifecycle::{EXPIRES, Lifecycle};
use lifetime::{Consequence, Lifetime, TargetEvent};
use path::Path;
use protection::Protection;
use row_rule::RowRule;
use states::States;
use status::Word;
use tenancy::Tenancy;
use verbs::{Link, Verbs};

/// What a field's type can't say. A new mark must serve two resources; otherwise it is a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attr {
    /// Names a record where only one has the value.
    LookupKey,
    /// Set by a verb of its own, never by create and update.
    Managed,
    /// Found by `--search`.
    Search,
    /// Value of a new record where none is given, in its input form.
    Default(&'static str),
    /// Further headers and spellings of earlier systems.
    Alias(&'static [&'static str]),
    /// Made by the program where none is given: a code by a counter of the organisation.
    Generated(CodeGenerator),
    /// How a value is made where none is given and a file asks for that.
    OnRequest(CodeGenerator),
    /// The other fields' texts joined by one blank, by the database itself; given, it is split into them: the first word,
    /// the last word, and the middle between them.
    Concat(&'static [&'static str; 3]),
    /// A part of the joined field of this name.
    PartOf(&'static str),
    /// The field of this name says whether the value was proved to be right; a new value takes that back.
    VerifiedBy(&'static str),
    /// [`Lifetime::Duty`]: what it refers to is in charge. A reference without one of these three protects.
    Duty,
    /// [`Lifetime::Keep`]: history.
    Keep,
    /// [`Lifetime::Within`]: the record is a part of what it refers to.
    Within,
    /// The person whose it is to work on.
    Assignee,
    /// The user who acts, where none is given: nobody, where it is the local operator.
    FromActor,
    /// The time at which the record is made, where none is given.
    FromClock,
    /// Not in a table's default columns: `show`, `--columns` and machine formats have it.
    Hidden,
    /// A reference to whom the record's data is about.
    Subject,
    /// A reference to what is given: where that is inactive it is not given anew unless that is forced, as where it protects.
    InUse,
    /// A reference to what the record is a part of the meaning of: of what is the program's own nobody makes, changes or takes it
    /// away ([`protection`]).
    Defines,
    /// Shown behind the key wherever a record is named: of people the code alone tells nobody anything.
    Title,
    /// A flag that ends by itself, at the time in the field of this name.
    Until(&'static str),
    /// Tells of the flag of this name, and nothing where that says no or has ended.
    Of(&'static str),
    /// A flag whose change a file's record tells under a word of its own: that it says yes, and that it says no.
    Recorded(Action, Action),
    /// Value of a new record where none is given: what the setting of this key says.
    DefaultSetting(&'static str),
    /// Told only to who has this permission of the kind besides: its action.
    ToldBy(&'static str),
    /// Told nowhere: in no output, no filter and no record of the trail. Another field tells that it changed.
    Secret,
}

/// Whose data the records of a kind hold, where no reference of theirs says it ([`Attr::Subject`]). By it the trail finds
/// everything that concerns somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// That of the one that the record is.
    Itself,
    /// Nobody's, and why.
    Nobody(&'static str),
}

/// One stored column of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub column: &'static str,
    /// The column of what it is compared by as a part of a key, where that is not what it holds ([`Field::folds`]).
    pub folded: &'static str,
    pub help: &'static str,
    pub ty: Type,
    pub attrs: &'static [Attr],
}

impl Field {
    /// The name in flags, headers, columns and JSON: the column's, but a reference drops its `_id`.
    pub fn name(&self) -> &'static str {
        match self.ty.role {
            FieldKind::Ref(_) => self.column.strip_suffix("_id").unwrap_or(self.column),
            _ => self.column,
        }
    }
    pub fn has(&self, mark: Attr) -> bool {
        self.attrs.contains(&mark)
    }
    pub fn is_managed(&self) -> bool {
        self.has(Attr::Managed)
    }
    /// Whether it is compared in another form than it is kept in, where it is a part of a key: then it has a column for that.
    pub fn folds(&self) -> bool {
        self.ty.folds() && self.ty.kind == ValueType::Text && self.target().is_none() && self.parts().is_none()
    }
    /// As a part of a key: the column that is compared.
    pub fn key_column(&self) -> &'static str {
        if self.folds() { self.folded } else { self.column }
    }
    /// As a part of a key: a value as that column holds it.
    pub fn key_value(&self, value: &Value) -> Value {
        match value {
            Value::Text(text) if self.folds() => self.ty.fold(text).into_owned().into(),
            value => value.clone(),
        }
    }
    /// How a value is made where none is given.
    pub fn generator(&self) -> Option<CodeGenerator> {
        self.attrs.iter().find_map(|m| if let Attr::Generated(maker) = m { Some(*maker) } else { None })
    }
    /// How a value is made where a file asks for that.
    pub fn generator_on_request(&self) -> Option<CodeGenerator> {
        self.attrs.iter().find_map(|m| if let Attr::OnRequest(maker) = m { Some(*maker) } else { None })
    }
    /// The fields that this one joins.
    pub fn parts(&self) -> Option<&'static [&'static str; 3]> {
        self.attrs.iter().find_map(|m| if let Attr::Concat(parts) = m { Some(*parts) } else { None })
    }
    /// Whether a record must be given a value: it has to have one, and nobody else makes it.
    pub fn must_be_given(&self) -> bool {
        self.ty.required && !self.is_managed() && self.default().is_none() && self.generator().is_none()
    }
    pub fn default(&self) -> Option<&'static str> {
        self.attrs.iter().find_map(|m| if let Attr::Default(d) = m { Some(*d) } else { None })
    }
    /// Whether a value is found where none is given: who acts, or when.
    pub fn is_of_the_act(&self) -> bool {
        self.has(Attr::FromActor) || self.has(Attr::FromClock)
    }
    /// Whether it is kept as ciphertext.
    pub fn is_sealed(&self) -> bool {
        matches!(self.ty.role, FieldKind::Sealed)
    }
    /// Whether it holds several values.
    pub fn is_set(&self) -> bool {
        matches!(self.ty.role, FieldKind::Set)
    }
    /// The setting that says the value of a new record where none is given.
    pub fn default_setting(&self) -> Option<&'static str> {
        self.attrs.iter().find_map(|m| if let Attr::DefaultSetting(key) = m { Some(*key) } else { None })
    }
    /// Where a flag that ends by itself has its end.
    pub fn ends(&self) -> Option<&'static str> {
        self.attrs.iter().find_map(|m| if let Attr::Until(end) = m { Some(*end) } else { None })
    }
    /// The flag that this field tells of.
    pub fn tells_of(&self) -> Option<&'static str> {
        self.attrs.iter().find_map(|m| if let Attr::Of(flag) = m { Some(*flag) } else { None })
    }
    /// The words under which a file's record tells that the flag says yes, and no.
    pub fn recorded(&self) -> Option<(Action, Action)> {
        let declared =
            self.attrs.iter().find_map(|m| if let Attr::Recorded(on, off) = m { Some((*on, *off)) } else { None });
        declared.or((self.column == IS_ACTIVE).then_some((Action::Activate, Action::Deactivate)))
    }
    /// The action of the permission that it is told by, besides that of the record.
    pub fn told_by(&self) -> Option<&'static str> {
        self.attrs.iter().find_map(|m| if let Attr::ToldBy(action) = m { Some(*action) } else { None })
    }
    /// The kind that this field points at.
    pub fn target(&self) -> Option<&'static Descriptor> {
        if let FieldKind::Ref(target) = self.ty.role { Some(target()) } else { None }
    }
    /// How a reference lives with what it refers to.
    pub fn lifetime(&self) -> Lifetime {
        let said = self.attrs.iter().find_map(|mark| match mark {
            Attr::Duty => Some(Lifetime::Duty),
            Attr::Keep => Some(Lifetime::Keep),
            Attr::Within => Some(Lifetime::Within),
            _ => None,
        });
        said.unwrap_or(Lifetime::Protects)
    }
    /// Whether a record that is inactive is referred to by it no more, unless that is forced.
    pub fn requires_active_target(&self) -> bool {
        let asks = self.lifetime() == Lifetime::Protects || self.has(Attr::InUse);
        asks && self.target().is_some_and(Descriptor::can_be_inactive)
    }
    /// Words that a header may use for this field, besides its name.
    pub fn aliases(&self) -> &'static [&'static str] {
        self.attrs.iter().find_map(|m| if let Attr::Alias(a) = m { Some(*a) } else { None }).unwrap_or(&[])
    }
    /// Parses input for this field. Blank input clears an optional field and is refused for a required one.
    pub fn parse(&self, text: &str, context: &ParseContext) -> Result<Value, Problem> {
        let wrong = |why: String| Problem::invalid(format!("{} {why}", self.name())).field(self.name());
        if let Some(at) = text.find('\0') {
            return Err(wrong(format!("must not hold a NUL character (byte {})", at + 1)));
        }
        if is_blank(text) {
            return if self.ty.required {
                Err(wrong("must not be empty".into()))
            } else {
                Ok(Value::Null(self.ty.kind))
            };
        }
        if !self.ty.multiline && text.trim().contains(is_line_break) {
            return Err(wrong("must be one line".into()));
        }
        let unset =
            !self.ty.required && self.ty.kind == ValueType::Int && matches!(fold(text).as_str(), "none" | "unlimited");
        if unset {
            return Ok(Value::Null(self.ty.kind));
        }
        // What the clock gives where nobody says it has been: no span from now tells it.
        let context = match self.has(Attr::FromClock) && context.now.is_some() {
            true => Cow::Owned(ParseContext { now: None, ..context.clone() }),
            false => Cow::Borrowed(context),
        };
        let value = (self.ty.parse)(text, &context).map_err(wrong)?;
        if self.parts().is_some() {
            split_name(&value.to_text()).map_err(wrong)?;
        }
        Ok(value)
    }

    /// Whether it tells when something ends, which is to come as a rule: a span of time is then one from now.
    pub fn is_to_come(&self) -> bool {
        self.ty.kind == ValueType::Time && (self.column == EXPIRES || self.tells_of().is_some())
    }

    /// Whether it is put together of others of which one must be given.
    pub fn is_needed_for(&self, desc: &Descriptor) -> bool {
        self.parts().into_iter().flatten().any(|part| desc.field(part).is_some_and(Field::must_be_given))
    }

    /// A value as records hold it: a name in parts, joined.
    pub fn comparable(&self, value: &Value) -> String {
        let text = value.to_text();
        match self.parts() {
            Some(_) => {
                split_name(&text).map_or(text, |parts| parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
            }
            None => text,
        }
    }

    /// Whether a stored value keeps the field's limits: the same that the database holds it to.
    fn fits(&self, value: &Value) -> Result<(), Problem> {
        let fits = match value {
            Value::Null(_) if self.ty.required => Err("must not be empty".into()),
            Value::Text(text) if text.is_empty() => Err("must not be empty".into()),
            Value::Text(text) if self.ty.max > 0 => at_most(text, self.ty.max),
            Value::Date(day) if !YEARS.contains(&day.year()) => Err("must be a day of the years 1000 to 9999".into()),
            Value::Time(time) if !YEARS.contains(&time.year()) => {
                Err("must be a time of the years 1000 to 9999".into())
            }
            _ => Ok(()),
        };
        fits.map_err(|why: Invalid| Problem::invalid(format!("{} {why}", self.name())).field(self.name()))
    }
}

/// The column that says whether a record is in use, where a kind has it.
pub const IS_ACTIVE: &str = "is_active";

/// The column that holds what people call a record, where a kind has it.
pub const NAME: &str = "name";

/// Years that all programs read in the same way: four digits.
pub const YEARS: std::ops::RangeInclusive<i32> = 1000..=9999;

/// What records have of another kind by links of a third: a column that gives all of it. A file gives them in one cell, with
/// `;` between, and so does an export; the links are what is kept.
#[derive(Debug)]
pub struct List {
    /// In headers, columns and JSON: `branches`.
    pub name: &'static str,
    pub help: &'static str,
    /// Headers of earlier systems.
    pub aliases: &'static [&'static str],
    /// Headers of ids of another program, which say it where no word does.
    pub ids: &'static [&'static str],
    /// Headers of yes and no, and the member that a yes gives.
    pub flags: &'static [(&'static str, &'static str)],
    /// Headers of what says in words of its own what one member is: one that is like it is meant, or is made.
    pub described: &'static [(&'static str, Describe)],
    /// The field that tells the first, which the links flag; the record itself does not keep it.
    pub first: Option<&'static str>,
    /// The kind of the links. By a function, for that kind refers to this one.
    pub of: fn() -> &'static Descriptor,
}

/// What a cell says of a member that it describes, each in one spelling; none where it says nothing.
pub type Describe = fn(&str) -> Result<Option<String>, String>;

impl List {
    /// Whether a header names the list.
    pub fn is_named(&self, header: &str) -> bool {
        let header = fold(header);
        std::iter::once(&self.name).chain(self.aliases).any(|name| fold(name) == header)
    }
    /// Whether a header names ids of its members in another program.
    pub fn is_named_by_id(&self, header: &str) -> bool {
        self.ids.iter().any(|name| fold(name) == fold(header))
    }
    /// The member that a yes under a header gives.
    pub fn flagged(&self, header: &str) -> Option<&'static str> {
        self.flags.iter().find(|(name, _)| fold(name) == fold(header)).map(|(_, member)| *member)
    }
    /// How a cell under a header describes a member.
    pub fn describing(&self, header: &str) -> Option<Describe> {
        self.described.iter().find(|(name, _)| fold(name) == fold(header)).map(|(_, describe)| *describe)
    }
    /// The kind of the links.
    pub fn desc(&self) -> &'static Descriptor {
        (self.of)()
    }
    /// Its links; none where the kind is none of links, which [`Kinds::faults`](crate::model::kinds::Kinds::faults) tells.
    pub fn link(&self) -> Option<Link> {
        self.desc().link()
    }
    /// The reference of a link to the member, and the one to whose it is.
    pub fn ends(&self) -> (&'static str, &'static str) {
        self.link().map_or(("", ""), |link| (link.item.0.column, link.other.0.column))
    }
    /// The flag of the first among the links of one record.
    pub fn flag(&self) -> Option<&'static str> {
        let owner = self.link()?.other.0.column;
        self.desc().rules.iter().find_map(|rule| match rule {
            RowRule::AtMostOne(flag, per) if *per == [owner] => Some(*flag),
            _ => None,
        })
    }
    /// The parts of the links' key that narrow them: such as have one are in no list.
    pub fn narrowed_by(&self) -> impl Iterator<Item = &'static Field> {
        self.link().into_iter().flat_map(Link::named_by)
    }
}

/// Examples of a kind, for its help: they hold for the data of the demo.
#[derive(Debug, Clone, Copy)]
pub struct Examples {
    /// A key.
    pub key: &'static str,
    /// Words that find some.
    pub find: &'static [&'static str],
    /// The flags of a new one.
    pub create: &'static str,
}

/// What generic code knows of a resource.
#[derive(Debug)]
pub struct Descriptor {
    /// Singular, as on the command line: `branch`.
    pub noun: &'static str,
    /// Another noun of earlier systems (`school`), also accepted as the prefix of headers.
    pub alias: Option<&'static str>,
    /// Table, and the resource word of permissions: `branches`.
    pub table: &'static str,
    pub help: &'static str,
    pub fields: &'static [Field],
    pub lists: &'static [List],
    /// The names of the fields of each key ([`Descriptor::key`]); the first key is the one that is shown.
    pub keys: &'static [&'static [&'static str]],
    pub subject: Subject,
    /// What one is called, and several, where that is not the noun and the table.
    pub called: Option<(&'static str, &'static str)>,
    /// Columns of earlier systems that files have and that fill nothing, in lists that kinds share.
    pub unfilled: &'static [&'static [&'static str]],
    pub verbs: Verbs,
    pub examples: Examples,
    /// What its records must keep to, over several fields or records.
    pub rules: &'static [RowRule],
    /// The words of its status, where it declares them; [`Descriptor::status_words`] says which hold.
    pub status: &'static [Word],
    /// How long its records live, and whether they are recorded.
    pub lifecycle: Lifecycle,
    pub tenancy: Tenancy,
    /// The ways to the branches and departments that its records belong to.
    pub path: Path,
    /// Columns that are never stored.
    pub derived: &'static [Derived],
    /// What is told of a record that one refers to: the name of the column, the reference, and the field there, which a list tells
    /// (a KYC record is told with its person's own branch).
    pub told_with: &'static [(&'static str, &'static str, &'static str)],
    /// Whether who has no record of the kind is told of as if one with the defaults were stored: of what each owner has one of.
    pub has_defaults: bool,
    /// The field that holds its records' state, and the states there are.
    pub states: Option<(&'static str, &'static States)>,
    /// The kind whose records are former keys of its own ([`former`]).
    pub former_keys: Option<fn() -> &'static Descriptor>,
    /// Which of its records are the program's own.
    pub protection: Option<Protection>,
    /// Fields that have a permission of their own to change them, by its action.
    pub changed_alone: Option<(&'static str, &'static [&'static str])>,
    /// How many days its rows are kept at most: of a journal, which lets them go by that.
    pub retention: Option<Setting<u32>>,
    /// How long its records must be kept, whoever wants them to go.
    pub hold: Option<Hold>,
    /// The word under which changes of its records are recorded, where that is not what is done to the row.
    pub recorded: Option<Action>,
    /// Whether its records are the organisation's own as its fields are: they keep nobody from deleting it, hold on while it is
    /// deleted, and are purged with it.
    pub is_of_the_org: bool,
    /// What breaks the rules that hold between fields of one record.
    pub check: fn(&Record, NaiveDate) -> Vec<Problem>,
}

impl PartialEq for Descriptor {
    fn eq(&self, other: &Self) -> bool {
        self.noun == other.noun
    }
}

/// The words that a declaration may have behind its table, each given by its name: `aka("school")`, `subject(Itself)`.
impl Descriptor {
    /// A kind that says nothing of itself; only declarations begin with it.
    #[doc(hidden)]
    pub const PLAIN: Descriptor = Descriptor {
        noun: "",
        alias: None,
        table: "",
        help: "",
        fields: &[],
        lists: &[],
        keys: &[],
        subject: Subject::Nobody(""),
        called: None,
        unfilled: &[],
        verbs: Verbs::All,
        examples: Examples { key: "", find: &[], create: "" },
        rules: &[],
        status: &[],
        lifecycle: Lifecycle::SoftDelete,
        tenancy: Tenancy::Org,
        path: Path { branch: &[], department: &[] },
        derived: &[],
        told_with: &[],
        has_defaults: false,
        states: None,
        former_keys: None,
        protection: None,
        changed_alone: None,
        retention: None,
        hold: None,
        recorded: None,
        is_of_the_org: false,
        check: |_, _| Vec::new(),
    };
    /// Fields that may be changed by a permission of their own, where all may not: its action, and their columns.
    pub const fn changed_alone(self, action: &'static str, columns: &'static [&'static str]) -> Descriptor {
        Descriptor { changed_alone: Some((action, columns)), ..self }
    }
    /// Another noun of earlier systems.
    pub const fn aka(self, alias: &'static str) -> Descriptor {
        Descriptor { alias: Some(alias), ..self }
    }
    /// Whose data its records hold, where no reference says it.
    pub const fn subject(self, subject: Subject) -> Descriptor {
        Descriptor { subject, ..self }
    }
    /// What one is called in sentences, and several of them.
    pub const fn called(self, one: &'static str, several: &'static str) -> Descriptor {
        Descriptor { called: Some((one, several)), ..self }
    }
    /// Columns that exports of earlier systems have and that fill nothing: an import passes over them, and says so.
    pub const fn unfilled(self, headers: &'static [&'static [&'static str]]) -> Descriptor {
        Descriptor { unfilled: headers, ..self }
    }
    /// The verbs that it has of those that kinds have in common; without this word all.
    pub const fn verbs(self, verbs: Verbs) -> Descriptor {
        Descriptor { verbs, ..self }
    }
    /// A key, words that find some, and the flags of a new one: the help is about these.
    pub const fn examples(self, key: &'static str, find: &'static [&'static str], create: &'static str) -> Descriptor {
        Descriptor { examples: Examples { key, find, create }, ..self }
    }
    /// What its records must keep to, over several fields or records.
    pub const fn rules(self, rules: &'static [RowRule]) -> Descriptor {
        row_rule::check(self.fields, rules);
        Descriptor { rules, ..self }
    }
    /// The words that the status of its records can be, besides `deleted`, and what makes a record one of them.
    pub const fn status(self, status: &'static [Word]) -> Descriptor {
        Descriptor { status, ..self }
    }
    /// How long its records live; without this word they are deleted and restored.
    pub const fn lifecycle(self, lifecycle: Lifecycle) -> Descriptor {
        Descriptor { lifecycle, ..self }
    }
    /// Whose its records are; without this word each is an organisation's.
    pub const fn tenancy(self, tenancy: Tenancy) -> Descriptor {
        Descriptor { tenancy, ..self }
    }
    /// Columns that are made of what is within its records.
    pub const fn derived(self, derived: &'static [Derived]) -> Descriptor {
        Descriptor { derived, ..self }
    }
    /// What is told of records that its records refer to.
    pub const fn told_with(self, told_with: &'static [(&'static str, &'static str, &'static str)]) -> Descriptor {
        Descriptor { told_with, ..self }
    }
    /// An owner without a record has the defaults: the kind's key is the owner alone.
    pub const fn has_defaults(self) -> Descriptor {
        Descriptor { has_defaults: true, ..self }
    }
    /// The field that holds its records' state, and the states and moves that there are.
    pub const fn states(self, column: &'static str, states: &'static States) -> Descriptor {
        Descriptor { states: Some((column, states)), ..self }
    }
    /// The kind that holds what its records were called before a merge. By a function, for that kind refers to this one.
    pub const fn has_former_keys(self, kind: fn() -> &'static Descriptor) -> Descriptor {
        Descriptor { former_keys: Some(kind), ..self }
    }
    /// The word under which changes of its records are recorded; without this word it tells what is done to the row.
    pub const fn recorded(self, action: Action) -> Descriptor {
        Descriptor { recorded: Some(action), ..self }
    }
    /// Its records are the organisation's own, as its fields are.
    pub const fn of_the_org(self) -> Descriptor {
        Descriptor { is_of_the_org: true, ..self }
    }
    /// What names its records: for each key the names of its fields, the one that is shown first.
    pub const fn keys(self, keys: &'static [&'static [&'static str]]) -> Descriptor {
        Descriptor { keys, ..self }
    }
    /// The setting that says how many days its rows are kept.
    pub const fn retention(self, days: Setting<u32>) -> Descriptor {
        Descriptor { retention: Some(days), ..self }
    }
    /// How long its records must be kept by law.
    pub const fn held(self, hold: Hold) -> Descriptor {
        Descriptor { hold: Some(hold), ..self }
    }
    /// The lists that its records have.
    pub const fn has(self, lists: &'static [List]) -> Descriptor {
        Descriptor { lists, ..self }
    }
}

impl Descriptor {
    /// What one is called in a sentence.
    pub fn singular(&self) -> &'static str {
        self.called.map_or(self.noun, |(one, _)| one)
    }
    /// What one is called where it is any: `an organisation`.
    pub fn indefinite(&self) -> String {
        with_article(self.singular())
    }
    /// What several are called.
    pub fn plural(&self) -> Cow<'static, str> {
        match self.called {
            Some((_, several)) => several.into(),
            None if self.table.contains('_') => self.table.replace('_', " ").into(),
            None => self.table.into(),
        }
    }
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name() == name || f.column == name)
    }
    pub fn index(&self, column: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.column == column)
    }
    /// Where a column is that the kind has. Another one is a mistake of the program, which nothing may pass over: a value
    /// would be read as none, or not be written. What comes from outside is looked up by [`Descriptor::known`].
    #[expect(clippy::panic, reason = "a mistake of the program")]
    fn position(&self, column: &str) -> usize {
        self.index(column).unwrap_or_else(|| panic!("{} has no column {column}", self.noun))
    }
    /// A column by a name that is kept or sent somewhere.
    pub fn known(&self, column: &str) -> Result<&'static Field, Problem> {
        let field = self.index(column).map(|i| &self.fields[i]);
        field.ok_or_else(|| Problem::integrity(format!("{} has no column {column}", self.noun)))
    }
    /// The list of which a field holds the first.
    pub fn list_of(&self, field: &Field) -> Option<&'static List> {
        self.lists.iter().find(|l| l.first == Some(field.column))
    }
    /// Whether its records keep a field: not one that is joined of others, nor one that links tell.
    pub fn keeps(&self, field: &Field) -> bool {
        field.parts().is_none() && self.list_of(field).is_none()
    }
    /// Whether a field is a column of the table, if only one that the database makes.
    pub fn has_column(&self, field: &Field) -> bool {
        self.list_of(field).is_none()
    }
    /// Everything that names a record, in its order.
    pub fn all_keys(&self) -> impl Iterator<Item = Key> + use<> {
        let fields = self.fields;
        self.keys.iter().map(move |names| Key::new(fields, names))
    }
    /// The natural key that lists and messages show.
    pub fn key(&self) -> Key {
        Key::new(self.fields, self.keys.first().copied().unwrap_or_default())
    }
    /// Fields that are a key each, and no reference: their texts name records.
    pub fn key_fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.all_keys().filter_map(|key| key.alone())
    }
    /// Keys that are read part by part: of several fields, or a reference.
    pub fn key_groups(&self) -> impl Iterator<Item = Key> + use<> {
        self.all_keys().filter(|key| key.alone().is_none())
    }
    /// The field whose text is the natural key, where it is one.
    pub fn key_field(&self) -> Option<&'static Field> {
        self.key().alone()
    }
    /// The name of the column that tells the natural key.
    pub fn key_column(&self) -> &'static str {
        match (self.key().only(), self.keys) {
            (Some(field), _) => field.name(),
            (None, []) => "id",
            (None, _) => "key",
        }
    }
    /// Whether a field is a key by itself.
    pub fn is_key(&self, field: &Field) -> bool {
        self.all_keys().any(|key| key.only().is_some_and(|f| f.column == field.column))
    }
    /// Whether a field is a part of a key, and compared there in another form than it is kept in.
    pub fn is_folded(&self, field: &Field) -> bool {
        field.folds() && self.keys.iter().copied().flatten().any(|name| *name == field.name())
    }
    /// Those fields, each with a column for that form.
    pub fn folded(&self) -> impl Iterator<Item = &'static Field> + use<'_> {
        let fields = self.fields;
        fields.iter().filter(|f| self.is_folded(f))
    }
    /// The column by which a value of a field is looked up.
    pub fn compared_column(&self, field: &Field) -> &'static str {
        if self.is_folded(field) { field.folded } else { field.column }
    }
    /// A value as that column holds it.
    pub fn compared(&self, field: &Field, value: &Value) -> Value {
        if self.is_folded(field) { field.key_value(value) } else { value.clone() }
    }
    /// Fields that `create` and `update` may set.
    pub fn settable(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|f| !f.is_managed())
    }
    /// Those of them that `update` may set: whom a record is about stays ([`Record::stays_about`]).
    pub fn changeable(&self) -> impl Iterator<Item = &'static Field> {
        let subject = self.subject_field().map(|f| f.column);
        self.settable().filter(move |f| subject != Some(f.column))
    }
    /// Fields that a record keeps: all but those that the database makes of others, and those that links tell.
    pub fn stored(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().filter(|f| self.keeps(f))
    }
    /// Whether one of the fields with these columns gives `field` a value.
    pub fn is_given(&self, field: &Field, given: impl Fn(&Field) -> bool) -> bool {
        given(field) || self.concat_of(field).is_some_and(given)
    }
    /// The code that is made where none is given, by a counter of the organisation.
    pub fn generated(&self) -> Option<(&'static Field, CodeGenerator)> {
        let is_code = |maker: &CodeGenerator| !matches!(maker, CodeGenerator::Counted(_));
        self.fields.iter().find_map(|f| Some((f, f.generator().filter(is_code)?)))
    }
    /// The code that can be made where none is given: always, or where a file asks for it.
    pub fn code_maker(&self) -> Option<(&'static Field, CodeGenerator)> {
        self.generated().or_else(|| self.fields.iter().find_map(|f| Some((f, f.generator_on_request()?))))
    }
    /// The field that counts the records within another, and the reference to that one.
    pub fn counted(&self) -> Option<(&'static Field, &'static Field)> {
        let counted = |f: &'static Field| {
            if let Some(CodeGenerator::Counted(within)) = f.generator() { Some((f, within)) } else { None }
        };
        let (field, within) = self.fields.iter().find_map(counted)?;
        Some((field, self.field(within)?))
    }
    /// The field that `field` is a part of.
    pub fn concat_of(&self, field: &Field) -> Option<&'static Field> {
        let name = field.attrs.iter().find_map(|m| if let Attr::PartOf(name) = m { Some(*name) } else { None })?;
        self.field(name)
    }
    /// What is wrong with a part, told of the whole where that was given and not the part.
    pub fn as_given(&self, p: Problem, given: impl Fn(&Field) -> bool) -> Problem {
        let part = p.field.and_then(|name| self.field(name)).filter(|f| !given(f));
        let whole = part.and_then(|part| self.concat_of(part)).filter(|whole| given(whole));
        let (Some(part), Some(whole)) = (part, whole) else { return p };
        // Of a name that is empty the first part is not what was asked for.
        let sentence = match p.sentence == format!("{} must not be empty", part.name()) {
            true => format!("{} must not be empty", whole.name()),
            false => format!("{}: {}", whole.name(), p.sentence),
        };
        Problem { sentence, field: Some(whole.name()), ..p }
    }
    /// The fields by which records of this kind stand below each other.
    pub fn trees(&self) -> impl Iterator<Item = &'static Field> {
        self.rules.iter().filter_map(|r| if let RowRule::Tree(column) = r { self.field(column) } else { None })
    }
    /// The field that makes records of this kind a tree.
    pub fn parent(&self) -> Option<&'static Field> {
        self.trees().next()
    }
    /// The reference to whom the data of its records is about.
    pub fn subject_field(&self) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.has(Attr::Subject))
    }
    /// The reference to what a record is told as a part of: a member of one of its lists, a former key, what has no verbs of its
    /// own; and the kind of that.
    pub fn part_of(&'static self) -> Option<(&'static Field, &'static Descriptor)> {
        let within = self.fields.iter().filter(|f| f.lifetime() == Lifetime::Within);
        let mut wholes = within.filter_map(|f| Some((f, f.target()?)));
        wholes.find(|(_, whole)| {
            !self.is_told()
                || whole.lists.iter().any(|list| list.desc() == self)
                || whole.former_keys.is_some_and(|keys| keys() == self)
        })
    }
    /// The reference to the owner of a record, and the kind of that, where an owner without one has the defaults.
    pub fn owner(&self) -> Option<(&'static Field, &'static Descriptor)> {
        let field = self.key().only().filter(|_| self.has_defaults)?;
        Some((field, field.target()?))
    }
    /// The kind that tells whose data its records hold, where that is not somebody but has a subject itself.
    pub fn subject_holder(&self) -> Option<(&'static Field, &'static Descriptor)> {
        let field = self.subject_field()?;
        field.target().filter(|t| t.subject_field().is_some()).map(|t| (field, t))
    }
    /// Whether its records hold the data of records of `person`, by themselves or through others.
    pub fn is_about(&self, person: &Descriptor) -> bool {
        match self.subject_holder() {
            Some((_, holder)) => holder.is_about(person),
            None => self.subject_field().and_then(Field::target) == Some(person),
        }
    }
    /// Whether its records are in use or not.
    pub fn can_be_inactive(&self) -> bool {
        self.index(IS_ACTIVE).is_some()
    }
    /// The words that the status of its records can be, but for those that are deleted; none where it has no status.
    pub fn status_words(&self) -> &'static [Word] {
        match self.status {
            [] if self.can_be_inactive() => status::USE,
            [] if self.ends() && self.index(EXPIRES).is_some() => lifecycle::COURSE_TO_A_DAY,
            [] if self.ends() => lifecycle::COURSE,
            declared => declared,
        }
    }
    /// Whether its records have a status.
    pub fn has_status(&self) -> bool {
        self.states.is_some() || !self.status_words().is_empty()
    }
    /// What becomes of a row that refers by one of its fields, when something happens to the record that it refers to. Who
    /// is in charge of what has states is so only while that is open, and the row outlives the record.
    pub fn effect(&self, field: &Field, event: TargetEvent) -> Consequence {
        match event {
            TargetEvent::Purge if !self.has_foreign_key(field) => Consequence::Stays,
            _ => field.lifetime().effect(event),
        }
    }
    /// Whether the database itself holds that what a field refers to is there.
    pub fn has_foreign_key(&self, field: &Field) -> bool {
        field.lifetime().has_foreign_key() && !self.is_in_charge_while_open(field)
    }
    /// Whether a field says who is in charge of a record, as long as that is open.
    pub fn is_in_charge_while_open(&self, field: &Field) -> bool {
        self.states.is_some() && field.lifetime() == Lifetime::Duty
    }
    /// The field that stands behind the key wherever a record is named.
    pub fn title(&self) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.has(Attr::Title))
    }
    pub fn is_org(&self) -> bool {
        self.noun == "org"
    }
    /// What a new record gets in a field where nothing is given, in its input form: what is declared, or what a setting
    /// says.
    pub fn default(&self, field: &Field, context: &ParseContext) -> Option<Cow<'static, str>> {
        if let Some((_, states)) = self.states.filter(|(column, _)| *column == field.column) {
            return Some(Cow::Borrowed(states.first()));
        }
        match field.default_setting() {
            Some(key) => context.defaults.iter().find(|(k, _)| *k == key).map(|(_, text)| text.clone().into()),
            None => field.default().map(Cow::Borrowed),
        }
    }
    /// Whether a header is one of an earlier system that is known and fills nothing.
    pub fn is_unfilled(&self, header: &str) -> bool {
        let wanted = fold(header);
        let bare =
            [Some(self.noun), self.alias].into_iter().flatten().find_map(|noun| wanted.strip_prefix(&fold(noun)));
        let is_it = |wanted: &str| self.unfilled.iter().copied().flatten().any(|known| fold(known) == wanted);
        is_it(&wanted) || bare.is_some_and(is_it)
    }
    /// The field that a CSV header names: its name, the names of earlier systems, with or without the noun in front
    /// (`branch_name`, `school_name`); case, blanks, `-` and `_` don't count.
    pub fn field_for_header(&self, header: &str) -> Option<&'static Field> {
        let wanted = fold(header);
        let names = |f: &'static Field| {
            let aliases = f.aliases().iter().copied().filter(|alias| !alias.starts_with('_'));
            [f.name(), f.column].into_iter().chain(aliases).map(fold).collect::<Vec<_>>()
        };
        let find = |wanted: &str| self.fields.iter().find(|f| names(f).iter().any(|n| n == wanted));
        // What begins with `_` in another system is not what the rest of it is called here.
        let exact = |f: &&Field| f.aliases().iter().any(|alias| alias.starts_with('_') && *alias == header.trim());
        self.fields.iter().find(exact).or_else(|| find(&wanted)).or_else(|| {
            let nouns = [Some(self.noun), self.alias];
            nouns.into_iter().flatten().find_map(|noun| wanted.strip_prefix(&fold(noun)).and_then(find))
        })
    }
}

/// What every record has besides its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Tenant: SYSTEM is 0.
    pub org_id: i32,
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    /// Actor number.
    pub created_by: i64,
    pub updated_at: DateTime<Utc>,
    pub updated_by: i64,
    /// Optimistic lock, from 1.
    pub version: i64,
    pub deleted_at: Option<DateTime<Utc>>,
    pub deleted_by: Option<i64>,
    /// What one delete took away together comes back together.
    pub deletion_id: Option<Uuid>,
    /// Of a row of a journal: the command that wrote it.
    pub request_id: Option<Uuid>,
}

impl Meta {
    /// Those of a record that is made at a time, by an actor.
    pub fn new(org_id: i32, id: Uuid, at: DateTime<Utc>, by: i64) -> Meta {
        Meta {
            org_id,
            id,
            created_at: at,
            created_by: by,
            updated_at: at,
            updated_by: by,
            version: 1,
            deleted_at: None,
            deleted_by: None,
            deletion_id: None,
            request_id: None,
        }
    }
    /// The primary key.
    pub fn record_id(&self) -> (i32, Uuid) {
        (self.org_id, self.id)
    }
    pub fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }
}

/// One record, untyped: the descriptor's fields in their order.
#[derive(Debug, Clone)]
pub struct Record {
    pub desc: &'static Descriptor,
    pub meta: Meta,
    pub values: Vec<Value>,
    /// The keys of what the references in its natural key refer to, in their order, as they were when it was read. Empty
    /// where nothing is known of it.
    pub referred: Vec<String>,
}

impl Record {
    pub fn new(desc: &'static Descriptor, meta: Meta, values: Vec<Value>) -> Record {
        Record { desc, meta, values, referred: Vec::new() }
    }
    /// What a field holds that the kind has.
    pub fn get(&self, column: &str) -> &Value {
        &self.values[self.desc.position(column)]
    }
    /// What a field holds that not every kind has.
    pub fn find(&self, column: &str) -> Option<&Value> {
        self.desc.index(column).map(|i| &self.values[i])
    }
    /// Whether a field that not every kind has says yes.
    pub fn is_true(&self, column: &str) -> bool {
        self.find(column).and_then(Value::as_bool) == Some(true)
    }
    /// Whether it is in use: a kind that nobody deactivates always is.
    pub fn is_active(&self) -> bool {
        self.find(IS_ACTIVE).and_then(Value::as_bool) != Some(false)
    }
    pub fn set(&mut self, column: &str, value: Value) {
        let i = self.desc.position(column);
        let field = &self.desc.fields[i];
        // What is so already stays as it is: of "Asha Devi Rao" nothing tells whether Devi is a first name too.
        if self.values[i] == value {
            return;
        }
        if let Some(parts) = field.parts() {
            // What can't be split was refused when it was read.
            let split = split_name(&value.to_text()).unwrap_or_default();
            for (part, text) in parts.iter().zip(split) {
                self.set(part, text.into());
            }
            return;
        }
        self.put(column, value);
        for mark in field.attrs {
            if let Attr::VerifiedBy(proof) = mark {
                self.set(proof, false.into());
            }
        }
    }
    /// Sets a field to what it was, and what is joined of it; nothing else follows from that.
    pub fn put(&mut self, column: &str, value: Value) {
        let i = self.desc.position(column);
        let is_changed = self.values[i] != value;
        self.values[i] = value;
        if is_changed && let Some(at) = self.desc.key().references().position(|(f, _)| f.column == column) {
            // What it is called now is not known here.
            self.referred.iter_mut().skip(at).take(1).for_each(String::clear);
        }
        if let Some(parts) = self.desc.concat_of(&self.desc.fields[i]).and_then(|joint| Some((joint, joint.parts()?))) {
            let (joint, parts) = parts;
            let texts: Vec<String> = parts.iter().map(|p| self.get(p).to_text()).filter(|t| !t.is_empty()).collect();
            let joined = (!texts.is_empty()).then(|| texts.join(" "));
            let i = self.desc.position(joint.column);
            self.values[i] = joined.into();
        }
    }
    /// All that is wrong with it by itself. What is held against the rules is what is to be stored: after parsing,
    /// splitting and defaults.
    pub fn faults(&self, today: NaiveDate) -> Vec<Problem> {
        let kept = self.desc.fields.iter().zip(&self.values).filter(|(f, _)| f.parts().is_none());
        let faults: Vec<Problem> = kept.filter_map(|(f, v)| f.fits(v).err()).collect();
        // A record that lacks something can't be asked for more.
        let is_whole = self.desc.fields.iter().zip(&self.values).all(|(f, v)| !(f.ty.required && v.is_null()));
        if !is_whole {
            return faults;
        }
        let broken = self.desc.rules.iter().filter_map(|rule| rule.fault(self));
        let of_check = (self.desc.check)(self, today);
        faults.into_iter().chain(self.faults_of_state()).chain(of_check).chain(broken).collect()
    }
    /// Refuses it with all that is wrong with it by itself.
    pub fn validate(&self, today: NaiveDate) -> Result<(), Problem> {
        Problem::joined(self.faults(today)).map_or(Ok(()), Err)
    }
    /// Whose data it holds, as far as it tells by itself ([`Descriptor::subject_holder`]); nil where it holds nobody's.
    pub fn subject(&self) -> Uuid {
        match (self.desc.subject_field(), self.desc.subject) {
            (Some(field), _) => self.get(field.column).as_uuid().unwrap_or_default(),
            (None, Subject::Itself) => self.meta.id,
            (None, Subject::Nobody(_)) => Uuid::nil(),
        }
    }
    /// Refuses that a record becomes somebody else's: what was recorded of it would be about both, and could be erased of
    /// neither alone. Only a merge lets it go over, to the person that the other one is.
    pub fn stays_about(&self, before: &Record) -> Result<(), Problem> {
        match self.desc.subject_field() {
            Some(field) if self.get(field.column) != before.get(field.column) => {
                let name = field.name();
                Err(Problem::conflict(format!("the {name} of {} can't change: it tells of one {name}", before.title()))
                    .hint(format!("make one of the other {name} instead, and end or delete this one"))
                    .field(name))
            }
            _ => Ok(()),
        }
    }
    /// The names of the fields in which another state of it differs.
    pub fn fields_other_than(&self, other: &Record) -> Vec<&'static str> {
        let values = self.values.iter().zip(&other.values);
        let differ = self.desc.fields.iter().zip(values).filter(|(_, (own, other))| own != other);
        differ.map(|(field, _)| field.name()).collect()
    }
    /// The natural key, as messages name the record.
    pub fn key(&self) -> String {
        if let Some(field) = self.desc.key_field() {
            return self.get(field.column).to_text();
        }
        match self.desc.keys {
            [] => self.meta.id.to_string(),
            _ => key::joined(&self.desc.key().parts().map(|f| self.part(f)).collect::<Vec<_>>()),
        }
    }
    /// A part of a key in words: of a reference the key, where that is known, else the id.
    pub fn part(&self, field: &Field) -> String {
        let value = self.get(field.column);
        let at = self.desc.key().references().position(|(f, _)| f.column == field.column);
        let known = at.and_then(|at| self.referred.get(at)).filter(|key| !value.is_null() && !key.is_empty());
        known.cloned().unwrap_or_else(|| value.to_text())
    }
    /// Whether all that its key tells of others is known.
    pub fn is_called(&self) -> bool {
        let mut referred = self.referred.iter();
        self.desc.key().references().all(|(field, _)| {
            let known = referred.next().is_some_and(|key| !key.is_empty());
            known || self.get(field.column).is_null()
        })
    }
    /// `branch MUM01`, `user 3CZH4Y (Asha Rao)`
    pub fn title(&self) -> String {
        format!("{} {}", self.desc.noun, self.label())
    }
    /// `MUM01`; of a person the name too.
    pub fn label(&self) -> String {
        let name = self.desc.title().map(|f| self.get(f.column).to_text());
        match name.filter(|n| !n.is_empty()) {
            Some(name) => format!("{} ({name})", self.key()),
            None => self.key(),
        }
    }
}

/// What earlier systems write beside any record, and fills nothing ([`Descriptor::unfilled`]).
pub const ROW_HEADERS: &[&str] = &["_id", "__v", "created_at", "updated_at"];

/// A word with its article: `an organisation`.
pub fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// A name in parts: first, middle, last. With one comma the last name stands before it ("Rao, Asha Devi"), the first word
/// behind it is the first name, and what is left the middle. Without one, the first word, the last, and the middle between
/// them; one word is the first.
pub fn split_name(name: &str) -> Result<[Option<String>; 3], Invalid> {
    let parts: Vec<&str> = name.split(is_comma).collect();
    let join = |words: &[&str]| (!words.is_empty()).then(|| words.join(" "));
    let (words, last) = match parts[..] {
        [all] => (all.split_whitespace().collect::<Vec<_>>(), None),
        [last, first] if !is_blank(last) && !is_blank(first) => {
            let last: Vec<&str> = last.split_whitespace().collect();
            (first.split_whitespace().collect(), join(&last))
        }
        [_, _] => {
            let why = "has nothing on one side of its comma; write 'Rao, Asha' or 'Asha Rao'";
            return Err(why.into());
        }
        _ => {
            let why = "has several commas, of which none is sure to stand behind the last name; \
                       give first_name and last_name instead";
            return Err(why.into());
        }
    };
    Ok(match (words.as_slice(), last) {
        ([], last) => [last, None, None],
        ([first, middle @ ..], Some(last)) => [Some((*first).to_owned()), join(middle), Some(last)],
        ([first], None) => [Some((*first).to_owned()), None, None],
        ([first, middle @ .., last], None) => [Some((*first).to_owned()), join(middle), Some((*last).to_owned())],
    })
}

/// A typed resource.
pub trait Resource: Sized + super::values::scalar::Noun {
    const DESCRIPTOR: &'static Descriptor;
    /// `None` where the row does not fit the type, which a checked database never gives.
    fn from_record(record: &Record) -> Option<Self>;
    /// The descriptor's fields in their order.
    fn into_values(self) -> Vec<Value>;
}

/// A field's name without the `r#` that a Rust keyword needs (`r#type`); used by `resource!`.
pub const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Rules that hold between the fields of one record; each resource states its own, if only that it has none.
pub trait Check {
    /// `today` is the day where the operator is.
    fn check(&self, _today: NaiveDate) -> Vec<Problem> {
        Vec::new()
    }
    /// Rules that depend on where the record is besides.
    fn check_placed(&self, _meta: &Meta) -> Vec<Problem> {
        Vec::new()
    }
}

/// Declares a resource: see `branch.rs`.
#[macro_export]
macro_rules! resource {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident $noun:literal in $table:literal $( $word:ident($($said:expr),* $(,)?) )* {
            $( $(#[doc = $help:literal])+ $field:ident : $ty:ty $([ $($attr:expr),* ])? ),* $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $help])+ pub $field: $ty, )*
        }
        impl $crate::model::values::scalar::Noun for $name {
            const NOUN: &'static str = $noun;
        }
        impl $crate::model::resource::Resource for $name {
            const DESCRIPTOR: &'static $crate::model::resource::Descriptor = {
                #[allow(unused_imports)]
                use $crate::model::resource::lifecycle::Lifecycle::*;
                #[allow(unused_imports)]
                use $crate::model::resource::{Descriptor, Field};
                #[allow(unused_imports)]
                use $crate::model::resource::Attr::*;
                #[allow(unused_imports)]
                use $crate::model::resource::Subject::*;
                #[allow(unused_imports)]
                use $crate::model::resource::row_rule::RowRule::*;
                #[allow(unused_imports)]
                use $crate::model::resource::status::Test::*;
                #[allow(unused_imports)]
                use $crate::model::resource::status::Word;
                #[allow(unused_imports)]
                use $crate::model::resource::tenancy::Tenancy;
                #[allow(unused_imports)]
                use $crate::model::resource::verbs::Verbs::*;
                use $crate::model::values::scalar::Scalar;
                const FIELDS: &[Field] = &[$( Field {
                    column: $crate::model::resource::plain(stringify!($field)),
                    folded: $crate::model::resource::plain(concat!(stringify!($field), "_folded")),
                    help: concat!($($help),+).trim_ascii(),
                    ty: <$ty as Scalar>::TYPE,
                    attrs: &[$($($attr),*)?],
                } ),*];
                const PLAIN: Descriptor = Descriptor {
                    noun: $noun,
                    table: $table,
                    help: concat!($($about),+).trim_ascii(),
                    fields: FIELDS,
                    check: |record, today| match $name::from_record(record) {
                        Some(it) => {
                            let mut found = $crate::model::resource::Check::check(&it, today);
                            found.extend($crate::model::resource::Check::check_placed(&it, &record.meta));
                            found
                        }
                        None => vec![$crate::model::problem::Problem::integrity(format!(
                            "{} does not fit its own type", record.title()))],
                    },
                    ..Descriptor::PLAIN
                };
                const SAID: Descriptor = PLAIN$( .$word($($said),*) )*;
                &SAID
            };
            fn from_record(record: &$crate::model::resource::Record) -> Option<Self> {
                let mut values = record.values.iter();
                Some($name {
                    $( $field: <$ty as $crate::model::values::scalar::Scalar>::from_value(values.next()?)?, )*
                })
            }
            fn into_values(self) -> Vec<$crate::model::values::value::Value> {
                vec![$( $crate::model::values::scalar::Scalar::into_value(self.$field) ),*]
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::kinds::Kinds;

    fn joined(name: &str) -> String {
        split_name(name).expect("a name").into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_are_split() {
        for (name, parts) in [
            ("Asha", ["Asha", "", ""]),
            ("Asha Rao", ["Asha", "", "Rao"]),
            ("Asha Devi Kumari Rao", ["Asha", "Devi Kumari", "Rao"]),
            ("Rao, Asha", ["Asha", "", "Rao"]),
            ("Rao,Asha", ["Asha", "", "Rao"]),
            ("Rao , Asha Devi", ["Asha", "Devi", "Rao"]),
            ("van der Berg, Jan", ["Jan", "", "van der Berg"]),
            ("李，明", ["明", "", "李"]),
            ("山田、花子", ["花子", "", "山田"]),
            ("راو، آشا", ["آشا", "", "راو"]),
        ] {
            let split = split_name(name).map(|parts| parts.map(Option::unwrap_or_default));
            assert_eq!(split, Ok(parts.map(str::to_owned)), "{name}");
        }
        for name in ["King, Martin Luther, Jr.", "Rao,", ",Asha", ",", ", ,", "Rao,\u{200b}", "a，b,c", "a、b，c", "、"]
        {
            assert!(split_name(name).is_err(), "{name}");
        }
        assert_eq!(joined("Rao, Asha Devi"), "Asha Devi Rao");
    }

    proptest! {
        /// Nothing of a name is lost, and one without a comma stays as it is.
        #[test]
        fn a_split_name_has_all_words(words in prop::collection::vec("[a-zé]{1,8}", 1..6)) {
            let name = words.join(" ");
            prop_assert_eq!(joined(&name), name.clone());
            let turned = format!("{}, {name}", words[0]);
            prop_assert_eq!(joined(&turned), format!("{name} {}", words[0]));
        }
    }

    fn organisation() -> Record {
        let desc = crate::model::kinds::org::Org::DESCRIPTOR;
        let meta = Meta::new(1, Uuid::nil(), DateTime::UNIX_EPOCH, 0);
        Record::new(desc, meta, desc.fields.iter().map(|f| Value::Null(f.ty.kind)).collect())
    }

    /// A column that a kind does not have reads as none only where that is asked.
    #[test]
    fn a_column_that_not_every_kind_has() {
        let record = organisation();
        assert_eq!(record.find("blocked"), None);
        assert!(!record.is_true("blocked") && record.desc.known("blocked").is_err());
        assert!(record.desc.known("code").is_ok_and(|f| f.column == "code"));
    }

    #[test]
    #[should_panic(expected = "org has no column blocked")]
    fn a_column_that_there_is_not_is_not_read() {
        let _ = organisation().get("blocked");
    }

    #[test]
    #[should_panic(expected = "org has no column blocked")]
    fn a_column_that_there_is_not_is_not_set() {
        organisation().set("blocked", true.into());
    }

    /// Whose data a kind holds is said once: that there is nobody's, with the reason, or by the one reference to a kind that
    /// is somebody.
    #[test]
    fn each_kind_says_whose_data_it_holds() {
        for desc in Kinds::default().resources() {
            let marked: Vec<_> = desc.fields.iter().filter(|f| f.has(Attr::Subject)).collect();
            match (marked.as_slice(), desc.subject) {
                ([], Subject::Itself) => {}
                ([], Subject::Nobody(why)) => assert!(!why.is_empty(), "{}: subject(...) is missing", desc.noun),
                ([field], Subject::Nobody("")) => {
                    let target = field.target();
                    let tells = |t: &Descriptor| t.subject == Subject::Itself || t.subject_field().is_some();
                    assert!(target.is_some_and(tells), "{}.{}", desc.noun, field.column);
                }
                _ => panic!("{} says it twice", desc.noun),
            }
        }
    }

    /// A status asks what the kind has, and one word holds of whatever no other holds of.
    #[test]
    fn a_status_asks_what_there_is() {
        for desc in Kinds::default().resources() {
            let words = desc.status_words();
            for test in words.iter().flat_map(|w| w.when) {
                assert!(desc.index(test.column()).is_some(), "{}.{}", desc.noun, test.column());
            }
            for column in [lifecycle::ENDED, EXPIRES]
                .into_iter()
                .filter(|c| desc.ends() && (*c == lifecycle::ENDED || desc.index(c).is_some()))
            {
                let kind = desc.field(column).map(|f| (f.ty.kind, f.ty.required));
                assert_eq!(kind, Some((ValueType::Time, false)), "{}.{column}", desc.noun);
            }
            if let Some((column, states)) = desc.states {
                let words: Vec<&str> = states.states.iter().map(|s| s.word).collect();
                let ty = desc.field(column).map(|f| (f.ty.role, f.is_managed()));
                assert!(
                    matches!(ty, Some((FieldKind::Choice(choices), true)) if choices == words),
                    "{}.{column}",
                    desc.noun
                );
                assert!(states.stamped().iter().all(|c| desc.field(c).is_some_and(Field::is_managed)), "{}", desc.noun);
                assert!(desc.status.is_empty(), "{}: its status is its state", desc.noun);
            }
            let open = words.iter().filter(|w| w.when.is_empty()).count();
            assert_eq!(open, usize::from(!words.is_empty()), "{}", desc.noun);
            assert!(
                words.last().is_none_or(|w| w.when.is_empty()),
                "{}: the last word is the one for all others",
                desc.noun
            );
        }
    }

    /// Keys name fields, of kinds that can be compared and told in one spelling.
    #[test]
    fn each_kind_is_named_by_its_fields() {
        for desc in Kinds::default().resources() {
            assert!(!desc.keys.is_empty() || !desc.is_recorded(), "{} has no key", desc.noun);
            for (names, key) in desc.keys.iter().zip(desc.all_keys()) {
                assert_eq!(key.parts().count(), names.len(), "{}: {}", desc.noun, key.name());
                for field in key.parts() {
                    let kinds = [ValueType::Text, ValueType::Int, ValueType::Date, ValueType::Uuid];
                    assert!(kinds.contains(&field.ty.kind), "{}.{}", desc.noun, field.column);
                    // Of what may be missing only these have a value that stands for it in an index.
                    let may_lack = key.alone().is_some() || matches!(field.ty.kind, ValueType::Text | ValueType::Uuid);
                    assert!(field.ty.required || may_lack, "{}.{}", desc.noun, field.column);
                }
            }
        }
    }

    /// Marks that name other fields name them rightly, from both sides.
    #[test]
    fn marks_agree() {
        for desc in Kinds::default().resources() {
            for field in desc.fields {
                let lifetimes = field.attrs.iter().filter(|m| matches!(m, Attr::Duty | Attr::Keep | Attr::Within));
                assert!(lifetimes.count() <= 1, "{}", field.column);
                for mark in field.attrs {
                    match mark {
                        Attr::Concat(parts) => {
                            let is_of_it = |f: &&Field| desc.concat_of(f).is_some_and(|j| j.column == field.column);
                            let of_it: Vec<_> = desc.fields.iter().filter(is_of_it).map(|f| f.column).collect();
                            assert_eq!(of_it, parts.as_slice());
                        }
                        Attr::Duty | Attr::Keep | Attr::Within | Attr::Subject | Attr::Assignee => {
                            assert!(field.target().is_some(), "{} refers to nothing", field.column);
                        }
                        Attr::Until(name) => {
                            assert!(desc.field(name).is_some_and(|f| f.tells_of() == Some(field.column)), "{name}");
                            assert_eq!(field.ty.kind, ValueType::Bool, "{}", field.column);
                        }
                        Attr::Of(name) => {
                            assert!(desc.field(name).is_some_and(|f| f.ends().is_some()), "{name}");
                            assert!(!field.ty.required, "{} tells of what ends", field.column);
                        }
                        Attr::FromClock => {
                            assert!(field.ty.kind == ValueType::Time && !field.ty.required, "{}", field.column);
                        }
                        Attr::Recorded(..) => assert_eq!(field.ty.kind, ValueType::Bool, "{}", field.column),
                        Attr::DefaultSetting(key) => {
                            let fills =
                                crate::model::setting::SETTINGS.iter().any(|d| d.key == *key && d.fills_records);
                            assert!(fills, "{key}");
                            assert!(!field.ty.required && field.default().is_none(), "{}", field.column);
                        }
                        Attr::PartOf(name) => assert!(desc.field(name).is_some_and(|f| f.parts().is_some()), "{name}"),
                        Attr::VerifiedBy(name) => {
                            assert!(
                                desc.field(name).is_some_and(|f| f.ty.kind == ValueType::Bool && f.is_managed()),
                                "{name}"
                            );
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
