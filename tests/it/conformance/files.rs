//! Files: import and export.

use orgctl::model::resource::{Attr, Field};
use serde_json::Value as Json;

use super::reading::records;
use super::samples::{Sample, bad, cell};
use super::{Row, Story};

fn csv(fields: &[&'static Field], rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields.iter().map(|f| f.name())).expect("a header");
    for row in rows {
        writer.write_record(row).expect("a row");
    }
    String::from_utf8(writer.into_inner().expect("a text")).expect("UTF-8")
}

impl Story<'_> {
    /// Brings records with all fields, also those that have verbs of their own: one that is all that can be said with yes,
    /// and one that is nothing of it, and lacks what verbs would tell of that.
    pub fn import_all(&self) -> Vec<Row> {
        self.play("import", 1);
        // Those that rules bind are given as the rules have it.
        let is_free = |f: &&'static Field| self.desc.settable().all(|s| s.column != f.column);
        // What is the program's own comes by no file.
        let is_own = |f: &&'static Field| self.desc.protection.is_some_and(|p| p.flag == f.column);
        let others: Vec<&'static Field> = self.desc.stored().filter(|f| is_free(f) && !is_own(f)).collect();
        let fields = self.with_bound(&[self.settable(), others].concat());
        let even = std::iter::repeat_with(|| self.fresh()).find(|n| n.is_multiple_of(2)).expect("a number");
        let mut given = [self.given(&fields, even), self.given(&fields, self.fresh())];
        for (_, sample) in given[1].iter_mut().filter(|(f, _)| f.is_managed() && !f.ty.required) {
            *sample = Sample { input: String::new(), kept: Json::Null };
        }
        self.begin(&mut given);
        let rows = given.each_ref().map(|g| g.iter().map(|(_, s)| s.input.clone()).collect());
        let file = self.p.write("all.csv", csv(&fields, &rows));
        let report: Json = serde_json::from_str(&self.change("import", &[&file, "-o", "json"])).expect("a report");
        assert_eq!((&report["created"], &report["rejected"]), (&2.into(), &0.into()));
        let row = |given: &Vec<(&'static Field, Sample)>| {
            let kept = self.kept(given);
            let key = self.key_of(&kept);
            let row = Row { id: cell(&self.shown(&key)["id"]), key, kept };
            self.is_told(&row);
            row
        };
        given.iter().map(row).collect()
    }

    /// An export tells what the list tells; read back elsewhere, it gives the same.
    pub fn export_is_import(&self) {
        let whole = self.run("export", &[]).ok();
        let told = self.rows_as_told();
        let (head, rows) = records(&whole);
        for field in self.desc.stored() {
            let at = head.iter().position(|h| h == field.name());
            let at = at.unwrap_or_else(|| panic!("{} is not exported", field.name()));
            let cells: Vec<&String> = rows.iter().map(|r| &r[at]).collect();
            let hoped: Vec<String> = told.iter().map(|r| cell(&r[field.name()])).collect();
            assert_eq!(cells, hoped.iter().collect::<Vec<_>>(), "{} as exported", field.name());
        }
        let lines = self.run("export", &["-o", "ndjson"]).ok();
        assert_eq!(lines.lines().count(), told.len());
        for (line, told) in lines.lines().zip(&told) {
            let line = self.with_none(serde_json::from_str(line).expect("JSON"));
            for field in self.desc.stored() {
                assert_eq!(line[field.name()], told[field.name()], "{} as exported in JSON", field.name());
            }
        }
        for (i, way) in ["--quiet", "--safe-for-spreadsheets", "--output=ndjson"].into_iter().enumerate() {
            self.play("export and import", 1);
            let file = self.p.path("out.csv").display().to_string();
            self.run("export", &[&file, way]).ok();
            let again = if self.desc.is_org() {
                // ACME is there already.
                let p = (self.make)();
                let there = Story::new(self.make, &p, self.desc);
                there.run("import", &[&file, "--on-conflict", "skip"]).ok();
                there.run("export", &[]).ok()
            } else {
                let org = format!("FRESH{i}");
                self.p.run(&format!("org create --code {org} --name Fresh")).ok();
                for (target, _) in self.targets.borrow().iter().filter(|(target, _)| *target != self.desc) {
                    let theirs = self.run_on(target, "export", &[], b"").ok();
                    self.run_in(target, "import", &["-"], &org, theirs.as_bytes()).ok();
                }
                // Some of a kind's links came with those whose lists they tell.
                let flags: &[&str] = match self.desc.link() {
                    Some(_) => &[&file, "--on-conflict", "update"],
                    None => &[&file],
                };
                self.run_in(self.desc, "import", flags, &org, b"").ok();
                self.run_in(self.desc, "export", &[], &org, b"").ok()
            };
            // What is named by others stands in the order in which those were made.
            let in_order = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                lines[1..].sort_by_key(|line| self.desc.key_field().is_none().then(|| line.clone()));
                lines
            };
            assert_eq!(in_order(&again), in_order(&whole), "exported with {way}, imported, and exported again");
        }
    }

    fn report(&self, file: &str, args: &[&str], code: u8) -> Json {
        let args: Vec<&str> = [file, "-o", "json"].into_iter().chain(args.iter().copied()).collect();
        let said = self.run("import", &args);
        let report = said.json();
        said.fails(code);
        report
    }

    /// A file brought again changes nothing, a changed one what it changes, and a wrong one nothing at all.
    pub fn import_again(&self, rows: &[Row]) {
        self.play("import", 3);
        let (before, whole) = (self.everything(), self.run("export", &[]).ok());
        let file = self.p.write("again.csv", &whole);
        let report = self.report(&file, &["--on-conflict", "update"], 0);
        assert_eq!((&report["created"], &report["updated"], &report["rejected"]), (&0.into(), &0.into(), &0.into()));
        assert_eq!(report["unchanged"], records(&whole).1.len());
        assert_eq!(self.everything(), before);

        // Whose a record is does not change, and is given as it is, where the key says it.
        let mut fields = self.settable();
        fields.retain(|f| !f.has(Attr::Subject) || self.desc.key().has(f));
        let key = self.desc.key();
        let mut row = rows[0].clone();
        let says_other = |given: &[(_, Sample)]| {
            given.iter().any(|(f, s): &(&Field, Sample)| !key.has(f) && row.kept[f.name()] != s.kept)
        };
        let mut given = self.given(&fields, self.fresh());
        // A few yes and no may be what the record says already.
        if !says_other(&given) && fields.iter().any(|f| !key.has(f)) {
            given = self.given(&fields, self.fresh());
        }
        for (field, sample) in &mut given {
            if key.has(field) {
                sample.input = cell(&row.kept[field.name()]);
            } else {
                self.apply(&mut row.kept, field, sample.kept.clone());
            }
        }
        let cells = vec![given.iter().map(|(_, s)| s.input.clone()).collect()];
        let file = self.p.write("changed.csv", csv(&fields, &cells));
        let report = self.report(&file, &["--on-conflict", "update", "--key", &key.name()], 0);
        // Where the key is all that there is, nothing is left to change.
        let changed = usize::from(fields.iter().any(|f| !key.has(f)));
        assert_eq!(
            (&report["created"], &report["updated"], &report["rejected"]),
            (&0.into(), &changed.into(), &0.into())
        );
        self.is_told(&row);
        self.reject(&self.with_bound(&self.settable()));
    }

    /// A row of bad values is rejected with each of them named; the good one beside it comes in where that is asked for.
    fn reject(&self, fields: &[&'static Field]) {
        let before = self.everything();
        let good: Vec<String> = self.given(fields, self.fresh()).into_iter().map(|(_, s)| s.input).collect();
        let wrong = fields.iter().map(|f| bad(f)).collect();
        let file = self.p.write("wrong.csv", csv(fields, &[good, wrong]));
        let report = self.report(&file, &[], 6);
        let rejects: Vec<String> = report["rejects"]
            .as_array()
            .expect("rejects")
            .iter()
            .map(|r| format!("{} {}", r["column"], r["reason"]))
            .collect();
        let rejects = rejects.join("\n");
        for field in fields.iter().filter(|f| f.target().is_none()) {
            assert!(rejects.contains(field.name()), "{} is not named: {rejects}", field.name());
        }
        assert_eq!((report["written"].as_bool(), self.everything()), (Some(false), before));
        let out = self.p.path("rejects.csv").display().to_string();
        let report = self.report(&file, &["--keep-going", "--rejects", &out], 7);
        assert_eq!((&report["created"], &report["rejected"]), (&1.into(), &1.into()));
        assert!(self.p.read("rejects.csv").lines().next().is_some_and(|h| h.contains(fields[0].name())));
    }
}
