//! What only organisations can do: stats, and an import that minds the people in them.

use anyhow::Result;
use clap::Command;
use serde::{Deserialize, Serialize};

use crate::crud::gate::{self, Verb};
use crate::crud::import::limit::{TOLD, some_of, stopped};
use crate::crud::import::report::{More, tell};
use crate::crud::import::{Import, Leavers, Loads, Objects, Opened, Report, Run, Terms, load};
use crate::crud::invocation::Invocation;
use crate::crud::keys::keys;
use crate::crud::leaf::{Besides, FlagGroup, Leaf, Spec, Unused, flags, id};
use crate::crud::lookup::find;
use crate::crud::write::note_contents;
use crate::crud::{import, seed};
use crate::model::kinds::Kinds;
use crate::model::kinds::org::Org;
use crate::model::resource::{Descriptor, Resource as _};
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType};
use crate::store::records::query::Query;
use crate::store::records::{self, Deleted, people};
use crate::store::trail::verify;
use crate::store::tx::Tx;
use crate::ui::format::{Listing, OutputColumn};

/// What each organisation holds: live records of every kind, and its audit trail.
#[derive(clap::Args)]
pub struct StatsFlags {
    /// Organisations to count; '-' reads them from standard input
    #[arg(value_name = "KEY")]
    pub key: Vec<String>,
}

impl Leaf for StatsFlags {
    const SPEC: Spec = Spec {
        noun: "org",
        verb: "stats",
        permission: "orgs:read",
        writes: false,
        about: "Count what organisations hold",
        examples: "orgctl org stats\norgctl org stats ACME -o json",
    };
    const UNUSED: Unused = Unused::NONE.columns();

    async fn run(self, s: &mut Invocation<'_>) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let mut orgs = Vec::new();
        if !self.key.is_empty() {
            for key in keys(s, Org::DESCRIPTOR, Deleted::Exclude, &self.key).await? {
                orgs.push(find(s, Org::DESCRIPTOR, &key, Deleted::Exclude).await?.meta.org_id);
            }
        } else {
            orgs = records::live_orgs(s.db().await?, i64::MAX).await?.into_iter().map(|(org, _)| org).collect();
        }
        let counted: Vec<_> = s.kinds().resources().filter(|d| !d.is_org() && d.is_recorded()).collect();
        let mut heads = vec![OutputColumn::new("org", ValueType::Text)];
        heads.extend(counted.iter().map(|d| OutputColumn::new(d.table, ValueType::Int)));
        heads.push(OutputColumn::new("audit_records", ValueType::Int));
        let mut listing = Listing::new(ui, heads, 0);
        let now = s.context.clock.now();
        for org in orgs {
            let db = s.db().await?;
            let mut row = vec![records::org_code(db, org).await?.into()];
            for desc in &counted {
                let query = Query { org: Some(org), ..Query::new(desc, now) };
                row.push(query.count(db).await?.into());
            }
            row.push(i64::try_from(verify::size(db, Some(org)).await?)?.into());
            listing.row(ui, row)?;
        }
        listing.finish(ui)?;
        ui.flush()
    }
}

/// Loads a file of organisations.
#[derive(Debug, Serialize, Deserialize)]
pub struct OrgImport {
    rows: Import,
}

impl Loads for OrgImport {
    fn import(&mut self) -> &mut Import {
        &mut self.rows
    }
}

impl Verb for OrgImport {
    const NAME: &str = "org import";

    type Output = Report;

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
        self.rows.end_of(kinds, done)
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<Report> {
        let mut run = Run::begin(tx, &self.rows, None).await?;
        run.read(tx).await?;
        let most = self.rows.limit.of_kind(tx, &run).await?;
        let people = people::count_active(tx.db, None).await?;
        run.check(tx).await?;
        run.create(tx).await?;
        seed::found(tx, &run.founded, &run.plan.context).await?;
        run.update(tx).await?;
        enforce_for_people(tx, &run, people).await?;
        most.enforce(tx, &run).await?;
        run.release(tx).await?;
        run.finish(tx, &[]).await
    }
}

/// Stops where too many people are in the organisations that are deactivated: they lose their access with them.
async fn enforce_for_people(tx: &mut Tx<'_>, run: &Run<'_>, all: u64) -> Result<()> {
    let ids: Vec<Value> = run.losing.iter().map(|id| (*id).into()).collect();
    let mut going: Vec<(u64, String)> = Vec::new();
    for org in records::with_ids(tx.db, run.desc, None, &ids).await? {
        let people = people::count_active(tx.db, Some(org.meta.org_id)).await?;
        if people > 0 {
            going.push((people, org.title()));
        }
    }
    let (limit, n) = (&run.import.limit, going.iter().map(|(people, _)| people).sum::<u64>());
    let most = limit.most_people(all, &run.settings)?;
    if n <= most || limit.force {
        return Ok(());
    }
    // Those that hold most of them.
    going.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let names = going.iter().take(TOLD).map(|(people, title)| format!("{people} of {title}")).collect();
    let names = some_of(names, going.len());
    Err(stopped(format!(
        "{n} of {all} users lose their access by the file, with their organisations, and at most {most} may leave at \
         once: {names}"
    ))
    .into())
}

/// What a file of organisations says of itself in words of its own.
#[derive(clap::Args, Default)]
pub struct OrgWords {}

impl FlagGroup for OrgWords {
    fn in_words(c: Command, _: &Descriptor) -> Command {
        let most = "Most organisations that may be deactivated at once, and most users who may lose their access with them: 25, or 10% (default: the setting feed.max_leavers_percent)";
        c.mut_arg(id!(Leavers, max_leavers), |a| a.help(most))
    }
}

flags! {
    /// The flags of `org import`.
    pub struct ImportFlags {
        file: import::ImportFlags,
        words: OrgWords,
    }
}

impl Besides for ImportFlags {
    type Of = import::ImportFlags;

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        let rows =
            Opened::open(s, desc, &self.file, Objects::default()).await?.map(s, &self.file, Terms::default()).await?;
        let mut verb = OrgImport { rows };
        let (report, seconds) = load(s, &mut verb).await?;
        note_contents(s, desc, &report.leaving).await?;
        tell(s.context, desc, &report, seconds, &verb.rows, More::default())
    }
}
