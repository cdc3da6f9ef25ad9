//! Columns for people: aligned, without lines, so that `awk` and `grep` work on them too.
//!
//! On a terminal a row that is too wide goes on below: the last column is broken between words, and
//! stands on lines of its own where too little room is left for it. Elsewhere a row is a line.

use unicode_width::UnicodeWidthStr;

/// Spaces between columns.
const GAP: usize = 3;

/// With less room than this the last column gets lines of its own.
const LAST_AT_LEAST: usize = 24;

/// How far such lines are indented.
const INDENT: usize = 4;

/// A table.
pub struct Table {
    rows: Vec<Vec<String>>,
    width: Option<usize>,
}

impl Table {
    /// A table with these headings, for a terminal of this width if it is for one.
    pub fn new(headings: &[&str], width: Option<usize>) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()], width }
    }

    /// Adds a row. Line ends become spaces: a row is a line.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        self.rows.push(cells.into_iter().map(|cell| cell.replace(['\n', '\r', '\t'], " ")).collect());
    }

    /// The table, with a line end behind each line.
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let Some(last) = columns.checked_sub(1) else { return String::new() };
        let widest =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| shown(cell)).max();
        let widths: Vec<usize> = (0..last).map(|column| widest(column).unwrap_or_default()).collect();
        let before: usize = widths.iter().map(|width| width + GAP).sum();
        let whole = before + widest(last).unwrap_or_default();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width + GAP - shown(cell)));
            }
            let cell = row.get(last).map(String::as_str).unwrap_or_default();
            match self.width.filter(|width| whole > *width) {
                None => push_line(&mut text, &format!("{line}{cell}")),
                Some(width) if width >= before + LAST_AT_LEAST => {
                    let mut lines = wrapped(cell, width - before).into_iter();
                    push_line(&mut text, &format!("{line}{}", lines.next().unwrap_or_default()));
                    lines.for_each(|rest| push_line(&mut text, &format!("{:before$}{rest}", "")));
                }
                Some(width) => {
                    push_line(&mut text, &line);
                    let lines = wrapped(cell, width.saturating_sub(INDENT).max(LAST_AT_LEAST));
                    lines.iter().for_each(|rest| push_line(&mut text, &format!("{:INDENT$}{rest}", "")));
                }
            }
        }
        text
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

/// How many columns of a terminal a text takes: paint takes none.
fn shown(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().width()
}

/// A text in lines of at most so many columns, broken between words. A longer word stays whole: half
/// a digest or a name is of no use. Nothing comes to no line.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if shown(line) + 1 + shown(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(width: Option<usize>, expected: &[&str]) {
        let mut table = Table::new(&["APP", "SYNC", "MESSAGE"], width);
        table.row(["shop/web", "\u{1b}[32mSynced\u{1b}[0m", ""]);
        table.row(["shop/api", "\u{1b}[2mRefused\u{1b}[0m", "what Git says of it\nhas faults"]);
        let text = anstream::adapter::strip_str(&table.text()).to_string();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{width:?}");
    }

    #[test]
    fn columns_are_aligned_whatever_their_paint_and_wrap_on_a_narrow_terminal() {
        let line = "shop/api   Refused   what Git says of it has faults";
        let head = "APP        SYNC      MESSAGE";
        check(None, &[head, "shop/web   Synced", line]);
        check(Some(120), &[head, "shop/web   Synced", line]);
        check(
            Some(46),
            &[
                head,
                "shop/web   Synced",
                "shop/api   Refused   what Git says of it has",
                "                     faults",
            ],
        );
        check(
            Some(34),
            &[
                "APP        SYNC",
                "    MESSAGE",
                "shop/web   Synced",
                "shop/api   Refused",
                "    what Git says of it has faults",
            ],
        );
    }
}
