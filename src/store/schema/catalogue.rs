//! What PostgreSQL's catalogue says of our schema, held against docs/postgres-schema.txt, which a test writes from a fresh
//! database. A reference that is made on the spot, in a schema of its own, would need the right to make one, which the role
//! that `db grants` makes does not have; and it is the deparsed text that says whether a guard still guards, whoever asks.
//! The server's version is not part of it: the text has been the same since PostgreSQL 14, and NOT NULL, which PostgreSQL 18
//! keeps as a constraint too, is read from the columns.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::kinds::Kinds;
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::Sql;

/// What the program's own migrations make.
const EXPECTED: &str = include_str!("../../../docs/postgres-schema.txt");

/// What all migrations make, those of added kinds too.
fn expected(kinds: Kinds) -> Vec<(&'static str, &'static str)> {
    let texts = std::iter::once(EXPECTED).chain(kinds.all().map(|kind| kind.catalogue));
    texts.flat_map(str::lines).filter_map(|l| l.split_once('\t')).collect()
}

/// One thing a row, by kind and name, and what it is; in a fixed order.
const QUERY: &str = "
with ours as (select oid, nspowner, nspacl from pg_namespace where nspname = 'orgctl'),
rel as (select c.* from pg_class c where c.relnamespace = (select oid from ours))
select what, def from (
    select ('relation ' || relname)::text as what,
           relkind::text || case when relrowsecurity or relforcerowsecurity then ' with row security' else '' end
           || case when relispartition then ' partition' else '' end || case when relpersistence <> 'p' then ' not permanent' else '' end
           || case when relowner <> (select nspowner from ours) then ' of another owner' else '' end as def
      from rel where relkind not in ('i', 'I')
    union all
    select 'column ' || c.relname || '.' || a.attname,
           format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
           || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') || case when a.attgenerated <> '' then ' generated' else '' end
           || case when a.attidentity <> '' then ' identity ' || a.attidentity::text else '' end
           || coalesce(' collate ' || (select collname from pg_collation l where l.oid = a.attcollation and l.collname <> 'default'), '')
      from rel c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where c.relkind in ('r', 'p', 'f', 'v', 'm')
    union all
    select 'constraint ' || t.relname || '.' || k.conname,
           pg_get_constraintdef(k.oid) || case when k.convalidated then '' else ' not validated' end
      from pg_constraint k join rel t on t.oid = k.conrelid where k.contype in ('c', 'f', 'p', 'u', 'x')
    union all
    select 'index ' || i.relname,
           pg_get_indexdef(x.indexrelid) || case when x.indisvalid and x.indisready and x.indislive then '' else ' not valid' end
      from pg_index x join rel i on i.oid = x.indexrelid
    union all
    select 'trigger ' || t.relname || '.' || g.tgname,
           pg_get_triggerdef(g.oid) || case g.tgenabled when 'O' then '' else ' switched off or to replicas' end
      from pg_trigger g join rel t on t.oid = g.tgrelid where not g.tgisinternal
    union all
    select 'foreign keys of ' || t.relname, 'switched off'
      from pg_trigger g join rel t on t.oid = g.tgrelid where g.tgisinternal and g.tgenabled <> 'O' group by t.relname
    union all
    select 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           l.lanname || ' returns ' || format_type(p.prorettype, null) || ' ' || p.prokind::text || p.provolatile::text || p.proparallel::text
           || case when p.prosecdef then ' for its owner' else '' end || coalesce(' set ' || array_to_string(p.proconfig, ', '), '')
           || case when p.proowner <> (select nspowner from ours) then ' of another owner' else '' end
           || case when p.prosecdef and exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x where x.grantee = 0)
                   then ' for everybody' else '' end
           || ' as ' || p.prosrc
      from pg_proc p join pg_language l on l.oid = p.prolang where p.pronamespace = (select oid from ours)
    union all
    select 'sequence ' || t.relname,
           'from ' || q.seqmin || ' to ' || q.seqmax || ' by ' || q.seqincrement || ' starts at ' || q.seqstart
           || case when q.seqcycle then ' in circles' else '' end
      from pg_sequence q join rel t on t.oid = q.seqrelid
    union all
    select 'operator ' || o.oprname || '(' || format_type(o.oprleft, null) || ', ' || format_type(o.oprright, null) || ')', o.oprcode::text
      from pg_operator o where o.oprnamespace = (select oid from ours)
    union all
    select 'type ' || y.typname, y.typtype::text
      from pg_type y where y.typnamespace = (select oid from ours) and y.typrelid = 0 and y.typelem = 0
    union all
    select 'collation ' || l.collname, coalesce(l.collcollate, '')
      from pg_collation l where l.collnamespace = (select oid from ours)
    union all
    select 'rule ' || t.relname || '.' || r.rulename, pg_get_ruledef(r.oid)
      from pg_rewrite r join rel t on t.oid = r.ev_class
    union all
    select 'policy ' || t.relname || '.' || p.polname, p.polcmd::text from pg_policy p join rel t on t.oid = p.polrelid
    union all
    select 'inheritance of ' || t.relname, i.inhrelid::regclass::text
      from pg_inherits i join rel t on t.oid = i.inhparent where t.relkind in ('r', 'p')
    union all
    select 'right of everybody to ' || relname, string_agg(distinct x.privilege_type, ', ' order by x.privilege_type)
      from rel, aclexplode(relacl) x where x.grantee = 0 group by relname
    union all
    select 'right of everybody to ' || t.relname || '.' || a.attname, string_agg(distinct x.privilege_type, ', ')
      from rel t join pg_attribute a on a.attrelid = t.oid, aclexplode(a.attacl) x where x.grantee = 0 group by t.relname, a.attname
    union all
    select 'right of everybody to the schema', string_agg(distinct x.privilege_type, ', ')
      from ours, aclexplode(ours.nspacl) x where x.grantee = 0 having count(*) > 0
    union all
    select 'default right of everybody', string_agg(distinct x.privilege_type, ', ')
      from pg_default_acl d, aclexplode(d.defaclacl) x
     where x.grantee = 0 and d.defaclnamespace = (select oid from ours) having count(*) > 0
    union all
    select 'setting of the server', 'session_replication_role = ' || current_setting('session_replication_role')
     where current_setting('session_replication_role') <> 'origin'
    union all
    select 'setting of ' || coalesce((select rolname from pg_roles r where r.oid = s.setrole), 'the database'), x
      from pg_db_role_setting s, unnest(s.setconfig) x
     where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
       and x like 'session\\_replication\\_role=%'
) things order by what collate \"C\", def collate \"C\"";

/// Every thing in the schema: kind and name, and what it is.
pub async fn things(db: &mut Db) -> Result<Vec<(String, String)>> {
    let rows = db.all(Sql::new(QUERY).yields([ValueType::Text, ValueType::Text])).await?;
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    rows.iter().map(|r| Ok((plain(r.text(0)?), plain(r.text(1)?)))).collect()
}

/// [`things`] as the file has them, a line each.
pub async fn text(db: &mut Db) -> Result<String> {
    Ok(things(db).await?.iter().map(|(what, def)| format!("{what}\t{def}\n")).collect())
}

/// What others made in the schema, by kind and name, and tables that they set row security for. Rights are not among it.
pub async fn added(db: &mut Db) -> Result<Vec<(String, String)>> {
    let expected: BTreeSet<&str> = expected(db.kinds()).into_iter().map(|(what, _)| what).collect();
    let is_made = |what: &str| {
        [
            "relation ",
            "column ",
            "constraint ",
            "index ",
            "trigger ",
            "function ",
            "rule ",
            "policy ",
            "inheritance of ",
        ]
        .iter()
        .any(|kind| what.starts_with(kind))
    };
    let mut all = things(db).await?;
    all.retain(|(what, def)| {
        is_made(what) && !expected.contains(what.as_str())
            || what.starts_with("relation ") && def.contains(" with row security")
    });
    Ok(all)
}

/// Everything that is not as the migrations make it.
pub async fn differences(db: &mut Db) -> Result<Vec<String>> {
    let expected: Vec<(&str, &str)> = expected(db.kinds());
    let present = things(db).await?;
    // Once where a thing is told twice.
    let of: BTreeMap<&str, &str> = present.iter().rev().map(|(what, def)| (what.as_str(), def.as_str())).collect();
    let known: BTreeSet<&str> = expected.iter().map(|(what, _)| *what).collect();
    let mut found = Vec::new();
    for (what, def) in &expected {
        match of.get(what) {
            None => found.push(format!("{what} is missing")),
            Some(is) if is != def => {
                let is = if is.len() > 200 { String::new() } else { format!(": it is {is}") };
                found.push(format!("{what} is not as the migrations make it{is}"));
            }
            Some(_) => {}
        }
    }
    for (what, def) in present.iter().filter(|(what, _)| !known.contains(what.as_str())) {
        let def = if def.len() > 200 { "" } else { def };
        found.push(format!("{what} is not one of orgctl's: {def}"));
    }
    Ok(found)
}
