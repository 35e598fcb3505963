//! Whether somebody who may not do everything may do what is done: asked of each row as it is before and as it is after, and
//! of many with one statement.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::bulk_writer::PreparedRow;
use super::origin::{Permit, Rights};
use crate::model::kinds::user::User;
use crate::model::kinds::user_branch::UserBranch;
use crate::model::problem::Problem;
use crate::model::resource::lifetime::Lifetime;
use crate::model::resource::path::Place;
use crate::model::resource::verbs::Verb;
use crate::model::resource::{Descriptor, Field, Record, Resource as _};
use crate::model::rights::refusal::Refusal;
use crate::model::scope::{About, Scope};
use crate::model::trail::audit::Effect;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::access;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;
use crate::store::reader;
use crate::store::records;

/// The record that a row goes by, and the permission that must cover it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Question {
    permission: String,
    table: &'static str,
    id: Uuid,
}

impl Question {
    /// The same of a place that a record is given.
    fn of(&self, (kind, id): (&'static Descriptor, Uuid)) -> Question {
        Question { permission: self.permission.clone(), table: kind.table, id }
    }
}

/// What kind of place a field names, if it names one.
fn place_of(field: &Field) -> Option<&'static Descriptor> {
    field.target().filter(|target| [Place::Branch, Place::Department].into_iter().any(|place| target.is_place(place)))
}

/// The places that a record names, and did not before.
fn places_given(record: &Record, before: Option<&Record>) -> Vec<(&'static Descriptor, Uuid)> {
    let is_new = |field: &&Field| before.is_none_or(|before| before.get(field.column) != record.get(field.column));
    let named = record.desc.stored().filter(|field| record.is_live() && is_new(field));
    named.filter_map(|field| Some((place_of(field)?, record.get(field.column).as_uuid()?))).collect()
}

/// What belongs elsewhere by a row that is new, or another one than before: a record that names another place or person, and
/// who comes into a branch.
pub(super) fn moved(record: &Record, before: Option<&Record>) -> Option<(&'static Descriptor, Uuid)> {
    if let Some(person) = drawn_in(record, before) {
        return Some((User::DESCRIPTOR, person));
    }
    let names = |field: &&Field| place_of(field).is_some() || field.target().is_some_and(|of| *of == *User::DESCRIPTOR);
    let before = before.filter(|_| record.is_live())?;
    let mut named = record.desc.stored().filter(names);
    named.any(|field| before.get(field.column) != record.get(field.column)).then_some((record.desc, record.meta.id))
}

/// The same of rows that were made elsewhere: all of them are new.
pub(super) fn drawn_in_by<'r>(
    desc: &'static Descriptor,
    rows: &'r [PreparedRow],
) -> impl Iterator<Item = Uuid> + use<'r> {
    let at = records::stored_columns(desc).iter().position(|(name, _)| *name == "user_id");
    let rows = if *desc == *UserBranch::DESCRIPTOR { rows } else { &[] };
    rows.iter().filter_map(move |row| row.stored.get(at?)?.as_uuid())
}

/// Who comes into a branch by a link that is new, or is another one than before.
fn drawn_in(link: &Record, before: Option<&Record>) -> Option<Uuid> {
    let is_same = |before: &Record| {
        let mut ends = ["branch_id", "user_id"].into_iter();
        before.is_live() && ends.all(|end| before.get(end) == link.get(end))
    };
    let draws = link.desc == UserBranch::DESCRIPTOR && link.is_live() && !before.is_some_and(is_same);
    link.find("user_id").filter(|_| draws)?.as_uuid()
}

/// Asks, and remembers what it has asked and is still to ask. Rows that wait to be written are written before.
pub(super) struct Authorizer {
    permit: Permit,
    /// Whether everything is allowed all the same.
    pub(super) is_lifted: bool,
    /// About these nothing more is asked before they are written.
    passed: BTreeSet<Question>,
    /// The people among them.
    people: BTreeSet<Uuid>,
    /// These are asked about before the commit, but for those that are gone.
    after: BTreeSet<Question>,
    gone: BTreeSet<Uuid>,
    /// Places that records are given newly, which must themselves be in reach.
    places: BTreeSet<Question>,
}

/// Records that one statement asks about.
const TOGETHER: usize = 500;

impl Authorizer {
    pub(super) fn new(permit: Permit) -> Authorizer {
        let (passed, people, after, gone, places) = Default::default();
        Authorizer { permit, is_lifted: false, passed, people, after, gone, places }
    }

    /// Whether somebody is to be asked about.
    pub(super) fn is_asked(&self) -> bool {
        self.rights().is_some()
    }

    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Asks whether the command may act on records, whatever it then does to them.
    pub(super) async fn may_act_on(&mut self, db: &mut Db, records: &[Record]) -> Result<()> {
        let Some(rights) = self.rights() else { return Ok(()) };
        let asked: Result<Vec<Question>, Problem> =
            records.iter().map(|record| self.question(&rights, record, Effect::Update)).collect();
        let open: Vec<Question> = asked?.into_iter().filter(|q| !self.passed.contains(q)).collect();
        self.ask(db, &rights, &open, "").await?;
        self.pass(open);
        Ok(())
    }

    /// Of some records, those that the command may not change, or may not even see: a row of a file that stands for one is
    /// rejected by itself.
    pub(super) async fn out_of_reach(
        &self,
        db: &mut Db,
        desc: &'static Descriptor,
        org: i32,
        ids: &[Uuid],
    ) -> Result<BTreeSet<Uuid>> {
        let Some(rights) = self.rights() else { return Ok(BTreeSet::new()) };
        let scope = (rights.covers)(&self.permission_of(desc, Effect::Update));
        let covered = reader::condition_of(db, desc, rights.org, &scope);
        let mut reached = BTreeSet::new();
        for some in ids.chunks(TOGETHER).filter(|_| org == rights.org) {
            let mut sql = Sql::bulk(format!("select t.id from {} t where t.org_id = ", desc.table), db.engine());
            sql.bind(org).push(" and t.id").bind_among(some.iter().copied()).push(&format!(" and {covered}"));
            for row in db.telling().all(sql.yields([ValueType::Uuid])).await? {
                reached.insert(row.uuid(0)?);
            }
        }
        Ok(ids.iter().copied().filter(|id| !reached.contains(id)).collect())
    }

    /// Asks whether rows may be changed or taken away as they are, and notes to ask again about what becomes of them.
    pub(super) async fn may_change(
        &mut self,
        db: &mut Db,
        rows: &[(&Record, Option<&Record>)],
        effect: Effect,
    ) -> Result<()> {
        let Some(rights) = self.rights() else { return Ok(()) };
        let mut open = Vec::new();
        for (before, after) in rows {
            let question = self.question(&rights, before, effect)?;
            let is_own = question.id == before.meta.id;
            match effect {
                Effect::Delete | Effect::Purge if is_own => drop(self.gone.insert(question.id)),
                // What it was a part of is there still, and without it may belong elsewhere.
                Effect::Delete | Effect::Purge => drop(self.after.insert(question.clone())),
                _ => {
                    let then = self.question(&rights, after.unwrap_or(before), effect)?;
                    let places = after.map(|after| places_given(after, Some(before))).unwrap_or_default();
                    self.places.extend(places.into_iter().map(|place| then.of(place)));
                    self.after.insert(then);
                }
            }
            let drawn = after.and_then(|after| drawn_in(after, Some(before)));
            open.extend(drawn.and_then(|person| self.about_person(&question.permission, person)));
            if !self.passed.contains(&question) {
                open.push(question);
            }
        }
        self.ask(db, &rights, &open, "").await?;
        self.pass(open);
        Ok(())
    }

    /// Asks about who comes into a branch by a new link, as he or she is before it: who is out of reach is not drawn into it.
    pub(super) async fn may_draw_in(&mut self, db: &mut Db, link: &Record) -> Result<()> {
        let (Some(rights), Some(person)) = (self.rights(), drawn_in(link, None)) else { return Ok(()) };
        let permission = self.question(&rights, link, Effect::Create)?.permission;
        self.ask_about_people(db, &rights, &permission, [person]).await
    }

    /// The same of links that are loaded.
    pub(super) async fn may_draw_in_all(
        &mut self,
        db: &mut Db,
        desc: &'static Descriptor,
        rows: &[PreparedRow],
    ) -> Result<()> {
        let Some(rights) = self.rights() else { return Ok(()) };
        let permission = self.permission_of(desc, Effect::Create);
        self.ask_about_people(db, &rights, &permission, drawn_in_by(desc, rows)).await
    }

    async fn ask_about_people(
        &mut self,
        db: &mut Db,
        rights: &Rights,
        permission: &str,
        people: impl IntoIterator<Item = Uuid>,
    ) -> Result<()> {
        let open: Vec<Question> = people.into_iter().filter_map(|id| self.about_person(permission, id)).collect();
        self.ask(db, rights, &open, "").await?;
        self.pass(open);
        Ok(())
    }

    fn pass(&mut self, questions: impl IntoIterator<Item = Question>) {
        for question in questions {
            if question.table == User::DESCRIPTOR.table {
                self.people.insert(question.id);
            }
            self.passed.insert(question);
        }
    }

    /// What is asked about somebody, unless it was before, or he or she was not there.
    fn about_person(&self, permission: &str, id: Uuid) -> Option<Question> {
        let table = User::DESCRIPTOR.table;
        (!self.people.contains(&id)).then(|| Question { permission: permission.to_owned(), table, id })
    }

    /// Notes to ask about a row that is new.
    pub(super) fn may_make(&mut self, record: &Record) -> Result<()> {
        let Some(rights) = self.rights() else { return Ok(()) };
        let question = self.question(&rights, record, Effect::Create)?;
        if question.id == record.meta.id {
            // It was nothing before.
            self.pass([question.clone()]);
            let updated = self.question(&rights, record, Effect::Update)?;
            self.pass([updated]);
        }
        self.places.extend(places_given(record, None).into_iter().map(|place| question.of(place)));
        self.after.insert(question);
        Ok(())
    }

    /// Notes to ask about rows that are loaded.
    pub(super) fn may_load(&mut self, desc: &'static Descriptor, org: i32, rows: &[PreparedRow]) -> Result<()> {
        let Some(rights) = self.rights() else { return Ok(()) };
        if org != rights.org {
            return Err(elsewhere(self.permit.permission()).into());
        }
        let permission = self.permission_of(desc, Effect::Create);
        if (rights.covers)(&permission) == Scope::All {
            return Ok(());
        }
        let question = |table, id| Question { permission: permission.clone(), table, id };
        for row in rows {
            self.after.insert(question(desc.table, row.id()));
            let links = row.links.iter().map(|link| (link.desc, &link.stored));
            for (desc, stored) in links.chain([(desc, &row.stored)]) {
                let columns = records::stored_columns(desc);
                for (field, place) in desc.stored().filter_map(|field| Some((field, place_of(field)?))) {
                    let at = columns.iter().position(|(name, _)| *name == field.column);
                    let id = at.and_then(|at| stored.get(at)?.as_uuid());
                    self.places.extend(id.map(|id| question(place.table, id)));
                }
            }
        }
        Ok(())
    }

    /// Asks about everything that was written, as it is now.
    pub(super) async fn ask_after(&mut self, db: &mut Db) -> Result<()> {
        let Some(rights) = self.rights() else { return Ok(()) };
        let gone = std::mem::take(&mut self.gone);
        let after = std::mem::take(&mut self.after).into_iter();
        let after: Vec<Question> = after.filter(|question| !gone.contains(&question.id)).collect();
        self.ask(db, &rights, &after, AS_THEN).await?;
        let places: Vec<Question> = std::mem::take(&mut self.places).into_iter().collect();
        self.ask(db, &rights, &places, ", into which a record would come").await
    }

    /// Goes by other rights from here on.
    pub(super) fn hold(&mut self, rights: Rights) {
        self.permit.rights = Some(rights);
    }

    pub(super) fn rights(&self) -> Option<Rights> {
        self.permit.rights.clone().filter(|_| !self.is_lifted)
    }

    /// What is asked about a row.
    fn question(&self, rights: &Rights, record: &Record, effect: Effect) -> Result<Question, Problem> {
        let (desc, (org, id)) = (record.desc, record.meta.record_id());
        let own = self.permit.resource();
        if org != rights.org {
            return Err(elsewhere(&self.permission_of(desc, effect)));
        }
        let within = desc.fields.iter().filter(|f| f.lifetime() == Lifetime::Within);
        let mut containers = within.filter_map(|f| Some((f.target()?, record.get(f.column).as_uuid()?)));
        let container = match desc.table == own {
            true => None,
            false if desc.is_told() => containers.find(|(kind, _)| kind.table == own),
            false => containers.next(),
        };
        Ok(match container {
            Some((kind, id)) => {
                Question { permission: self.permission_of(kind, Effect::Update), table: kind.table, id }
            }
            None => Question { permission: self.permission_of(desc, effect), table: desc.table, id },
        })
    }

    /// What must be allowed to do something to a row of a kind.
    fn permission_of(&self, desc: &Descriptor, effect: Effect) -> String {
        if desc.table == self.permit.resource() {
            return self.permit.permission().to_owned();
        }
        let verb = match effect {
            Effect::Create => Verb::Create,
            Effect::Delete => Verb::Delete,
            Effect::Restore => Verb::Restore,
            Effect::Purge => Verb::Purge,
            Effect::Update | Effect::None => Verb::Update,
        };
        format!("{}:{}", desc.table, desc.action(verb))
    }

    async fn ask(&self, db: &mut Db, rights: &Rights, questions: &[Question], how: &str) -> Result<()> {
        let mut by: BTreeMap<(&str, &str), Vec<Uuid>> = BTreeMap::new();
        for q in questions {
            by.entry((&q.permission, q.table)).or_default().push(q.id);
        }
        for ((permission, table), all) in by {
            let scope = (rights.covers)(permission);
            let Some(desc) = db.kinds().by_table(table).filter(|_| scope != Scope::All) else { continue };
            for some in all.chunks(TOGETHER) {
                let covered = reader::condition_of(db, desc, rights.org, &scope);
                let mut sql = Sql::bulk(format!("select t.id from {table} t where t.org_id = "), db.engine());
                sql.bind(rights.org).push(" and t.id").bind_among(some.iter().copied());
                sql.push(&format!(" and not coalesce({covered}, false)"));
                let found = db.all(sql.yields([ValueType::Uuid])).await?;
                let ids = found.iter().map(|row| row.uuid(0)).collect::<Result<Vec<Uuid>>>()?;
                if !ids.is_empty() {
                    let refused = refused(db, permission, desc, (rights.org, &ids), how).await?;
                    return Err(match &scope {
                        // Nothing allows it of anything: what became of the record does not matter.
                        Scope::AnyOf(one) if one.is_empty() && how == AS_THEN => {
                            Problem { sentence: format!("{permission} is not allowed"), ..refused }
                        }
                        _ => refused,
                    }
                    .into());
                }
            }
        }
        Ok(())
    }
}

/// That a permission does not cover some records: those that may be told are named.
async fn refused(
    db: &mut Db,
    permission: &str,
    desc: &'static Descriptor,
    (org, ids): (i32, &[Uuid]),
    how: &str,
) -> Result<Problem> {
    let seen = records::with_record_ids(&mut db.telling(), desc, ids.iter().map(|id| (org, *id))).await?;
    let unseen = ids.len() - seen.len();
    let mut titles: Vec<String> = seen.iter().map(Record::title).collect();
    titles.sort();
    let more = titles.len().saturating_sub(NAMED);
    titles.truncate(NAMED);
    if more > 0 {
        titles.push(format!("{more} more"));
    }
    let mut of = Vec::new();
    if !titles.is_empty() {
        of.push(format!("of {}", titles.join(", ")));
    }
    if unseen > 0 {
        // What would be nobody's to see is named by nothing, as it is not yet.
        let hidden = if how.is_empty() { " that you can't see" } else { "" };
        of.push(format!("of {}{hidden}", records::count(unseen as u64, desc)));
    }
    // One of them stands for all: what it belongs to now may be undone in a moment.
    let mut refusal = Refusal::of(permission);
    if let Some(first) = ids.iter().min() {
        refusal = refusal.of_record(desc.noun, *first);
        if let Some(record) = records::load(db, desc, org, *first).await? {
            refusal = refusal.about(About::Record(&access::belongings(db, &record).await?));
        }
    }
    Ok(Problem::denied(format!("{permission} is not allowed {}{how}", of.join(" and "))).refusing(refusal))
}

/// Of what is written: it is asked about as it is before the commit.
const AS_THEN: &str = " as it would be then";

/// Records of a refusal that are named.
const NAMED: usize = 3;

/// What is not the organisation's: the installation's, or another organisation as a whole.
pub(super) fn elsewhere(permission: &str) -> Problem {
    let refusal = Refusal::of(permission).about(About::Installation);
    Problem::denied(format!("{permission} is not allowed: it is about the whole installation")).refusing(refusal)
}
