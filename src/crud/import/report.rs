//! What an import says at its end, and the file of rejected rows.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::mapping::is_reject_column;
use super::{Import, OnConflict, Report, header};
use crate::crud::session::Session;
use crate::crud::whole::Whole;
use crate::crud::write::dry_run_note;
use crate::model::problem::plain;
use crate::model::problem::{Kind as ProblemKind, Problem};
use crate::model::resource::Descriptor;
use crate::store::db::Db;
use crate::store::stage::Stage;
use crate::ui::format::{self, Format};

/// Rejects that are read together.
const TOGETHER: usize = 500;

fn unwritable(path: &Path, e: &io::Error) -> Problem {
    Problem::failed(format!("can't write {}: {}", path.display(), plain(e)))
        .hint("--rejects names the file of rejected rows")
}

/// Refuses a file that could not be written.
pub fn can_write(path: &Path) -> Result<()> {
    // What is no ordinary file is only opened once: a pipe's reader would take that for the end.
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return Ok(());
    }
    // Dropped unfinished, it leaves nothing.
    Whole::create(path).map(drop).map_err(|e| unwritable(path, &e).into())
}

impl Import {
    /// The original rows with line, column, code and reason: to be mended and fed back in.
    pub(super) async fn write_rejects(&self, db: &mut Db, stage: &Stage) -> Result<()> {
        let Some(path) = &self.rejects else { return Ok(()) };
        let failed = |e: io::Error| unwritable(path, &e);
        let (whole, file) = Whole::create(path).map_err(failed)?;
        let mut out = io::BufWriter::new(file);
        let mut rows = self.source.rows()?;
        let header = header(&mut rows)?;
        let mut line = |cells: Vec<String>| -> Result<()> {
            out.write_all(format::csv_line(cells)?.as_bytes()).map_err(failed)?;
            Ok(())
        };
        let more = ["reject_line", "reject_column", "reject_code", "reject_reason"];
        // A file that was fed back in has reasons of an earlier time.
        let kept: Vec<bool> = header.iter().map(|h| !is_reject_column(h.trim())).collect();
        let keep = |cells: Vec<String>| cells.into_iter().zip(&kept).filter(|(_, kept)| **kept).map(|(cell, _)| cell);
        line(keep(header.clone()).chain(more.map(str::to_owned)).collect())?;
        let mut last = 0;
        loop {
            let rejects = stage.rejects(db, last, TOGETHER).await?;
            let Some(end) = rejects.last() else { break };
            last = end.number;
            for reject in rejects {
                let changed = || Problem::failed("the file changed while it was read").hint("run the import again");
                let mut row: Vec<String> = loop {
                    let row = rows.read()?.ok_or_else(changed)?;
                    if row.number == reject.number {
                        break row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect();
                    }
                };
                row.resize(self.columns.len(), String::new());
                row = keep(row).collect();
                row.extend([
                    reject.line.to_string(),
                    reject.column.unwrap_or_default(),
                    reject.code.into(),
                    reject.reason,
                ]);
                line(row)?;
            }
        }
        out.flush().map_err(failed)?;
        whole.finish().map_err(failed)?;
        Ok(())
    }
}

fn rows(n: u64) -> String {
    if n == 1 { "1 row".to_owned() } else { format!("{n} rows") }
}

/// The closing report, and the exit code that goes with it.
pub fn tell(s: &mut Session<'_>, desc: &Descriptor, r: &Report, seconds: f64, verb: &Import) -> Result<()> {
    let rate = (r.read as f64 / seconds.max(0.001)).round();
    if matches!(s.ui.style.format, Format::Json | Format::Ndjson) {
        let rejects: Vec<_> = r
            .rejects
            .iter()
            .map(|x| json!({ "line": x.line, "column": x.column, "code": x.code, "reason": x.reason }))
            .collect();
        let report = json!({
            "read": r.read, "created": r.created, "updated": r.updated, "unchanged": r.unchanged, "skipped": r.skipped,
            "rejected": r.rejected, "rejects": rejects, "written": !r.refused && !s.dry_run, "seconds": (seconds * 1000.0).round() / 1000.0,
            "rows_per_second": rate,
        });
        s.ui.out(&format!("{}\n", format::json_pretty(&report)))?;
        s.ui.flush()?;
    } else {
        for x in &r.rejects {
            // A reason that begins with the column needs no second naming of it.
            let column = x.column.as_ref().filter(|c| !x.reason.starts_with(c.as_str()));
            let column = column.map_or(String::new(), |c| format!(", {c}"));
            s.ui.status(&format!("rejected line {}{column}: {}", x.line, x.reason));
        }
        let hidden = r.rejected.saturating_sub(r.rejects.len() as u64);
        if hidden > 0 {
            s.ui.status(&format!("and {hidden} more rejected rows"));
        }
        if r.refused {
            s.ui.status(&format!("read {}, rejected {}; nothing was imported", rows(r.read), r.rejected));
        } else {
            let mut parts = vec![
                format!("created {}", r.created),
                format!("updated {}", r.updated),
                format!("unchanged {}", r.unchanged),
            ];
            if r.skipped > 0 {
                parts.push(format!("skipped {}", r.skipped));
            }
            parts.push(format!("rejected {}", r.rejected));
            s.ui.status(&format!("read {}: {} ({seconds:.1} s, {rate} rows/s)", rows(r.read), parts.join(", ")));
            if r.created + r.updated == 0 {
                s.ui.status("nothing was changed");
            }
        }
        dry_run_note(s);
    }
    if r.rejected == 0 {
        return Ok(());
    }
    let rejects = match &verb.rejects {
        Some(path) => format!("mend {} and import it again", path.display()),
        None => "--rejects FILE writes them out with their reasons, to be mended and imported again".to_owned(),
    };
    let sentence =
        format!("{} of {} {} rejected", r.rejected, rows(r.read), if r.rejected == 1 { "was" } else { "were" });
    let mut problem = match r.refused {
        true => Problem::invalid(format!("{sentence}; nothing was imported")).hint(rejects),
        false => Problem::new(ProblemKind::Partial, sentence).hint(rejects),
    };
    if r.refused && r.rejected < r.read {
        problem = problem.hint(format!("--keep-going imports the other {}", desc.table));
    }
    if verb.on_conflict == OnConflict::Error && r.rejects.iter().any(|x| x.code == ProblemKind::Conflict.word()) {
        problem = problem.hint("--on-conflict skip passes over what is there already, update changes it");
    }
    Err(problem.into())
}
