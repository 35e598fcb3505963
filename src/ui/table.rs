//! Tables: as wide as the terminal, cells cut rather than wrapped.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Row, Table, presets};

use super::Ui;

/// Width where there is no terminal: wide enough not to cut what a file can hold.
const UNBOUNDED: u16 = 1000;

fn plain_table(ui: &Ui) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let unknown = if ui.io.stdout_is_terminal { 80 } else { UNBOUNDED };
    table.set_width(ui.io.width.unwrap_or(unknown)).set_truncation_indicator("…");
    if ui.style.color {
        table.enforce_styling()
    } else {
        table.force_no_tty()
    };
    table
}

fn tidy(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

/// A list.
pub fn table(ui: &Ui, names: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = plain_table(ui);
    let header: Vec<Cell> = names.iter().map(|n| Cell::new(n.to_uppercase()).add_attribute(Attribute::Bold)).collect();
    let mut header = Row::from(header);
    header.max_height(1);
    table.set_header(header);
    let at = |name: &str| names.iter().position(|n| *n == name);
    let status = at("status");
    // As a difference is told everywhere: what was, and what is.
    let sides = at("old").zip(at("new"));
    for row in rows {
        let cells = row.iter().enumerate().map(|(i, text)| {
            let cell = Cell::new(text);
            match text.as_str() {
                "active" | "success" if Some(i) == status => cell.fg(Color::Green),
                "inactive" if Some(i) == status => cell.fg(Color::Yellow),
                "deleted" | "failed" | "denied" | "interrupted" if Some(i) == status => cell.fg(Color::Red),
                _ if sides.is_some_and(|(old, _)| old == i) => cell.fg(Color::Red),
                _ if sides.is_some_and(|(_, new)| new == i) => cell.fg(Color::Green),
                _ => cell,
            }
        });
        let mut row = Row::from(cells.collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    tidy(&mut table)
}

/// The fields of one record, below each other; long ones wrap.
pub fn fields(ui: &Ui, lines: &[(String, String)]) -> String {
    let mut table = plain_table(ui);
    for (name, value) in lines {
        table.add_row(vec![Cell::new(name).add_attribute(Attribute::Bold), Cell::new(value)]);
    }
    tidy(&mut table)
}
