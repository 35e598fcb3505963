//! Tables: as wide as the terminal, cells cut rather than wrapped.

use std::iter;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Row, Table, presets};

use super::Ui;
use super::layout::{self, ColumnRole, OmitReason, TableLayout, cut, layout, wrapped};

/// Columns where a terminal does not say how many it has.
const USUAL: u16 = 80;
/// Before a line that goes on below its row.
const INDENT: usize = 4;
/// A value that all rows share is told where it is short.
const SHORT: usize = 20;

/// The columns that there are; none where it is no terminal: what can be scrolled or searched is not cut.
fn room(ui: &Ui) -> Option<usize> {
    ui.stdout_is_terminal().then(|| ui.io().width.filter(|w| *w > 0).unwrap_or(USUAL).into())
}

fn plain_table(ui: &Ui) -> Table {
    let mut table = Table::new();
    // Widths are planned: nothing is left to arrange.
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if ui.style.color {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    table
}

fn lines(table: &mut Table, gap: u16) -> Vec<String> {
    let last = table.column_count().saturating_sub(1);
    for (i, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if i == last { 0 } else { gap }));
    }
    table.lines().map(|l| l.trim_end().to_owned()).collect()
}

/// A list, and what is to be said of it: which columns it leaves out.
pub fn table(ui: &Ui, names: &[&str], parts: &[ColumnRole], rows: &[Vec<String>]) -> (String, Vec<String>) {
    let titles: Vec<String> = names.iter().map(|n| n.to_uppercase()).collect();
    let room = room(ui);
    let plan = layout(&titles, parts, rows, room, ui.style.columns.is_some());
    let mut table = plain_table(ui);
    let cells = plan.shown.iter().map(|(i, width)| Cell::new(cut(&titles[*i], *width)).add_attribute(Attribute::Bold));
    table.set_header(Row::from(cells.collect::<Vec<_>>()));
    let mut below = Vec::new();
    for row in rows {
        let (cells, more) = cells_of(&plan, names, row, room);
        table.add_row(Row::from(cells));
        below.push(more);
    }
    let mut text = String::new();
    for (line, more) in
        lines(&mut table, u16::try_from(plan.gap).unwrap_or(1)).iter().zip(iter::once(Vec::new()).chain(below))
    {
        for line in iter::once(line).chain(&more) {
            text.push_str(line);
            text.push('\n');
        }
    }
    (text, left_out(ui, names, &plan, room))
}

/// The cells of one row, and what of it stands below.
fn cells_of(plan: &TableLayout, names: &[&str], row: &[String], room: Option<usize>) -> (Vec<Cell>, Vec<String>) {
    let at = |name: &str| names.iter().position(|n| *n == name);
    let status = at("status");
    // As a difference is told everywhere: what was, and what is.
    let sides = at("old").zip(at("new"));
    let text_of = |i: usize| row.get(i).map_or("", String::as_str);
    let is_cut = |i: &usize| plan.width_of(*i).is_none_or(|width| layout::width(text_of(*i)) > width);
    let below: &[usize] = if plan.below.iter().any(is_cut) { &plan.below } else { &[] };
    let cells = plan.shown.iter().map(|(i, width)| {
        let text = if below.contains(i) { "" } else { text_of(*i) };
        let cell = Cell::new(cut(text, *width));
        match text {
            "active" | "success" if Some(*i) == status => cell.fg(Color::Green),
            "inactive" if Some(*i) == status => cell.fg(Color::Yellow),
            "deleted" | "failed" | "denied" | "interrupted" if Some(*i) == status => cell.fg(Color::Red),
            _ if sides.is_some_and(|(old, _)| old == *i) => cell.fg(Color::Red),
            _ if sides.is_some_and(|(_, new)| new == *i) => cell.fg(Color::Green),
            _ => cell,
        }
    });
    let cells = cells.collect();
    let indent = if room.is_some_and(|r| r < 4 * INDENT) { 0 } else { INDENT };
    let told: Vec<&str> = below.iter().map(|i| text_of(*i)).collect();
    let told = match told.as_slice() {
        [before, after] if told.concat().is_empty() => format!("{before}{after}"),
        // What was, and what is.
        [before, after] => {
            let word = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
            format!("{} -> {}", word(before), word(after))
        }
        told => told.join(", "),
    };
    let lines = wrapped(&told, room.unwrap_or(usize::MAX).saturating_sub(indent));
    (cells, lines.iter().map(|l| format!("{:indent$}{l}", "")).collect())
}

/// Which columns are not shown, and how to see them.
fn left_out(ui: &Ui, names: &[&str], plan: &TableLayout, room: Option<usize>) -> Vec<String> {
    if plan.left_out.is_empty() {
        return Vec::new();
    }
    let told = plan.left_out.iter().map(|(i, why)| match why {
        OmitReason::Empty => format!("{} (empty)", names[*i]),
        OmitReason::Same(value) if layout::width(value) <= SHORT => format!("{} (all {value})", names[*i]),
        OmitReason::Same(_) => format!("{} (all the same)", names[*i]),
        OmitReason::NoRoom => names[*i].to_owned(),
    });
    let told: Vec<String> = told.collect();
    let how = if ui.style.has_columns { "--columns NAMES or -o json" } else { "-o json" };
    let sentence = format!("not shown: {}; {how} shows them", told.join(", "));
    wrapped(&sentence, room.unwrap_or(usize::MAX))
}

/// The fields of one record, below each other; long ones wrap.
pub fn fields(ui: &Ui, fields: &[(String, String)]) -> String {
    let names = fields.iter().map(|(name, _)| layout::width(name)).max().unwrap_or(0);
    let room = room(ui);
    // Beside a long name there is no room on a narrow terminal.
    let beside = room.is_none_or(|room| room >= names + layout::GAP + 2 * INDENT);
    let left = room.map_or(usize::MAX, |room| if beside { room - names - layout::GAP } else { room.saturating_sub(2) });
    let mut table = plain_table(ui);
    for (name, value) in fields {
        let value = wrapped(value, left).join("\n");
        let name = Cell::new(cut(name, room.unwrap_or(usize::MAX))).add_attribute(Attribute::Bold);
        if beside {
            table.add_row(vec![name, Cell::new(value)]);
        } else {
            table.add_row(vec![name]);
            table.add_row(vec![Cell::new(format!("  {}", value.replace('\n', "\n  ")))]);
        }
    }
    lines(&mut table, 2).iter().map(|l| format!("{l}\n")).collect()
}

/// A long line as the terminal has room for it; what goes on is indented.
pub fn paragraph(ui: &Ui, line: &str) -> Vec<String> {
    match room(ui) {
        Some(room) if layout::width(line) > room => {
            let lines = wrapped(line, room.saturating_sub(2));
            lines.iter().enumerate().map(|(i, l)| if i == 0 { l.clone() } else { format!("  {l}") }).collect()
        }
        _ => vec![line.to_owned()],
    }
}

/// A line that is cut where the terminal ends.
pub fn line(ui: &Ui, line: &str) -> String {
    room(ui).map_or_else(|| line.to_owned(), |room| cut(line, room))
}
