//! Reading: list, filter, sort, pages, search, and the formats of `show`.

use std::cmp::Ordering;

use orgctl::model::resource::{Attr, Field};
use orgctl::model::values::scalar::FieldKind;
use orgctl::model::values::value::ValueType;
use serde_json::Value as Json;

use super::samples::cell;
use super::{Row, Story};

/// In which order two values stand: what is none first, text by its bytes, the rest by what it is.
fn order(kind: ValueType, a: &Json, b: &Json) -> Ordering {
    let amount = |v: &Json| {
        let text = v.as_str().expect("an amount");
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        format!("{whole}{places:0<4}").parse::<i64>().expect("a number")
    };
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        _ => match kind {
            ValueType::Decimal => amount(a).cmp(&amount(b)),
            ValueType::Int => a.as_i64().cmp(&b.as_i64()),
            ValueType::Bool => a.as_bool().cmp(&b.as_bool()),
            _ => cell(a).as_bytes().cmp(cell(b).as_bytes()),
        },
    }
}

/// Whether a condition holds, as docs say it: what is none is neither more nor less than anything, and is not any value.
fn holds(kind: ValueType, op: &str, told: &Json, value: &Json) -> bool {
    let (fold, is_there) = (|v: &Json| cell(v).to_lowercase(), !told.is_null());
    let order = order(kind, told, value);
    match op {
        "=" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        ">" => is_there && order == Ordering::Greater,
        ">=" => is_there && order != Ordering::Less,
        "<" => is_there && order == Ordering::Less,
        "<=" => is_there && order != Ordering::Greater,
        "~" => is_there && fold(told).contains(&fold(value)),
        "!~" => !is_there || !fold(told).contains(&fold(value)),
        other => panic!("no comparison {other}"),
    }
}

/// What a list is asked for: a field, a comparison, and the values of which it must hold for one.
type Condition<'a> = (&'a Field, &'static str, Vec<Json>);

/// A reference is told, compared and sorted by its key.
fn kind_of(field: &Field) -> ValueType {
    if field.target().is_some() { ValueType::Text } else { field.ty.kind }
}

fn is_ordered(field: &Field) -> bool {
    let has_words = field.target().is_some() || matches!(field.ty.role, FieldKind::Choice(_));
    !has_words && !matches!(field.ty.kind, ValueType::Bool | ValueType::Json)
}

/// The values that the rows have in a field, each once, in order.
fn values(field: &Field, rows: &[Json]) -> Vec<Json> {
    let mut values: Vec<Json> = rows.iter().map(|r| r[field.name()].clone()).filter(|v| !v.is_null()).collect();
    values.sort_by(|a, b| order(kind_of(field), a, b));
    values.dedup();
    values
}

impl Story<'_> {
    /// The rows of the list.
    pub fn rows_as_told(&self) -> Vec<Json> {
        let list = self.run("list", &["--all", "-o", "ndjson"]).ok();
        list.lines().map(|l| self.with_none(serde_json::from_str(l).expect("a line of JSON"))).collect()
    }

    /// `imported`: how many records a file brought.
    pub fn read(&self, full: &Row, imported: usize) {
        let rows = self.rows_as_told();
        assert!(rows.len() >= 5 + imported, "{} rows", rows.len());
        self.show(full);
        for field in self.desc.fields {
            self.filter(field, &rows);
        }
        self.borders(&rows);
        for field in self.desc.fields.iter().filter(|f| f.has(Attr::Search)) {
            self.search(field, full, &rows);
        }
        let optional = self.desc.fields.iter().find(|f| !f.ty.required);
        self.pages(&format!("--sort={}", self.desc.key_column()), &rows);
        self.pages(&format!("--sort=-{}", optional.unwrap_or(self.key_part()).name()), &rows);
    }

    /// A list of these conditions, sorted by the field one way or the other, has the rows for which they hold, in order.
    fn filtered(&self, sort: (&str, &Field), rows: &[Json], conditions: &[Condition<'_>]) {
        let (sign, field) = sort;
        let text = |(field, op, values): &Condition<'_>| {
            let values: Vec<String> = values.iter().map(|v| format!("'{}'", cell(v))).collect();
            format!("{}{op}{}", field.name(), values.join(","))
        };
        let filter = conditions.iter().map(text).collect::<Vec<_>>().join(" ");
        let by = format!("--sort={sign}{}", field.name());
        let told = self.run("list", &["--all", "-o", "key", "--filter", &filter, &by]).ok();
        let fits = |r: &&Json| {
            conditions.iter().all(|(f, op, values)| values.iter().any(|v| holds(kind_of(f), op, &r[f.name()], v)))
        };
        let mut hoped: Vec<&Json> = rows.iter().filter(fits).collect();
        hoped.sort_by(|a, b| {
            let by_id = || cell(&a["id"]).cmp(&cell(&b["id"]));
            order(kind_of(field), &a[field.name()], &b[field.name()]).then_with(by_id)
        });
        if sign == "-" {
            hoped.reverse();
        }
        let key = self.desc.key_column();
        let hoped: String = hoped.iter().map(|r| cell(&r[key]) + "\n").collect();
        assert_eq!(told, hoped, "--filter {filter} {by}");
    }

    /// Each comparison by itself leaves out a row that no other one leaves out.
    fn filter(&self, field: &'static Field, rows: &[Json]) {
        let values = values(field, rows);
        if values.is_empty() && self.comes_later(field) {
            self.play("filter", 1);
            self.play("sort", 2);
            return;
        }
        assert!(!values.is_empty(), "nothing has a {}", field.name());
        let (least, mid, most) = (&values[0], &values[values.len() / 2], &values[values.len() - 1]);
        let only = |sign: &str, conditions: &[(&'static str, &[&Json])]| {
            let all: Vec<Condition<'_>> =
                conditions.iter().map(|(op, v)| (field, *op, v.iter().map(|v| (*v).clone()).collect())).collect();
            self.filtered((sign, field), rows, &all);
        };
        match is_ordered(field) {
            true => only("", &[("=", &[least, mid, most]), (">", &[least]), ("<", &[most])]),
            false => only("", &[("=", &[mid])]),
        }
        only("", &[("!=", &[mid])]);
        if !field.ty.required {
            only("", &[("=", &[&Json::Null])]);
        }
        // Without its end, and in the other case: also of letters that are none of ASCII.
        let part = |v: &Json| {
            let (text, more) = (cell(v), cell(v).chars().count() - 1);
            Json::from(text.chars().take(more).collect::<String>().to_uppercase())
        };
        if kind_of(field) == ValueType::Text && field.target().is_none() && !cell(mid).contains('\n') {
            only("", &[("~", &[&part(mid)])]);
            only("-", &[("!~", &[&part(least)])]);
        } else {
            only("-", &[("!=", &[least])]);
        }
        self.play("filter", 1);
        self.play("sort", 2);
    }

    /// Comparisons of all fields together leave out nothing that is on their border.
    fn borders(&self, rows: &[Json]) {
        let ordered = self.desc.fields.iter().filter(|f| is_ordered(f) && !f.is_managed());
        let borders: Vec<Condition<'_>> = ordered
            .flat_map(|field| {
                let values = values(field, rows);
                let (least, most) = (values[0].clone(), values[values.len() - 1].clone());
                [(field, ">=", vec![least]), (field, "<=", vec![most])]
            })
            .collect();
        // So many conditions a list takes.
        for some in borders.chunks(64) {
            self.filtered(("", self.key_part()), rows, some);
        }
    }

    /// Page by page, each record comes once, in the order of the whole list.
    fn pages(&self, sort: &str, rows: &[Json]) {
        self.play("page", 1);
        let whole = self.run("list", &["--all", "-o", "key", sort]).ok();
        let (mut told, mut token) = (String::new(), None::<String>);
        for _ in 0..rows.len() {
            let mut args = vec!["-o", "key", "--limit", "2", sort];
            if let Some(token) = &token {
                args.extend(["--page", token]);
            }
            let said = self.run("list", &args);
            told.push_str(&said.out);
            let err = said.fails(0);
            token = err.split_once("--page ").map(|(_, token)| token.trim().to_owned());
            if token.is_none() {
                break;
            }
        }
        assert_eq!(told, whole, "pages by {sort}");
    }

    /// A field that search knows is found by a word that stands nowhere else, in any case.
    fn search(&self, field: &Field, full: &Row, rows: &[Json]) {
        self.play("search", 1);
        let words = cell(&full.kept[field.name()]).to_uppercase();
        let has = |r: &Json, word: &str| {
            let known = self.desc.fields.iter().filter(|f| f.has(Attr::Search));
            known.map(|f| cell(&r[f.name()]).to_uppercase()).any(|text| text.contains(word))
        };
        let fits = |r: &&Json| words.split(' ').all(|word| has(r, word));
        let key = self.desc.key_column();
        let hoped: String = rows.iter().filter(fits).map(|r| cell(&r[key]) + "\n").collect();
        assert_eq!(self.run("list", &["--all", "-o", "key", "--search", &words]).ok(), hoped, "--search {words}");
        assert!(self.run("find", &[&words, "-o", "key"]).ok().contains(&full.key), "find {words}");
    }

    /// Each format tells the same.
    fn show(&self, row: &Row) {
        let out = |format: &str| self.run("show", &[&row.id, "-o", format]).ok();
        let names: Vec<&str> = row.kept.keys().map(String::as_str).collect();
        let columns = names.join(",");
        let kept = |name: &str| cell(&row.kept[name]);
        let line: Json = serde_json::from_str(&out("ndjson")).expect("a line of JSON");
        let whole: Json = serde_json::from_str(&out("json")).expect("JSON");
        let (csv, yaml, table) = (out("csv"), out("yaml"), out("table"));
        let tsv = self.run("show", &[&row.id, "-o", "tsv", "--columns", &columns]).ok();
        let (head, cells) = records(&csv);
        for (i, name) in names.iter().enumerate() {
            assert_eq!((&line[name], &whole[name]), (&row.kept[*name], &row.kept[*name]), "{name}");
            let at = head.iter().position(|h| h == name).unwrap_or_else(|| panic!("no column {name}"));
            assert_eq!(cells[0][at], kept(name), "{name} as CSV");
            let of_tsv = tsv.lines().nth(1).and_then(|l| l.split('\t').nth(i)).expect("a cell");
            assert_eq!(of_tsv, kept(name).replace('\n', "\\n"), "{name} as TSV");
            if row.kept[*name].is_array() {
                continue;
            }
            assert_eq!(of_yaml(&yaml, name), row.kept[*name], "{name} as YAML");
            let shown = match &row.kept[*name] {
                Json::Null => continue,
                Json::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
                // People are told a time with how far it is.
                other if self.desc.field(name).is_some_and(|f| f.ty.kind == ValueType::Time) => {
                    cell(other)[..10].to_owned()
                }
                other => cell(other).lines().next().unwrap_or_default().to_owned(),
            };
            let of_table = table.lines().find_map(|l| l.strip_prefix(&format!("{name} "))).unwrap_or_default();
            assert!(of_table.contains(&shown), "{name} in the table: {of_table} has no {shown}");
        }
        self.play("show", 6);
    }
}

/// A CSV text: its header and its rows.
pub fn records(csv: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let all = reader.records().map(|r| r.expect("a row").iter().map(str::to_owned).collect());
    let mut rows: Vec<Vec<String>> = all.collect();
    (rows.remove(0), rows)
}

/// The scalar behind a name in a YAML mapping.
fn of_yaml(yaml: &str, name: &str) -> Json {
    let mut lines = yaml.lines();
    let text = lines.find_map(|l| l.strip_prefix(&format!("{name}:"))).unwrap_or_else(|| panic!("no {name}:\n{yaml}"));
    match text.trim() {
        "|-" => lines.map_while(|l| l.strip_prefix("  ")).collect::<Vec<_>>().join("\n").into(),
        text => serde_json::from_str(text).unwrap_or_else(|_| text.trim_matches('\'').into()),
    }
}
