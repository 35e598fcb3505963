//! Import of people: they come with their passwords, a file may be the whole truth about who is there, and departments,
//! branches and roles that rows refer to may be made on the way.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::feed::{Feed, Leavers, SyncReport};
use super::leaver_limit::{Absentees, loses_access};
use super::passwords::Passwords;
use super::people_flags::PeopleFlags;
use super::{create_missing, described_roles};
use crate::crud::context::Context;
use crate::crud::gate::{self, Verb};
use crate::crud::import::report::{More, tell};
use crate::crud::import::{Import, Loads, Merged, Objects, Opened, Report, Run, Terms, load};
use crate::crud::invocation::Invocation;
use crate::crud::leaf::{Besides, KindVerb as _, flags};
use crate::crud::remove::Left;
use crate::crud::write::note_contents;
use crate::crud::{import, remove};
use crate::model::kinds::Kinds;
use crate::model::kinds::user::CAN_LOGIN;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::{Descriptor, Field};
use crate::model::values::scalar::{ParseContext, fold};
use crate::store::records::credentials;
use crate::store::tx::Tx;
use crate::verbs::kyc::flags::tell_unfounded;

/// Loads a file of people.
#[derive(Debug, Serialize, Deserialize)]
pub struct UserImport {
    rows: Import,
    /// The file is the whole truth about who is there.
    feed: Option<Feed>,
    /// Departments, branches and roles that rows refer to are made where they are not there.
    creates_missing: bool,
}

/// What came of it.
#[derive(Default)]
pub struct UserReport {
    rows: Report,
    /// Who was not in the file that is the whole truth, and who came.
    feed: SyncReport,
}

impl From<Report> for UserReport {
    fn from(rows: Report) -> UserReport {
        UserReport { rows, feed: SyncReport::default() }
    }
}

impl Loads for UserImport {
    fn import(&mut self) -> &mut Import {
        &mut self.rows
    }
}

impl Verb for UserImport {
    const NAME: &str = "user import";

    type Output = UserReport;

    fn orgs(&self) -> Vec<i32> {
        self.rows.all_orgs()
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        self.rows.cannot_be_kept()
    }

    fn take_up(&mut self) -> Result<()> {
        self.rows.take_up()
    }

    fn needs(&self, kinds: Kinds, context: &ParseContext) -> Result<Vec<String>> {
        self.rows.moves(kinds, context)
    }

    fn end(&self, kinds: Kinds, done: Result<Self::Output>) -> Result<()> {
        self.rows.end_of(kinds, done.map(|report| report.rows))
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<UserReport> {
        let (mut merged, mut feed) = (Merged::default(), SyncReport::default());
        for part in self.rows.parts() {
            let done = self.load(tx, &part).await;
            merged.add(done.map(|report| {
                feed = report.feed;
                report.rows
            }))?;
        }
        self.rows.load_within(tx, &mut merged).await?;
        Ok(UserReport { rows: merged.end()?, feed })
    }
}

impl UserImport {
    /// All phases, of one organisation's rows.
    async fn load(&self, tx: &mut Tx<'_>, rows: &Import) -> Result<UserReport> {
        let mut run = Run::begin(tx, rows, Some(&Passwords)).await?;
        run.loses = loses_access;
        run.read(tx).await?;
        let leaving = match &self.feed {
            Some(feed) => feed.absent(tx, &run).await?,
            None => Absentees::new(&run, run.stage.in_use(tx.db).await?, Vec::new())?,
        };
        if self.creates_missing {
            create_missing::plan(tx, &mut run).await?;
        }
        described_roles::plan(tx, &mut run).await?;
        run.check(tx).await?;
        let reinstated = match &self.feed {
            Some(feed) => feed.reinstate(tx, &run).await?,
            None => 0,
        };
        run.create(tx).await?;
        run.update(tx).await?;
        let lets_leave = self.feed.as_ref().is_some_and(|f| f.leavers != Leavers::Report);
        leaving.enforce_after_write(tx, &run, lets_leave).await?;
        run.release(tx).await?;
        // Their rows may say nothing else that is new.
        run.report.updated += reinstated;
        run.report.unchanged = run.report.unchanged.saturating_sub(reinstated);
        let Some(feed) = &self.feed else { return Ok(run.finish(tx, &[]).await?.into()) };
        let told = feed.process(tx, &run, &leaving).await?;
        let left = if lets_leave { told.left } else { 0 };
        Ok(UserReport { rows: run.finish(tx, &[("left", left)]).await?, feed: told })
    }
}

flags! {
    /// The flags of `user import`.
    pub struct ImportFlags {
        file: import::ImportFlags,
        people: PeopleFlags,
    }
}

impl Besides for ImportFlags {
    type Of = import::ImportFlags;

    fn examples(desc: &Descriptor) -> String {
        let feed = "orgctl user import staff.csv --sync --key external_id --create-missing --dry-run";
        format!("{}\n{feed}", import::ImportFlags::examples(desc))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        let ImportFlags { file, people } = self;
        let opened = Opened::open(s, desc, &file, Objects::default()).await?;
        let mut terms = Terms {
            code: code_column(s, desc, &opened)?,
            resets_secrets: people.reset_passwords,
            secrets: Some(&Passwords),
            ..Terms::default()
        };
        let mut feed = None;
        let of_one = [("sync", people.sync), ("reassign-to", people.reassign_to.is_some())];
        if let Some((flag, _)) = of_one.into_iter().find(|(_, is_given)| opened.org.is_none() && *is_given) {
            return Err(Problem::usage(format!("--{flag} is about one organisation, and a column names several"))
                .hint("name the one with --org")
                .into());
        }
        let left = Left { cascade: false, reassign_to: people.reassign_to.as_deref(), orphan: people.orphan };
        if opened.org.is_none() {
            terms.mode = remove::mode(s, desc, &[], left).await?;
        }
        if let Some(org) = opened.org {
            terms.mode = remove::mode_in(s, desc, org, left).await?;
            (feed, terms.whole) = Feed::of(s, desc, org, terms.mode, &people).await?.unzip();
        }
        let rows = opened.map(s, &file, terms).await?;
        let mut verb = UserImport { rows, feed, creates_missing: people.create_missing };
        let (report, seconds) = load(s, &mut verb).await?;
        note_passwords(s, &verb.rows, &report.rows).await?;
        note_contents(s, desc, &report.rows.leaving).await?;
        let mut more = verb.more(s.context, desc, &report);
        let names = [verb.rows.key.as_str(), "user_code", "external_id", "email", "username"];
        tell_unfounded(s, &verb.rows, (&report.rows, &names), &mut more).await?;
        tell(s.context, desc, &report.rows, seconds, &verb.rows, more)
    }
}

/// Rows that are looked at to tell which of two things a column holds.
const LOOKED_AT: usize = 100;

/// The column that holds user codes under the name of another key: earlier systems call two things `userId`. Of six
/// characters it is the user code, else the number in the directory.
fn code_column(s: &Invocation<'_>, desc: &Descriptor, opened: &Opened) -> Result<Option<usize>> {
    let Some(code) = desc.key_field() else { return Ok(None) };
    // A code has no small letters: what has some is a number of the directory, where they tell two apart.
    let is_code = |text: &String| {
        text.chars().count() == 6 && code.parse(text, &s.connection.parsing).is_ok_and(|code| code.to_text() == *text)
    };
    for at in (0..opened.header.len()).filter(|at| fold(&opened.header[*at]) == "userid") {
        let texts = opened.first_texts(at, LOOKED_AT)?;
        if !texts.is_empty() && texts.iter().all(is_code) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Says whose passwords stayed as they were, and how many who may sign in have none.
async fn note_passwords(s: &mut Invocation<'_>, rows: &Import, report: &Report) -> Result<()> {
    if rows.secret.is_some() && !rows.resets_secrets && report.updated + report.unchanged > 0 {
        s.context.ui.status("note: passwords of users that were there stay as they are; --reset-passwords sets them");
    }
    let was_written = report.created + report.updated > 0 && !report.refused && !s.context.dry_run;
    let mut given = rows.columns.iter().flatten().chain(rows.constants.iter().map(|(name, _)| name));
    if was_written
        && let Some(org) = rows.org
        && given.any(|name| name == CAN_LOGIN)
    {
        let n = credentials::without_password(s.db().await?, org, None).await?;
        if n > 0 {
            s.context.ui.status(&format!(
                "note: {n} who may sign in have no password: 'orgctl user invite', or a column password"
            ));
        }
    }
    Ok(())
}

/// So many changes of a feed are told one by one.
const FEW: u64 = 20;

impl UserImport {
    /// What is told besides what any import tells.
    fn more(&self, context: &Context<'_>, desc: &Descriptor, report: &UserReport) -> More {
        let mut more = More { says_who: true, hints: self.hints(desc, &report.rows), ..More::default() };
        let Some(feed) = &self.feed else { return more };
        let (rows, told) = (&report.rows, &report.feed);
        more.left = Some(told.left);
        more.lines = self.lines(feed, report, context.dry_run);
        let mut members = Map::new();
        members.insert("left".into(), told.left.into());
        members.insert("joiners".into(), told.joiners.clone().into());
        members.insert("movers".into(), rows.changed.clone().into());
        members.insert("leavers".into(), told.leavers.clone().into());
        members.insert("made".into(), rows.created_records.clone().into());
        more.members = members;
        more
    }

    fn hints(&self, desc: &Descriptor, r: &Report) -> Vec<String> {
        let is_list = |name: &String| desc.lists.iter().any(|list| list.name == name);
        let of_place = |name: &String| is_list(name) || desc.field(name).is_some_and(Field::requires_active_target);
        let mut missing = r.rejects.iter().filter(|x| x.code == ErrorKind::NotFound.as_str());
        let helps = !self.creates_missing && missing.any(|x| x.column.as_ref().is_some_and(of_place));
        let hint = "--create-missing makes departments, branches and roles that are not there";
        helps.then(|| hint.to_owned()).into_iter().collect()
    }

    /// Who came, moved and left by a file that is the whole truth.
    fn lines(&self, feed: &Feed, report: &UserReport, is_dry: bool) -> Vec<String> {
        let (rows, told) = (&report.rows, &report.feed);
        let done = match feed.leavers {
            Leavers::Deactivate => "deactivated",
            Leavers::Block => "blocked",
            Leavers::Delete => "deleted",
            Leavers::Report => "not in the file:",
        };
        let mut lines = Vec::new();
        for (done, names, count) in [
            ("created", &told.joiners, rows.created),
            ("updated", &rows.changed, rows.updated),
            (done, &told.leavers, told.left),
        ] {
            // A real run of many tells how many; what they are called is told beforehand, by a dry run.
            if !is_dry && done != "not in the file:" && count > FEW {
                continue;
            }
            lines.extend(names.iter().map(|name| format!("{done} {name}")));
            let more = count.saturating_sub(names.len() as u64);
            lines.extend((more > 0).then(|| format!("{done} {more} more")));
        }
        if told.without_key > 0 {
            let (n, have) = (told.without_key, if told.without_key == 1 { "user has" } else { "users have" });
            lines.push(format!("note: {n} {have} no {}: the file can't tell whether they left", self.rows.key));
        }
        if rows.rejected > 0 {
            lines.push("nobody leaves while rows are rejected: one of them may be about who seems to have left".into());
        }
        lines
    }
}
