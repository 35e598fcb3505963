//! What of a table a terminal shows: which columns, and how wide each is.
//!
//! Keys and states come first and whole, then what tells rows apart in the order of the columns. What is empty or the
//! same in every row goes first where there is no room, then the last columns. Only text is cut; half a word that has to
//! be typed is worth nothing.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Between two columns.
pub const GAP: usize = 2;
/// What a text may be cut to before its column is left out.
const TEXT: usize = 14;
/// The same for the first text, which is what a record is called.
const NAME: usize = 20;
/// What stays of a cell whose column was asked for.
const LEAST: usize = 4;
/// Less than this is no room for a change beside the other columns.
const BESIDE: usize = 30;

/// Columns of the terminal that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// As much of a text as fits, by characters as people see them.
pub fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    format!("{}…", head(text, room))
}

/// The characters that fit.
fn head(text: &str, room: usize) -> &str {
    let mut end = 0;
    for (at, character) in text.grapheme_indices(true) {
        let next = at + character.len();
        if width(&text[..next]) > room {
            break;
        }
        end = next;
    }
    &text[..end]
}

/// A text in lines of at most this width, broken between words where there are any.
pub fn wrapped(text: &str, room: usize) -> Vec<String> {
    let room = room.max(2);
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let mut rest = word;
        while !rest.is_empty() {
            let Some(line) = lines.last_mut() else { break };
            // A blank at the end of a line is not seen.
            if width(line) + width(rest.trim_end()) <= room {
                line.push_str(rest);
                break;
            }
            if line.is_empty() {
                let part = match head(rest, room) {
                    "" => rest.graphemes(true).next().unwrap_or(rest),
                    part => part,
                };
                line.push_str(part);
                rest = &rest[part.len()..];
            }
            lines.push(String::new());
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines.retain(|l| !l.is_empty());
    lines
}

/// What a column is to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnRole {
    /// Names the row, or says how it stands: always there, and whole.
    First,
    /// A word that somebody may have to type; what follows it in brackets may be cut.
    Word,
    /// Text, which says something cut too.
    Text,
    /// What a record changed: whole, below its row where there is no room beside it.
    Change,
}

/// Why a column is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OmitReason {
    Empty,
    /// Every row says this.
    Same(String),
    NoRoom,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct TableLayout {
    /// Columns and their widths.
    pub shown: Vec<(usize, usize)>,
    pub gap: usize,
    pub left_out: Vec<(usize, OmitReason)>,
    /// Columns whose cells stand below their rows where they don't fit.
    pub below: Vec<usize>,
}

impl TableLayout {
    pub fn width_of(&self, column: usize) -> Option<usize> {
        self.shown.iter().find(|(i, _)| *i == column).map(|(_, width)| *width)
    }
}

/// One column with all its cells.
struct Measured {
    part: ColumnRole,
    natural: usize,
    /// The part of it that is never cut.
    lead: usize,
    /// As wide as all but a few cells need.
    usual: usize,
    has_blanks: bool,
    why: Option<OmitReason>,
}

impl Measured {
    fn new(part: ColumnRole, name: &str, cells: &[&str]) -> Measured {
        let head = width(name);
        let mut widths: Vec<usize> = cells.iter().map(|c| width(c)).collect();
        widths.sort_unstable();
        let natural = widths.last().copied().unwrap_or(0).max(head);
        let usual = widths.get((widths.len() * 9).div_ceil(10).saturating_sub(1)).copied().unwrap_or(0).max(head);
        let lead = cells.iter().map(|c| lead(c)).max().unwrap_or(0).max(head);
        let why = match cells {
            [] => None,
            cells if cells.iter().all(|c| c.is_empty()) => Some(OmitReason::Empty),
            [first, rest @ ..] if !rest.is_empty() && rest.iter().all(|c| c == first) => {
                Some(OmitReason::Same((*first).to_owned()))
            }
            _ => None,
        };
        let has_blanks = cells.iter().any(|c| c.contains(' '));
        Measured { part, natural, lead: lead.min(natural), usual, has_blanks, why }
    }

    /// The least that the column is shown with, where it was not asked for.
    fn need(&self, text: usize) -> usize {
        match self.part {
            // A long name in brackets behind a key does not drive out what is told of it.
            ColumnRole::First => self.lead.max(self.natural.min(NAME)).min(self.natural),
            ColumnRole::Word => self.lead.max(self.usual.min(NAME)),
            _ if self.has_blanks => self.usual.min(text).max(LEAST),
            _ => self.usual.min(2 * NAME),
        }
    }
}

/// How much of a cell must be seen: all before a name in brackets, and the beginning of that.
fn lead(cell: &str) -> usize {
    match cell.split_once(" (") {
        Some((key, _)) => width(key) + 4,
        None => width(cell),
    }
}

/// Plans a table. `room`: columns of the terminal; `asked`: the columns were named, so each of them is shown.
pub fn layout(
    names: &[String],
    parts: &[ColumnRole],
    rows: &[Vec<String>],
    room: Option<usize>,
    asked: bool,
) -> TableLayout {
    let columns: Vec<Measured> = names
        .iter()
        .zip(parts)
        .enumerate()
        .map(|(i, (name, part))| {
            let cells: Vec<&str> = rows.iter().map(|r| r.get(i).map_or("", String::as_str)).collect();
            Measured::new(*part, name, &cells)
        })
        .collect();
    let all: Vec<usize> = (0..columns.len()).collect();
    let natural = |which: &[usize]| -> usize {
        which.iter().map(|i| columns[*i].natural).sum::<usize>() + GAP * which.len().saturating_sub(1)
    };
    let whole = |which: &[usize]| which.iter().map(|i| (*i, columns[*i].natural)).collect::<Vec<_>>();
    let Some(room) = room.filter(|room| natural(&all) > *room) else {
        return TableLayout { shown: whole(&all), gap: GAP, ..TableLayout::default() };
    };
    let changes: Vec<usize> = all.iter().copied().filter(|i| columns[*i].part == ColumnRole::Change).collect();
    let others: Vec<usize> = all.iter().copied().filter(|i| !changes.contains(i)).collect();
    let mut plan = match (changes.is_empty(), others.is_empty()) {
        (false, false) => beside(&columns, &changes, &others, rows, room, asked)
            .unwrap_or_else(|| fitted(&columns, &others, room, asked)),
        _ => fitted(&columns, &all, room, asked),
    };
    if !others.is_empty() {
        plan.below = changes;
    }
    let is_shown = |i: usize| plan.shown.iter().any(|(shown, _)| *shown == i);
    let why = |i: usize| columns[i].why.clone().unwrap_or(OmitReason::NoRoom);
    plan.left_out = others.iter().filter(|i| !is_shown(**i)).map(|i| (*i, why(*i))).collect();
    plan
}

/// What changed beside what tells rows apart, where that leaves room for it in any row.
fn beside(
    columns: &[Measured],
    changes: &[usize],
    others: &[usize],
    rows: &[Vec<String>],
    room: usize,
    asked: bool,
) -> Option<TableLayout> {
    let is_told = |i: &usize| asked || columns[*i].part == ColumnRole::First || columns[*i].why.is_none();
    let mut shown: Vec<(usize, usize)> =
        others.iter().copied().filter(is_told).map(|i| (i, columns[i].natural)).collect();
    let used: usize = shown.iter().map(|(_, width)| width + GAP).sum();
    let each = (room + GAP).checked_sub(used)? / changes.len();
    let each = each.checked_sub(GAP)?;
    let widths: Vec<(usize, usize)> = changes.iter().map(|i| (*i, columns[*i].natural.min(each))).collect();
    let has_room = changes.iter().all(|i| each >= columns[*i].natural.min(BESIDE));
    let fits = |row: &Vec<String>| widths.iter().all(|(i, room)| row.get(*i).is_none_or(|c| width(c) <= *room));
    if !has_room || !rows.iter().any(fits) {
        return None;
    }
    shown.extend(widths);
    shown.sort_unstable();
    Some(TableLayout { shown, gap: GAP, ..TableLayout::default() })
}

/// Fits columns into a room: all of them where they were asked for, otherwise those that matter most.
fn fitted(columns: &[Measured], which: &[usize], room: usize, asked: bool) -> TableLayout {
    let first: Vec<usize> = which.iter().copied().filter(|i| columns[*i].part == ColumnRole::First).collect();
    let mut used: usize = first.iter().map(|i| columns[*i].need(NAME) + GAP).sum::<usize>();
    if asked || used > room + GAP {
        return squeezed(columns, if asked { which } else { &first }, room);
    }
    let mut kept: Vec<(usize, usize)> = first.iter().map(|i| (*i, columns[*i].need(NAME))).collect();
    let classes: [fn(&Measured) -> bool; 3] =
        [|c| c.why.is_none(), |c| matches!(c.why, Some(OmitReason::Same(_))), |c| c.why == Some(OmitReason::Empty)];
    let mut text = NAME;
    for is_of_class in classes {
        let mut is_full = false;
        for i in which.iter().copied().filter(|i| columns[*i].part != ColumnRole::First && is_of_class(&columns[*i])) {
            let mut need = columns[i].need(text);
            // What a record is called comes before what is only shorter.
            if text == NAME && columns[i].has_blanks && used + TEXT <= room {
                need = need.min(room - used);
            }
            if columns[i].has_blanks {
                text = TEXT;
            }
            if used + need > room {
                is_full = true;
                continue;
            }
            used += need + GAP;
            kept.push((i, need));
        }
        if is_full {
            // What is the same everywhere does not come before what is not.
            break;
        }
    }
    kept.sort_unstable();
    let mut left = room + GAP - used;
    for wanted in [|c: &Measured| c.usual, |c: &Measured| c.natural] {
        for (i, width) in &mut kept {
            let more = wanted(&columns[*i]).saturating_sub(*width).min(left);
            *width += more;
            left -= more;
        }
    }
    TableLayout { shown: kept, gap: GAP, ..TableLayout::default() }
}

/// Cuts columns as far as needed: texts first, then words down to their beginnings, and keys last.
fn squeezed(columns: &[Measured], which: &[usize], room: usize) -> TableLayout {
    let mut which = which.to_vec();
    let gap = if which.len() * (LEAST + GAP) <= room + GAP { GAP } else { 1 };
    while which.len() > 1 && which.len() * (1 + gap) > room + gap {
        which.pop();
    }
    let room = room.saturating_sub(gap * which.len().saturating_sub(1)).max(which.len());
    let floors: [fn(&Measured) -> usize; 4] = [
        |c| if c.part == ColumnRole::Text { c.natural.min(LEAST) } else { c.natural },
        |c| match c.part {
            ColumnRole::First => c.natural,
            ColumnRole::Word => c.lead,
            _ => c.natural.min(LEAST),
        },
        |c| if c.part == ColumnRole::First { c.lead } else { c.natural.min(LEAST) },
        |c| c.natural.min(1),
    ];
    for floor in floors {
        let least: Vec<usize> = which.iter().map(|i| floor(&columns[*i])).collect();
        if let Some(mut left) = room.checked_sub(least.iter().sum()) {
            let mut shown: Vec<(usize, usize)> = which.iter().copied().zip(least).collect();
            // The narrowest column gets the next of what is left, so that none is starved by a long one.
            while left > 0 {
                let short = shown.iter_mut().filter(|(i, width)| *width < columns[*i].natural);
                let Some((_, width)) = short.min_by_key(|(_, width)| *width) else { break };
                *width += 1;
                left -= 1;
            }
            return TableLayout { shown, gap, ..TableLayout::default() };
        }
    }
    TableLayout { shown: which.iter().map(|i| (*i, 1)).collect(), gap, ..TableLayout::default() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_are_cut_whole() {
        // Each of these is one sign to whoever reads it.
        for (text, room, expected) in [
            ("abcdef", 4, "abc…"),
            ("abcdef", 6, "abcdef"),
            ("क्षत्रिय", 3, "क्ष…"),
            ("東京営業所", 6, "東京…"),
            ("東京営業所", 5, "東京…"),
            ("東京", 1, "…"),
            ("👩\u{200d}💻👩\u{200d}💻", 3, "👩\u{200d}💻…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, room), expected, "{text} in {room}");
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("", 4), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn a_plan_fits(
            rows in proptest::collection::vec(proptest::collection::vec("[a-zक-ह東👩 (]{0,30}", 6), 0..6),
            room in 40_usize..200,
            asked: bool,
        ) {
            let parts = [ColumnRole::First, ColumnRole::Text, ColumnRole::Word, ColumnRole::Change, ColumnRole::Text, ColumnRole::First];
            let names: Vec<String> = ["KEY", "NAME", "CODE", "CHANGES", "CITY", "STATUS"].map(String::from).to_vec();
            let plan = layout(&names, &parts, &rows, Some(room), asked);
            let total: usize = plan.shown.iter().map(|(_, width)| width).sum::<usize>() + plan.gap * (plan.shown.len() - 1);
            prop_assert!(total <= room, "{total} of {room}: {plan:?}");
            // Nothing is dropped without a word.
            let told = plan.shown.iter().map(|(i, _)| *i).chain(plan.left_out.iter().map(|(i, _)| *i));
            let mut told: Vec<usize> = told.chain(plan.below.iter().copied()).collect();
            told.sort_unstable();
            told.dedup();
            prop_assert_eq!(told, (0..6).collect::<Vec<_>>());
            for (text, width) in rows.iter().flatten().zip(1..) {
                prop_assert!(super::width(&cut(text, width)) <= width);
                prop_assert!(wrapped(text, width).iter().all(|l| super::width(l) <= width.max(2)));
            }
        }
    }
}
