//! Putting a restored database into the place of a live one on a server: in one transaction, so that a failure, or a killed
//! command, leaves the old one as it was.
//!
//! The live schema is renamed first, and the new one is made under its own name: bodies of functions, defaults and the
//! search path name it, and would be wrong in a schema that gets its name at the end. A rename locks no table. Until the
//! commit everybody else finds the old schema under the old name, reads it and writes to it; the tables are locked once the
//! new ones are filled and proven. By the commit every plan and every prepared statement of other connections is made anew,
//! for the server drops them all when a schema is renamed, and who waited for one of the locks looks the name up again.
//!
//! The lock keeps readers out too. A transaction that has read of the old tables would go on with the new ones, by a view
//! that is older than they are: it sees rows that were loaded frozen, and not those that were written behind them.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::swap::{self, DatabaseState};
use crate::model::problem::Problem;
use crate::model::values::value::ValueType;
use crate::store::engine::db::Db;
use crate::store::engine::dialect::SCHEMA;
use crate::store::engine::sql::Sql;
use crate::store::schema::catalogue;
use crate::store::schema::migrate;
use crate::store::{Error, Result};

/// How the names of schemas begin that were replaced.
const PREFIX: &str = "orgctl_old_";

/// How long one attempt to lock the tables keeps others in the queue behind it: less than the second after which a server
/// looks for two that wait for each other, so that nobody's work is undone for it.
const ATTEMPT: Duration = Duration::from_millis(400);

/// What is replaced, and how.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// Name that the old schema gets.
    pub name: String,
    /// What was in it when it was backed up.
    pub state: DatabaseState,
    /// What stays with it, as it was told.
    pub staying: Vec<String>,
    /// Nothing is kept of it: nobody has to wait.
    pub is_dry: bool,
}

/// The name that a schema gets which is replaced.
pub fn name(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// A schema that was replaced, and is there still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedSchema {
    pub name: String,
    pub bytes: u64,
}

/// Refuses a server, and a role, by which nothing can be replaced: before anything long begins.
pub async fn require_able(db: &mut Db) -> Result<()> {
    let shown = db.location.shown();
    let sql = Sql::new(
        "select pg_is_in_recovery(), pg_has_role(n.nspowner, 'usage'),
                has_database_privilege(current_database(), 'create'),
                pg_get_userbyid(n.nspowner)::text, quote_ident(current_user), quote_ident(current_database()),
                (select min(pg_get_userbyid(o))::text
                   from (select relowner from pg_class where relnamespace = n.oid
                         union select proowner from pg_proc where pronamespace = n.oid) owners (o)
                  where not pg_has_role(o, 'member'))
           from pg_namespace n where n.nspname = 'orgctl'",
    );
    let kinds = [
        ValueType::Bool,
        ValueType::Bool,
        ValueType::Bool,
        ValueType::Text,
        ValueType::Text,
        ValueType::Text,
        ValueType::Text,
    ];
    let Some(row) = db.first(sql.yields(kinds)).await? else { return Ok(()) };
    let is = |i| row.value(i).as_bool() == Some(true);
    let (owner, user, database) = (row.text(3)?, row.text(4)?, row.text(5)?);
    let other = row.value(6).as_text();
    if is(0) {
        let sentence = format!("{shown} is a standby, and takes no writes; nothing was changed");
        return Err(Problem::failed(sentence).hint("name the primary server with --into").into());
    }
    if !is(1) || other.is_some() {
        let owner = other.filter(|_| is(1)).unwrap_or(owner);
        let sentence = format!("the role {user} can't replace {shown}: what is in it belongs to {owner}");
        return Err(Problem::failed(sentence)
            .hint(format!("run it as {owner}, or as a role that is a member of it; nothing was changed"))
            .into());
    }
    if !is(2) {
        let sentence = format!("the role {user} can't make a schema in {shown}; nothing was changed");
        let hint = format!("the owner of the database allows it: GRANT CREATE ON DATABASE {database} TO {user}");
        return Err(Problem::failed(sentence).hint(hint).into());
    }
    Ok(())
}

/// Objects of others that depend on those of a schema. Toast tables and temporary ones are nobody's; publications are told
/// apart.
const DEPENDING: &str = "
with ns as (select oid from pg_namespace where nspname = $1),
own (class, id) as (
    select 'pg_class'::regclass::oid, c.oid from pg_class c, ns where c.relnamespace = ns.oid
    union all select 'pg_proc'::regclass, p.oid from pg_proc p, ns where p.pronamespace = ns.oid
    union all select 'pg_type'::regclass, t.oid from pg_type t, ns where t.typnamespace = ns.oid
    union all select 'pg_constraint'::regclass, k.oid from pg_constraint k, ns where k.connamespace = ns.oid
    union all select 'pg_namespace'::regclass, ns.oid from ns
),
depending as (
    select distinct d.classid, d.objid, d.objsubid from pg_depend d join own on own.class = d.refclassid and own.id = d.refobjid
     where d.deptype in ('n', 'a')
       and d.classid::regclass::text not in ('pg_publication_rel', 'pg_publication_namespace', 'pg_default_acl')
),
placed as (
    select classid, objid, objsubid,
           case classid
               when 'pg_class'::regclass then (select relnamespace from pg_class where oid = objid)
               when 'pg_proc'::regclass then (select pronamespace from pg_proc where oid = objid)
               when 'pg_type'::regclass then (select typnamespace from pg_type where oid = objid)
               when 'pg_constraint'::regclass then (select coalesce(c.relnamespace, k.connamespace) from pg_constraint k
                                                      left join pg_class c on c.oid = k.conrelid where k.oid = objid)
               when 'pg_trigger'::regclass then (select c.relnamespace from pg_trigger t join pg_class c on c.oid = t.tgrelid
                                                  where t.oid = objid)
               when 'pg_rewrite'::regclass then (select c.relnamespace from pg_rewrite r join pg_class c on c.oid = r.ev_class
                                                  where r.oid = objid)
               when 'pg_policy'::regclass then (select c.relnamespace from pg_policy p join pg_class c on c.oid = p.polrelid
                                                 where p.oid = objid)
               when 'pg_attrdef'::regclass then (select c.relnamespace from pg_attrdef a join pg_class c on c.oid = a.adrelid
                                                  where a.oid = objid)
           end as place
      from depending
)
select distinct case when classid = 'pg_rewrite'::regclass
                     then (select o.type || ' ' || o.identity from pg_rewrite r,
                                  pg_identify_object('pg_class'::regclass, r.ev_class, 0) o where r.oid = objid)
                     else (select o.type || ' ' || o.identity from pg_identify_object(classid, objid, objsubid) o) end
  from placed
 where place is distinct from (select oid from ns)
   and not exists (select from pg_trigger t where placed.classid = 'pg_trigger'::regclass and t.oid = objid and t.tgisinternal)
   and not exists (select from pg_namespace n where n.oid = place and (n.nspname = 'pg_toast' or n.nspname like 'pg\\_temp\\_%'))
 order by 1";

async fn depending(db: &mut Db, schema: &str) -> Result<Vec<String>> {
    let rows = db.all(Sql::new(DEPENDING).with([schema.into()]).yields([ValueType::Text])).await?;
    rows.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
}

/// Which publications, and default rights, only somebody else can change: `p` or `d`, and in what they are.
const OF_OTHERS: &str = "
select distinct 'publication ' || quote_ident(p.pubname) from pg_publication p
  join pg_publication_rel r on r.prpubid = p.oid join pg_class c on c.oid = r.prrelid
  join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = $1 and not pg_has_role(p.pubowner, 'usage')
union all
select distinct 'default privileges of ' || quote_ident(pg_get_userbyid(d.defaclrole)) from pg_default_acl d
  join pg_namespace n on n.oid = d.defaclnamespace where n.nspname = $1 and not pg_has_role(d.defaclrole, 'usage')
order by 1";

/// Publications of the whole schema, which only a superuser can change. There are none before PostgreSQL 15.
const OF_SCHEMA: &str = "
select 'publication ' || quote_ident(p.pubname) from pg_publication p
  join pg_publication_namespace s on s.pnpubid = p.oid join pg_namespace n on n.oid = s.pnnspid
 where n.nspname = $1 and not (pg_has_role(p.pubowner, 'usage') and (select rolsuper from pg_roles where rolname = current_user))
 order by 1";

/// What is not carried over to a schema that takes the place of `orgctl`, but stays with the old one: what others made
/// that depends on it or lies in it, and what the role has no right to change.
pub async fn staying(db: &mut Db) -> Result<Vec<String>> {
    let mut found = staying_with(db, SCHEMA).await?;
    // A policy, an index or a view in the schema itself is not of the migrations, and not in an archive.
    for (what, def) in catalogue::added(db).await? {
        let is_rule = what.starts_with("relation ") && def.contains(" with row security");
        found.push(if is_rule { format!("row security of {what}") } else { what });
    }
    found.sort();
    found.dedup();
    Ok(found)
}

async fn staying_with(db: &mut Db, schema: &str) -> Result<Vec<String>> {
    let mut found = depending(db, schema).await?;
    let mut asked = vec![OF_OTHERS];
    if has_schemas_published(db).await? {
        asked.push(OF_SCHEMA);
    }
    for sql in asked {
        for row in db.all(Sql::new(sql).with([schema.into()]).yields([ValueType::Text])).await? {
            found.push(row.text(0)?.to_owned());
        }
    }
    Ok(found)
}

/// PostgreSQL 15 can publish schemas, columns and rows of a condition.
async fn has_schemas_published(db: &mut Db) -> Result<bool> {
    let sql = Sql::new("select current_setting('server_version_num')::int >= 150000").yields([ValueType::Bool]);
    Ok(db.one(sql).await?.value(0).as_bool() == Some(true))
}

/// Refuses to leave behind what is still there, unless that is wanted.
pub fn require_none_staying(staying: &[String], is_forced: bool) -> Result<()> {
    if staying.is_empty() || is_forced {
        return Ok(());
    }
    let sentence = format!(
        "this stays with the old schema, and is not carried over: {}; nothing was replaced",
        staying.join(", ")
    );
    Err(Problem::conflict(sentence)
        .hint("take it away and make it again afterwards; with --force it stays as it is, and shows what was there before")
        .into())
}

/// Begins to replace: from here on `orgctl` is, for this transaction alone, an empty place.
pub async fn put_aside(db: &mut Db, aside: &Replacement) -> Result<()> {
    migrate::lock(db).await?;
    // Somebody may have replaced or migrated it while this one waited; a later look, under the lock, is the one that counts.
    let shown = db.location.shown();
    aside.state.require_same(&state_of(db, SCHEMA).await?, &shown)?;
    db.script(format!("ALTER SCHEMA {SCHEMA} RENAME TO {}", aside.name)).await
}

/// What is in a schema now.
async fn state_of(db: &mut Db, schema: &str) -> Result<DatabaseState> {
    // What is set for it goes with the savepoint.
    db.script(format!("SAVEPOINT looks; SET LOCAL search_path = {schema}")).await?;
    let found = swap::state(db).await?;
    db.script("ROLLBACK TO SAVEPOINT looks; RELEASE SAVEPOINT looks".into()).await?;
    Ok(found)
}

/// Gives the new tables to the owners of the old ones, and what was set for them. Before anything is recorded: a table
/// whose constraints wait for the commit can't be altered.
pub async fn transfer_ownership(db: &mut Db, aside: &Replacement) -> Result<()> {
    carry(db, aside, &[OWNER_OF_SCHEMA, OWNERS, STORAGE]).await
}

/// Takes the place: waits until nobody reads or writes, looks whether anybody wrote, and carries over who may do what. The
/// commit is all that is left.
pub async fn take_place(db: &mut Db, aside: &Replacement) -> Result<()> {
    let shown = db.location.shown();
    if !aside.is_dry {
        lock(db, &aside.name).await?;
    }
    aside.state.require_same(&state_of(db, &aside.name).await?, &shown)?;
    let now = staying_with(db, &aside.name).await?;
    let known = |what: &&String| {
        let before = what.replace(&format!("{}.", aside.name), &format!("{SCHEMA}."));
        !aside.staying.contains(&before)
    };
    if let Some(new) = now.iter().find(known) {
        let sentence =
            format!("somebody made the {new} meanwhile, which would stay with the old schema; nothing was replaced");
        return Err(Problem::conflict(sentence).hint("run the command again").into());
    }
    carry(db, aside, &[RIGHTS, RIGHTS_TO_COLUMNS, DEFAULT_RIGHTS, COMMENTS]).await?;
    let is_15 = has_schemas_published(db).await?;
    carry(db, aside, &[&published(is_15)]).await?;
    if is_15 {
        carry(db, aside, &[PUBLISHED_SCHEMAS]).await?;
    }
    // Who may read `orgctl` goes on there. What is erased from now on is still in the old one.
    carry(db, aside, &[CLOSED]).await
}

async fn carry(db: &mut Db, aside: &Replacement, queries: &[&str]) -> Result<()> {
    for query in queries {
        let rows = db.all(Sql::new(*query).with([aside.name.as_str().into()]).yields([ValueType::Text])).await?;
        let statements: Vec<String> = rows.iter().map(|r| Ok(r.text(0)?.to_owned())).collect::<Result<_>>()?;
        if !statements.is_empty() {
            db.script(statements.join(";\n")).await?;
        }
    }
    Ok(())
}

const OWNER_OF_SCHEMA: &str = "
select format('ALTER SCHEMA orgctl OWNER TO %I', pg_get_userbyid(o.nspowner))
  from pg_namespace o, pg_namespace n where o.nspname = $1 and n.nspname = 'orgctl' and n.nspowner <> o.nspowner";

/// A sequence goes with its table. What is new belongs to the owner of the schema.
const OWNERS: &str = "
with old as (select oid, nspowner from pg_namespace where nspname = $1),
new as (select oid from pg_namespace where nspname = 'orgctl')
select format('ALTER TABLE orgctl.%I OWNER TO %I', n.relname, pg_get_userbyid(coalesce(o.relowner, old.nspowner)))
  from old, new, pg_class n left join pg_class o
    on o.relname = n.relname and o.relkind = n.relkind and o.relnamespace = (select oid from old)
 where n.relnamespace = new.oid and n.relkind in ('r', 'p') and n.relowner <> coalesce(o.relowner, old.nspowner)
union all
select format('ALTER FUNCTION orgctl.%I(%s) OWNER TO %I', n.proname, pg_get_function_identity_arguments(n.oid),
              pg_get_userbyid(coalesce(o.proowner, old.nspowner)))
  from old, new, pg_proc n left join pg_proc o
    on o.proname = n.proname and o.proargtypes = n.proargtypes and o.pronamespace = (select oid from old)
 where n.pronamespace = new.oid and n.proowner <> coalesce(o.proowner, old.nspowner)";

/// Settings of tables, and by what a subscriber knows their rows.
const STORAGE: &str = "
with pairs as (
    select n.relname, o.oid, o.reloptions, o.relreplident from pg_class o join pg_class n on n.relname = o.relname
     where o.relnamespace = (select oid from pg_namespace where nspname = $1) and o.relkind = 'r'
       and n.relnamespace = (select oid from pg_namespace where nspname = 'orgctl') and n.relkind = 'r')
select format('ALTER TABLE orgctl.%I SET (%s)', relname,
              (select string_agg(format('%I = %L', split_part(x, '=', 1), substr(x, strpos(x, '=') + 1)), ', ') from unnest(reloptions) x))
  from pairs where cardinality(reloptions) > 0
union all
select format('ALTER TABLE orgctl.%I REPLICA IDENTITY %s', relname, case relreplident when 'f' then 'FULL' else 'NOTHING' end)
  from pairs where relreplident in ('f', 'n')
union all
select format('ALTER TABLE orgctl.%I REPLICA IDENTITY USING INDEX %I', p.relname, c.relname)
  from pairs p join pg_index i on i.indrelid = p.oid and i.indisreplident join pg_class c on c.oid = i.indexrelid
  join pg_class mine on mine.relname = c.relname and mine.relnamespace = (select oid from pg_namespace where nspname = 'orgctl')
 where p.relreplident = 'i'";

/// Makes the rights to each thing what they are to the one of its name: those that are more are taken, then those that are
/// missing given. Whoever had a right from somebody other than the owner has it from the owner now.
const RIGHTS: &str = "
with old as (select oid, nspowner, nspacl from pg_namespace where nspname = $1),
new as (select oid, nspowner, nspacl from pg_namespace where nspname = 'orgctl'),
things (what, before, after) as (
    select 'SCHEMA orgctl', coalesce(old.nspacl, acldefault('n', old.nspowner)), coalesce(new.nspacl, acldefault('n', new.nspowner))
      from old, new
    union all
    select format('%s orgctl.%I', case n.relkind when 'S' then 'SEQUENCE' else 'TABLE' end, n.relname),
           coalesce(o.relacl, acldefault(case n.relkind when 'S' then 's' else 'r' end::\"char\", o.relowner)),
           coalesce(n.relacl, acldefault(case n.relkind when 'S' then 's' else 'r' end::\"char\", n.relowner))
      from old, new, pg_class n join pg_class o on o.relname = n.relname and o.relkind = n.relkind
     where n.relnamespace = new.oid and o.relnamespace = old.oid and n.relkind in ('r', 'p', 'S')
    union all
    select format('FUNCTION orgctl.%I(%s)', n.proname, pg_get_function_identity_arguments(n.oid)),
           coalesce(o.proacl, acldefault('f', o.proowner)), coalesce(n.proacl, acldefault('f', n.proowner))
      from old, new, pg_proc n join pg_proc o on o.proname = n.proname and o.proargtypes = n.proargtypes
     where n.pronamespace = new.oid and o.pronamespace = old.oid
),
was as (select what, grantee, privilege_type as act, bool_or(is_grantable) as may_grant
          from things, aclexplode(before) group by 1, 2, 3),
is_now as (select what, grantee, privilege_type as act, bool_or(is_grantable) as may_grant
          from things, aclexplode(after) group by 1, 2, 3),
statements (place, text) as (
    select 1, format('REVOKE %s%s ON %s FROM %s', case when w.act is null then '' else 'GRANT OPTION FOR ' end, n.act, n.what,
                  case n.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(n.grantee)) end)
      from is_now n left join was w using (what, grantee, act)
     where w.act is null or (n.may_grant and not w.may_grant)
    union all
    select 2, format('GRANT %s ON %s TO %s%s', w.act, w.what,
                  case w.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(w.grantee)) end,
                  case when w.may_grant then ' WITH GRANT OPTION' else '' end)
      from was w left join is_now n using (what, grantee, act)
     where n.act is null or (w.may_grant and not n.may_grant)
)
select text from statements order by place, text";

const RIGHTS_TO_COLUMNS: &str = "
select format('GRANT %s (%I) ON orgctl.%I TO %s%s', x.privilege_type, a.attname, n.relname,
              case x.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(x.grantee)) end,
              case when bool_or(x.is_grantable) then ' WITH GRANT OPTION' else '' end)
  from pg_class o join pg_class n on n.relname = o.relname and n.relkind = o.relkind
  join pg_attribute a on a.attrelid = o.oid and not a.attisdropped
  join pg_attribute b on b.attrelid = n.oid and b.attname = a.attname and not b.attisdropped, aclexplode(a.attacl) x
 where o.relnamespace = (select oid from pg_namespace where nspname = $1)
   and n.relnamespace = (select oid from pg_namespace where nspname = 'orgctl')
 group by x.privilege_type, a.attname, n.relname, x.grantee";

const DEFAULT_RIGHTS: &str = "
select format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA orgctl GRANT %s ON %s TO %s%s', pg_get_userbyid(d.defaclrole),
              x.privilege_type,
              case d.defaclobjtype when 'r' then 'TABLES' when 'S' then 'SEQUENCES' when 'f' then 'FUNCTIONS' else 'TYPES' end,
              case x.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(x.grantee)) end,
              case when x.is_grantable then ' WITH GRANT OPTION' else '' end)
  from pg_default_acl d, aclexplode(d.defaclacl) x
 where d.defaclnamespace = (select oid from pg_namespace where nspname = $1) and pg_has_role(d.defaclrole, 'usage')";

const COMMENTS: &str = "
with old as (select oid from pg_namespace where nspname = $1), new as (select oid from pg_namespace where nspname = 'orgctl')
select format('COMMENT ON SCHEMA orgctl IS %L', d.description) from old join pg_description d
    on d.objoid = old.oid and d.classoid = 'pg_namespace'::regclass
union all
select case d.objsubid when 0 then format('COMMENT ON TABLE orgctl.%I IS %L', n.relname, d.description)
                       else format('COMMENT ON COLUMN orgctl.%I.%I IS %L', n.relname, a.attname, d.description) end
  from old, new, pg_class o join pg_class n on n.relname = o.relname and n.relkind = o.relkind
  join pg_description d on d.objoid = o.oid and d.classoid = 'pg_class'::regclass
  left join pg_attribute a on a.attrelid = o.oid and a.attnum = d.objsubid
 where o.relnamespace = old.oid and n.relnamespace = new.oid and o.relkind = 'r'
   and (d.objsubid = 0 or exists (select from pg_attribute b where b.attrelid = n.oid and b.attname = a.attname))
union all
select format('COMMENT ON FUNCTION orgctl.%I(%s) IS %L', n.proname, pg_get_function_identity_arguments(n.oid), d.description)
  from old, new, pg_proc o join pg_proc n on n.proname = o.proname and n.proargtypes = o.proargtypes
  join pg_description d on d.objoid = o.oid and d.classoid = 'pg_proc'::regclass
 where o.pronamespace = old.oid and n.pronamespace = new.oid";

/// A table stays in its publications when it gets another name. Those of others stay as they are.
fn published(with_part: bool) -> String {
    // Before PostgreSQL 15 there were neither columns nor conditions.
    let part = match with_part {
        true => {
            "coalesce((select ' (' || string_agg(quote_ident(a.attname), ', ' order by u.place) || ')'
                         from unnest(r.prattrs) with ordinality u (n, place)
                         join pg_attribute a on a.attrelid = r.prrelid and a.attnum = u.n), '')
             || coalesce(' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')', '')"
        }
        false => "''",
    };
    format!(
        "
with published as (
    select p.pubname, c.relname, {part} as part
      from pg_publication p join pg_publication_rel r on r.prpubid = p.oid join pg_class c on c.oid = r.prrelid
     where c.relnamespace = (select oid from pg_namespace where nspname = $1) and pg_has_role(p.pubowner, 'usage')
       and exists (select from pg_class n where n.relname = c.relname
                      and n.relnamespace = (select oid from pg_namespace where nspname = 'orgctl'))),
statements (place, text) as (
    select 1, format('ALTER PUBLICATION %I DROP TABLE %I.%I', pubname, $1, relname) from published
    union all select 2, format('ALTER PUBLICATION %I ADD TABLE orgctl.%I%s', pubname, relname, part) from published)
select text from statements order by place, text"
    )
}

const PUBLISHED_SCHEMAS: &str = "
with published as (
    select p.pubname from pg_publication p join pg_publication_namespace s on s.pnpubid = p.oid
     where s.pnnspid = (select oid from pg_namespace where nspname = $1)
       and pg_has_role(p.pubowner, 'usage') and (select rolsuper from pg_roles where rolname = current_user))
select format('ALTER PUBLICATION %I DROP TABLES IN SCHEMA %I', pubname, $1) from published
union all
select format('ALTER PUBLICATION %I ADD TABLES IN SCHEMA orgctl', pubname) from published";

/// Nobody but its owner comes to the old schema any more.
const CLOSED: &str = "
select distinct format('REVOKE ALL ON SCHEMA %I FROM %s', $1,
              case x.grantee when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(x.grantee)) end)
  from pg_namespace n, aclexplode(n.nspacl) x where n.nspname = $1 and x.grantee <> n.nspowner";

/// The publications that the tables are in, whoever may change them: whoever subscribes holds what was there before.
pub async fn publications(db: &mut Db) -> Result<Vec<String>> {
    let sql =
        Sql::new("select distinct pubname::text from pg_publication_tables where schemaname = 'orgctl' order by 1");
    let rows = db.all(sql.yields([ValueType::Text])).await?;
    rows.iter().map(|r| Ok(r.text(0)?.to_owned())).collect()
}

/// Locks all tables of a schema against everybody, in one attempt after another: one that stands in the queue for long
/// would keep out all who come behind it, and of two that wait for each other the server would end one.
async fn lock(db: &mut Db, schema: &str) -> Result<()> {
    let (wait, began) = (db.opening.wait, Instant::now());
    let attempt = ATTEMPT.min(wait).max(Duration::from_millis(1));
    let sql = Sql::new(
        "select string_agg(format('%I.%I', n.nspname, c.relname), ', ' order by c.relname <> 'audit_heads', c.relname)
           from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'p')",
    );
    let row = db.one(sql.with([schema.into()]).yields([ValueType::Text])).await?;
    let tables = row.text(0)?;
    loop {
        db.script(format!("SAVEPOINT locks; SET LOCAL lock_timeout = '{}ms'", attempt.as_millis())).await?;
        match db.script(format!("LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")).await {
            // The longer time comes back with the savepoint; the locks would go with it.
            Ok(()) => {
                return db
                    .script(format!(
                        "SET LOCAL lock_timeout = '{}ms'; RELEASE SAVEPOINT locks",
                        wait.as_millis().max(1)
                    ))
                    .await;
            }
            Err(Error::LockTimeout) => {}
            Err(e) => return Err(e),
        }
        // Here they are let go of.
        db.script("ROLLBACK TO SAVEPOINT locks; RELEASE SAVEPOINT locks".into()).await?;
        if began.elapsed() >= wait {
            return Err(lock_holders(db, schema, wait).await.into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Who still reads or writes, in words.
async fn lock_holders(db: &mut Db, schema: &str, wait: Duration) -> Problem {
    let sql = Sql::new(
        "select format('server process %s (%s, %s, %s)', a.pid, a.application_name, coalesce(a.usename, ''),
                       coalesce(a.client_addr::text, 'local'))
           from pg_locks l join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
           join pg_stat_activity a on a.pid = l.pid
          where n.nspname = $1 and l.granted and l.pid <> pg_backend_pid()
            and l.database = (select oid from pg_database where datname = current_database())
          order by a.xact_start limit 1",
    );
    let row = db.first(sql.with([schema.into()]).yields([ValueType::Text])).await.ok().flatten();
    let holder = row.and_then(|r| r.text(0).ok().map(str::to_owned)).unwrap_or_else(|| "another command".to_owned());
    let sentence =
        format!("{holder} is in the middle of a transaction with what would be replaced; waited {} s", wait.as_secs());
    Problem::failed(sentence)
        .hint("end it, or wait longer with --wait SECONDS, and run the command again; nothing was replaced")
}

/// The schemas that were replaced and are there still, with their size; the oldest first.
pub async fn list_replaced(db: &mut Db) -> Result<Vec<ReplacedSchema>> {
    if !db.is_postgres() {
        return Ok(Vec::new());
    }
    let sql = Sql::new(
        "select n.nspname::text, coalesce(sum(pg_total_relation_size(c.oid)) filter (where c.relkind = 'r'), 0)::bigint
           from pg_namespace n join pg_class c on c.relnamespace = n.oid
          where n.nspname like 'orgctl\\_old\\_%'
            and exists (select from pg_class h where h.relnamespace = n.oid and h.relname = 'audit_heads')
          group by n.oid, n.nspname order by n.oid",
    );
    let rows = db.all(sql.yields([ValueType::Text, ValueType::Int])).await?;
    rows.iter()
        .map(|r| Ok(ReplacedSchema { name: r.text(0)?.to_owned(), bytes: r.int(1)?.try_into().unwrap_or(0) }))
        .collect()
}

/// What would go with old schemas, because it stayed with them.
pub async fn goes_with(db: &mut Db, olds: &[ReplacedSchema]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for old in olds {
        found.extend(depending(db, &old.name).await?);
    }
    Ok(found)
}

/// Drops old schemas. Inside a transaction; `known`: what may go with them.
pub async fn drop_replaced(db: &mut Db, olds: &[ReplacedSchema], known: &[String]) -> Result<()> {
    let now = self::list_replaced(db).await?;
    for old in olds {
        // Another command may have done it.
        if now.iter().all(|n| n.name != old.name) {
            continue;
        }
        lock(db, &old.name).await?;
        if let Some(new) = depending(db, &old.name).await?.iter().find(|d| !known.contains(d)) {
            let sentence =
                format!("somebody made the {new} meanwhile, which would go with {}; nothing was dropped", old.name);
            return Err(Problem::conflict(sentence).hint("run the command again").into());
        }
        db.script(format!("DROP SCHEMA {} CASCADE", old.name)).await?;
    }
    Ok(())
}
