//! The rules that a kind declares (`model/row_rule`), as SQL. That nothing stands below itself is looked for in memory, by
//! [`super`].

use super::Invariant;
use crate::model::resource::lifecycle::ENDED;
use crate::model::resource::row_rule::{RowRule, in_words, way};
use crate::model::resource::{Descriptor, Field, List};
use crate::model::values::value::ValueType;
use crate::store::engine::sql::quoted;
use crate::store::records::status_sql;
use crate::store::records::touched::{Columns, DELETED};
use crate::store::records::{keys, lists};

/// The declared rules of a kind.
pub(super) fn of(desc: &'static Descriptor) -> Vec<Invariant> {
    let rules = desc.rules.iter().flat_map(|rule| match rule {
        RowRule::OneOf(columns) => vec![one_of(desc, columns)],
        RowRule::Range(from, to, per) => vec![ends_before_it_begins(desc, from, to), overlap(desc, from, to, per)],
        RowRule::AtMostOne(flag, per) => vec![two_flagged(desc, flag, per)],
        RowRule::Same(one, other) => same(desc, one, other),
        RowRule::Tree(_) | RowRule::Acyclic(..) => Vec::new(),
    });
    rules.map(|rule| Invariant { is_declared: true, ..rule }).collect()
}

/// A rule of live rows of which each is looked at by itself, or beside others of the kind (`x`).
struct Said<'a> {
    /// The first is the one at fault.
    columns: Vec<&'a str>,
    /// What joins `x`, and what of `t` and `x` breaks the rule.
    join: String,
    broken: String,
    filled: String,
    sentence: String,
    hint: String,
}

fn rule(desc: &'static Descriptor, said: Said<'_>) -> Invariant {
    let is_pair = !said.join.is_empty();
    let other = is_pair.then(|| ("{other}", keys::words(desc, "x")));
    let rows = format!("from {} t {} where {} and {}", desc.table, said.join, status_sql::live(desc, "t"), said.broken);
    Invariant {
        told: std::iter::once(("{key}", keys::words(desc, "t"))).chain(other).collect(),
        once: is_pair.then_some(" and t.id < x.id"),
        filled: Some(format!("{rows} and t.org_id = $1{}", said.filled)),
        field: said.columns.first().and_then(|c| desc.field(c)).map(Field::name),
        sentence: said.sentence,
        hint: said.hint,
        ..Invariant::new(desc, Columns::by_names(desc, said.columns.into_iter().chain([DELETED, ENDED])), rows)
    }
}

fn one_of(desc: &'static Descriptor, columns: &[&'static str]) -> Invariant {
    let count = |c: &&str| format!("case when t.{} is null then 0 else 1 end", quoted(c));
    let all = in_words(desc, columns);
    rule(
        desc,
        Said {
            columns: columns.to_vec(),
            join: String::new(),
            broken: format!("{} <> 1", columns.iter().map(count).collect::<Vec<_>>().join(" + ")),
            filled: String::new(),
            sentence: format!("{} {{key}} must have exactly one of {all}", desc.noun),
            hint: format!("give one of {all}, and none of the others"),
        },
    )
}

/// Whether the second field of a period is its last day, and not the instant at which it has ended.
fn is_of_days(desc: &Descriptor, to: &str) -> bool {
    desc.field(to).is_some_and(|f| f.ty.kind == ValueType::Date)
}

fn ends_before_it_begins(desc: &'static Descriptor, from: &str, to: &str) -> Invariant {
    let than = if is_of_days(desc, to) { "<" } else { "<=" };
    let names = in_words(desc, &[from, to]);
    rule(
        desc,
        Said {
            columns: vec![from, to],
            join: String::new(),
            broken: format!("t.{} {than} t.{}", quoted(to), quoted(from)),
            filled: String::new(),
            sentence: format!("{} {{key}} ends before it begins ({names})", desc.noun),
            hint: format!("change {names}"),
        },
    )
}

/// `x` is another live row that agrees with `t` in some fields; fields that neither gives agree.
fn beside(desc: &Descriptor, per: &[&str]) -> String {
    let agrees = per.iter().map(|column| {
        let c = quoted(column);
        match desc.field(column).is_some_and(|f| f.ty.required) {
            true => format!(" and x.{c} = t.{c}"),
            false => format!(" and (x.{c} = t.{c} or (x.{c} is null and t.{c} is null))"),
        }
    });
    let agrees: String = agrees.collect();
    let live = status_sql::live(desc, "x");
    format!("join {} x on x.org_id = t.org_id and x.id <> t.id and {live}{agrees}", desc.table)
}

/// What rows a window puts together: those of one organisation that agree.
fn window(per: &[&str], order: &str) -> String {
    let per: String = per.iter().map(|c| format!(", w.{}", quoted(c))).collect();
    format!("partition by w.org_id{per} order by {order}w.id")
}

fn per_in_words(desc: &Descriptor, per: &[&str]) -> String {
    if per.is_empty() { String::new() } else { format!(", per {}", in_words(desc, per)) }
}

/// Of a filled table the periods are gone through once, in order: one overlaps with an earlier one that has no end, or whose
/// end is not before it begins. So a row is looked at beside others only once it is known to break the rule.
fn overlap(desc: &'static Descriptor, from: &str, to: &str, per: &[&'static str]) -> Invariant {
    let (begins, ends, names) = (quoted(from), quoted(to), in_words(desc, &[from, to]));
    let than = if is_of_days(desc, to) { ">=" } else { ">" };
    // What is open on a side reaches beyond everything there.
    let reaches =
        |a: &str, b: &str| format!("({a}.{ends} is null or {b}.{begins} is null or {a}.{ends} {than} {b}.{begins})");
    let broken = format!("{} and {}", reaches("t", "x"), reaches("x", "t"));
    let before = "rows between unbounded preceding and 1 preceding";
    let of_it = window(per, &format!("w.{begins} nulls first, "));
    let filled = format!(
        " and t.id in (select d.id from (
             select w.id, w.{begins}, max(w.{ends}) over ({of_it} {before}) as latest, count(*) over ({of_it} {before}) as earlier,
                    max(case when w.{ends} is null then 1 else 0 end) over ({of_it} {before}) as open
               from {} w where w.org_id = $1 and {}) d
              where d.earlier > 0 and (d.open = 1 or d.{begins} is null or d.latest {than} d.{begins}) limit 1)",
        desc.table,
        status_sql::live(desc, "w")
    );
    let per_what = per_in_words(desc, per);
    rule(
        desc,
        Said {
            columns: [from, to].into_iter().chain(per.iter().copied()).collect(),
            join: beside(desc, per),
            broken,
            filled,
            sentence: format!("{} {{key}} overlaps with {{other}} ({names}{per_what})", desc.noun),
            hint: format!("change {names} of one of them"),
        },
    )
}

fn two_flagged(desc: &'static Descriptor, flag: &str, per: &[&'static str]) -> Invariant {
    let column = quoted(flag);
    let filled = format!(
        " and t.id in (select d.id from (select w.id, row_number() over ({}) as place
             from {} w where w.org_id = $1 and {} and w.{column}) d where d.place > 1 limit 1)",
        window(per, ""),
        desc.table,
        status_sql::live(desc, "w")
    );
    let per_what = per_in_words(desc, per);
    let name = in_words(desc, &[flag]);
    rule(
        desc,
        Said {
            columns: [flag].into_iter().chain(per.iter().copied()).collect(),
            join: beside(desc, per),
            broken: format!("t.{column} and x.{column}"),
            filled,
            sentence: format!("{} {{key}} and {{other}} both say {name}; one may{per_what}", desc.noun),
            hint: format!("take {name} from the other first"),
        },
    )
}

/// A step of a way: the kind, its field, and what the kind's table is called.
type Step = (&'static Descriptor, &'static Field, String);

/// Whose side a rule of two ways is asked from: a place on them, 0 where they begin, or the link that tells a step.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    Place(usize),
    Link(usize),
}

/// Broken by a row of the kind, by one that stands on a way, and by a link that tells a step: a rule for each.
fn same(desc: &'static Descriptor, one: &str, other: &str) -> Vec<Invariant> {
    let (Some(a), Some(b)) = (way(desc, one), way(desc, other)) else { return Vec::new() };
    let is_told = |(i, (kind, field)): (usize, &(&'static Descriptor, &'static Field))| {
        kind.list_of(field).is_some().then_some(Turn::Link(i))
    };
    let links = a.iter().chain(&b).enumerate().filter_map(is_told);
    let turns = (0..a.len() + b.len() - 1).map(Turn::Place).chain(links);
    turns.map(|turn| same_of(desc, (one, &a), (other, &b), turn)).collect()
}

type Way<'a> = (&'a str, &'a [(&'static Descriptor, &'static Field)]);

/// The rule of the kind that stands at one place of the two ways: 0 is where they begin.
fn same_of(desc: &'static Descriptor, (one, a): Way<'_>, (other, b): Way<'_>, turn: Turn) -> Invariant {
    let alias = |place: usize| if Turn::Place(place) == turn { "t".to_owned() } else { format!("s{place}") };
    let steps = |way: &[(&'static Descriptor, &'static Field)], first: usize| -> Vec<Step> {
        let called = |i: usize| alias(if i == 0 { 0 } else { first + i });
        way.iter().enumerate().map(|(i, (kind, field))| (*kind, *field, called(i))).collect()
    };
    let (a, b) = (steps(a, 0), steps(b, a.len() - 1));
    let base = alias(0);
    let mut joins = format!("{} {base}", desc.table);
    let mut asked = None;
    for (way, end, before) in [(&a, "va", 0), (&b, "vb", a.len())] {
        let next = way.iter().skip(1).map(|(kind, _, called)| (kind.table, called.as_str()));
        let last = way.last().and_then(|(_, field, _)| Some((field.target()?.table, end)));
        for (i, ((kind, field, from), (table, to))) in way.iter().zip(next.chain(last)).enumerate() {
            let mut id = format!("{from}.{}", quoted(field.column));
            if let Some(list) = kind.list_of(field) {
                let is_asked = turn == Turn::Link(before + i);
                let l = if is_asked { "t".to_owned() } else { format!("l{}", before + i) };
                let (join, of_link) = lists::join_told(list, &l, from);
                joins.push_str(&join);
                id = of_link;
                asked = asked.or(is_asked.then_some(list));
            }
            joins.push_str(&format!(" join {table} {to} on {to}.org_id = {from}.org_id and {to}.id = {id}"));
        }
    }
    let read = a.iter().chain(&b).filter(|(_, _, called)| called == "t").map(|(_, field, _)| field.column);
    let of = a.iter().chain(&b).find(|(_, _, called)| called == "t").map_or(desc, |(kind, ..)| *kind);
    let of = asked.map_or(of, List::desc);
    let of_link = asked.map(|list| [list.ends().0, list.ends().1, list.flag().unwrap_or_default(), DELETED]);
    let is_first = turn == Turn::Place(0);
    let read = read.chain(is_first.then_some([DELETED, ENDED]).into_iter().flatten());
    let columns = Columns::by_names(of, read.chain(of_link.into_iter().flatten()));
    let key = |way: &[Step], end: &str| {
        let target = way.last().and_then(|(_, f, _)| f.target());
        target.map_or_else(|| format!("{end}.id"), |target| keys::words(target, end))
    };
    let rows = format!("from {joins} where {} and va.id <> vb.id", status_sql::live(desc, &base));
    Invariant {
        told: vec![("{key}", keys::words(desc, &base)), ("{one}", key(&a, "va")), ("{other}", key(&b, "vb"))],
        filled: is_first.then(|| format!("{rows} and {base}.org_id = $1")),
        field: a.iter().chain(&b).find(|(_, _, called)| called == "t").map(|(_, field, _)| field.name()),
        sentence: format!("{} {{key}}: {one} is {{one}}, but {other} is {{other}}", desc.noun),
        hint: format!("{one} and {other} must be the same"),
        ..Invariant::new(of, columns, rows)
    }
}
