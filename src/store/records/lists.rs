//! What links give records ([`List`]), in SQL: all of it in one text, and the first, which reads like a field of the record.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{keys, status_sql};
use crate::model::resource::lifecycle::{ENDED, EXPIRES};
use crate::model::resource::{Descriptor, Field, List};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};

/// Whether the link `l` is one of the row `t`: of what is live, the links are; what is deleted had those that went with it.
pub fn is_of(list: &List, l: &str, t: &str) -> String {
    let owner = quoted(list.ends().1);
    let ended = list.desc().index(ENDED).map_or(String::new(), |_| format!(" and {l}.{ENDED} is null"));
    format!(
        "{l}.org_id = {t}.org_id and {l}.{owner} = {t}.id and {l}.deletion_id is not distinct from {t}.deletion_id{ended}"
    )
}

/// Whether the link `l` gives what it gives everywhere and for good, as a list tells it.
pub fn is_listed(list: &List, l: &str) -> String {
    let end = list.desc().index(EXPIRES).map(|_| format!(" and {l}.{EXPIRES} is null"));
    let narrow = list.narrowed_by().map(|f| format!(" and {l}.{} is null", quoted(f.column)));
    end.into_iter().chain(narrow).collect()
}

/// The alias of the link that tells a field.
pub fn alias(field: &Field) -> String {
    format!("l_{}", field.name())
}

/// Joins the link that tells the first of a list to the row `t`.
pub fn join_first(list: &List, field: &Field) -> String {
    format!("left{} ", join_told(list, &alias(field), "t").0)
}

/// The id that a field of a list's query holds, where [`join_first`] has joined its link.
pub fn first_id(list: &List, field: &Field) -> String {
    format!("{}.{}", alias(field), quoted(list.ends().0))
}

/// Joins as `l` the link that tells the first to the row `t`, and what it tells.
pub fn join_told(list: &List, l: &str, t: &str) -> (String, String) {
    let flag = quoted(list.flag().unwrap_or_default());
    let join = format!(" join {} {l} on {} and {l}.{flag}", list.desc().table, is_of(list, l, t));
    (join, format!("{l}.{}", quoted(list.ends().0)))
}

/// What a field of the row `t` holds: its column, or what the links say.
pub fn value_of(desc: &Descriptor, field: &Field, t: &str) -> String {
    let Some(list) = desc.list_of(field) else { return format!("{t}.{}", quoted(field.column)) };
    format!(
        "(select x.{} from {} x where {} and x.{})",
        quoted(list.ends().0),
        list.desc().table,
        is_of(list, "x", t),
        quoted(list.flag().unwrap_or_default())
    )
}

/// The members of the row `t` in one text, the first first, by what `member` makes of the record `m` of each link `l`.
pub fn members(list: &List, table: &str, join: &str, member: &str) -> String {
    let first = list.flag().map_or(String::new(), |flag| format!("l.{} desc, ", quoted(flag)));
    format!(
        "(select string_agg({member}, ';' order by {first}{member}) from {} l {join} {table} m on m.org_id = l.org_id and m.id = l.{}
           where {}{})",
        list.desc().table,
        quoted(list.ends().0),
        is_of(list, "l", "t"),
        is_listed(list, "l")
    )
}

/// A query of the ids of those whom one of some ids is given, in the organisation `org` where one is named; more conditions on
/// the link `l` may follow.
pub fn owners(list: &List, org: Option<i64>, ids: &str) -> String {
    let (item, owner) = list.ends();
    // Lets the index serve that begins with org_id.
    let all = || "l.org_id in (select org_id from orgs) and ".to_owned();
    let of_org = org.map_or_else(all, |org| format!("l.org_id = {org} and "));
    let ended = list.desc().index(ENDED).map_or(String::new(), |_| format!(" and l.{ENDED} is null"));
    let of = list.link().map_or("", |link| link.other.1.table);
    format!(
        "select l.{} from {} l where {of_org}l.{} in ({ids}){ended} and (l.deletion_id is null or exists (
             select 1 from {of} o where {}))",
        quoted(owner),
        list.desc().table,
        quoted(item),
        is_of(list, "l", "o"),
    )
}

/// A query of the ids of those whose first is one.
pub fn owners_of_first(list: &List, org: i32, id: &str) -> String {
    let flag = quoted(list.flag().unwrap_or_default());
    format!("{} and l.{flag}", owners(list, Some(org.into()), id))
}

/// What a link gives: its key, and how it is given.
pub struct Member {
    pub key: String,
    pub is_first: bool,
    /// It is narrowed to a place.
    pub is_narrow: bool,
    pub has_end: bool,
}

/// What links that hold at a time give to some records.
pub async fn members_of(
    db: &mut Db,
    list: &List,
    org: i32,
    owners: &[Uuid],
    at: DateTime<Utc>,
) -> Result<HashMap<Uuid, Vec<Member>>> {
    let mut found: HashMap<Uuid, Vec<Member>> = HashMap::new();
    let Some(link) = list.link() else { return Ok(found) };
    let flag = list.flag().map_or("(1 = 0)".to_owned(), |flag| format!("l.{}", quoted(flag)));
    let (ends, narrow) = (list.desc().index(EXPIRES).is_some(), is_narrow(list, "l"));
    let end = if ends { format!("l.{EXPIRES}") } else { "null".into() };
    let (item, owner) = (quoted(link.item.0.column), quoted(link.other.0.column));
    for some in owners.chunks(500) {
        let text = format!(
            "select l.{owner}, {}, {flag}, {narrow}, {end} from {} l join {} m on m.org_id = l.org_id and m.id = l.{item}
              where {} and l.org_id = ",
            keys::words(link.item.1, "m"),
            link.desc.table,
            link.item.1.table,
            status_sql::live(link.desc, "l")
        );
        let mut sql = Sql::bulk(text, db.engine());
        sql.bind(org).push(&format!(" and l.{owner}")).bind_among(some.iter().copied());
        let kinds = [ValueType::Uuid, ValueType::Text, ValueType::Bool, ValueType::Bool, ValueType::Time];
        for row in db.all(sql.yields(kinds)).await? {
            let is = |i: usize| row.value(i).as_bool() == Some(true);
            let until = row.value(4).as_time();
            if until.is_none_or(|end| end > at) {
                let member = Member {
                    key: row.text(1)?.to_owned(),
                    is_first: is(2),
                    is_narrow: is(3),
                    has_end: until.is_some(),
                };
                found.entry(row.uuid(0)?).or_default().push(member);
            }
        }
    }
    Ok(found)
}

/// Whether the link `l` is narrowed to a place.
fn is_narrow(list: &List, l: &str) -> String {
    let by: Vec<String> = list.narrowed_by().map(|f| format!("{l}.{} is not null", quoted(f.column))).collect();
    if by.is_empty() { "(1 = 0)".to_owned() } else { format!("({})", by.join(" or ")) }
}
