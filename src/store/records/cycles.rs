//! Cycles in a graph in which each node points at one other at most: records that stand below themselves.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

/// Records and what they stand below.
pub struct Graph {
    places: HashMap<Uuid, u32>,
    ids: Vec<Uuid>,
    /// Place of what each one stands below; 0 where there is none.
    above: Vec<u32>,
}

impl Default for Graph {
    fn default() -> Graph {
        Graph { places: HashMap::new(), ids: vec![Uuid::nil()], above: vec![0] }
    }
}

impl Graph {
    fn node(&mut self, id: Uuid) -> u32 {
        match self.places.entry(id) {
            Entry::Occupied(found) => *found.get(),
            Entry::Vacant(free) => {
                let place = self.ids.len() as u32;
                self.ids.push(id);
                self.above.push(0);
                *free.insert(place)
            }
        }
    }

    /// Notes what a record stands below. What was noted first stands.
    pub fn add_edge(&mut self, id: Uuid, above: Uuid) {
        let (place, above) = (self.node(id), self.node(above));
        if self.above[place as usize] == 0 {
            self.above[place as usize] = above;
        }
    }

    /// The cycles, each from the record that was noted first.
    pub fn find_cycles(&self) -> Vec<Vec<Uuid>> {
        let ids = |cycle: Vec<u32>| cycle.into_iter().map(|n| self.ids[n as usize]).collect();
        find_cycles(&self.above).into_iter().map(ids).collect()
    }
}

/// The cycles of a graph of nodes from 1, by what each points at; 0: at none.
pub fn find_cycles(above: &[u32]) -> Vec<Vec<u32>> {
    let mut cycles = Vec::new();
    // 0: not seen; 1: on the present path; 2: done.
    let mut state = vec![0_u8; above.len()];
    for start in 1..above.len() {
        let (mut path, mut at) = (Vec::new(), start);
        while at != 0 && state[at] == 0 {
            state[at] = 1;
            path.push(at);
            at = above[at] as usize;
        }
        if at != 0 && state[at] == 1 {
            let from = path.iter().position(|n| *n == at).unwrap_or(0);
            cycles.push(path[from..].iter().map(|n| *n as u32).collect());
        }
        for n in path {
            state[n] = 2;
        }
    }
    cycles
}
