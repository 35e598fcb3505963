//! The conformance story: every kind of record plays every verb that every kind has, on both engines, from the samples of
//! its types alone. A new kind is in it without a line here.
//!
//! What is expected is what was typed, as the type keeps it ([`samples`]), never what the program says elsewhere; what lists
//! and filters should tell is worked out here from the rows themselves. What a kind does not play follows from its
//! descriptor, and how often each step was played is counted against it: nothing is skipped in silence.

mod changes;
mod courses;
mod files;
mod past;
mod reading;
mod samples;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use orgctl::cli::program::Program;
use orgctl::model::clock::Clock as _;
use orgctl::model::resource::key::Key;
use orgctl::model::resource::row_rule::RowRule;
use orgctl::model::resource::verbs::{Link, Verb};
use orgctl::model::resource::{Attr, Descriptor, Field};
use orgctl::model::values::value::{ValueType, rfc3339};
use serde_json::{Map, Value as Json, json};

use self::samples::{Sample, sample};
use crate::harness::{Engine, Output, TestEnv};
use crate::raw::{int, texts};

/// What is told of one record, by the names of fields.
type Kept = Map<String, Json>;

/// A record of the kind that plays.
#[derive(Clone)]
struct Row {
    id: String,
    key: String,
    kept: Kept,
}

/// One kind on one engine.
struct Story<'a> {
    /// Makes a place that has ACME.
    make: &'a dyn Fn() -> TestEnv,
    p: &'a TestEnv,
    desc: &'static Descriptor,
    /// Which samples come next; of records that are made to be referred to once, the other way round.
    next: Cell<usize>,
    last: Cell<usize>,
    /// Keys of records that may be pointed at, in the order in which they were made.
    targets: RefCell<Vec<(&'static Descriptor, Vec<String>)>>,
    /// Times, and the list of the kind as it was then.
    moments: RefCell<Vec<(String, String, String)>>,
    played: RefCell<BTreeMap<&'static str, usize>>,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

impl<'a> Story<'a> {
    fn new(make: &'a dyn Fn() -> TestEnv, p: &'a TestEnv, desc: &'static Descriptor) -> Story<'a> {
        let (targets, moments) = (RefCell::default(), RefCell::default());
        Story {
            make,
            p,
            desc,
            next: Cell::new(0),
            last: Cell::new(samples::MANY),
            targets,
            moments,
            played: RefCell::default(),
        }
    }

    /// The fields of any kind that point at this one.
    fn pointing_at(&self) -> Vec<(&'static Descriptor, &'static Field)> {
        let pointing = self.p.program.kinds.referring_to(self.desc).into_iter();
        pointing.filter(|(d, _)| is_made_by_hand(d)).collect()
    }

    fn play(&self, step: &'static str, times: usize) {
        *self.played.borrow_mut().entry(step).or_default() += times;
    }

    /// Runs a verb of the kind in the organisation of the story.
    fn run(&self, verb: &str, args: &[&str]) -> Output {
        self.run_on(self.desc, verb, args, b"")
    }

    fn run_on(&self, desc: &'static Descriptor, verb: &str, args: &[&str], stdin: &[u8]) -> Output {
        self.run_in(desc, verb, args, "ACME", stdin)
    }

    fn run_in(&self, desc: &'static Descriptor, verb: &str, args: &[&str], org: &str, stdin: &[u8]) -> Output {
        let mut line = match desc.link().filter(|_| verb == "create") {
            Some(link) => linking(link, args),
            None => [words(&[desc.noun, verb]), words(args)].concat(),
        };
        if !desc.is_org() {
            line.extend(words(&["--org", org]));
        }
        self.p.run_words(&line, stdin)
    }

    fn records(&self) -> i64 {
        int(self.p, "select count(*) from audit_records")
    }

    /// All of the kind, deleted ones too.
    fn everything(&self) -> String {
        self.run("list", &["--with-deleted", "--all", "-o", "ndjson"]).ok()
    }

    /// Does something without doing it, which leaves everything as it is.
    #[track_caller]
    fn dry(&self, verb: &str, args: &[&str]) {
        let before = (self.records(), self.everything());
        let dry: Vec<&str> = args.iter().copied().chain(["--dry-run"]).collect();
        self.run(verb, &dry).ok();
        assert_eq!((self.records(), self.everything()), before, "{verb} --dry-run wrote");
        self.play("dry run", 1);
    }

    /// Changes something: first without doing it, then in earnest.
    #[track_caller]
    fn change(&self, verb: &str, args: &[&str]) -> String {
        self.dry(verb, args);
        let records = self.records();
        self.p.wait(60);
        let out = self.run(verb, args).ok();
        assert!(self.records() > records, "{verb} {args:?} is not recorded");
        out
    }

    /// Keeps in mind how everything of the kind is now.
    fn remember(&self, after: &str) {
        let at = rfc3339(self.p.clock.now());
        self.moments.borrow_mut().push((at, after.to_owned(), self.everything()));
        self.p.wait(60);
    }

    fn fresh(&self) -> usize {
        let n = self.next.get();
        self.next.set(n + 1);
        n
    }

    /// A field that is in the key that is shown.
    fn key_part(&self) -> &'static Field {
        self.desc.key().parts().next().expect("a key")
    }

    /// The key of a record of which this is told.
    fn key_of(&self, kept: &Kept) -> String {
        let parts: Vec<String> = self.desc.key().parts().map(|f| samples::cell(&kept[f.name()])).collect();
        parts.join(":").trim_end_matches(':').to_owned()
    }

    /// Fields whose values rules bind to each other, as every record of the story has them: they are given when it is made, and
    /// left as they are. What becomes of them otherwise is a story of the rules.
    fn bound(desc: &'static Descriptor) -> Vec<&'static Field> {
        let columns = desc.rules.iter().flat_map(|rule| match rule {
            RowRule::OneOf(all) => all.to_vec(),
            RowRule::Range(from, to, _) => vec![*from, *to],
            _ => Vec::new(),
        });
        columns.filter_map(|column| desc.field(column)).collect()
    }

    fn value(&self, field: &Field, n: usize) -> Sample {
        self.value_of(self.desc, field, n)
    }

    /// The value of a field for the n-th record: a reference names one of the records that may be pointed at; another one
    /// each time, where only that tells the record from others.
    fn value_of(&self, desc: &'static Descriptor, field: &Field, n: usize) -> Sample {
        match field.target() {
            None if Story::bound(desc).iter().any(|f| f.column == field.column) => match field.ty.label {
                "DATE" | "TIME" => period(desc, field, n),
                _ => sample(field, n),
            },
            None => sample(field, n),
            Some(target) if tells_apart(desc, field) => {
                self.last.set(self.last.get() - 1);
                let key = self.bare_of(target, &[], self.last.get());
                Sample { input: key.clone(), kept: key.into() }
            }
            Some(target) => {
                let all = self.targets.borrow();
                let keys = &all.iter().find(|(of, _)| *of == target).unwrap_or_else(|| panic!("no {}", target.noun)).1;
                // References to one kind name different ones, as rules between them may ask.
                let before = desc.fields.iter().take_while(|f| f.column != field.column);
                let key = &keys[(n + before.filter(|f| f.target() == Some(target)).count()) % keys.len()];
                Sample { input: key.clone(), kept: key.as_str().into() }
            }
        }
    }

    /// What is told of a record to which these fields were given.
    fn kept(&self, given: &[(&'static Field, Sample)]) -> Kept {
        let of_default = |field: &Field| match (field.default(), field.ty.label) {
            (None, _) => self.first_state(field).map_or(Json::Null, Json::from),
            (Some(word), "yes|no") => (word == "yes").into(),
            (Some(word), "NUMBER") => word.parse::<i64>().expect("a number").into(),
            (Some(word), _) => word.into(),
        };
        let mut kept: Kept = self.desc.fields.iter().map(|f| (f.name().to_owned(), of_default(f))).collect();
        for list in self.desc.lists {
            kept.insert(list.name.to_owned(), json!([]));
        }
        for (field, sample) in given {
            self.apply(&mut kept, field, sample.kept.clone());
        }
        kept
    }

    /// The state that a new record is in, where the field holds that.
    fn first_state(&self, field: &Field) -> Option<&'static str> {
        self.desc.states.filter(|(column, _)| *column == field.column).map(|(_, states)| states.first())
    }

    /// Sets a field, and what follows from it by its marks.
    fn apply(&self, kept: &mut Kept, field: &Field, value: Json) {
        if let Some([first, middle, last]) = field.parts() {
            let (one, other) = value.as_str().expect("a name").split_once(' ').expect("two words");
            for (part, text) in [(first, json!(one)), (middle, Json::Null), (last, json!(other))] {
                kept.insert((*part).to_owned(), text);
            }
        }
        let was = kept.insert(field.name().to_owned(), value.clone());
        for mark in field.attrs {
            if let Attr::VerifiedBy(proof) = mark
                && was.as_ref() != Some(&value)
            {
                kept.insert((*proof).to_owned(), false.into());
            }
        }
        if let Some(list) = self.desc.list_of(field) {
            kept.insert(list.name.to_owned(), if value.is_null() { json!([]) } else { json!([value]) });
        }
        for joint in self.desc.fields.iter().filter(|f| f.parts().is_some()) {
            let texts = joint.parts().into_iter().flatten().filter_map(|p| kept[*p].as_str().map(str::to_owned));
            let texts: Vec<String> = texts.collect();
            kept.insert(joint.name().to_owned(), texts.join(" ").into());
        }
    }

    /// Fields that create and update take, those apart that are put together of others.
    fn settable(&self) -> Vec<&'static Field> {
        free(self.desc).filter(|f| f.parts().is_none()).collect()
    }

    /// Those that a new record has beside fields that are bound by rules.
    fn with_bound(&self, fields: &[&'static Field]) -> Vec<&'static Field> {
        let is_given = |f: &&'static Field| fields.iter().all(|g| g.column != f.column);
        fields.iter().copied().chain(Story::bound(self.desc).into_iter().filter(is_given)).collect()
    }

    fn given(&self, fields: &[&'static Field], n: usize) -> Vec<(&'static Field, Sample)> {
        let nothing = || Sample { input: String::new(), kept: Json::Null };
        let value = |f: &Field| if is_left_out(self.desc, f, n) { nothing() } else { self.value(f, n) };
        fields.iter().map(|f| (*f, value(f))).collect()
    }

    /// Makes a record of the kind with these fields, and finds it told as it was given.
    #[track_caller]
    fn create(&self, fields: &[&'static Field]) -> Row {
        let given = self.given(&self.with_bound(fields), self.fresh());
        let flags: Vec<String> = given.iter().map(|(f, s)| flag(f, &s.input)).collect();
        let args: Vec<&str> = flags.iter().map(String::as_str).chain(["-o", "json"]).collect();
        if self.played.borrow().get("dry run").is_none() {
            self.dry("create", &args);
        }
        let said = self.run("create", &args);
        let told = said.json();
        said.ok();
        let mut kept = self.kept(&given);
        let made = self.desc.fields.iter().filter(|f| f.generator().is_some() || f.has(Attr::FromClock));
        for field in made.filter(|f| !fields.iter().any(|g| g.column == f.column)) {
            let is_made = told[field.name()].as_str().map_or(told[field.name()].is_i64(), |t| !t.is_empty());
            assert!(is_made, "{} was not made", field.name());
            kept.insert(field.name().to_owned(), told[field.name()].clone());
        }
        let text = |name: &str| told[name].as_str().expect("a text").to_owned();
        let row = Row { id: text("id"), key: text(self.desc.key_column()), kept };
        assert_eq!(told["version"], 1);
        self.is_told(&row);
        row
    }

    /// The record is shown with what was given, and nothing else.
    #[track_caller]
    fn is_told(&self, row: &Row) {
        self.tells(&self.shown(&row.id), row);
    }

    #[track_caller]
    fn tells(&self, told: &Json, row: &Row) {
        for (name, value) in &row.kept {
            assert_eq!(self.with_none(told.clone())[name], *value, "{name} of {} {}", self.desc.noun, row.key);
        }
    }

    /// What is told, but a set that is empty as none.
    fn with_none(&self, mut told: Json) -> Json {
        for field in self.desc.fields.iter().filter(|f| f.is_set()) {
            if told[field.name()] == json!([]) {
                told[field.name()] = Json::Null;
            }
        }
        told
    }

    #[track_caller]
    fn shown(&self, key: &str) -> Json {
        let said = self.run("show", &[key, "-o", "json"]);
        let told = said.json();
        said.ok();
        told
    }

    /// A record of any kind with what it must have alone; its key.
    #[track_caller]
    fn bare(&self, desc: &'static Descriptor, more: &[(&'static Field, &str)]) -> String {
        self.bare_of(desc, more, self.fresh())
    }

    #[track_caller]
    fn bare_of(&self, desc: &'static Descriptor, more: &[(&'static Field, &str)], n: usize) -> String {
        let required = free(desc).filter(|f| f.must_be_given()).chain(Story::bound(desc));
        let is_free = |f: &&Field| more.iter().all(|(g, _)| g.column != f.column && !excludes(desc, g, f));
        let is_chosen = |f: &&Field| more.iter().any(|(g, _)| excludes(desc, g, f)) || !is_left_out(desc, f, n);
        let required = required.filter(is_free).filter(is_chosen);
        let mut flags: Vec<String> = required.map(|f| flag(f, &self.value_of(desc, f, n).input)).collect();
        flags.extend(more.iter().map(|(f, key)| flag(f, key)));
        let args: Vec<&str> = flags.iter().map(String::as_str).chain(["-o", "key"]).collect();
        self.run_on(desc, "create", &args, b"").ok().trim_end().to_owned()
    }

    /// Makes two records of each kind that this one may point at, and before them of what those must point at.
    fn make_targets(&self, desc: &'static Descriptor, all: bool) {
        let bound = Story::bound(desc);
        let is_bound = |f: &Field| bound.iter().any(|b| b.column == f.column);
        for field in desc.fields.iter().filter(|f| all || f.ty.required || is_bound(f)) {
            let Some(target) = field.target() else { continue };
            if self.targets.borrow().iter().any(|(of, _)| *of == target) {
                continue;
            }
            if target != desc {
                self.make_targets(target, false);
            }
            let keys = vec![self.bare(target, &[]), self.bare(target, &[])];
            self.targets.borrow_mut().push((target, keys));
        }
    }

    /// The key of a record as it is called in the trail, and the organisation that its trail is of.
    fn org_of(&self, id: &str) -> String {
        if self.desc.is_org() { self.shown(id)["code"].as_str().expect("a code").to_owned() } else { "ACME".to_owned() }
    }

    /// From the first record to the proof that nothing was changed behind orgctl's back.
    fn tell(&self) {
        self.remember("nothing");
        self.make_targets(self.desc, true);
        self.remember("targets");
        let required: Vec<&'static Field> = self.settable().into_iter().filter(|f| f.must_be_given()).collect();
        let bare = self.create(&required);
        self.remember("create with the required fields");
        self.play("create", 1);
        let full: Vec<Row> = (0..4)
            .map(|_| {
                self.play("create", 1);
                self.create(&self.settable())
            })
            .collect();
        self.remember("create with all fields");
        self.refuse_bad(&bare);
        let rows = self.import_all();
        self.remember("import");
        self.read(&full[1], rows.len());
        self.export_is_import();
        self.import_again(&rows);
        self.update(&full[0], &full[2]);
        self.activate(&bare);
        self.go_from_state_to_state();
        self.end_and_follow();
        self.come_and_go(&full[1]);
        self.point();
        self.take_unused();
        self.merge();
        self.pipe();
        self.look_back();
        self.prove();
    }
}

/// How a link is made: at the noun of its item, which stands first.
fn linking(link: Link, args: &[&str]) -> Vec<String> {
    let ends = [link.item.0, link.other.0].map(|field| flag(field, ""));
    let end = |flag: &String| args.iter().find_map(|arg| arg.strip_prefix(flag.as_str())).expect("what it joins");
    let further = args.iter().filter(|arg| ends.iter().all(|flag| !arg.starts_with(flag.as_str())));
    let line = [link.item.1.noun, link.assign, end(&ends[0]), end(&ends[1])];
    line.into_iter().chain(further.copied()).map(str::to_owned).collect()
}

/// Fields that create and update take, and that no rule binds to others.
fn free(desc: &'static Descriptor) -> impl Iterator<Item = &'static Field> {
    let is_bound = |f: &Field| {
        desc.rules.iter().any(|rule| match rule {
            RowRule::OneOf(columns) => columns.contains(&f.column),
            RowRule::Range(from, to, _) => [*from, *to].contains(&f.column),
            RowRule::AtMostOne(flag, _) => *flag == f.column,
            RowRule::Same(..) | RowRule::Tree(_) | RowRule::Acyclic(..) => false,
        })
    };
    desc.settable().filter(move |f| !is_bound(f))
}

/// Whether of two fields one alone may be given.
fn excludes(desc: &Descriptor, one: &Field, other: &Field) -> bool {
    desc.rules.iter().any(|rule| match rule {
        RowRule::OneOf(columns) => columns.contains(&one.column) && columns.contains(&other.column),
        _ => false,
    })
}

/// Whether it is another field, of those of which one is given, that the n-th record has.
fn is_left_out(desc: &Descriptor, field: &Field, n: usize) -> bool {
    desc.rules.iter().any(|rule| match rule {
        RowRule::OneOf(columns) => columns.contains(&field.column) && columns[n % columns.len()] != field.column,
        _ => false,
    })
}

/// The first or last day of the n-th period: none overlaps another.
fn period(desc: &Descriptor, field: &Field, n: usize) -> Sample {
    let is_last = desc.rules.iter().any(|rule| matches!(rule, RowRule::Range(_, to, _) if *to == field.column));
    let day = format!("{}-0{}-{}", 2030 + n, 1 + n % 9, if is_last { 20 } else { 10 });
    let kept = if field.ty.kind == ValueType::Time { format!("{day}T00:00:00.000000Z") } else { day.clone() };
    Sample { input: day, kept: kept.into() }
}

/// Whether only what a field refers to tells a record from others: it comes first in a key of nothing but references.
fn tells_apart(desc: &Descriptor, field: &Field) -> bool {
    let first = |key: &Key| key.parts().next().is_some_and(|first| first.column == field.column);
    desc.all_keys().any(|key| first(&key) && key.parts().all(|f| f.target().is_some()))
}

/// `--address-line1=Fort`
fn flag(field: &Field, input: &str) -> String {
    format!("--{}={input}", field.name().replace('_', "-"))
}

/// Whether a person makes its records: what the program makes of others plays with those.
fn is_made_by_hand(desc: &'static Descriptor) -> bool {
    desc.does(Verb::Create) || desc.link().is_some()
}

/// How often a kind plays each step, by its descriptor.
fn expected(program: Program, desc: &'static Descriptor) -> BTreeMap<&'static str, usize> {
    let settable = || free(desc);
    let has_state = desc.field("is_active").is_some();
    let is_cleared = |f: &&Field| !f.ty.required && f.parts().is_none() && !f.has(Attr::Subject);
    let optional = settable().filter(is_cleared).count();
    let references = program.kinds.referring_to(desc).into_iter().filter(|(d, _)| is_made_by_hand(d));
    let unused = desc.fields.iter().filter(|f| f.requires_active_target()).count();
    let courses = desc.transitions().len() + 2 * usize::from(desc.ends());
    let merges = usize::from(changes::merges(program, desc));
    let all: BTreeMap<&'static str, usize> = BTreeMap::from([
        ("create", 5),
        ("bad value", settable().count()),
        ("show", 6),
        ("filter", desc.fields.len()),
        ("sort", 2 * desc.fields.len()),
        ("search", desc.fields.iter().filter(|f| f.has(Attr::Search)).count()),
        ("page", 2),
        ("export and import", 3),
        ("import", 4),
        ("update", changes::together(desc).len()),
        ("clear", optional),
        ("revert", changes::together(desc).len() + usize::from(optional > 0)),
        ("stale version", 1),
        ("no change", 1),
        ("activate", usize::from(has_state)),
        ("move", desc.transitions().len()),
        ("end", usize::from(desc.ends())),
        ("delete, restore, purge", 1),
        ("reference", references.count()),
        ("inactive", unused),
        ("merge", merges),
        ("pipe", 4 + usize::from(changes::shared(desc).is_some())),
        ("as of", changes::together(desc).len() + 8 + 2 * usize::from(has_state) + courses),
        ("diff", 1),
        ("column changed", desc.stored().count()),
        ("backup", 1),
        ("dry run", 8 + usize::from(has_state) * 2 + merges + courses),
    ]);
    all.into_iter().filter(|(_, n)| *n > 0).collect()
}

/// Whether the database itself lets no two live rows have a key: the story alone can't tell, for orgctl asks before it writes.
fn is_indexed(p: &TestEnv, desc: &Descriptor, key: Key) -> bool {
    let table = desc.table;
    let sql = match p.engine {
        Engine::Sqlite => {
            format!("select sql, '' from sqlite_schema where type = 'index' and tbl_name = '{table}' and sql <> ''")
        }
        Engine::Postgres => {
            format!("select indexdef, '' from pg_indexes where schemaname = 'orgctl' and tablename = '{table}'")
        }
    };
    let live = if desc.ends() { vec!["deleted_at is null", "ended_at is null"] } else { vec!["deleted_at is null"] };
    texts(p, &sql).iter().map(|row| row[0].to_lowercase().replace('"', "")).any(|index| {
        let over: Vec<String> = columns_of(&index);
        let part = |field: &Field| match field.ty.required || key.alone().is_some() {
            true => field.key_column().to_owned(),
            false => format!("coalesce({}", field.key_column()),
        };
        let tenant = if desc.is_org() { None } else { Some("org_id".to_owned()) };
        let wanted: Vec<String> = tenant.into_iter().chain(key.parts().map(part)).collect();
        index.contains("unique index")
            && live.iter().all(|condition| index.contains(condition))
            && over.len() == wanted.len()
            && over.iter().zip(&wanted).all(|(has, wanted)| has.split(',').next() == Some(wanted))
    })
}

/// What an index is over, as its definition says it.
fn columns_of(index: &str) -> Vec<String> {
    let (mut depth, mut columns) = (0, vec![String::new()]);
    for c in index.chars().skip_while(|c| *c != '(') {
        depth += i32::from(c == '(') - i32::from(c == ')');
        match (c, depth) {
            (_, 0) => break,
            ('(', 1) | (' ', 1) => {}
            (',', 1) => columns.push(String::new()),
            (c, _) => columns.last_mut().expect("one").push(c),
        }
    }
    columns
}

/// Plays the story of one kind, in a place that `make` makes; it has ACME.
pub fn conforms(make: &dyn Fn() -> TestEnv, desc: &'static Descriptor) {
    let p = make();
    assert_eq!(p.program.kinds.faults(), Vec::<String>::new());
    let indexed: Vec<String> =
        desc.all_keys().filter(|key| !is_indexed(&p, desc, *key)).map(|key| key.name()).collect();
    assert_eq!(indexed, Vec::<String>::new(), "keys of {} without a unique index over live rows", desc.noun);
    let story = Story::new(make, &p, desc);
    story.tell();
    let (mut played, mut hoped) = (story.played.borrow().clone(), expected(p.program, desc));
    if desc.lists.iter().any(|list| list.first.is_some()) {
        // What links tell is undone link by link.
        played.remove("revert");
        hoped.remove("revert");
    }
    assert_eq!(played, hoped, "how often {} played each step", desc.noun);
}

/// Each kind in a thread of its own: they share nothing.
fn all_conform(engine: Engine) {
    let play = |desc| conforms(&|| TestEnv::with_acme(engine), desc);
    std::thread::scope(|scope| {
        let kinds = Program::default().kinds.resources().filter(|d| is_made_by_hand(d));
        let threads: Vec<_> = kinds.map(|desc| (desc.noun, scope.spawn(move || play(desc)))).collect();
        let failed: Vec<&str> =
            threads.into_iter().filter_map(|(noun, thread)| thread.join().is_err().then_some(noun)).collect();
        assert!(failed.is_empty(), "{failed:?} on {engine:?}");
    });
}

#[test]
fn every_kind_conforms_on_sqlite() {
    all_conform(Engine::Sqlite);
}

#[test]
fn every_kind_conforms_on_postgres() {
    all_conform(Engine::Postgres);
}
