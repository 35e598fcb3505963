//! Nobody gains by a command what whoever runs it may not do; nobody decides about himself or herself, nor about who may do
//! more. Asked of each row that has to do with rights ([`Concern`]), as it is before it is written, and of what became of it
//! before the commit: by what is there then, whatever command and path led to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::authorizer::elsewhere;
use super::bulk_writer::PreparedRow;
use crate::model::kinds::role::Role;
use crate::model::kinds::user::User;
use crate::model::problem::Problem;
use crate::model::resource::{Descriptor, Record, Resource as _};
use crate::model::rights::bounds::{Asked, Bounds, Excess, Moved, Only, Reach};
use crate::model::rights::concerns::{Columns, Concern, Whose};
use crate::model::rights::facts::{Facts, Held};
use crate::model::rights::permission::Permission;
use crate::model::rights::refusal::Refusal;
use crate::model::rights::roles::{Given, Roles};
use crate::model::scope::{About, Belongings, Conditions, Scope};
use crate::model::setting::ACCESS_INCLUDE_SUB_BRANCHES;
use crate::model::values::value::{Value, ValueType};
use crate::store::Result;
use crate::store::access::{TOGETHER, Which, above_each, chains, facts_of_people, holders, people_of_branches, roles};
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::reader;
use crate::store::records::{self, status_sql};

/// Who is bound: where, how far, and the permission that the command goes by.
pub(super) struct Bound {
    pub(super) org: i32,
    pub(super) bounds: Arc<dyn Bounds>,
    pub(super) permission: String,
    pub(super) at: DateTime<Utc>,
}

/// What was written of rights.
enum Noted {
    /// Whose rights may be others now, and what is new of them.
    Person(Uuid, New),
    /// What a role gives newly: resource and action.
    Given(Uuid, String, String),
    /// A role, and one that it inherits from now.
    Parent(Uuid, Uuid),
    /// A role that gives something now and did not before.
    Role(Uuid),
    /// A branch that lies elsewhere now, and what was above it, itself among that.
    Branch(Uuid, BTreeSet<Uuid>),
}

/// What somebody may have newly.
#[derive(Clone, Copy)]
enum New {
    /// What a grant gives; of what is no grant, nothing.
    By(Uuid),
    /// What depends on his or her places.
    Places,
    Everything,
}

/// What is new of people.
#[derive(Default)]
struct News {
    people: BTreeSet<Uuid>,
    grants: BTreeSet<Uuid>,
    moved: BTreeSet<Uuid>,
    back: BTreeSet<Uuid>,
}

impl News {
    fn add(&mut self, person: Uuid, new: New) {
        self.people.insert(person);
        match new {
            New::By(grant) => self.grants.insert(grant),
            New::Places => self.moved.insert(person),
            New::Everything => self.back.insert(person),
        };
    }

    fn has(&self, facts: &Facts, held: &Held, given: &Given) -> bool {
        let person = facts.account.person;
        self.back.contains(&person)
            || self.grants.contains(&held.id)
            || ((given.own_branch || given.own_department) && self.moved.contains(&person))
    }
}

/// Remembers what was written, until it is judged.
#[derive(Default)]
pub(super) struct Bounded {
    noted: Vec<Noted>,
    /// About these it was asked before they were changed, or they were not there before.
    passed: BTreeSet<Uuid>,
    /// What was made, or brought back, by the same command: it was in nobody's reach before.
    made: BTreeSet<Uuid>,
    /// Records that come to belong elsewhere, by table, with the conditions that each met before ([`Reached`]).
    placed: BTreeMap<&'static str, BTreeMap<Uuid, Vec<bool>>>,
}

impl Bounded {
    pub(super) fn len(&self) -> usize {
        self.noted.len()
    }

    /// Forgets all but the first that were noted.
    pub(super) fn shrink_to(&mut self, n: usize) {
        self.noted.truncate(n);
    }

    /// Takes note of what is brought back: it comes to where it was.
    pub(super) fn brought_back(&mut self, records: impl IntoIterator<Item = Uuid>) {
        self.made.extend(records);
    }

    /// Takes note of what is in reach, of records that are about to belong elsewhere.
    pub(super) async fn placing(
        &mut self,
        db: &mut Db,
        bound: &Bound,
        records: impl IntoIterator<Item = (&'static Descriptor, Uuid)>,
    ) -> Result<()> {
        if !bound.bounds.is_narrowed() {
            return Ok(());
        }
        let mut of: BTreeMap<&'static str, BTreeSet<Uuid>> = BTreeMap::new();
        for (desc, id) in records {
            let is_known = self.placed.get(desc.table).is_some_and(|placed| placed.contains_key(&id));
            if !is_known && !self.made.contains(&id) {
                of.entry(desc.table).or_default().insert(id);
            }
        }
        for (table, ids) in of {
            let found = Reached::of(db, bound, table, ids).await?.met;
            self.placed.entry(table).or_default().extend(found);
        }
        Ok(())
    }

    /// Refuses that whoever writes draws records into the own reach, for what could not be done with them before.
    async fn judge_placed(&mut self, db: &mut Db, bound: &Bound) -> Result<()> {
        for (table, before) in std::mem::take(&mut self.placed) {
            let now = Reached::of(db, bound, table, before.keys().copied().collect()).await?;
            let gains = now.met.iter().find_map(|(id, met)| {
                let [before, after] = [before.get(id)?, met].map(|met| now.named(met));
                Some((*id, bound.bounds.of_placed(&now.tables, &before, &after)?))
            });
            let (Some((id, gained)), Some(desc)) = (gains, db.kinds().by_table(table)) else { continue };
            let what = title(db, desc, bound.org, id).await?;
            let asked = &bound.permission;
            let sentence = format!("{asked} is not allowed: it would bring {what} within your reach of {gained}");
            // What would have sufficed is to be allowed it of everything.
            let refusal = match Permission::parse(&gained) {
                Some(_) => Refusal::of(&gained).about(About::Record(&Belongings::default())).of_record(desc.noun, id),
                None => Refusal::of(ESCALATE),
            };
            return Err(Problem::denied(sentence).hint(FOR_YOU).refusing(refusal).into());
        }
        Ok(())
    }

    /// Takes note of a row that is new.
    pub(super) fn made(&mut self, bound: &Bound, record: &Record) -> Result<()> {
        self.takes(bound, record.desc, record.meta.id, &|column| record.get(column).clone())
    }

    /// The same of rows that were made elsewhere, with their links.
    pub(super) fn loaded(&mut self, bound: &Bound, desc: &'static Descriptor, rows: &[PreparedRow]) -> Result<()> {
        for row in rows {
            self.takes(bound, desc, row.id(), &|column| stored(desc, &row.stored, column))?;
            for link in &row.links {
                self.takes(bound, link.desc, link.id, &|column| stored(link.desc, &link.stored, column))?;
            }
        }
        Ok(())
    }

    fn takes(&mut self, bound: &Bound, desc: &Descriptor, id: Uuid, value: &dyn Fn(&str) -> Value) -> Result<()> {
        if bound.bounds.is_narrowed() {
            self.made.insert(id);
        }
        let Some(concern) = Concern::of(desc) else { return Ok(()) };
        let named = |column: &str| value(column).as_uuid().unwrap_or_default();
        match concern.whose {
            Whose::Itself => drop(self.passed.insert(id)),
            Whose::Person(column) => {
                let person = named(column);
                bound.keeps_off(concern, person, "")?;
                // Who is new, and has no role, may do nothing anywhere.
                if concern.gives_alone || !self.passed.contains(&person) {
                    self.noted.push(Noted::Person(person, new_by(concern, id, "")));
                }
            }
            Whose::Given(column) => {
                bound.keeps_off_role(named(column))?;
                self.noted.push(Noted::Given(named(column), value("resource").to_text(), value("action").to_text()));
            }
            Whose::Parent(column, parent) => {
                bound.keeps_off_role(named(column))?;
                self.noted.push(Noted::Parent(named(column), named(parent)));
            }
            Whose::Beside(column) => bound.keeps_off_role(named(column))?,
            // Nothing lies in what is new.
            Whose::Role | Whose::Below(_) | Whose::Organisation => {}
            Whose::Word => critical(value).map_or(Ok(()), |word| bound.makes_critical(&word))?,
            Whose::Setting => bound.covers_sub_branches(&value("setting").to_text())?,
        }
        Ok(())
    }

    /// Asks whether rows of one kind may be changed or taken away as they are, and takes note of what becomes of them.
    pub(super) async fn changing(
        &mut self,
        db: &mut Db,
        bound: &Bound,
        rows: &[(&Record, Option<&Record>)],
    ) -> Result<()> {
        let Some(concern) = rows.first().and_then(|(before, _)| Concern::of(before.desc)) else { return Ok(()) };
        let (mut guarded, mut going, mut moved) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (before, after) in rows {
            let after = after.filter(|after| after.is_live());
            going.extend(loses(concern, before, after));
            match concern.whose {
                Whose::Itself | Whose::Person(_) => guarded.extend(self.person(bound, concern, before, after)?),
                Whose::Word => bound.keeps_critical(before, after)?,
                Whose::Setting => bound.keeps_sub_branches(before)?,
                Whose::Organisation => bound.keeps_open(before, after)?,
                Whose::Below(parent) => {
                    let is_moved = |after: &Record| before.get(parent) != after.get(parent);
                    moved.extend(after.filter(|after| is_moved(after)).map(|_| before.meta.id));
                }
                _ => self.role(bound, concern, before, after)?,
            }
        }
        if !moved.is_empty() {
            let before = chains(db, bound.org, &moved).await?;
            self.noted.extend(before.into_iter().map(|(branch, above)| Noted::Branch(branch, above)));
        }
        self.keep_off_who_may_more(db, bound, guarded).await?;
        self.keep_off_holders(db, bound, going).await
    }

    /// Refuses that a record takes the part of another, where it is somebody who may do more.
    pub(super) async fn takes_over(&mut self, db: &mut Db, bound: &Bound, record: &Record) -> Result<()> {
        match Concern::of(record.desc).map(|concern| concern.whose) {
            Some(Whose::Itself) => self.keep_off_who_may_more(db, bound, BTreeSet::from([record.meta.id])).await,
            _ => Ok(()),
        }
    }

    /// Refuses to take roles away, or something of what they give, from somebody who may do more.
    async fn keep_off_holders(&mut self, db: &mut Db, bound: &Bound, going: BTreeSet<Uuid>) -> Result<()> {
        if bound.bounds.are_none() || going.is_empty() {
            return Ok(());
        }
        let going: Vec<Uuid> = going.into_iter().collect();
        let below = roles(db, bound.org, Which::Below(&going), None).await?;
        let below: BTreeSet<Uuid> = below.all().iter().map(|role| role.id).chain(going).collect();
        let mut after = Uuid::nil();
        loop {
            let some = holders(db, bound.org, below.iter().copied(), bound.at, after).await?;
            let Some(last) = some.last() else { break };
            after = *last;
            self.keep_off_who_may_more(db, bound, some.into_iter().collect()).await?;
        }
        Ok(())
    }

    /// Who is guarded against a change of a row that is about people.
    fn person(
        &mut self,
        bound: &Bound,
        concern: &Concern,
        before: &Record,
        after: Option<&Record>,
    ) -> Result<Vec<Uuid>> {
        let whose = |record: &Record| match concern.whose {
            Whose::Person(column) => record.get(column).as_uuid().unwrap_or_default(),
            _ => record.meta.id,
        };
        let gone = if before.is_live() { Some("") } else { None };
        let differing = |columns: Columns| match after {
            Some(after) => columns.differing(before, after),
            None if columns == Columns::None => None,
            None => gone,
        };
        let people: Vec<Uuid> = [Some(before), after].into_iter().flatten().map(whose).collect();
        if let Some(column) = differing(concern.own) {
            people.iter().try_for_each(|person| bound.keeps_off(concern, *person, column))?;
        }
        if let (Some(after), Some(column)) = (after, differing(concern.gives)) {
            self.noted.push(Noted::Person(whose(after), new_by(concern, after.meta.id, column)));
        }
        Ok(if differing(concern.guarded).is_some() { people } else { Vec::new() })
    }

    fn role(&mut self, bound: &Bound, concern: &Concern, before: &Record, after: Option<&Record>) -> Result<()> {
        let named = |record: &Record, column: &str| record.get(column).as_uuid().unwrap_or_default();
        let role_of = |record: &Record| match concern.whose {
            Whose::Given(column) | Whose::Parent(column, _) | Whose::Beside(column) => named(record, column),
            _ => record.meta.id,
        };
        for role in [Some(before), after].into_iter().flatten().map(role_of) {
            bound.keeps_off_role(role)?;
        }
        let Some(after) = after else { return Ok(()) };
        let gave = before.is_live() && role_of(before) == role_of(after);
        match concern.whose {
            Whose::Given(_) if !(gave && Given::of(before).contains(&Given::of(after))) => {
                let Given { resource, action, .. } = Given::of(after);
                self.noted.push(Noted::Given(role_of(after), resource, action));
            }
            Whose::Parent(_, parent) if !(gave && named(before, parent) == named(after, parent)) => {
                self.noted.push(Noted::Parent(role_of(after), named(after, parent)));
            }
            Whose::Role if after.is_active() && !(before.is_live() && before.is_active()) => {
                self.noted.push(Noted::Role(after.meta.id));
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses to change who may do more than whoever changes it.
    async fn keep_off_who_may_more(&mut self, db: &mut Db, bound: &Bound, people: BTreeSet<Uuid>) -> Result<()> {
        let open: Vec<Uuid> = people.into_iter().filter(|id| !self.passed.contains(id)).collect();
        if bound.bounds.are_none() || open.is_empty() {
            return Ok(());
        }
        for some in open.chunks(TOGETHER) {
            judge(db, bound, some, None, &News::default()).await?;
        }
        self.passed.extend(open);
        Ok(())
    }

    /// Judges what became of everything that was written: what roles give, and what people may do.
    pub(super) async fn judge(&mut self, db: &mut Db, bound: &Bound) -> Result<()> {
        self.judge_placed(db, bound).await?;
        let noted = std::mem::take(&mut self.noted);
        if bound.bounds.are_none() || noted.is_empty() {
            return Ok(());
        }
        let mut news = News::default();
        for noted in &noted {
            if let Noted::Person(person, new) = noted {
                news.add(*person, *new);
            }
        }
        if !bound.bounds.may_escalate() {
            judge_roles(db, bound, &noted).await?;
            judge_moved(db, bound, &noted).await?;
        }
        let people: Vec<Uuid> = news.people.iter().copied().collect();
        for some in people.chunks(TOGETHER) {
            judge(db, bound, some, None, &news).await?;
        }
        Ok(())
    }
}

/// Which of the conditions that whoever writes is bound by are met by records of one table.
struct Reached {
    /// The tables whose records belong where those do.
    tables: Vec<&'static str>,
    conditions: Vec<Conditions>,
    met: BTreeMap<Uuid, Vec<bool>>,
}

impl Reached {
    /// Of those that are there and live; of none where nothing is narrowed.
    async fn of(db: &mut Db, bound: &Bound, table: &str, ids: BTreeSet<Uuid>) -> Result<Reached> {
        let mut found = Reached { tables: Vec::new(), conditions: Vec::new(), met: BTreeMap::new() };
        let Some(desc) = db.kinds().by_table(table) else { return Ok(found) };
        found.tables = db.kinds().placed_by(desc).map(|kind| kind.table).collect();
        found.conditions = bound.bounds.narrowed(&found.tables);
        if found.conditions.is_empty() {
            return Ok(found);
        }
        let of = |one: &Conditions| {
            let covered = reader::condition_of(db, desc, bound.org, &Scope::AnyOf(vec![one.clone()]));
            format!(", coalesce({covered}, false)")
        };
        let columns: String = found.conditions.iter().map(of).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        for some in ids.chunks(TOGETHER) {
            let mut sql = Sql::bulk(format!("select t.id{columns} from {table} t where t.org_id = "), db.engine());
            sql.bind(bound.org).push(" and t.id").bind_among(some.iter().copied());
            sql.push(&format!(" and {}", status_sql::live(desc, "t")));
            let kinds = [ValueType::Uuid].into_iter().chain(found.conditions.iter().map(|_| ValueType::Bool));
            for row in db.all(sql.yields(kinds)).await? {
                let met = row.0.iter().skip(1).map(|met| met.as_bool() == Some(true));
                found.met.insert(row.uuid(0)?, met.collect());
            }
        }
        Ok(found)
    }

    /// The conditions that are met.
    fn named(&self, met: &[bool]) -> Vec<&Conditions> {
        self.conditions.iter().zip(met).filter(|(_, met)| **met).map(|(one, _)| one).collect()
    }
}

impl Bound {
    /// Nobody changes of himself or herself what he or she may do by it.
    fn keeps_off(&self, concern: &Concern, person: Uuid, column: &str) -> Result<()> {
        if person.is_nil() || person != self.bounds.person() || concern.own == Columns::None {
            return Ok(());
        }
        let desc = concern.desc;
        let what = match (concern.whose, desc.fields.iter().find(|f| f.column == column)) {
            (_, Some(field)) => format!("change your own {}", field.name()),
            (Whose::Itself, None) => "delete or restore yourself".to_owned(),
            (_, None) => format!("change your own {}", desc.plural()),
        };
        Err(own(&self.permission, &what).into())
    }

    /// Nobody changes a role that he or she has.
    fn keeps_off_role(&self, role: Uuid) -> Result<()> {
        match self.bounds.has_role(role) {
            true => Err(own(&self.permission, "change a role that you have or inherit from").into()),
            false => Ok(()),
        }
    }

    /// Nobody of an organisation closes or opens it: its people go with it, whatever they may do.
    fn keeps_open(&self, before: &Record, after: Option<&Record>) -> Result<()> {
        match after.is_some_and(|after| after.is_active() == before.is_active()) {
            true => Ok(()),
            false => Err(elsewhere(&self.permission).into()),
        }
    }

    /// Whether branches cover those below them decides how far everybody's conditions reach.
    fn keeps_sub_branches(&self, record: &Record) -> Result<()> {
        self.covers_sub_branches(&record.get("setting").to_text())
    }

    fn covers_sub_branches(&self, setting: &str) -> Result<()> {
        if setting != ACCESS_INCLUDE_SUB_BRANCHES.declared.key || self.bounds.are_none() || self.bounds.may_escalate() {
            return Ok(());
        }
        let sentence = format!("{} is not allowed of {setting}: it decides how far others may go", self.permission);
        Err(Problem::denied(sentence).hint(ESCALATES).refusing(Refusal::of(ESCALATE)).into())
    }

    /// What is critical is contained in no star; what is so no more is in all of them, and what becomes so is taken from all
    /// who have it by one.
    fn keeps_critical(&self, before: &Record, after: Option<&Record>) -> Result<()> {
        let word = |record: &Record| record.is_live().then(|| critical(&|column| record.get(column).clone())).flatten();
        let (was, is) = (word(before), after.and_then(word));
        if was == is {
            return Ok(());
        }
        if let Some(was) = was {
            self.may_decide_of(&was, &format!("every '*' would contain {was}"))?;
        }
        is.map_or(Ok(()), |is| self.makes_critical(&is))
    }

    fn makes_critical(&self, word: &str) -> Result<()> {
        self.may_decide_of(word, &format!("it would take {word} from all who have it by a '*'"))
    }

    /// Who decides of a word for everybody may do it, or may give more than that.
    fn may_decide_of(&self, word: &str, what: &str) -> Result<()> {
        let asked = Permission::parse(word).filter(|_| !self.bounds.are_none() && !self.bounds.may_escalate());
        let Some(beyond) = asked.and_then(|asked| self.bounds.of_word(&asked)) else { return Ok(()) };
        let sentence = format!("{} is not allowed: {what}, {beyond}", self.permission);
        Err(Problem::denied(sentence).hint(ESCALATES).refusing(Refusal::of(ESCALATE)).into())
    }
}

/// The word of a row of the catalogue that says it is critical.
fn critical(value: &dyn Fn(&str) -> Value) -> Option<String> {
    let is_critical = value("is_critical").as_bool() == Some(true);
    is_critical.then(|| format!("{}:{}", value("resource").to_text(), value("action").to_text()))
}

/// The role whose holders lose something by it.
fn loses(concern: &Concern, before: &Record, after: Option<&Record>) -> Option<Uuid> {
    let named = |record: &Record, column: &str| record.get(column).as_uuid().unwrap_or_default();
    let stays = |is_same: &dyn Fn(&Record) -> bool| after.is_some_and(is_same);
    let (role, stays) = match concern.whose {
        Whose::Role => (before.meta.id, stays(&|after| after.is_active() || !before.is_active())),
        Whose::Given(role) => {
            let gives = |after: &Record| Given::of(after).contains(&Given::of(before));
            (named(before, role), stays(&|after| named(after, role) == named(before, role) && gives(after)))
        }
        Whose::Parent(role, parent) => {
            let is_same = |column: &str, after: &Record| named(after, column) == named(before, column);
            (named(before, role), stays(&|after| is_same(role, after) && is_same(parent, after)))
        }
        _ => return None,
    };
    (before.is_live() && !stays).then_some(role)
}

fn own(permission: &str, what: &str) -> Problem {
    Problem::denied(format!("{permission} is not allowed: you can't {what}")).hint(FOR_YOU)
}

const FOR_YOU: &str = "somebody else who may do it has to do it for you";

/// What whoever would give more lacks.
const ESCALATE: &str = "roles:escalate";
const ESCALATES: &str = "only who may do roles:escalate gives others more than he or she may do";

/// What somebody may have newly by a row that is new, or differs in a column.
fn new_by(concern: &Concern, row: Uuid, column: &str) -> New {
    match (concern.whose, concern.gives_alone) {
        (Whose::Itself, _) if !concern.is_place(column) => New::Everything,
        (_, true) => New::By(row),
        (_, false) => New::Places,
    }
}

/// What a row has in a column.
fn stored(desc: &'static Descriptor, stored: &[Value], column: &str) -> Value {
    let place = records::stored_columns(desc).iter().position(|(name, _)| *name == column);
    place.and_then(|at| stored.get(at)).cloned().unwrap_or(Value::Null(ValueType::Text))
}

/// Judges what roles give newly: by itself, and where it depends on who has them, by each of these.
async fn judge_roles(db: &mut Db, bound: &Bound, noted: &[Noted]) -> Result<()> {
    let of = |noted: &Noted| match noted {
        Noted::Given(role, ..) | Noted::Role(role) => vec![*role],
        Noted::Parent(role, parent) => vec![*role, *parent],
        Noted::Person(..) | Noted::Branch(..) => Vec::new(),
    };
    let touched: BTreeSet<Uuid> = noted.iter().flat_map(of).collect();
    if touched.is_empty() {
        return Ok(());
    }
    let touched: Vec<Uuid> = touched.into_iter().collect();
    let known = roles(db, bound.org, Which::These(&touched), None).await?;
    let mut only = Only::new();
    for noted in noted {
        for (role, (at, given)) in newly_given(&known, noted) {
            let giver = known.role(at);
            match bound.bounds.of_given(given, giver.contains_critical) {
                Reach::Within => {}
                Reach::OfSome => drop(only.insert((giver.id, given.resource.clone(), given.action.clone()))),
                Reach::Beyond(beyond) => {
                    let permission = format!("{}:{}", given.resource, given.action);
                    let excess = Excess { permission, role: giver.id, beyond, is_new: true };
                    return Err(gives_more(db, bound, role, &excess).await?.into());
                }
            }
        }
    }
    if only.is_empty() {
        return Ok(());
    }
    let below = roles(db, bound.org, Which::Below(&touched), None).await?;
    let below: Vec<Uuid> = below.all().iter().map(|role| role.id).collect();
    let mut after = Uuid::nil();
    loop {
        let some = holders(db, bound.org, below.iter().copied(), bound.at, after).await?;
        let Some(last) = some.last() else { return Ok(()) };
        after = *last;
        judge(db, bound, &some, Some(&only), &News::default()).await?;
    }
}

/// What a role gives newly: the role, the one that gives it, and what that says.
fn newly_given<'a>(known: &'a Roles, noted: &Noted) -> Vec<(Uuid, (usize, &'a Given))> {
    let all = |role: Uuid, from: Uuid| {
        let given = known.at(from).into_iter().flat_map(|at| known.all_giving(at));
        given.map(|given| (role, given)).collect()
    };
    match noted {
        Noted::Given(role, resource, action) => {
            let Some(at) = known.at(*role) else { return Vec::new() };
            let given = known.role(at).given.iter().find(|g| (&g.resource, &g.action) == (resource, action));
            given.map(|given| (*role, (at, given))).into_iter().collect()
        }
        Noted::Parent(role, parent) => all(*role, *parent),
        Noted::Role(role) => all(*role, *role),
        Noted::Person(..) | Noted::Branch(..) => Vec::new(),
    }
}

/// Judges what people of the branches above have newly of those that were moved, and who moved them.
async fn judge_moved(db: &mut Db, bound: &Bound, noted: &[Noted]) -> Result<()> {
    let mut before: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for noted in noted {
        if let Noted::Branch(branch, above) = noted {
            before.entry(*branch).or_insert_with(|| above.clone());
        }
    }
    let now = chains(db, bound.org, &before.keys().copied().collect()).await?;
    let moved = before.into_iter().map(|(branch, before)| {
        let above = now.get(&branch).into_iter().flatten().copied();
        let newly = above.filter(|above| !before.contains(above)).collect();
        Moved { branch, before, newly }
    });
    let moved: Vec<Moved> = moved.filter(|moved| !moved.newly.is_empty()).collect();
    let newly: BTreeSet<Uuid> = moved.iter().flat_map(|moved| &moved.newly).copied().collect();
    let mut after = Uuid::nil();
    while !newly.is_empty() {
        let some = people_of_branches(db, bound.org, &newly, bound.at, after).await?;
        let Some(last) = some.last() else { break };
        after = *last;
        let all = facts_of_people(db, bound.org, &some, bound.at).await?;
        if let Some((person, excess)) = bound.bounds.of_moved(&all, &moved) {
            return Err(may_more(db, bound, person, &excess).await?.into());
        }
    }
    Ok(())
}

/// Refuses that somebody may do more than whoever writes.
async fn judge(db: &mut Db, bound: &Bound, people: &[Uuid], only: Option<&Only>, news: &News) -> Result<()> {
    let mut all = facts_of_people(db, bound.org, people, bound.at).await?;
    for facts in all.iter_mut().filter(|_| bound.bounds.may_escalate()) {
        // Who may give more is asked about what was there before.
        facts.held.retain(|held| !news.grants.contains(&held.id));
    }
    all.retain(|facts| !facts.held.is_empty());
    let above = match bound.bounds.ask_for_branches() {
        true => above_each(db, bound.org, &all).await?,
        false => Default::default(),
    };
    let is_new = |facts: &Facts, held: &Held, given: &Given| only.is_some() || news.has(facts, held, given);
    match bound.bounds.of_people(&all, &above, Asked { only, is_new: &is_new }) {
        None => Ok(()),
        Some((person, excess)) => Err(may_more(db, bound, person, &excess).await?.into()),
    }
}

/// What a record is called, as far as that may be told.
async fn title(db: &mut Db, desc: &'static Descriptor, org: i32, id: Uuid) -> Result<String> {
    Ok(seen(db, desc, org, id).await?.unwrap_or_else(|| format!("{} that you can't see", desc.indefinite())))
}

async fn seen(db: &mut Db, desc: &'static Descriptor, org: i32, id: Uuid) -> Result<Option<String>> {
    let seen = records::with_record_ids(&mut db.telling(), desc, [(org, id)].into_iter()).await?;
    Ok(seen.first().map(Record::title))
}

/// What is in excess, by which role. What a role gives that can't be seen is not told either.
async fn told(db: &mut Db, bound: &Bound, excess: &Excess, by: bool) -> Result<String> {
    let Excess { permission, beyond, .. } = excess;
    let role = seen(db, Role::DESCRIPTOR, bound.org, excess.role).await?;
    Ok(match (role, by) {
        (None, _) => "more than you have, by a role that you can't see".to_owned(),
        (Some(role), true) => format!("{permission} by {role}, {beyond}"),
        (Some(_), false) => format!("{permission}, {beyond}"),
    })
}

async fn gives_more(db: &mut Db, bound: &Bound, role: Uuid, excess: &Excess) -> Result<Problem> {
    let gives = title(db, Role::DESCRIPTOR, bound.org, role).await?;
    let more = told(db, bound, excess, role != excess.role).await?;
    Ok(Problem::denied(format!("{} is not allowed: {gives} would give {more}", bound.permission))
        .hint(ESCALATES)
        .refusing(Refusal::of(ESCALATE)))
}

async fn may_more(db: &mut Db, bound: &Bound, person: Uuid, excess: &Excess) -> Result<Problem> {
    let who = title(db, User::DESCRIPTOR, bound.org, person).await?;
    let more = told(db, bound, excess, true).await?;
    let does = &bound.permission;
    Ok(match excess.is_new {
        false => Problem::denied(format!("{does} is not allowed of {who}, who has {more}"))
            .hint("somebody who may do all that the user may can do it"),
        true => Problem::denied(format!("{does} is not allowed: {who} would have {more}"))
            .hint(ESCALATES)
            .refusing(Refusal::of(ESCALATE)),
    })
}
