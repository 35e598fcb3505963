//! Proving a trail: what a tree's requests and records must agree in, whoever reads them to [`TreeCheck`], from a database or
//! from an export.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::audit::{self, Effect, Header, Status};
use super::correction::{Correction, CorrectionPayload, Times, is_correction};
use super::merkle::{Frontier, Hash};

/// Something that does not hold, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub tree: i32,
    /// The record at fault; none where the tree as a whole is.
    pub seq: Option<i64>,
    pub kind: Fault,
    pub what: String,
}

/// What became of a record or a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Edited,
    Deleted,
    Inserted,
    Reordered,
    Truncated,
    /// It ends before something that was signed, and claims to have been restored.
    Restored,
    Rewritten,
    Erased,
    HeadChanged,
    RunsBackwards,
    RowDiffers,
    /// A checkpoint, or the log of checkpoints, that does not hold.
    Checkpoint,
    /// A trail of an export that no checkpoint tells of, where others were given.
    Unproven,
    /// A correction of the clock that does not follow from the records before it.
    Correction,
}

impl Fault {
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Edited => "edited",
            Fault::Deleted => "deleted",
            Fault::Inserted => "inserted",
            Fault::Reordered => "reordered",
            Fault::Truncated => "truncated",
            Fault::Restored => "restored",
            Fault::Rewritten => "rewritten",
            Fault::Erased => "erased",
            Fault::HeadChanged => "head changed",
            Fault::RunsBackwards => "time runs backwards",
            Fault::RowDiffers => "row differs",
            Fault::Checkpoint => "checkpoint",
            Fault::Unproven => "unproven",
            Fault::Correction => "clock correction",
        }
    }

    /// As the end of a sentence about a record: `record 7 of ACME was edited`.
    pub fn predicate(self) -> String {
        match self {
            Fault::HeadChanged => "has a head that does not agree with it".to_owned(),
            Fault::RunsBackwards => "is older than the one in front of it".to_owned(),
            Fault::Truncated => "is missing: the trail was truncated there".to_owned(),
            Fault::Restored => "ends before a checkpoint, and says that it was restored".to_owned(),
            Fault::RowDiffers => "does not agree with the row that it tells of".to_owned(),
            Fault::Checkpoint => "has a checkpoint that does not hold".to_owned(),
            Fault::Unproven => "is proven by no checkpoint that was given".to_owned(),
            Fault::Correction => "corrects the clock, and does not follow from the records before it".to_owned(),
            kind => format!("was {}", kind.as_str()),
        }
    }
}

/// What the records of one transaction have in common.
#[derive(Debug, Clone)]
pub struct Request {
    pub first_seq: i64,
    pub last_seq: i64,
    pub request_id: Uuid,
    pub at: DateTime<Utc>,
    pub actor_id: i64,
    pub source: String,
    pub status: String,
    /// Gone where it was archived or erased, with its payload.
    pub salt: Option<Vec<u8>>,
    pub payload: Option<String>,
    pub commitment: Hash,
    pub digest: Hash,
    /// What the table of actors says of the actor's number; none where it has no such number, or an export was read.
    pub actor: Option<Actor>,
}

/// A row of the table of actors.
#[derive(Debug, Clone)]
pub struct Actor {
    pub kind: String,
    pub key: String,
    /// None where it was erased.
    pub name: Option<String>,
}

/// What commands say of an actor's name, over all trees.
#[derive(Debug, Clone, Default)]
pub struct ActorNames {
    /// As the table of actors has it.
    pub stored: Option<String>,
    /// As commands tell it; an account may be renamed.
    pub told: BTreeSet<String>,
    /// Some command's payload is gone, and may have told another.
    pub is_in_part: bool,
    /// The tree and the number of the first command.
    pub first: (i32, i64),
}

/// One record as it is stored.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    pub seq: i64,
    pub action: &'a str,
    pub effect: &'a str,
    pub kind: &'a str,
    pub resource_id: Uuid,
    /// Nil where it holds nobody's data.
    pub subject_id: Uuid,
    pub salt: Option<&'a [u8]>,
    pub payload: Option<&'a str>,
    pub leaf: Hash,
    /// What the payload was committed to, where it was archived or erased.
    pub erased: Option<Hash>,
}

/// A root that a tree must have had, and who says so.
#[derive(Debug, Clone)]
pub struct ExpectedRoot {
    pub size: u64,
    pub root: Hash,
    /// `the checkpoint in c.txt`
    pub says: String,
}

/// A record that is not what was recorded at its place: perhaps it is what was recorded at another.
struct Mismatch {
    seq: i64,
    action: String,
    effect: String,
    kind: String,
    resource_id: Uuid,
    subject_id: Uuid,
    commitment: Hash,
    leaf: Hash,
    /// What stands at its place is bound to.
    request: (Uuid, DateTime<Utc>, Hash, String),
}

/// Most such records that are held against each other.
const MOVED: usize = 256;

/// What is said of an erasure that was none.
pub const PLANTED: &str = "an erasure of it is kept, but its payload is there";

/// First and last, both included.
type Span = (i64, i64);

/// Goes through one tree: all its requests and records, in order, each request before its records.
pub struct TreeCheck {
    tree: i32,
    /// Whether requests tell the actor's key as the table of actors has it.
    pub knows_actors: bool,
    head: TreeHead,
    expected_seq: i64,
    /// Requests whose records are still to come.
    requests: VecDeque<Request>,
    last_request: Option<Span>,
    times: Times,
    corrections: Vec<Correction>,
    actors: BTreeMap<i64, ActorNames>,
    frontier: Frontier,
    /// A leaf is missing, so no root can be computed any more.
    is_broken: bool,
    expected: VecDeque<ExpectedRoot>,
    mismatches: Vec<Mismatch>,
    /// The last record in front of where it begins.
    begins: i64,
    untold: Vec<i64>,
    /// Records and requests without payload, and those that an erasure or an archive tells of.
    erased: [Vec<Span>; 2],
    told: [Vec<Span>; 2],
    findings: Vec<Finding>,
}

/// What came of it.
pub struct TreeResult {
    pub findings: Vec<Finding>,
    pub size: i64,
    /// The right edge of the tree, as far as no leaf is missing.
    pub frontier: Frontier,
    /// Where stretches of an export begin whose payloads are gone, and nothing in it tells why.
    pub untold: Vec<i64>,
    /// Roots that it must have had, if it went on further than it does.
    pub beyond: Vec<ExpectedRoot>,
    /// What its commands say of actors.
    pub actors: BTreeMap<i64, ActorNames>,
    /// Where its clock was corrected.
    pub corrections: Vec<Correction>,
}

fn add(spans: &mut Vec<Span>, seq: i64) {
    match spans.last_mut() {
        Some((_, last)) if last.checked_add(1) == Some(seq) => *last = seq,
        _ => spans.push((seq, seq)),
    }
}

impl TreeCheck {
    /// Behind `frontier`, which was proven before; an empty one begins with the first record.
    pub fn new(tree: i32, head: TreeHead, frontier: Frontier, mut expected: Vec<ExpectedRoot>) -> TreeCheck {
        expected.sort_by_key(|e| e.size);
        let mut check = TreeCheck {
            tree,
            head,
            knows_actors: true,
            expected_seq: i64::try_from(frontier.size()).unwrap_or(i64::MAX - 1) + 1,
            requests: VecDeque::new(),
            last_request: None,
            times: Times::new(i64::try_from(frontier.size()).unwrap_or(i64::MAX)),
            corrections: Vec::new(),
            actors: BTreeMap::new(),
            is_broken: false,
            mismatches: Vec::new(),
            begins: i64::try_from(frontier.size()).unwrap_or(i64::MAX),
            untold: Vec::new(),
            erased: [Vec::new(), Vec::new()],
            told: [Vec::new(), Vec::new()],
            findings: Vec::new(),
            expected: expected.into_iter().skip_while(|e| e.size < frontier.size()).collect(),
            frontier,
        };
        check.compare_with_expected();
        check
    }

    /// The number of the last record that went by.
    pub fn size(&self) -> i64 {
        self.expected_seq - 1
    }

    /// Rows that have the number of none, or of another: nothing that goes by number tells of them.
    pub fn note_strays(&mut self, what: &str, n: i64) {
        if n > 0 {
            self.find(None, Fault::Inserted, format!("{n} {what} have a number that is no record's, or another's"));
        }
    }

    fn find(&mut self, seq: Option<i64>, kind: Fault, what: impl Into<String>) {
        self.findings.push(Finding { tree: self.tree, seq, kind, what: what.into() });
    }

    /// The digest binds actor and source, and through the commitment the payload, which names the actor.
    pub fn request(&mut self, request: Request) {
        let first = request.first_seq;
        match self.last_request {
            Some((before, last)) if last >= first => {
                self.find(Some(before), Fault::Edited, "its command claims records of the one behind it");
            }
            None if first <= self.begins => {
                self.find(Some(first), Fault::Edited, "its command claims records in front of it");
            }
            _ => {}
        }
        if request.last_seq < first {
            self.find(Some(first), Fault::Inserted, "a command that made no record");
        }
        self.last_request = Some((first, request.last_seq));
        let digest = audit::request_digest(request.actor_id, &request.source, &request.commitment);
        let mut is_right = digest == request.digest;
        match StoredPayload::of(request.salt.as_deref(), request.payload.as_deref()) {
            StoredPayload::Payload(commitment, payload) => {
                is_right &= commitment == request.commitment;
                if self.knows_actors {
                    let json: Json = serde_json::from_str(payload).unwrap_or_default();
                    let says = &json["actor"];
                    is_right &=
                        request.actor.as_ref().is_some_and(|a| says["key"] == *a.key && says["kind"] == *a.kind);
                    self.note_actor(&request, says["name"].as_str());
                }
            }
            StoredPayload::Gone => {
                add(&mut self.erased[1], first);
                self.note_actor(&request, None);
            }
            StoredPayload::Forged => is_right = false,
        }
        if !is_right {
            self.find(
                Some(first),
                Fault::Edited,
                "what is known of its command (actor, source, command line) was changed",
            );
        }
        self.requests.push_back(request);
    }

    fn note_actor(&mut self, request: &Request, name: Option<&str>) {
        let Some(actor) = &request.actor else { return };
        let first = (self.tree, request.first_seq);
        let names =
            self.actors.entry(request.actor_id).or_insert_with(|| ActorNames { first, ..ActorNames::default() });
        names.stored = actor.name.clone();
        match name {
            Some(name) => drop(names.told.insert(name.to_owned())),
            None => names.is_in_part = true,
        }
    }

    pub fn record(&mut self, record: &Record<'_>) {
        let seq = record.seq;
        if !self.is_next(seq) {
            return;
        }
        while self.requests.front().is_some_and(|r| r.last_seq < seq) {
            self.requests.pop_front();
        }
        let commitment = self.commitment_of(record);
        let Some(request) = self.requests.front().filter(|r| r.first_seq <= seq) else {
            self.find(Some(seq), Fault::Deleted, "what is known of its command is missing");
            self.append(record.leaf);
            return;
        };
        let (is_first, at, last) = (request.first_seq == seq, request.at, request.last_seq);
        let is_idle = request.status != Status::Success.as_str() && record.effect != Effect::None.as_str();
        let corrects = is_correction(record.kind, record.action, is_first, &request.status);
        // Without a commitment nothing tells whether the header is the one that was recorded.
        if let Some(commitment) = commitment {
            self.check_leaf(record, commitment);
        }
        if is_idle {
            self.find(Some(seq), Fault::Edited, "it tells of a change, and its command did not succeed");
        }
        if corrects {
            self.note_correction(record, at);
            self.times.correct(at, last);
        } else if is_first {
            if self.times.run_backwards_at(at) {
                self.find(Some(seq), Fault::RunsBackwards, "its time is before that of the record in front of it");
            }
            self.times.add(at, last);
        }
        self.append(record.leaf);
    }

    /// Whether the record has the next number, as far as that can still be told.
    fn is_next(&mut self, seq: i64) -> bool {
        if seq < self.expected_seq {
            self.find(Some(seq), Fault::Inserted, "there is another record of this number");
            return false;
        }
        if seq > self.expected_seq {
            let (first, last) = (self.expected_seq, seq - 1);
            let which =
                if first == last { "the record is".to_owned() } else { format!("the records up to {last} are") };
            self.find(Some(first), Fault::Deleted, format!("{which} missing"));
            self.is_broken = true;
        }
        self.expected_seq = seq.saturating_add(1);
        if let TreeHead::Is(size, ..) = self.head
            && seq > size
        {
            self.find(Some(seq), Fault::Inserted, format!("the head tells of {size} records"));
            return false;
        }
        true
    }

    /// What the payload is committed to, where that can be told.
    fn commitment_of(&mut self, record: &Record<'_>) -> Option<Hash> {
        let seq = record.seq;
        match StoredPayload::of(record.salt, record.payload) {
            StoredPayload::Payload(commitment, payload) => {
                if record.kind == audit::KIND && matches!(record.action, "archive" | "erase") {
                    self.note_erasures(seq, payload);
                }
                if record.erased.is_some() {
                    self.find(Some(seq), Fault::Erased, PLANTED);
                }
                Some(commitment)
            }
            StoredPayload::Gone => {
                add(&mut self.erased[0], seq);
                if record.erased.is_none() {
                    self.find(Some(seq), Fault::Erased, "its payload is gone, and nothing tells what it was");
                }
                record.erased
            }
            StoredPayload::Forged => {
                self.find(Some(seq), Fault::Edited, "its salt and its payload are not what was recorded");
                None
            }
        }
    }

    /// The leaf binds the record to what is known of the command in front, which is its own.
    fn check_leaf(&mut self, record: &Record<'_>, commitment: Hash) {
        let Some(request) = self.requests.front() else { return };
        let seq = record.seq;
        let bound = (request.request_id, request.at, request.digest, request.status.as_str());
        let told = HeaderFields {
            action: record.action,
            effect: record.effect,
            kind: record.kind,
            resource_id: record.resource_id,
            subject_id: record.subject_id,
        };
        if leaf(self.tree, seq, told, bound, &commitment) != record.leaf {
            if self.mismatches.len() < MOVED {
                self.mismatches.push(Mismatch {
                    seq,
                    action: record.action.to_owned(),
                    effect: record.effect.to_owned(),
                    kind: record.kind.to_owned(),
                    resource_id: record.resource_id,
                    subject_id: record.subject_id,
                    commitment,
                    leaf: record.leaf,
                    request: (request.request_id, request.at, request.digest, request.status.clone()),
                });
            } else {
                self.find(Some(seq), Fault::Edited, "it is not what was recorded");
            }
        }
    }

    /// What it lets count must follow from what was before it, or it is a forgery, well-formed as it may be.
    fn note_correction(&mut self, record: &Record<'_>, at: DateTime<Utc>) {
        let says = record.payload.map(|text| CorrectionPayload::read(&serde_json::from_str(text).unwrap_or_default()));
        if let Some(None) = says {
            self.find(Some(record.seq), Fault::Correction, "it does not tell what it corrects");
        }
        let correction = Correction { tree: self.tree, seq: record.seq, at, says: says.flatten() };
        if let Some(why) = self.times.refute(&correction) {
            self.find(Some(record.seq), Fault::Correction, why);
        }
        self.corrections.push(correction);
    }

    fn append(&mut self, leaf: Hash) {
        self.frontier.append(leaf);
        self.compare_with_expected();
    }

    fn compare_with_expected(&mut self) {
        while let Some(e) = self.expected.pop_front_if(|e| e.size == self.frontier.size()) {
            if !self.is_broken && self.frontier.root() != e.root {
                let what = format!("{} tells of another tree of {} records", e.says, e.size);
                self.find(None, Fault::Rewritten, what);
            }
        }
    }

    /// What an erasure or an archive says is gone: `records` and `requests`, as lists of first and last. It can tell only
    /// of what came before it, and only if it was done.
    fn note_erasures(&mut self, seq: i64, payload: &str) {
        if self.requests.front().is_none_or(|r| r.status != "success") {
            return;
        }
        let json: Json = serde_json::from_str(payload).unwrap_or_default();
        let mut is_right = true;
        for (told, member) in self.told.iter_mut().zip(["records", "requests"]) {
            for (first, last) in audit::spans_of(&json[member]) {
                match 1 <= first && first <= last && last < seq {
                    true => told.push((first, last)),
                    false => is_right = false,
                }
            }
        }
        if !is_right {
            self.find(Some(seq), Fault::Erased, "it tells of an erasure of what was not there yet");
        }
    }

    /// At the end of the tree.
    pub fn finish(mut self) -> TreeResult {
        self.report_moved();
        self.report_gone();
        let have = self.expected_seq - 1;
        let is_export = matches!(self.head, TreeHead::Unasked);
        self.check_head(have);
        let beyond: Vec<ExpectedRoot> = std::mem::take(&mut self.expected).into();
        for e in beyond.iter().filter(|_| !is_export) {
            let what = format!("{} tells of {} records, {have} are there", e.says, e.size);
            self.find(Some(have + 1), Fault::Truncated, what);
        }
        self.findings.sort_by_key(|f| f.seq.unwrap_or(i64::MAX));
        TreeResult {
            findings: self.findings,
            size: have,
            frontier: self.frontier,
            untold: self.untold,
            beyond,
            actors: self.actors,
            corrections: self.corrections,
        }
    }

    /// Payloads that are gone, of which no record tells why.
    fn report_gone(&mut self) {
        for (spans, told, what) in [
            (&self.erased[0], &self.told[0], "its payload is gone, and no record tells of an erasure"),
            (&self.erased[1], &self.told[1], "what is known of its command is gone, and no record tells of an erasure"),
        ] {
            let uncovered: Vec<i64> = spans.iter().filter_map(|span| uncovered(*span, told)).collect();
            if matches!(self.head, TreeHead::Unasked) {
                // What tells of it may stand behind the end of the file.
                self.untold.extend(uncovered);
                continue;
            }
            self.findings.extend(uncovered.into_iter().map(|seq| Finding {
                tree: self.tree,
                seq: Some(seq),
                kind: Fault::Erased,
                what: what.to_owned(),
            }));
        }
    }

    /// What the head tells of the tree.
    fn check_head(&mut self, have: i64) {
        match std::mem::replace(&mut self.head, TreeHead::Unasked) {
            TreeHead::Unasked => {
                if let Some((first, last)) = self.last_request
                    && last > have
                {
                    self.find(Some(first), Fault::Edited, "its command claims records that are not there");
                }
            }
            TreeHead::Gone => self.find(None, Fault::HeadChanged, "the tree has no head"),
            TreeHead::Is(size, frontier, other) => {
                if let Some(what) = other {
                    self.find(None, Fault::HeadChanged, what);
                }
                if let Some((first, last)) = self.last_request
                    && last > size.max(have)
                {
                    self.find(Some(first), Fault::Edited, "its command claims records that never were");
                }
                if size > have {
                    let what = format!("the head tells of {size} records, {have} are there");
                    self.find(Some(have + 1), Fault::Truncated, what);
                } else if size == 0 {
                    self.find(
                        Some(1),
                        Fault::Truncated,
                        "it is empty: not even how the organisation was made is in it",
                    );
                } else if self.findings.iter().all(|f| f.kind == Fault::HeadChanged)
                    && frontier != self.frontier.to_bytes()
                {
                    self.find(None, Fault::Rewritten, "the records agree with themselves but not with the head");
                }
            }
        }
    }

    /// Whether records that are not what was recorded at their places are what was recorded at others.
    fn report_moved(&mut self) {
        let all = std::mem::take(&mut self.mismatches);
        let place_of = |m: &Mismatch| {
            all.iter().find(|place| {
                let (id, at, digest, status) = &place.request;
                let bound = (*id, *at, *digest, status.as_str());
                let told = HeaderFields {
                    action: &m.action,
                    effect: &m.effect,
                    kind: &m.kind,
                    resource_id: m.resource_id,
                    subject_id: m.subject_id,
                };
                leaf(self.tree, place.seq, told, bound, &m.commitment) == m.leaf
            })
        };
        let places: Vec<Option<i64>> = all.iter().map(|m| place_of(m).map(|p| p.seq)).collect();
        for (m, place) in all.iter().zip(&places) {
            match place {
                Some(place) => {
                    self.find(Some(m.seq), Fault::Reordered, format!("what was recorded as {place} stands here"));
                }
                None if places.contains(&Some(m.seq)) => {
                    self.find(Some(m.seq), Fault::Inserted, "what was recorded here stands at another place");
                }
                None => self.find(Some(m.seq), Fault::Edited, "it is not what was recorded"),
            }
        }
    }
}

/// What a tree's head says.
pub enum TreeHead {
    /// Size and frontier, and what else of it is wrong.
    Is(i64, Vec<u8>, Option<&'static str>),
    Gone,
    /// There is none: an export is all there is.
    Unasked,
}

/// A salt and a payload as they are stored: both, or neither. Anything else was not made by the program.
enum StoredPayload<'a> {
    /// What they commit to, and the payload.
    Payload(Hash, &'a str),
    Gone,
    Forged,
}

impl<'a> StoredPayload<'a> {
    fn of(salt: Option<&[u8]>, payload: Option<&'a str>) -> StoredPayload<'a> {
        match (salt.map(<&[u8; 16]>::try_from), payload) {
            (Some(Ok(salt)), Some(payload)) => StoredPayload::Payload(audit::commit(salt, payload), payload),
            (None, None) => StoredPayload::Gone,
            _ => StoredPayload::Forged,
        }
    }
}

/// What a record's own columns tell of its header.
struct HeaderFields<'a> {
    action: &'a str,
    effect: &'a str,
    kind: &'a str,
    resource_id: Uuid,
    subject_id: Uuid,
}

fn leaf(
    tree: i32,
    seq: i64,
    told: HeaderFields<'_>,
    (request_id, at, request_digest, status): (Uuid, DateTime<Utc>, Hash, &str),
    commitment: &Hash,
) -> Hash {
    // Neither is negative where the tables' own rules hold; what is anyway does not match.
    let (tree, seq) = (u32::try_from(tree).unwrap_or(u32::MAX), u64::try_from(seq).unwrap_or(u64::MAX));
    let HeaderFields { action, effect, kind, resource_id, subject_id } = told;
    Header { tree, seq, at, request_id, request_digest, action, effect, kind, resource_id, subject_id, status }
        .leaf(commitment)
}

/// The first number of a span that none of the others holds.
fn uncovered((mut first, last): Span, by: &[Span]) -> Option<i64> {
    while first <= last {
        match by.iter().find(|(from, upto)| (*from..=*upto).contains(&first)) {
            Some((_, upto)) => first = upto.saturating_add(1),
            None => return Some(first),
        }
    }
    None
}
