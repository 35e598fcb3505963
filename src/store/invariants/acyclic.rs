//! Links between records of one kind that must lead nowhere back ([`RowRule::Acyclic`]): a role that inherits from others
//! is inherited by none of them. A record has several such links, so that this is no tree, and what is looked for are
//! records that lead to each other (the strongly connected components of the graph).

use std::collections::HashMap;

use petgraph::algo::{astar, kosaraju_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use uuid::Uuid;

use super::among;
use crate::model::problem::Problem;
use crate::model::resource::lifecycle::ENDED;
use crate::model::resource::row_rule::RowRule;
use crate::model::resource::{Descriptor, Field};
use crate::model::values::value::ValueType;
use crate::store::Result;
use crate::store::engine::db::Db;
use crate::store::engine::sql::{Sql, quoted};
use crate::store::records;
use crate::store::records::status_sql;
use crate::store::records::touched::{Columns, DELETED};

/// Keys of a circle that are told.
const SHOWN: usize = 5;

/// The links of one kind, each from one record to another of the same other kind.
#[derive(Clone, Copy)]
pub(super) struct Links {
    desc: &'static Descriptor,
    from: &'static Field,
    to: &'static Field,
    joined: &'static Descriptor,
}

/// The links of a kind that must lead nowhere back.
pub(super) fn of(desc: &'static Descriptor) -> impl Iterator<Item = Links> {
    desc.rules.iter().filter_map(move |rule| {
        let RowRule::Acyclic(from, to) = rule else { return None };
        let (from, to) = (desc.field(from)?, desc.field(to)?);
        Some(Links { desc, from, to, joined: from.target()? })
    })
}

impl Links {
    /// The columns of a link by which it can close a circle.
    pub fn reads(self) -> Columns {
        Columns::by_names(self.desc, [self.from.column, self.to.column, DELETED, ENDED])
    }

    /// Refuses a circle that some links of an organisation have closed.
    pub async fn check_touched(self, db: &mut Db, org: i32, ids: &[Uuid]) -> Result<()> {
        let touched = among(org, ids);
        let (from, to, table) = (quoted(self.from.column), quoted(self.to.column), self.desc.table);
        let live = |alias| status_sql::live(self.desc, alias);
        // UNION, not UNION ALL: a link seen before is not followed again, so that the climb ends in any graph.
        let text = format!(
            "with recursive up (org_id, id, above) as (
                 select t.org_id, t.{from}, t.{to} from {table} t where {} {}
                 union
                 select p.org_id, p.{from}, p.{to} from up join {table} p on p.org_id = up.org_id and p.{from} = up.above
                  where {}
             )
             select id, above from up",
            live("t"),
            touched.text,
            live("p")
        );
        let graph = Graph::read(db, Sql::new(text).with(touched.args)).await?;
        self.refuse(db, org, &graph).await
    }

    /// The same of all links of an organisation.
    pub async fn check_all(self, db: &mut Db, org: i32) -> Result<()> {
        let graph = Graph::read(db, self.all(org)).await?;
        self.refuse(db, org, &graph).await
    }

    fn all(self, org: i32) -> Sql {
        let text = format!(
            "select t.{}, t.{} from {} t where t.org_id = $1 and {}",
            quoted(self.from.column),
            quoted(self.to.column),
            self.desc.table,
            status_sql::live(self.desc, "t")
        );
        Sql::new(text).with([org.into()])
    }

    async fn refuse(self, db: &mut Db, org: i32, graph: &Graph) -> Result<()> {
        let Some(circle) = graph.circle() else { return Ok(()) };
        let mut keys = Vec::new();
        for id in circle.iter().take(SHOWN) {
            let record = records::load(db, self.joined, org, *id).await?;
            keys.push(record.map_or_else(|| id.to_string(), |r| r.key()));
        }
        let rest = if circle.len() > SHOWN { "...".to_owned() } else { keys[0].clone() };
        let sentence =
            format!("{} {} can't stand below itself: {} > {rest}", self.joined.noun, keys[0], keys.join(" > "));
        let hint = format!("choose a {} that does not lead back", self.to.name());
        Err(Problem { field: Some(self.to.name()), ..Problem::conflict(&sentence).hint(hint).rule(sentence) }.into())
    }

    /// The links that came by the rows of a file and stand in a circle: the rows' numbers.
    pub async fn broken_in_file(self, db: &mut Db) -> Result<Vec<(u64, Problem)>> {
        let (from, to) = (quoted(self.from.column), quoted(self.to.column));
        let rows = format!(
            "select t.org_id, s.n, t.{from}, t.{to} from import_rows s join {} t on t.id = s.id
              where {} and not exists (select 1 from import_rejects e where e.n = s.n) order by s.n",
            self.desc.table,
            status_sql::live(self.desc, "t")
        );
        let mut of_file: Vec<(i32, u64, Uuid, Uuid)> = Vec::new();
        db.each(Sql::new(rows).yields([ValueType::Int, ValueType::Int, ValueType::Uuid, ValueType::Uuid]), |row| {
            of_file.push((row.org(0)?, u64::try_from(row.int(1)?)?, row.uuid(2)?, row.uuid(3)?));
            Ok(())
        })
        .await?;
        of_file.sort_by_key(|(org, ..)| *org);
        let mut broken = Vec::new();
        for of_org in of_file.chunk_by(|a, b| a.0 == b.0) {
            let graph = Graph::read(db, self.all(of_org[0].0)).await?;
            let circles = graph.circles();
            for (_, n, from, to) in of_org {
                let place = |id: &Uuid| circles.get(id);
                if place(from).is_some() && place(from) == place(to) {
                    let name = self.to.name();
                    let problem = Problem::conflict(format!("{name} leads back to where the link begins"));
                    broken.push((*n, Problem { field: Some(name), ..problem }));
                }
            }
        }
        Ok(broken)
    }
}

/// Who leads to whom.
#[derive(Default)]
struct Graph {
    graph: DiGraph<Uuid, ()>,
    places: HashMap<Uuid, NodeIndex>,
}

impl Graph {
    async fn read(db: &mut Db, sql: Sql) -> Result<Graph> {
        let mut graph = Graph::default();
        db.each(sql.yields([ValueType::Uuid, ValueType::Uuid]), |row| {
            graph.add(row.uuid(0)?, row.uuid(1)?);
            Ok(())
        })
        .await?;
        Ok(graph)
    }

    fn add(&mut self, from: Uuid, to: Uuid) {
        let Graph { graph, places } = self;
        let [from, to] = [from, to].map(|id| *places.entry(id).or_insert_with(|| graph.add_node(id)));
        graph.add_edge(from, to, ());
    }

    /// Who leads back to itself, each with the number of its circle.
    fn circles(&self) -> HashMap<Uuid, usize> {
        let groups = kosaraju_scc(&self.graph).into_iter().enumerate();
        let in_circle = groups.filter(|(_, group)| match group.as_slice() {
            [alone] => self.graph.contains_edge(*alone, *alone),
            _ => true,
        });
        in_circle.flat_map(|(n, group)| group.into_iter().map(move |at| (self.graph[at], n))).collect()
    }

    /// A shortest way from a record back to itself, without that record at its end; the same one each time.
    fn circle(&self) -> Option<Vec<Uuid>> {
        let circles = self.circles();
        let start = self.places[circles.keys().min()?];
        let back = self.graph.neighbors(start).filter_map(|next| {
            let (_, path) = astar(&self.graph, next, |at| at == start, |_| 1, |_| 0)?;
            Some(path)
        });
        let shortest = back.min_by_key(Vec::len)?;
        let behind = shortest.into_iter().filter(|at| *at != start);
        Some(std::iter::once(start).chain(behind).map(|at| self.graph[at]).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(links: &[(u8, u8)]) -> Graph {
        let mut graph = Graph::default();
        for (from, to) in links {
            graph.add(Uuid::from_u128((*from).into()), Uuid::from_u128((*to).into()));
        }
        graph
    }

    #[test]
    fn a_circle_is_told_by_a_shortest_way() {
        let circle = |links: &[(u8, u8)]| {
            graph(links).circle().map(|ids| ids.into_iter().map(|id| id.as_u128()).collect::<Vec<_>>())
        };
        assert_eq!(circle(&[]), None);
        assert_eq!(circle(&[(1, 2), (1, 3), (2, 3)]), None);
        assert_eq!(circle(&[(1, 1)]), Some(vec![1]));
        assert_eq!(circle(&[(4, 1), (1, 2), (2, 3), (3, 1), (2, 1)]), Some(vec![1, 2]));
    }

    /// Whoever is reached again from itself, told by following every link as long as there is something new.
    fn leads_back(links: &[(u8, u8)], start: u8) -> bool {
        let mut reached: Vec<u8> = Vec::new();
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            for (_, to) in links.iter().filter(|(from, _)| *from == at) {
                if !reached.contains(to) {
                    reached.push(*to);
                    open.push(*to);
                }
            }
        }
        reached.contains(&start)
    }

    proptest! {
        #[test]
        fn all_circles_are_found(links in prop::collection::vec((0_u8..12, 0_u8..12), 0..20)) {
            let found = graph(&links).circles();
            for node in 0..12 {
                prop_assert_eq!(found.contains_key(&Uuid::from_u128(node.into())), leads_back(&links, node), "{}", node);
            }
            prop_assert_eq!(graph(&links).circle().is_some(), !found.is_empty());
        }
    }
}
