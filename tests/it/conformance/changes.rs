//! Changes: update, activate, delete and what protects from it, restore, purge, merge.

use orgctl::cli::program::Program;
use orgctl::model::resource::lifetime::{Consequence, TargetEvent};
use orgctl::model::resource::{Attr, Descriptor, Field};
use orgctl::model::values::value::ValueType;
use serde_json::{Value as Json, json};

use super::samples::{bad, cell};
use super::{Row, Story, flag, free, tells_apart};
use crate::raw::int;

/// Whether the kind has a verb that makes one record of two.
pub fn merges(program: Program, desc: &Descriptor) -> bool {
    program.leaves().any(|l| l.spec.noun == desc.noun && l.spec.verb == "merge")
}

/// The fields that one update gives, of all updates: each field once, few together, so that one which is lost is missed where
/// it was given, as of then, and when it is taken back. What is put together of others is given alone.
pub fn together(desc: &'static Descriptor) -> Vec<Vec<&'static Field>> {
    const FEW: usize = 4;
    let (joined, plain): (Vec<&'static Field>, Vec<&'static Field>) = changing(desc).partition(|f| f.parts().is_some());
    joined.into_iter().map(|f| vec![f]).chain(plain.chunks(FEW).map(<[_]>::to_vec)).collect()
}

/// The fields that change: whose data a record holds does not.
pub fn changing(desc: &'static Descriptor) -> impl Iterator<Item = &'static Field> {
    free(desc).filter(|f| !f.has(Attr::Subject))
}

/// A field that two records may share the value of.
pub fn shared(desc: &'static Descriptor) -> Option<&'static Field> {
    let is_free = |f: &&Field| f.ty.kind != ValueType::Bool && !desc.all_keys().any(|key| key.has(f));
    changing(desc).filter(|f| f.parts().is_none()).filter(is_free).last()
}

impl Story<'_> {
    /// What a field's type refuses is refused with the field's name, and nothing is written.
    pub fn refuse_bad(&self, row: &Row) {
        let settable: Vec<&'static Field> = free(self.desc).collect();
        let (references, plain): (Vec<&'static Field>, Vec<&'static Field>) =
            settable.iter().copied().partition(|f| f.target().is_some());
        for verb in ["create", "update"] {
            let flags: Vec<String> = plain.iter().filter(|f| f.parts().is_none()).map(|f| flag(f, &bad(f))).collect();
            let ends = self.ends_of(row);
            let mut args: Vec<&str> = flags.iter().map(String::as_str).collect();
            match verb {
                "update" => args.push(&row.id),
                _ => args.extend(ends.iter().map(String::as_str)),
            }
            if plain.is_empty() {
                continue;
            }
            let err = self.run(verb, &args).fails(6);
            for field in plain.iter().filter(|f| f.parts().is_none()) {
                assert!(err.contains(&format!("{} m", field.name())), "{verb}: {} is not named: {err}", field.name());
            }
            for field in plain.iter().filter(|f| f.parts().is_some()) {
                let args = [flag(field, &bad(field)), row.id.clone()];
                let args: Vec<&str> = args[..1 + usize::from(verb == "update")].iter().map(String::as_str).collect();
                assert!(self.run(verb, &args).fails(6).contains(&format!("{} m", field.name())));
            }
        }
        for field in &references {
            let wrong = bad(field);
            let said = self.run("update", &[&row.id, &flag(field, &wrong)]);
            match field.has(Attr::Subject) {
                // Whom it is about nobody changes.
                true => assert!(said.fails(2).contains("unexpected argument")),
                false => assert!(said.fails(3).contains(&wrong)),
            }
        }
        self.play("bad value", settable.len());
        self.is_told(row);
        assert_eq!(self.shown(&row.id)["version"], 1);
        assert_eq!(self.actions(row), ["create"]);
    }

    /// What a link joins, as flags; without that nothing else is asked of it.
    fn ends_of(&self, row: &Row) -> Vec<String> {
        let ends = self.desc.link().map_or_else(Vec::new, |link| vec![link.item.0, link.other.0]);
        ends.into_iter().map(|f| flag(f, &cell(&row.kept[f.name()]))).collect()
    }

    /// What was done to a record, as its history tells it.
    pub fn actions(&self, row: &Row) -> Vec<String> {
        self.history(row).iter().map(|r| cell(&r["action"])).collect()
    }

    pub fn history(&self, row: &Row) -> Vec<Json> {
        let out = self.run("history", &[&row.id, "-o", "ndjson"]).ok();
        let all = out.lines().map(|l| serde_json::from_str::<Json>(l).expect("JSON"));
        all.filter(|r| r["status"] == "success").collect()
    }

    /// Every field, some together; then stale, needless and clearing updates; and all of it undone again.
    pub fn update(&self, row: &Row, other: &Row) {
        let updates = together(self.desc);
        let made = self.history(row).len();
        let begun = self.now();
        let (mut changed, mut shots) = (row.clone(), Vec::new());
        for fields in &updates {
            let mut flags = Vec::new();
            // References change together, as they were given.
            let (together, alone): (Vec<&Field>, Vec<&Field>) =
                fields.iter().copied().partition(|f| f.target().is_some() && !tells_apart(self.desc, f));
            let groups = alone.into_iter().map(|f| vec![f]).chain([together]).filter(|group| !group.is_empty());
            let values = groups.flat_map(|group| {
                loop {
                    let n = self.fresh();
                    let values: Vec<_> = group.iter().map(|f| (*f, self.value(f, n))).collect();
                    if values.iter().all(|(f, value)| value.kept != changed.kept[f.name()]) {
                        break values;
                    }
                }
            });
            for (field, value) in values.collect::<Vec<_>>() {
                flags.push(flag(field, &value.input));
                self.apply(&mut changed.kept, field, value.kept);
            }
            let more = flags.iter().map(String::as_str).chain(["-o", "json"]);
            let args: Vec<&str> = [row.id.as_str()].into_iter().chain(more).collect();
            let told = if shots.is_empty() { self.change("update", &args) } else { self.run("update", &args).ok() };
            let told: Json = serde_json::from_str(&told).expect("JSON");
            self.tells(&told, &changed);
            shots.push((self.now(), told));
        }
        self.is_told(&changed);
        self.play("update", updates.len());
        let count = updates.len();
        let updates = vec!["update"; count];
        // What links tell of it is recorded of them, for their part.
        match self.desc.lists.iter().any(|list| list.first.is_some()) {
            true => assert!(self.actions(row).len() >= count),
            false => assert_eq!(self.actions(row), [vec!["create"], updates].concat()),
        }
        self.differs(row, &changed, &begun);
        self.update_in_vain(&changed);
        self.revert(row, made);
        self.clear(other);
        for (at, shown) in shots {
            let told = self.run("show", &[&row.id, "--as-of", &at, "-o", "json"]);
            assert_eq!(told.json(), shown, "as of {at}");
            self.play("as of", 1);
        }
    }

    fn update_in_vain(&self, row: &Row) {
        let records = self.records();
        let fields: Vec<&'static Field> = self.settable().into_iter().filter(|f| !f.has(Attr::Subject)).collect();
        let flags: Vec<String> = fields.iter().map(|f| flag(f, &cell(&row.kept[f.name()]))).collect();
        let args: Vec<&str> = [row.id.as_str()].into_iter().chain(flags.iter().map(String::as_str)).collect();
        assert!(self.run("update", &args).fails(0).contains("is so already"));
        assert_eq!(self.records(), records);
        self.play("no change", 1);
        let part = Some(self.key_part()).filter(|f| !f.has(Attr::Subject));
        let field = part.or_else(|| changing(self.desc).find(|f| f.parts().is_none())).expect("a field that changes");
        let value = self.value(field, self.fresh());
        let stale = self.run("update", &[&row.id, &flag(field, &value.input), "--if-version", "1"]);
        assert!(stale.fails(4).contains("has version"));
        self.is_told(row);
        self.play("stale version", 1);
    }

    /// Clears what may be empty, and takes that back.
    fn clear(&self, row: &Row) {
        let fields = self.settable();
        let optional: Vec<&&'static Field> =
            fields.iter().filter(|f| !f.ty.required && !f.has(Attr::Subject)).collect();
        if optional.is_empty() {
            return;
        }
        let mut cleared = row.clone();
        let mut flags: Vec<String> = optional.iter().map(|f| flag(f, "")).collect();
        // What is answered with yes may need what is cleared.
        for field in fields.iter().filter(|f| f.ty.label == "yes|no") {
            flags.push(flag(field, "no"));
            self.apply(&mut cleared.kept, field, false.into());
        }
        let args: Vec<&str> = [row.id.as_str()].into_iter().chain(flags.iter().map(String::as_str)).collect();
        let begun = self.history(row).len();
        self.run("update", &args).ok();
        for field in &optional {
            self.apply(&mut cleared.kept, field, Json::Null);
        }
        self.is_told(&cleared);
        self.play("clear", optional.len());
        self.revert(row, begun);
    }

    /// Undoes the last changes of a record, the newest first: it is as it was.
    /// Undoes all that was recorded of a record since its first records.
    fn revert(&self, row: &Row, since: usize) {
        let history = self.history(row);
        let mut undone = Vec::new();
        for record in history.iter().skip(since).rev() {
            let back =
                [("create", "delete"), ("delete", "restore")].into_iter().find(|(done, _)| record["action"] == *done);
            if let Some((_, verb)) = back {
                let (noun, id) = (cell(&record["resource"]), cell(&record["resource_id"]));
                self.p.run(&format!("{noun} {verb} {id} --yes --org {}", self.org_of(&row.id))).ok();
                undone.push(verb);
                continue;
            }
            undone.push("revert");
            let line = format!("audit revert {} --org {}", record["seq"], self.org_of(&row.id));
            if self.played.borrow().get("revert").is_none() {
                let before = (self.records(), self.everything());
                self.p.run(&format!("{line} --dry-run")).ok();
                assert_eq!((self.records(), self.everything()), before);
                self.play("dry run", 1);
            }
            self.p.run(&line).ok();
            self.play("revert", 1);
        }
        self.is_told(row);
        assert_eq!(self.actions(row)[history.len()..], undone);
        // What made it is undone by deleting it.
        let made = format!("audit revert {} --org {}", history[0]["seq"], self.org_of(&row.id));
        assert!(self.p.run(&made).fails(2).contains(&format!("orgctl {} delete", self.desc.noun)));
    }

    pub fn activate(&self, row: &Row) {
        if self.desc.field("is_active").is_none() {
            return;
        }
        for (verb, status) in [("deactivate", "inactive"), ("activate", "active")] {
            self.change(verb, &[&row.id]);
            let told = self.shown(&row.id);
            assert_eq!((&told["status"], &told["is_active"]), (&status.into(), &(status == "active").into()));
            let listed = self.run("list", &["-o", "key", "--all", "--filter", &format!("status={status}")]).ok();
            assert!(listed.lines().any(|key| key == row.key), "status={status}");
            let records = self.records();
            self.run(verb, &[&row.id]).ok();
            assert_eq!(self.records(), records, "{verb} twice");
            self.remember(verb);
        }
        self.play("activate", 1);
    }

    /// Deleted, brought back, deleted again, gone for good.
    pub fn come_and_go(&self, row: &Row) {
        let id = row.id.as_str();
        let lists = |flags: &[&str]| {
            let args: Vec<&str> = ["--all", "-o", "key"].into_iter().chain(flags.iter().copied()).collect();
            self.run("list", &args).ok().lines().any(|key| key == row.key)
        };
        self.run("exists", &[id]).ok();
        self.change("delete", &[id, "--yes"]);
        assert!(!lists(&[]) && lists(&["--deleted"]) && lists(&["--with-deleted"]));
        for verb in ["exists", "show", "delete"] {
            assert!(matches!(self.run(verb, &[id, "--yes"]).code, 3 | 4), "{verb} of what is deleted");
        }
        let told = self.run("show", &[id, "--with-deleted", "-o", "json"]).json();
        assert!(!told["deleted_at"].is_null() && (!self.desc.has_status() || told["status"] == "deleted"), "{told}");
        self.remember("delete");
        self.change("restore", &[id]);
        self.is_told(row);
        assert!(lists(&[]) && !lists(&["--deleted"]));
        self.run("exists", &[id]).ok();
        self.run("purge", &[id, "--yes"]).fails(3);
        self.remember("restore");
        self.change("delete", &[id, "--yes"]);
        self.change("purge", &[id, "--yes"]);
        assert!(!lists(&[]) && !lists(&["--with-deleted"]));
        for verb in ["exists", "restore"] {
            self.run(verb, &[id]).fails(3);
        }
        assert_eq!(
            int(self.p, &format!("select count(*) from {} where id = {}", self.desc.table, self.literal(id))),
            0
        );
        let own = self.history(row).into_iter().filter(|r| r["resource"] == self.desc.noun);
        let own: Vec<String> = own.map(|r| cell(&r["action"])).collect();
        assert_eq!(own, ["create", "delete", "restore", "delete", "purge"]);
        self.remember("purge");
        self.play("delete, restore, purge", 1);
    }

    /// What a field of any kind points at is protected, unless it is said what becomes of what points there.
    pub fn point(&self) {
        for (other, field) in self.pointing_at() {
            self.make_targets(other, false);
            let (gone, heir) = (self.bare(self.desc, &[]), self.bare(self.desc, &[]));
            let key = self.bare(other, &[(field, &gone)]);
            // What it points at may be a part of its key.
            let id = self.id_of(other, &key);
            let points_at = || {
                let mut words = vec![id.as_str(), "-o", "json"];
                words.extend(other.is_recorded().then_some("--with-deleted"));
                let said = self.run_on(other, "show", &words, b"");
                cell(&said.json()[field.name()])
            };
            assert_eq!(points_at(), gone);
            self.play("reference", 1);
            match other.effect(field, TargetEvent::Delete) {
                Consequence::Blocks => {}
                Consequence::Follows if !other.stays() => {
                    self.run("delete", &[&gone, "--yes"]).ok();
                    self.run_on(other, "exists", &[&id], b"").fails(3);
                    self.run("restore", &[&gone]).ok();
                    self.run_on(other, "exists", &[&id], b"").ok();
                    assert_eq!(points_at(), gone);
                    continue;
                }
                // History, and a journal, outlive it.
                _ => {
                    self.run("delete", &[&gone, "--yes"]).ok();
                    self.run_on(other, "exists", &[&id], b"").ok();
                    self.run("restore", &[&gone]).ok();
                    assert_eq!(points_at(), gone);
                    continue;
                }
            }
            let err = self.run("delete", &[&gone, "--yes"]).fails(4);
            assert!(err.contains(&key) && err.contains(field.name()), "{err}");
            self.run("delete", &[&gone, "--reassign-to", &heir, "--yes"]).ok();
            assert_eq!(points_at(), heir, "{} of {}", field.name(), other.noun);
            match field.ty.required {
                // What nobody is to have any more is taken from who has it.
                true if other.link().is_some() => {
                    self.run("delete", &[&heir, "--orphan", "--yes"]).ok();
                    self.run_on(other, "exists", &[&id], b"").fails(3);
                    self.run("restore", &[&heir]).ok();
                    self.run_on(other, "exists", &[&id], b"").ok();
                }
                true => drop(self.run("delete", &[&heir, "--orphan", "--yes"]).fails(4)),
                false => {
                    self.run("delete", &[&heir, "--orphan", "--yes"]).ok();
                    assert_eq!(points_at(), "");
                    self.run("restore", &[&heir]).ok();
                    self.run_on(other, "update", &[&id, &flag(field, &heir)], b"").ok();
                }
            }
            self.run("delete", &[&heir, "--cascade", "--yes"]).ok();
            self.run_on(other, "exists", &[&id], b"").fails(3);
            self.run("restore", &[&heir]).ok();
            self.run_on(other, "exists", &[&id], b"").ok();
            assert_eq!(points_at(), heir);
        }
    }

    fn id_of(&self, desc: &'static Descriptor, key: &str) -> String {
        cell(&self.run_on(desc, "show", &[key, "-o", "json"], b"").json()["id"])
    }

    /// Nothing is put into what is inactive, unless that is said.
    pub fn take_unused(&self) {
        for field in self.desc.fields.iter().filter(|f| f.requires_active_target()) {
            let target = field.target().expect("a reference");
            let unused = self.bare(target, &[]);
            self.run_on(target, "deactivate", &[&unused], b"").ok();
            let key = self.id_of(self.desc, &self.bare(self.desc, &[]));
            let flag = flag(field, &unused);
            assert!(self.run("update", &[&key, &flag]).fails(4).contains(&unused));
            self.run("update", &[&key, &flag, "--force"]).ok();
            assert_eq!(cell(&self.shown(&key)[field.name()]), unused);
            self.play("inactive", 1);
        }
    }

    /// What pointed at the one points at the other, and the one is gone.
    pub fn merge(&self) {
        if !merges(self.p.program, self.desc) {
            return;
        }
        let (gone, stays) = (self.bare(self.desc, &[]), self.bare(self.desc, &[]));
        let made = |d, f| self.id_of(d, &self.bare(d, &[(f, &gone)]));
        let pointing: Vec<(&'static Descriptor, &Field, String)> =
            self.pointing_at().into_iter().map(|(d, f)| (d, f, made(d, f))).collect();
        let id = cell(&self.shown(&gone)["id"]);
        self.change("merge", &[&gone, &stays, "--yes"]);
        self.run("exists", &[&id]).fails(3);
        for (other, field, key) in pointing {
            let told = self.run_on(other, "show", &[&key, "-o", "json"], b"").json();
            // What is history tells who it was.
            let named = if field.has(Attr::Keep) { &gone } else { &stays };
            assert_eq!(told[field.name()], json!(named), "{} of {}", field.name(), other.noun);
        }
        self.play("merge", 1);
    }

    /// Keys that a list gives are keys that verbs take.
    pub fn pipe(&self) {
        let made = [self.bare(self.desc, &[]), self.bare(self.desc, &[])];
        // A key in words may have blanks.
        let quoted = |key: &String| if key.contains(' ') { format!("\"{key}\"") } else { key.clone() };
        let asked = made.iter().map(quoted).collect::<Vec<_>>().join(",");
        let filter = format!("{}={asked}", self.desc.key_column());
        let keys = self.run("list", &["--filter", &filter, "-o", "key"]).ok();
        assert_eq!(keys.lines().count(), 2, "{keys}");
        let shared = shared(self.desc).map(|field| (field, self.value(field, self.fresh())));
        let set = shared.as_ref().map(|(field, given)| flag(field, &given.input));
        for (verb, more) in [
            ("show", Some("--quiet")),
            ("exists", Some("--quiet")),
            ("update", set.as_deref()),
            ("delete", Some("--yes")),
            ("restore", Some("--yes")),
        ] {
            let Some(more) = more else { continue };
            let said = self.run_on(self.desc, verb, &["-", more, "-o", "json"], keys.as_bytes());
            let told = said.json();
            said.ok();
            assert_eq!(told.as_array().map(Vec::len), Some(2), "{verb} -: {told}");
            self.play("pipe", 1);
        }
        for (key, (field, given)) in made.iter().filter_map(|key| shared.as_ref().map(|s| (key, s))) {
            assert_eq!(self.shown(key)[field.name()], given.kept);
        }
    }
}
