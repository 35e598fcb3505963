//! The append-only hash tree of RFC 6962, section 2.1 (RFC 9162 keeps it): leaf = SHA-256(0x00 || data),
//! node = SHA-256(0x01 || left || right), split at the largest power of two below the size.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

pub type Hash = [u8; 32];

/// Hash of a leaf's data, given in parts.
pub fn leaf_hash(parts: &[&[u8]]) -> Hash {
    let mut h = Sha256::new_with_prefix([0x00]);
    for part in parts {
        h.update(part);
    }
    h.finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([0x01]).chain_update(left).chain_update(right).finalize().into()
}

/// The right edge of a tree: the roots of its perfect subtrees, largest first, one for each set bit of the size.
/// It is all that is needed to append and to know the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Hash>,
}

impl Frontier {
    /// Reads a stored frontier; `None` where it doesn't fit the size.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Frontier> {
        let nodes: Vec<Hash> = bytes.chunks(32).map(|c| c.try_into().ok()).collect::<Option<_>>()?;
        (nodes.len() == size.count_ones() as usize).then_some(Frontier { size, nodes })
    }

    /// The nodes one after another, 32 bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.nodes.concat()
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn append(&mut self, leaf: Hash) {
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// Root of the tree; the hash of nothing where it is empty.
    pub fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        let Some(last) = nodes.next() else { return Sha256::digest([]).into() };
        nodes.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Largest power of two below `n`, which is at least 2.
fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The ranges of leaves whose roots prove that the leaf `index` (from 0) is in the tree of `size` leaves, nearest first:
/// PATH of RFC 6962, section 2.1.1.
pub fn inclusion_path(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut from, mut upto) = (0, size);
    let mut path = Vec::new();
    while upto - from > 1 {
        let middle = from + split(upto - from);
        if index < middle {
            path.push(middle..upto);
            upto = middle;
        } else {
            path.push(from..middle);
            from = middle;
        }
    }
    path.reverse();
    path
}

/// The ranges of leaves whose roots prove that the tree of `old` leaves is the beginning of that of `new` ones: PROOF of
/// RFC 6962, section 2.1.2. Nothing needs proof where one is empty, or both are the same.
pub fn consistency_path(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut path = Vec::new();
    if old == 0 || old >= new {
        return path;
    }
    let (mut from, mut upto, mut is_whole) = (0, new, true);
    while old < upto {
        let middle = from + split(upto - from);
        if old <= middle {
            path.push(middle..upto);
            upto = middle;
        } else {
            path.push(from..middle);
            (from, is_whole) = (middle, false);
        }
    }
    // The old tree's own root needs no proof.
    if !is_whole {
        path.push(from..upto);
    }
    path.reverse();
    path
}

/// Whether `proof` shows a leaf to be the one at `index` of the tree with this root (RFC 9162, section 2.1.3.2).
pub fn proves_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut node) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            node = node_hash(sibling, &node);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            node = node_hash(&node, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && node == *root
}

/// A size and a root.
pub type SizeAndRoot<'a> = (u64, &'a Hash);

/// Whether `proof` shows one tree to be the beginning of another (RFC 9162, section 2.1.4.2).
pub fn proves_consistency((old, old_root): SizeAndRoot<'_>, (new, new_root): SizeAndRoot<'_>, proof: &[Hash]) -> bool {
    if old > new || (old == 0 && *old_root != Frontier::default().root()) {
        return false;
    }
    if old == 0 || old == new {
        return proof.is_empty() && (old == 0 || old_root == new_root);
    }
    let mut rest = proof.iter();
    // A perfect tree is a node of the larger one, and its own first step.
    let first = if old.is_power_of_two() { Some(old_root) } else { rest.next() };
    let Some(first) = first else { return false };
    let (mut at, mut last) = (old - 1, new - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut of_old, mut of_new) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            of_old = node_hash(sibling, &of_old);
            of_new = node_hash(sibling, &of_new);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            of_new = node_hash(&of_new, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && of_old == *old_root && of_new == *new_root
}

/// Makes a proof while the leaves go by, once and in order.
#[derive(Debug)]
pub struct Prover {
    /// Place in the proof, range, and what has been seen of it; in the order of the leaves.
    parts: Vec<(usize, Range<u64>, Frontier)>,
    next: usize,
}

impl Prover {
    /// For the roots of these ranges, which do not overlap.
    pub fn new(path: &[Range<u64>]) -> Prover {
        let mut parts: Vec<_> = path.iter().cloned().enumerate().map(|(i, r)| (i, r, Frontier::default())).collect();
        parts.sort_by_key(|(_, range, _)| range.start);
        Prover { parts, next: 0 }
    }

    /// Leaves up to this one are asked for.
    pub fn upto(&self) -> u64 {
        self.parts.last().map_or(0, |(_, range, _)| range.end)
    }

    /// Takes the next leaf.
    pub fn leaf(&mut self, index: u64, leaf: Hash) {
        while self.parts.get(self.next).is_some_and(|(_, range, _)| range.end <= index) {
            self.next += 1;
        }
        if let Some((_, range, frontier)) = self.parts.get_mut(self.next)
            && range.contains(&index)
        {
            frontier.append(leaf);
        }
    }

    /// The proof; none where leaves were missing.
    pub fn finish(mut self) -> Option<Vec<Hash>> {
        self.parts.sort_by_key(|(place, ..)| *place);
        let whole = |(_, range, frontier): &(usize, Range<u64>, Frontier)| {
            (frontier.size() == range.end - range.start).then(|| frontier.root())
        };
        self.parts.iter().map(whole).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Leaves and roots of transparency-dev/merkle, `testonly/constants.go`; the empty root is SHA-256 of nothing.
    #[test]
    fn roots_are_those_of_the_reference() {
        let leaves: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut tree = Frontier::default();
        assert_eq!(crate::model::values::value::hex(&tree.root()), roots[0]);
        for (leaf, root) in leaves.iter().zip(&roots[1..]) {
            tree.append(leaf_hash(&[leaf]));
            assert_eq!(crate::model::values::value::hex(&tree.root()), *root);
            assert_eq!(Frontier::from_bytes(tree.size(), &tree.to_bytes()), Some(tree.clone()));
        }
    }

    fn unhex(text: &str) -> Hash {
        std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex"))
    }

    fn prove(path: &[Range<u64>], leaves: &[Hash]) -> Vec<Hash> {
        let mut prover = Prover::new(path);
        leaves.iter().zip(0..).for_each(|(leaf, i)| prover.leaf(i, *leaf));
        prover.finish().expect("all leaves")
    }

    /// The trees, paths and proofs that Certificate Transparency's own tests hold (merkle_tree_test.cc).
    #[test]
    fn proofs_are_those_of_certificate_transparency() {
        let data: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let leaves = data.map(|d| leaf_hash(&[d]));
        let a = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
        let b = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
        let c = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
        let d = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
        let e = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
        let f = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
        let g = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
        let h = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";
        for (number, size, proof) in [
            (1, 1, vec![]),
            (1, 8, vec![a, b, c]),
            (6, 8, vec![d, e, f]),
            (3, 3, vec![g]),
            (2, 5, vec!["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", b, d]),
        ] {
            let made = prove(&inclusion_path(number - 1, size), &leaves[..size as usize]);
            assert_eq!(made, proof.iter().map(|p| unhex(p)).collect::<Vec<_>>(), "{number} of {size}");
        }
        for (old, new, proof) in [(1, 1, vec![]), (1, 8, vec![a, b, c]), (6, 8, vec![h, e, f]), (2, 5, vec![b, d])] {
            let made = prove(&consistency_path(old, new), &leaves);
            assert_eq!(made, proof.iter().map(|p| unhex(p)).collect::<Vec<_>>(), "{old} in {new}");
        }
    }

    proptest! {
        /// What is proven is so, and nothing else is: another leaf, place, size, root or proof does not do.
        #[test]
        fn proofs_prove_and_nothing_else(size in 1_u64..70, index in 0_u64..70, old in 0_u64..70, bent in any::<u8>()) {
            let leaves: Vec<Hash> = (0..size).map(|i| leaf_hash(&[&i.to_be_bytes()])).collect();
            let root_of = |n: u64| {
                let mut tree = Frontier::default();
                leaves[..n as usize].iter().for_each(|l| tree.append(*l));
                tree.root()
            };
            let bend = |h: &Hash| { let mut h = *h; h[usize::from(bent) % 32] ^= 1; h };
            let (index, old, root) = (index % size, old % (size + 1), root_of(size));
            let leaf = leaves[index as usize];
            let proof = prove(&inclusion_path(index, size), &leaves);
            prop_assert!(proves_inclusion(&leaf, index, size, &proof, &root));
            prop_assert!(!proves_inclusion(&bend(&leaf), index, size, &proof, &root));
            prop_assert!(!proves_inclusion(&leaf, index, size, &proof, &bend(&root)));
            prop_assert!(size == 1 || !proves_inclusion(&leaf, (index + 1) % size, size, &proof, &root));
            prop_assert!(!proves_inclusion(&leaf, index, size, &[proof.as_slice(), &[root]].concat(), &root));
            let old_root = root_of(old);
            let proof = prove(&consistency_path(old, size), &leaves);
            prop_assert!(proves_consistency((old, &old_root), (size, &root), &proof));
            prop_assert!(!proves_consistency((old, &bend(&old_root)), (size, &root), &proof));
            prop_assert!(old == 0 || !proves_consistency((old, &old_root), (size, &bend(&root)), &proof));
            prop_assert!(!proves_consistency((old, &old_root), (size, &root), &[proof.as_slice(), &[root]].concat()));
            for i in 0..proof.len() {
                let mut proof = proof.clone();
                proof[i] = bend(&proof[i]);
                prop_assert!(!proves_consistency((old, &old_root), (size, &root), &proof));
                proof.remove(i);
                prop_assert!(!proves_consistency((old, &old_root), (size, &root), &proof));
            }
        }
    }
}
