//! Rules over several fields of a record, or over several records of a kind, in a few words that a declaration gives:
//! `rules(&[OneOf(&["service_id", "product_id"]), Tree("parent_id")])`. Each is checked of the record alone, as far as that
//! goes, and of all records by SQL (`store/invariants`).

use super::{Descriptor, Field, Record};
use crate::model::problem::Problem;
use crate::model::values::value::{Value, ValueType};

/// What records must keep to besides what their types say. Fields are named by their columns, and a declaration that names
/// one which is not there does not compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowRule {
    /// Exactly one of these fields is given.
    OneOf(&'static [&'static str]),
    /// A period: the first field says when it begins, the second its last day, or the instant from which on it has ended.
    /// One that is not given leaves that side open. Of live records that agree in the last fields no two overlap.
    Range(&'static str, &'static str, &'static [&'static str]),
    /// Of live records that agree in the last fields, one at most says yes in the first.
    AtMostOne(&'static str, &'static [&'static str]),
    /// Two ways over references lead to the same record: `goal.project`, `project`. Where one of them leads nowhere nothing
    /// is demanded.
    Same(&'static str, &'static str),
    /// A reference to another record of the kind: nobody stands below itself.
    Tree(&'static str),
    /// Of a kind that joins two of another kind: the live links, each from the first to the second, lead nowhere back.
    Acyclic(&'static str, &'static str),
}

impl RowRule {
    /// What is wrong with a record by itself.
    pub fn fault(&self, record: &Record) -> Option<Problem> {
        match self {
            RowRule::OneOf(columns) => one_of(record, columns),
            RowRule::Range(from, to, _) => period(record, from, to),
            RowRule::AtMostOne(..) | RowRule::Same(..) | RowRule::Tree(_) | RowRule::Acyclic(..) => None,
        }
    }

    /// The fields of the kind itself that it names.
    pub(in crate::model) const fn names(&self, place: usize) -> Option<&'static str> {
        match self {
            RowRule::OneOf(columns) => nth(columns, place),
            RowRule::Range(from, to, per) => match place {
                0 => Some(from),
                1 => Some(to),
                _ => nth(per, place - 2),
            },
            RowRule::AtMostOne(flag, per) => match place {
                0 => Some(flag),
                _ => nth(per, place - 1),
            },
            RowRule::Tree(column) if place == 0 => Some(column),
            RowRule::Acyclic(from, to) => match place {
                0 => Some(from),
                1 => Some(to),
                _ => None,
            },
            RowRule::Same(..) | RowRule::Tree(_) => None,
        }
    }
}

const fn nth(columns: &'static [&'static str], place: usize) -> Option<&'static str> {
    if place < columns.len() { Some(columns[place]) } else { None }
}

/// Stops the compiler where a rule names a column that is not there.
pub(in crate::model) const fn check(fields: &[Field], rules: &[RowRule]) {
    let mut i = 0;
    while i < rules.len() {
        let mut place = 0;
        while let Some(name) = rules[i].names(place) {
            assert!(is_column(fields, name), "a rule names a column that the kind does not have");
            place += 1;
        }
        i += 1;
    }
}

const fn is_column(fields: &[Field], name: &str) -> bool {
    let mut i = 0;
    while i < fields.len() {
        if is_same(fields[i].column.as_bytes(), name.as_bytes()) {
            return true;
        }
        i += 1;
    }
    false
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// The names of fields as people know them, in a row: `service and product`.
pub fn in_words(desc: &Descriptor, columns: &[&str]) -> String {
    let names: Vec<&str> = columns.iter().map(|c| desc.field(c).map_or(*c, |f| f.name())).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// The fields on a way over references, the first of this kind and the last what it leads to; none where it leads nowhere.
pub fn way(desc: &'static Descriptor, path: &str) -> Option<Vec<(&'static Descriptor, &'static Field)>> {
    let (mut at, mut way) = (Some(desc), Vec::new());
    for step in path.split('.') {
        let field = at?.field(step)?;
        way.push((at?, field));
        at = field.target();
    }
    Some(way)
}

fn one_of(record: &Record, columns: &[&'static str]) -> Option<Problem> {
    let (desc, name) = (record.desc, |column: &str| record.desc.field(column).map(Field::name));
    let given: Vec<&str> = columns.iter().copied().filter(|c| !record.get(c).is_null()).collect();
    let all = in_words(desc, columns);
    let (sentence, column) = match given.as_slice() {
        [_] => return None,
        [] => (format!("one of {all} must be given"), columns.first()?),
        [.., last] => (format!("only one of {all} may be given, not {}", in_words(desc, &given)), last),
    };
    let problem = Problem::invalid(sentence);
    Some(Problem { field: name(column), ..problem })
}

fn period(record: &Record, from: &'static str, to: &'static str) -> Option<Problem> {
    let is_wrong = match (record.get(from), record.get(to)) {
        // The last day is one of the period.
        (Value::Date(from), Value::Date(to)) => to < from,
        (Value::Time(from), Value::Time(to)) => to <= from,
        _ => false,
    };
    is_wrong.then(|| {
        let name = |column| record.desc.field(column).map_or(column, Field::name);
        Problem::invalid(format!("{} must not be before {}", name(to), name(from))).field(name(to))
    })
}

/// What is wrong with the rules of a kind that the compiler does not see; for tests.
pub fn mistakes(desc: &'static Descriptor) -> Vec<String> {
    let is = |column: &str, kinds: &[ValueType]| desc.field(column).is_some_and(|f| kinds.contains(&f.ty.kind));
    let is_right = |rule: &RowRule| match rule {
        RowRule::OneOf(columns) => {
            columns.len() > 1 && columns.iter().all(|c| desc.field(c).is_some_and(|f| !f.ty.required))
        }
        RowRule::Range(from, to, _) => {
            is(from, &[ValueType::Date, ValueType::Time])
                && desc.field(from).map(|f| f.ty.kind) == desc.field(to).map(|f| f.ty.kind)
        }
        RowRule::AtMostOne(flag, _) => is(flag, &[ValueType::Bool]),
        RowRule::Same(one, other) => {
            let end = |path| way(desc, path)?.last()?.1.target();
            end(one).is_some() && end(one) == end(other)
        }
        RowRule::Tree(column) => desc.field(column).is_some_and(|f| f.target() == Some(desc)),
        RowRule::Acyclic(from, to) => {
            let target = |column| desc.field(column).filter(|f| f.ty.required).and_then(Field::target);
            target(from).is_some() && target(from) == target(to)
        }
    };
    desc.rules.iter().filter(|rule| !is_right(rule)).map(|rule| format!("{}: {rule:?}", desc.noun)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::Kinds;

    #[test]
    fn rules_are_about_fields_of_their_kind() {
        let all: Vec<String> = Kinds::default().resources().flat_map(mistakes).collect();
        assert_eq!(all, Vec::<String>::new());
    }

    /// A kind that says so of no reference to itself is a tree by none.
    #[test]
    fn trees_are_said() {
        let trees = |noun| Kinds::default().by_noun(noun).into_iter().flat_map(Descriptor::trees).map(|f| f.column);
        assert_eq!(trees("user").collect::<Vec<_>>(), ["reports_to_id"]);
        assert_eq!(trees("branch").collect::<Vec<_>>(), ["parent_id"]);
        assert_eq!(trees("dept").count(), 0);
    }
}
