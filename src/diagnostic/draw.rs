//! How diagnostics look: with their source on a terminal, one a line for tools.
//!
//! Nothing is printed here, and files are read by whoever calls.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Severity, shorten};

/// The longest line that is shown: of a longer one only the place is told.
const LINE_BYTES: usize = 400;

/// Sorts by place and code and takes away what is said twice.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort();
    diagnostics.dedup();
}

/// The diagnostics, each with the line that it is about, a caret and the help, sorted, each once.
///
/// `source` gives the text of a file by its path; where it gives none, the place is told in words.
pub fn draw<'s>(
    diagnostics: &[Diagnostic],
    source: impl Fn(&str) -> Option<&'s str>,
    colour: bool,
) -> String {
    let mut sorted = diagnostics.to_vec();
    sort(&mut sorted);
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = String::new();
    for diagnostic in &sorted {
        let shown = source(&diagnostic.place.path).and_then(|source| shown(source, diagnostic));
        text.push_str(&renderer.render(&[group(diagnostic, shown)]));
        text.push_str("\n\n");
    }
    text
}

/// One line a diagnostic, sorted, each once: `path:line:col: error[S0301]: message; help: ...`.
pub fn one_line_each(diagnostics: &[Diagnostic]) -> String {
    let mut sorted = diagnostics.to_vec();
    sort(&mut sorted);
    let mut text = String::new();
    for diagnostic in &sorted {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{diagnostic}");
    }
    text
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.place.path)?;
        if self.place.line > 0 {
            write!(f, ":{}", self.place.line)?;
        }
        if self.place.column > 0 {
            write!(f, ":{}", self.place.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}[{}]: {}", self.code, single_line(&self.message))?;
        match &self.help {
            Some(help) => write!(f, "; help: {}", single_line(help)),
            None => Ok(()),
        }
    }
}

/// What stands in a diagnostic may come from a user: no line of it may pass for another one.
fn single_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// The line that is meant, as it is shown, and what is marked of it.
struct Shown {
    line: String,
    caret: std::ops::Range<usize>,
}

fn shown(source: &str, diagnostic: &Diagnostic) -> Option<Shown> {
    let line = usize::try_from(diagnostic.place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(diagnostic.place.column).ok()?;
    let line = source.lines().nth(line).filter(|line| line.len() <= LINE_BYTES)?;
    // Every character stays one character, so that columns still fit.
    let line: String = line
        .chars()
        .map(|letter| if letter.is_control() || letter == '\u{FEFF}' { ' ' } else { letter })
        .collect();
    let caret = caret(&line, column);
    Some(Shown { line, caret })
}

/// What is marked of a line: from the column to the end of the word there; all where there is no column.
fn caret(line: &str, column: usize) -> std::ops::Range<usize> {
    if column == 0 {
        return 0..line.len();
    }
    let start = line.char_indices().nth(column - 1).map_or(line.len(), |(start, _)| start);
    let is_end = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ':' | '}' | ']' | '{' | '[');
    let length = line[start..].find(is_end).unwrap_or(line.len() - start);
    let length = length.max(line[start..].chars().next().map_or(0, char::len_utf8));
    start..start + length
}

fn group(diagnostic: &Diagnostic, shown: Option<Shown>) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(single_line(&diagnostic.message)).id(diagnostic.code.as_str()));
    group = match shown {
        Some(shown) => group.element(
            Snippet::source(shown.line)
                .line_start(usize::try_from(diagnostic.place.line).unwrap_or(1))
                .path(diagnostic.place.path.as_str())
                .annotation(AnnotationKind::Primary.span(shown.caret)),
        ),
        None => group.element(Level::NOTE.message(place(diagnostic))),
    };
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(single_line(help))),
        None => group,
    }
}

fn place(diagnostic: &Diagnostic) -> String {
    let place = &diagnostic.place;
    let path = shorten(&place.path);
    match (place.line, place.column) {
        (0, _) => format!("in `{path}`"),
        (line, 0) => format!("in `{path}`, line {line}"),
        (line, column) => format!("in `{path}`, line {line}, column {column}"),
    }
}
