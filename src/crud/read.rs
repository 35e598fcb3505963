//! list, show, exists, export: reading any resource.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use anyhow::Result;
use clap::Command;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::context::Access;
use super::context::Context;
use super::filter::filter;
use super::flags::{AsOf, Named, limit};
use super::gate::{self, Verb};
use super::invocation::Invocation;
use super::keys::keys;
use super::leaf::{FlagGroup, KindVerb, Unused, flags, id};
use super::lookup::{find, find_holders};
use super::times::Span;
use super::{as_of, defaults};
use crate::model::kinds::Kinds;
use crate::model::kinds::org::SYSTEM;
use crate::model::problem::{ErrorKind, Problem};
use crate::model::resource::status;
use crate::model::resource::verbs::Verb as VerbName;
use crate::model::resource::{Attr, Descriptor, Field, Record, examples};
use crate::model::search::words;
use crate::model::trail::audit::Action;
use crate::model::values::scalar::ParseContext;
use crate::model::values::value::{Value, ValueType, rfc3339};
use crate::store::engine::sql::Row;
use crate::store::records::query::{Condition, Cursor, Op, Query, column};
use crate::store::records::search::Wanted;
use crate::store::records::{self, Column, Deleted};
use crate::store::tx::Tx;
use crate::ui::atomic_file::RedirectedOutput;
use crate::ui::format::{self, Format, Listing, OutputColumn, export_format, whole_record};
use crate::ui::layout::ColumnRole;

/// Rows on a terminal where nothing else is asked for.
const PAGE: u64 = 50;

fn output_columns(columns: &[Column]) -> Vec<OutputColumn> {
    let head = |c: &Column| {
        let head = OutputColumn {
            is_list: c.list.is_some() || c.field.is_some_and(Field::is_set),
            ..OutputColumn::new(c.name.clone(), c.kind)
        };
        // What names a record, this one or another.
        let is_typed = |f: &Field| f.target().is_some() || (c.is_key && f.name() != "name");
        if (c.field.is_some_and(is_typed) || (c.is_key && c.field.is_none())) && head.part == ColumnRole::Text {
            OutputColumn { part: ColumnRole::Word, ..head }
        } else {
            head
        }
    };
    columns.iter().map(head).collect()
}

/// Where the natural key stands, which `-o key` prints.
fn key_index(desc: &Descriptor, columns: &[Column]) -> usize {
    columns.iter().position(|c| c.name == desc.key_column()).unwrap_or(0)
}

/// Most fields that a list is sorted by.
const MOST_SORTED: usize = 16;

/// Most columns of a list: more than any kind of record has.
const MOST_COLUMNS: usize = 100;

/// The columns that `--columns` asks for, or those that the format shows.
fn chosen(context: &Context<'_>, desc: &'static Descriptor, one_org: bool) -> Result<Vec<Column>> {
    let columns = bare(context, desc, one_org)?;
    // Codes of people say little to people.
    Ok(if context.ui.style.format.get() == Format::Table {
        columns.into_iter().map(records::for_people).collect()
    } else {
        columns
    })
}

fn bare(context: &Context<'_>, desc: &'static Descriptor, one_org: bool) -> Result<Vec<Column>> {
    let all = records::columns(desc);
    if let Some(names) = &context.ui.style.columns {
        if names.len() > MOST_COLUMNS {
            return Err(Problem::usage(format!("--columns names {}, and may name {MOST_COLUMNS}", names.len()))
                .hint("name each column once")
                .into());
        }
        return names.iter().map(|n| Ok(column(&all, n)?.clone())).collect();
    }
    Ok(match context.ui.style.format.get() {
        Format::Table | Format::Tsv => {
            // A file read by a script has the organisation always, a table where it tells something.
            let org = context.ui.style.format.get() == Format::Tsv || !one_org;
            all.into_iter().filter(|c| c.shown || (org && c.name == "org")).collect()
        }
        Format::Key => all.into_iter().filter(|c| c.name == desc.key_column()).collect(),
        _ => all,
    })
}

/// Which records, by what is in them.
#[derive(clap::Args, Default)]
pub struct Filter {
    #[arg(long, value_name = "CONDITIONS")]
    pub filter: Option<String>,
}

impl FlagGroup for Filter {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        let (conditions, made) = (examples::conditions(desc), desc.made_at());
        c.mut_arg(id!(Filter, filter), |a| {
            a.help(format!("Only rows for which all hold: '{conditions} {made}>2026-01-01'"))
        })
    }
}

/// Which records, by their words.
#[derive(clap::Args, Default)]
pub struct Search {
    /// Only rows that have words beginning so, in the fields that search knows
    #[arg(long, value_name = "WORDS")]
    pub search: Option<String>,
}

impl FlagGroup for Search {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        desc.is_searchable()
    }
}

flags! {
    /// Which records.
    #[derive(Default)]
    pub struct Conditions {
        filter: Filter,
        search: Search,
        span: Span,
    }
}

/// In which order.
#[derive(clap::Args, Default)]
pub struct Sort {
    /// Fields to sort by; -FIELD for descending
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true)]
    pub sort: Option<String>,
}

impl FlagGroup for Sort {}

/// Whether deleted ones are among them.
#[derive(clap::Args, Default)]
pub struct Deletions {
    /// Only deleted ones
    #[arg(long, conflicts_with = "with_deleted")]
    pub deleted: bool,
    /// Deleted ones too
    #[arg(long)]
    pub with_deleted: bool,
}

impl FlagGroup for Deletions {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        desc.is_recorded()
    }
}

flags! {
    /// Which rows, in which order.
    #[derive(Default)]
    pub struct Rows {
        which: Conditions,
        sort: Sort,
        deletions: Deletions,
    }
}

/// How many rows, from where on.
#[derive(clap::Args, Default)]
pub struct Paging {
    /// Most rows to show
    #[arg(long, value_name = "N", value_parser = limit)]
    pub limit: Option<u64>,
    /// Show all rows
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Show the page that the last one named
    #[arg(long, value_name = "TOKEN")]
    pub page: Option<String>,
}

impl FlagGroup for Paging {}

/// The query that the flags of `list`, `export` and `stats` describe.
pub async fn query(s: &mut Invocation<'_>, desc: &'static Descriptor, asked: &Rows) -> Result<Query> {
    let mut query = Query::new(desc, s.asked_at());
    let all = query.columns.clone();
    query.org = s.org_of(desc).await?;
    let Deletions { deleted, with_deleted } = asked.deletions;
    let about_deletion = |c: &Condition| c.column.status.is_some() || c.column.name.starts_with("deleted");
    let life = |filter: &[Condition]| match (deleted, with_deleted || filter.iter().any(about_deletion)) {
        (true, _) => Deleted::Only,
        (false, true) => Deleted::Include,
        (false, false) => Deleted::Exclude,
    };
    if let Some(text) = &asked.which.filter.filter {
        query.filter = filter(s, desc, &all, query.org, text, life).await?;
    }
    query.life = life(&query.filter);
    let (since, until) = asked.which.span.times(s.context)?;
    query.between(since, until);
    let words = asked.which.search.search.as_ref();
    if let Some(text) = words {
        few_words(text)?;
    }
    query.search = words.map(|text| Wanted { text: text.clone(), whole: false, among: None });
    if let Some(text) = &asked.sort.sort {
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        if names.len() > MOST_SORTED {
            return Err(Problem::usage(format!("a list is sorted by {MOST_SORTED} fields at most")).into());
        }
        query.descending = names.iter().all(|n| n.starts_with('-'));
        if !query.descending && names.iter().any(|n| n.starts_with('-')) {
            return Err(Problem::usage("all fields of a sort go the same way")
                .hint("write --sort a,b or --sort=-a,-b")
                .into());
        }
        query.sort =
            names.iter().map(|n| Ok(column(&all, n.trim_start_matches('-'))?.clone())).collect::<Result<_>>()?;
        if let Some(list) = query.sort.iter().find(|c| c.list.is_some()) {
            return Err(Problem::usage(format!("{} is a list, which has no order", list.name)).into());
        }
    }
    Ok(query)
}

flags! {
    /// The flags of `list`.
    #[derive(Default)]
    pub struct ListFlags {
        rows: Rows,
        as_of: AsOf,
        paging: Paging,
    }
}

impl KindVerb for ListFlags {
    const VERB: VerbName = VerbName::List;
    const WRITES: bool = false;

    fn about(desc: &Descriptor) -> String {
        format!("List {}{}", desc.plural(), if desc.stays() { ", newest first" } else { "" })
    }

    fn examples(desc: &Descriptor) -> String {
        let (noun, which) = (desc.noun, examples::conditions(desc));
        let line = |more: &str| format!("\norgctl {noun} list {more}");
        let (order, past) = match (desc.stays(), desc.is_recorded()) {
            (true, _) => ("--since 7d", String::new()),
            (_, recorded) => ("--sort -created_at", if recorded { line("--as-of 7d") } else { String::new() }),
        };
        format!("orgctl {noun} list --filter '{which}' {order}{}{past}", line("--all -o json"))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        list_where(s, desc, &self, Vec::new()).await
    }
}

/// As `list`, of rows for which some conditions hold besides those of the flags.
pub async fn list_where(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    asked: &ListFlags,
    conditions: Vec<Condition>,
) -> Result<()> {
    let ui = &s.context.ui;
    gate::allow(s)?;
    as_of::begin(s, desc, &asked.as_of, asked.rows.which.search.search.is_some()).await?;
    as_of::ensure_all_known(s).await?;
    let mut query = query(s, desc, &asked.rows).await?;
    query.filter.extend(conditions);
    let one_org = query.org.is_some() || records::live_orgs(s.db().await?, 2).await?.len() < 2;
    query.columns = chosen(s.context, desc, one_org)?;
    let table = ui.style.format.get() == Format::Table;
    query.limit = match asked.paging.limit {
        Some(n) => Some(n),
        None if table && !asked.paging.all => Some(PAGE),
        None => None,
    };
    if let Some(token) = &asked.paging.page {
        query.after = Some(Cursor::decode(token, &query)?);
    }
    as_of::rewrite(s, &mut query).await?;
    let mut listing =
        Listing::in_format(ui.style.format.get(), output_columns(&query.columns), key_index(desc, &query.columns));
    if query.limit.is_none() && !table {
        stream(s, &query, &mut listing).await?;
        return listing.finish(ui);
    }
    let page = query.page(s.db().await?).await?;
    for row in page.rows {
        listing.row(ui, row.0)?;
    }
    listing.finish(ui)?;
    ui.flush()?;
    if listing.count() == 0 {
        ui.status(&format!("no {}", desc.plural()));
    }
    if let Some(next) = page.next {
        let command = next_page(&as_of::fixed(s), &next.encode(&query));
        ui.status(&format!("{} shown, more follow: {command}", listing.count()));
    }
    Ok(())
}

/// Most words, and most characters, that are looked for: more narrow nothing down.
const WORDS: usize = 16;
const CHARACTERS: usize = 200;

/// Refuses a search that nobody means.
pub(super) fn few_words(text: &str) -> Result<(), Problem> {
    let n = words(text).len();
    if n > WORDS || text.chars().nth(CHARACTERS).is_some() {
        return Err(Problem::usage(format!(
            "a search takes {WORDS} words of {CHARACTERS} characters together at most"
        ))
        .hint("say the words that tell it from others"));
    }
    Ok(())
}

/// Rows that `find` ranks, of those that have the words whole and of those that have their beginnings: who looks for
/// something that thousands are called says more words.
const CANDIDATES: u64 = 500;

/// The flags of `find`.
#[derive(clap::Args, Default)]
pub struct FindFlags {
    #[arg(value_name = "WORDS", required = true)]
    pub words: Vec<String>,
    /// Most rows to show (default: 20)
    #[arg(long, value_name = "N", value_parser = limit)]
    pub limit: Option<u64>,
}

impl FlagGroup for FindFlags {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        c.mut_arg(id!(FindFlags, words), |a| a.help(examples::words(desc)))
    }
}

impl KindVerb for FindFlags {
    const VERB: VerbName = VerbName::Find;
    const WRITES: bool = false;

    fn about(desc: &Descriptor) -> String {
        format!("Find {} by words of their {}", desc.plural(), examples::found_by(desc))
    }

    fn examples(desc: &Descriptor) -> String {
        examples::find(desc)
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let text = self.words.join(" ");
        few_words(&text)?;
        let mut query = Query::new(desc, s.context.clock.now());
        query.org = s.org_of(desc).await?;
        let one_org = query.org.is_some() || records::live_orgs(s.db().await?, 2).await?.len() < 2;
        let columns = chosen(s.context, desc, one_org)?;
        query.columns = columns.clone();
        let searched: Vec<Column> = records::columns(desc)
            .into_iter()
            .filter(|c| c.status.is_some() || c.field.is_some_and(|f| f.has(Attr::Search)))
            .collect();
        query.columns.extend(searched.iter().cloned());
        query.columns.push(column(&records::columns(desc), "id")?.clone());
        let wanted = words(&text);
        let rank = |row: &Row| {
            let cells = || searched.iter().zip(&row.0[columns.len()..]);
            let active =
                cells().any(|(c, v)| c.status.is_some() && v.as_text() == desc.status_words().last().map(|w| w.word));
            let fields: Vec<Vec<String>> =
                cells().filter(|(c, _)| c.status.is_none()).map(|(_, v)| words(&v.to_text())).collect();
            let called = fields.contains(&wanted);
            let whole = wanted.iter().all(|w| fields.iter().flatten().any(|f| f == w));
            (!called, !whole, !active)
        };
        let limit = self.limit.map_or(20, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let among = CANDIDATES.max(limit as u64 + 1);
        query.limit = Some(among);
        let mut rows: Vec<Row> = Vec::new();
        for whole in [true, false] {
            query.search = Some(Wanted { text: text.clone(), whole, among: Some(among) });
            let more = query.page(s.db().await?).await?.rows;
            let known: HashSet<Option<Uuid>> = rows.iter().map(|r| r.0.last().and_then(Value::as_uuid)).collect();
            rows.extend(more.into_iter().filter(|r| !known.contains(&r.0.last().and_then(Value::as_uuid))));
            if rows.len() > limit {
                // Whole words come first, so there is no need to look further.
                break;
            }
        }
        rows.sort_by_cached_key(rank);
        let found = rows.len();
        let mut listing =
            Listing::in_format(ui.style.format.get(), output_columns(&columns), key_index(desc, &columns));
        for mut row in rows.into_iter().take(limit) {
            row.0.truncate(columns.len());
            listing.row(ui, row.0)?;
        }
        listing.finish(ui)?;
        ui.flush()?;
        if found == 0 {
            ui.status(&format!("no {} found", desc.plural()));
        } else if found > limit {
            ui.status(&format!("{limit} shown, more are found: say more words, or --limit N"));
        }
        Ok(())
    }
}

/// The same command for the next page.
pub fn next_page(command: &[String], token: &str) -> String {
    let mut words = Vec::new();
    let mut skip = false;
    for word in command {
        if std::mem::take(&mut skip) || word.starts_with("--page=") {
            continue;
        }
        skip = word == "--page";
        if !skip {
            words.push(quote(word));
        }
    }
    words.push(format!("--page {token}"));
    words.join(" ")
}

/// Quotes a word for a shell where it needs it; letters of any script and what stands in filters and URLs do not.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        // No argument holds a NUL.
        shlex::try_quote(word).map_or_else(|_| word.replace('\0', ""), Cow::into_owned)
    }
}

/// Hands rows to the listing while they come.
async fn stream(s: &mut Invocation<'_>, query: &Query, listing: &mut Listing) -> Result<()> {
    s.db().await?;
    let progress = s.context.ui.progress();
    let Some(mut db) = s.connection.take() else { return Ok(()) };
    let done = async {
        // A bar beside rows on the same terminal would only disturb them.
        let told = progress.is_shown() && !s.context.ui.stdout_is_terminal();
        if told {
            progress.part("writing", u64::try_from(query.count(&mut db).await?).ok(), "rows");
        }
        let ui = &s.context.ui;
        query
            .each(&mut db, |row| {
                listing.row(ui, row.0)?;
                if told && listing.count().is_multiple_of(500) {
                    progress.set(listing.count());
                }
                Ok(())
            })
            .await
    }
    .await;
    progress.finish();
    s.connection.put(db);
    Ok(done?)
}

/// A record: its organisation and its id. Together they are the primary key.
pub type RecordId = (i32, Uuid);

/// Rows of these records, in the order given.
async fn rows_of(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    columns: &[Column],
    which: &[RecordId],
) -> Result<Vec<Row>> {
    let all = records::columns(desc);
    let mut query = Query::new(desc, s.asked_at());
    query.life = Deleted::Include;
    query.with_system = true;
    query.columns = columns.to_vec();
    query.columns.push(column(&all, "id")?.clone());
    let mut rows = Vec::new();
    for (org, id) in which {
        query.org = Some(*org);
        query.filter = vec![Condition { column: column(&all, "id")?.clone(), op: Op::Is, values: vec![(*id).into()] }];
        let mut query = query.clone();
        as_of::rewrite(s, &mut query).await?;
        rows.extend(query.page(s.db().await?).await?.rows);
    }
    for row in &mut rows {
        row.0.truncate(columns.len());
    }
    Ok(rows)
}

/// Refuses unknown `--columns` before anything is changed, not when the change is printed.
pub fn known_columns(context: &Context<'_>, desc: &'static Descriptor) -> Result<()> {
    chosen(context, desc, true).map(drop)
}

/// Prints what a change left, where a format was asked for.
pub async fn print_changed(s: &mut Invocation<'_>, desc: &'static Descriptor, which: &[RecordId]) -> Result<()> {
    if !s.context.ui.style.format_given || s.context.dry_run {
        return Ok(());
    }
    print(s, desc, which).await
}

async fn print(s: &mut Invocation<'_>, desc: &'static Descriptor, which: &[RecordId]) -> Result<()> {
    let columns = shown(s.context, desc)?;
    let rows = rows_of(s, desc, &columns, which).await?;
    print_rows(s.context, desc, &columns, which.len(), rows)
}

/// The columns of records that are shown one by one.
fn shown(context: &Context<'_>, desc: &'static Descriptor) -> Result<Vec<Column>> {
    match (&context.ui.style.columns, context.ui.style.format.get()) {
        (None, Format::Table) => Ok(records::columns(desc).into_iter().map(records::for_people).collect()),
        _ => chosen(context, desc, true),
    }
}

/// One that was asked for is told with all its fields, in a document of its own.
fn print_rows(
    context: &Context<'_>,
    desc: &'static Descriptor,
    columns: &[Column],
    asked: usize,
    mut rows: Vec<Row>,
) -> Result<()> {
    let ui = &context.ui;
    let (heads, key) = (output_columns(columns), key_index(desc, columns));
    if (asked, rows.len()) == (1, 1) {
        return whole_record(ui, &heads, key, rows.remove(0).0);
    }
    if (&ui.style.columns, ui.style.format.get()) == (&None, Format::Table) {
        // With all their fields, several are read one after another.
        for (i, row) in rows.into_iter().enumerate() {
            ui.out(if i == 0 { "" } else { "\n" })?;
            whole_record(ui, &heads, key, row.0)?;
        }
        return Ok(());
    }
    let mut listing = Listing::in_format(ui.style.format.get(), heads, key);
    for row in rows {
        listing.row(ui, row.0)?;
    }
    listing.finish(ui)
}

/// Whether deleted ones are shown.
#[derive(clap::Args, Default)]
pub struct WithDeleted {
    /// Look among deleted ones too
    #[arg(long)]
    pub with_deleted: bool,
}

impl FlagGroup for WithDeleted {
    fn is_of(_: Kinds, desc: &Descriptor) -> bool {
        desc.is_recorded()
    }
}

flags! {
    /// The flags of `show`.
    pub struct ShowFlags {
        named: Named,
        deleted: WithDeleted,
        as_of: AsOf,
    }
}

impl KindVerb for ShowFlags {
    const VERB: VerbName = VerbName::Show;
    const WRITES: bool = false;

    fn about(desc: &Descriptor) -> String {
        format!("Show {} with all fields", desc.indefinite())
    }

    fn examples(desc: &Descriptor) -> String {
        let line = format!("orgctl {} show {}", desc.noun, examples::key(desc));
        let past = if desc.is_recorded() { format!("\n{line} --as-of 2h") } else { String::new() };
        format!("{line}\n{line} -o json{past}")
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        gate::allow(s)?;
        as_of::begin(s, desc, &self.as_of, false).await?;
        let life = if self.deleted.with_deleted { Deleted::Include } else { Deleted::Exclude };
        let (mut which, mut defaults) = (Vec::new(), Vec::new());
        let picked = desc.owner().map_or(desc, |(_, kind)| kind);
        for key in keys(s, picked, life, &self.named.key).await? {
            // With the deleted ones, everybody who had the key.
            let found = match life {
                Deleted::Exclude => find(s, desc, &key, life).await.map(|r| vec![r]),
                _ => find_holders(s, desc, &key).await,
            };
            match found {
                Ok(all) => {
                    for record in all {
                        let place = record.meta.record_id();
                        as_of::ensure_known(s, desc, &Ok(record)).await?;
                        if !which.contains(&place) {
                            which.push(place);
                        }
                    }
                }
                Err(e) => {
                    let found = Err(e);
                    as_of::ensure_known(s, desc, &found).await?;
                    if let Err(e) = found {
                        defaults.push(defaults::owner_of(s, desc, &key, e).await?);
                    }
                }
            }
        }
        let columns = shown(s.context, desc)?;
        let asked = which.len() + defaults.len();
        let mut rows = rows_of(s, desc, &columns, &which).await?;
        for owner in defaults {
            let record = defaults::default_of(s, desc, &owner).await?;
            s.context.ui.status(&format!("nothing is stored for {}: these are the defaults", owner.title()));
            rows.push(Row(defaults::cells(s, &record, &owner, &columns).await?));
        }
        print_rows(s.context, desc, &columns, asked, rows)
    }
}

flags! {
    /// The flags of `exists`.
    pub struct ExistsFlags {
        named: Named,
    }
}

impl KindVerb for ExistsFlags {
    const VERB: VerbName = VerbName::Exists;
    const WRITES: bool = false;
    const UNUSED: Unused = Unused::NONE.columns().rows();

    fn about(desc: &Descriptor) -> String {
        format!("Tell by the exit code whether {} exists", desc.indefinite())
    }

    fn examples(desc: &Descriptor) -> String {
        format!("orgctl {0} exists {1} --quiet && echo yes", desc.noun, examples::key(desc))
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        let ui = &s.context.ui;
        gate::allow(s)?;
        let mut told = Vec::new();
        let mut missing = Ok(());
        for key in keys(s, desc, Deleted::Exclude, &self.named.key).await? {
            let found = find(s, desc, &key, Deleted::Exclude).await;
            told.push(serde_json::json!({ "key": key, "exists": found.is_ok() }));
            match found {
                Ok(record) => ui.status(&format!("{} exists", record.title())),
                Err(e) if e.downcast_ref::<Problem>().is_some_and(|p| p.kind == ErrorKind::NotFound) => {
                    missing = Err(e);
                    break;
                }
                Err(e) => return Err(e),
            }
        }
        match told.as_slice() {
            [one] => format::report(ui, one)?,
            several if ui.style.format.get() == Format::Ndjson => {
                several.iter().try_for_each(|one| format::report(ui, one))?;
            }
            several => format::report(ui, &several.into())?,
        }
        missing
    }
}

/// Records that data are handed out, before the first of them is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Exported {
    pub action: Action,
    pub noun: String,
    pub org: i32,
    /// The one record it is about, where it is about one.
    pub id: Option<Uuid>,
    /// What is told of it, in as many records.
    pub details: Vec<Map<String, Json>>,
}

impl Exported {
    pub fn new(noun: &str, org: i32, format: Format, file: Option<&String>, with_hashes: bool) -> Exported {
        let mut details = Map::new();
        details.insert("format".into(), format.as_str().into());
        if let Some(file) = file {
            details.insert("file".into(), file.as_str().into());
        }
        if with_hashes {
            details.insert("password_hashes".into(), true.into());
        }
        Exported { action: Action::Export, noun: noun.to_owned(), org, id: None, details: vec![details] }
    }
}

impl Verb for Exported {
    const NAME: &str = "export";

    type Output = ();

    fn orgs(&self) -> Vec<i32> {
        vec![self.org]
    }

    fn cannot_be_kept(&self) -> Option<&'static str> {
        Some("what it tells goes elsewhere")
    }

    async fn run(&self, tx: &mut Tx<'_>, _: &ParseContext) -> Result<()> {
        for details in &self.details {
            tx.event_about(self.org, self.action, &self.noun, self.id.unwrap_or_default(), details.clone()).await?;
        }
        Ok(())
    }
}

/// Where an export goes.
#[derive(clap::Args, Default)]
pub struct ToFile {
    /// File to write (default: standard output)
    #[arg(value_name = "FILE")]
    pub file: Option<String>,
}

impl FlagGroup for ToFile {}

/// What a spreadsheet must not run.
#[derive(clap::Args, Default)]
pub struct Safe {
    #[arg(long)]
    pub safe_for_spreadsheets: bool,
}

impl FlagGroup for Safe {
    fn in_words(c: Command, desc: &Descriptor) -> Command {
        let back = if desc.does(VerbName::Import) { "; `import` takes the marks away" } else { "" };
        let help = format!("Mark cells that a spreadsheet would run as formulas{back}");
        c.mut_arg(id!(Safe, safe_for_spreadsheets), |a| a.help(help))
    }
}

flags! {
    /// The flags of `export`.
    pub struct ExportFlags {
        file: ToFile,
        rows: Rows,
        as_of: AsOf,
        safe: Safe,
    }
}

impl KindVerb for ExportFlags {
    const VERB: VerbName = VerbName::Export;
    const WRITES: bool = false;

    fn about(desc: &Descriptor) -> String {
        let back = if desc.does(VerbName::Import) { ", for `import` to read back" } else { "" };
        format!("Write {} as CSV{back}", desc.plural())
    }

    fn examples(desc: &Descriptor) -> String {
        let (noun, which) = (desc.noun, examples::conditions(desc));
        format!("orgctl {noun} export {}.csv\norgctl {noun} export --filter '{which}' -o ndjson", desc.table)
    }

    async fn run(self, s: &mut Invocation<'_>, desc: &'static Descriptor) -> Result<()> {
        export(s, desc, &self, Beside::Nothing).await
    }
}

/// What an export tells besides the records.
#[derive(Debug, Clone, Copy)]
pub enum Beside {
    Nothing,
    Hashes,
    /// Records of other kinds with the one that they are of, which is told without some columns where none are asked for by name.
    Within(&'static [ToldWithin], &'static [&'static str]),
}

/// Records of another kind that an export tells in a column, each with the record that it is of.
#[derive(Debug)]
pub struct ToldWithin {
    /// The column.
    pub name: &'static str,
    pub of: fn() -> &'static Descriptor,
    /// The field that names the record.
    pub owner: &'static str,
}

/// CSV by default, with every column that `import` takes back.
pub async fn export(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    asked: &ExportFlags,
    beside: Beside,
) -> Result<()> {
    let with_hashes = matches!(beside, Beside::Hashes);
    if with_hashes {
        // More than the data of an organisation, and a right of its own.
        let access = Access {
            permission: format!("{}:export_hashes", desc.table),
            recorded: Action::Export.as_str(),
            writes: true,
        };
        s.connection.tell(gate::reader_of(s.context.subject, s.kinds(), &access));
        s.outcome.access = Some(access);
    }
    gate::allow(s)?;
    as_of::begin(s, desc, &asked.as_of, asked.rows.which.search.search.is_some()).await?;
    if let Beside::Within(within, _) = beside {
        // Told in part it would take away the rest where it is read back.
        let org = s.the_org().await?;
        for of in within.iter().map(|within| (within.of)()) {
            gate::allow_whole(s, &format!("{}:{}", of.table, of.action(VerbName::List)), of, org)?;
        }
    }
    if with_hashes && s.connection.past.is_some() {
        return Err(Problem::usage("passwords of then are not kept, nor are their hashes").into());
    }
    as_of::ensure_all_known(s).await?;
    let mut query = query(s, desc, &asked.rows).await?;
    let comes_back = desc.does(VerbName::Import);
    if query.org.is_none() && !desc.is_org() && s.context.ui.style.columns.is_none() && comes_back {
        // Keys are unique within an organisation: an export that can be read back is of one.
        query.org = s.the_org_of(desc).await?;
    }
    query.columns = exported_columns(s.context, desc, &mut query)?;
    if let (Beside::Within(_, left_out), None) = (beside, &s.context.ui.style.columns) {
        query.columns.retain(|column| !left_out.contains(&column.name.as_ref()));
    }
    let tells_state = |c: &Column| c.status.is_some() || c.name.starts_with("deleted");
    if query.life != Deleted::Exclude && !query.columns.iter().any(tells_state) {
        s.context
            .ui
            .status("note: without a column status or deleted_at nothing tells the deleted ones from the others");
    }
    if with_hashes {
        query.columns.push(records::password_column());
        let org = s.the_org().await?;
        query.org = Some(org);
        s.context.ui.warn("the export holds password hashes: whoever has it can try passwords at leisure");
    }
    as_of::rewrite(s, &mut query).await?;
    let format = export_format(&s.context.ui, asked.file.file.as_ref(), Format::Csv);
    let mut listing = export_listing(desc, &query, format, asked, beside)?;
    // Before the first row is out.
    let org = query.org.unwrap_or(SYSTEM);
    let mut exported = Exported::new(desc.noun, org, format, asked.file.file.as_ref(), with_hashes);
    if let (Some(past), Some(told)) = (&s.connection.past, exported.details.first_mut()) {
        told.insert("as_of".to_owned(), rfc3339(past.at).into());
    }
    let then = as_of::suspend(s);
    let recorded = record_export(s, &exported).await;
    as_of::resume(s, then).await;
    recorded?;
    hand_out(s, desc, &query, &mut listing, (asked.file.file.as_ref(), beside)).await
}

/// The columns that an export has.
fn exported_columns(context: &Context<'_>, desc: &'static Descriptor, query: &mut Query) -> Result<Vec<Column>> {
    let (columns, life) = (std::mem::take(&mut query.columns), query.life);
    if context.ui.style.columns.is_some() {
        return chosen(context, desc, true);
    }
    if !desc.does(VerbName::Import) {
        // What no file brings back is told whole.
        return Ok(columns);
    }
    // What the database joins of other columns is told by these. And who is deleted where such are among them: a file that does
    // not tell would bring them back.
    let is_gone = |c: &Column| life != Deleted::Exclude && c.name == "deleted_at";
    // Whether a pending invitation is what somebody came by, no field alone tells.
    let is_state = |c: &Column| is_gone(c) || (c.status.is_some() && status::tells_more(desc));
    // What else links give is theirs to tell: a file of them brings it back.
    let is_listed = |c: &Column| c.list.is_some_and(|(list, _)| list.first.is_some());
    let is_told = |c: &Column| is_listed(c) || c.field.is_some_and(|f| f.parts().is_none()) || is_state(c);
    Ok(columns.into_iter().filter(is_told).collect())
}

/// How an export is written.
fn export_listing(
    desc: &'static Descriptor,
    query: &Query,
    format: Format,
    asked: &ExportFlags,
    beside: Beside,
) -> Result<Listing, Problem> {
    let mut heads = output_columns(&query.columns);
    if let Beside::Within(within, _) = beside {
        heads.extend(within.iter().map(|within| OutputColumn::new(within.name, ValueType::Json)));
    }
    let listing = Listing::in_format(format, heads, key_index(desc, &query.columns));
    if matches!(beside, Beside::Hashes) && format == Format::Key {
        return Err(Problem::usage("--with-hashes has no use for -o key, which gives nothing but keys")
            .hint("leave out the one or the other"));
    }
    match (asked.safe.safe_for_spreadsheets, format) {
        (false, _) => Ok(listing),
        (true, Format::Csv) => Ok(listing.safe_for_spreadsheets()),
        (true, _) => Err(Problem::usage("--safe-for-spreadsheets is for CSV")
            .hint("leave out the other format; only a spreadsheet runs formulas")),
    }
}

/// Hands out what an export was recorded of.
async fn hand_out(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    query: &Query,
    listing: &mut Listing,
    (file, beside): (Option<&String>, Beside),
) -> Result<()> {
    let ui = &s.context.ui;
    if s.context.dry_run {
        // What was not recorded is not handed out.
        let n = query.count(s.db().await?).await?;
        let n = records::count(u64::try_from(n)?, desc);
        ui.status(&format!("dry run: would export {n}; nothing was handed out"));
        return Ok(());
    }
    let to = RedirectedOutput::begin(ui, file, matches!(beside, Beside::Hashes))?;
    let mut done = match beside {
        Beside::Within(within, _) => stream_with(s, desc, query, listing, within).await,
        Beside::Nothing | Beside::Hashes => stream(s, query, listing).await,
    };
    if done.is_ok() {
        done = listing.finish(ui);
    }
    match to {
        Some(to) => to.end(ui, done)?,
        None => {
            done?;
            return ui.flush();
        }
    }
    let count = records::count(listing.count(), desc);
    ui.status(&format!("exported {count} to {}", file.map_or("", String::as_str)));
    Ok(())
}

/// Records that are told with what is of them at a time.
const TOGETHER: usize = 200;

/// All rows, each with the records of other kinds that are of it.
async fn stream_with(
    s: &mut Invocation<'_>,
    desc: &'static Descriptor,
    query: &Query,
    listing: &mut Listing,
    within: &'static [ToldWithin],
) -> Result<()> {
    let key = query.columns.iter().position(|c| c.name == desc.key().name());
    let key = key.ok_or_else(|| {
        Problem::usage(format!("what is of {} is told with its {}", desc.indefinite(), desc.key().name()))
    })?;
    let mut rows = Vec::new();
    query
        .each(s.db().await?, |row| {
            rows.push(row.0);
            Ok(())
        })
        .await?;
    while !rows.is_empty() {
        let some: Vec<Vec<Value>> = rows.drain(..rows.len().min(TOGETHER)).collect();
        let keys: Vec<Value> = some.iter().map(|row| row[key].clone()).collect();
        let mut told = Vec::with_capacity(within.len());
        for within in within {
            told.push(records_of(s, query.org, within, &keys).await?);
        }
        for mut row in some {
            let of = row[key].to_text();
            row.extend(told.iter_mut().map(|told| Value::Json(Box::new(told.remove(&of).unwrap_or_default().into()))));
            listing.row(&s.context.ui, row)?;
        }
    }
    Ok(())
}

/// The records of one kind that are of others, as `import` reads them within these, by the keys of those.
async fn records_of(
    s: &mut Invocation<'_>,
    org: Option<i32>,
    within: &ToldWithin,
    keys: &[Value],
) -> Result<HashMap<String, Vec<Json>>> {
    let desc = (within.of)();
    let all = records::columns(desc);
    let owner = column(&all, within.owner)?.clone();
    let mut query = Query::new(desc, s.asked_at());
    query.org = org;
    let is_told = |c: &&Column| {
        c.field.is_some_and(|f| f.name() != within.owner && desc.settable().any(|g| g.column == f.column))
    };
    query.columns = std::iter::once(&owner).chain(all.iter().filter(is_told)).cloned().collect();
    query.filter = vec![Condition { column: owner, op: Op::Is, values: keys.to_vec() }];
    as_of::rewrite(s, &mut query).await?;
    let heads = output_columns(&query.columns);
    let mut told: HashMap<String, Vec<Json>> = HashMap::new();
    query
        .each(s.db().await?, |row| {
            let of = row.0[0].to_text();
            let mut object = Map::new();
            for (head, value) in heads.iter().zip(&row.0).skip(1) {
                // What is not said is nothing, or no.
                if !value.is_null() && value.as_bool() != Some(false) {
                    object.insert(head.name.clone(), value.to_json());
                }
            }
            let is_one = object.len() == 1;
            let alone = object.values().next().filter(|value| is_one && value.is_string()).cloned();
            told.entry(of).or_default().push(alone.unwrap_or(Json::Object(object)));
            Ok(())
        })
        .await?;
    Ok(told)
}

/// Live records that point at one through a field.
pub async fn list_referring(s: &mut Invocation<'_>, desc: &'static Descriptor, field: &str, at: &Record) -> Result<()> {
    let all = records::columns(desc);
    let mut query = Query::new(desc, s.context.clock.now());
    query.org = Some(at.meta.org_id);
    query.columns = chosen(s.context, desc, true)?;
    let key = column(&all, field)?.clone();
    query.filter = vec![Condition { column: key, op: Op::Is, values: vec![at.key().into()] }];
    let mut listing = Listing::in_format(
        s.context.ui.style.format.get(),
        output_columns(&query.columns),
        key_index(desc, &query.columns),
    );
    stream(s, &query, &mut listing).await?;
    listing.finish(&s.context.ui)?;
    s.context.ui.flush()
}

/// All columns of a record.
pub async fn record_json(s: &mut Invocation<'_>, desc: &'static Descriptor, record: &Record) -> Result<Json> {
    let columns = records::columns(desc);
    let rows = rows_of(s, desc, &columns, &[record.meta.record_id()]).await?;
    let row = rows.into_iter().next().map(|r| r.0).unwrap_or_default();
    Ok(format::object(&output_columns(&columns), &row))
}

/// Records that data are handed out; in a part there is no trail for that.
pub async fn record_export(s: &mut Invocation<'_>, told: &Exported) -> Result<()> {
    match s.db().await?.partial {
        Some(_) => Ok(()),
        None => gate::write(s, told).await,
    }
}
