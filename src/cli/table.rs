//! Columns for people: aligned, without lines, so that `awk` and `grep` work on them too.

use comfy_table::presets;

/// A table.
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_header(headings.to_vec());
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        Self(table)
    }

    /// Adds a row. Line ends become spaces: a row is a line.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        let cells: Vec<String> =
            cells.into_iter().map(|cell| cell.replace(['\n', '\r', '\t'], " ")).collect();
        self.0.add_row(cells);
    }

    /// The table, with a line end behind each line.
    pub fn text(&self) -> String {
        self.0.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}
