//! Faults in what users wrote, as values: each with a code, a place and a next step.
//!
//! Making a diagnostic never prints anything; the command line draws them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

mod causes;
mod codes;
mod draw;

pub use causes::with_causes;
pub use codes::{Code, UnknownCode};
pub use draw::{draw, one_line_each, sort};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// What the diagnostic is about is refused.
    Error,
    /// It is accepted, and somebody should look.
    Warning,
}

/// Where: a path in the fleet repository and a position in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// The path from the repository's root, with `/` between its parts.
    pub path: String,
    /// The line, counted from 1; 0 = the file as a whole.
    pub line: u32,
    /// The column in characters, counted from 1; 0 = the line as a whole.
    pub column: u32,
}

/// One fault or remark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// `S0001` and so on; never reused for another meaning.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { place, code, severity: Severity::Error, message: message.into(), help: None }
    }

    /// A warning at a place.
    pub fn warning(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    /// The same with a next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it refuses what it is about.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// What users wrote, fit to stand in a message: no control characters, not over 60 characters.
pub fn shorten(text: &str) -> Cow<'_, str> {
    const LIMIT: usize = 60;
    if text.chars().nth(LIMIT).is_none() && !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(LIMIT).flat_map(escaped).collect();
    if text.chars().nth(LIMIT).is_some() {
        short.push('…');
    }
    Cow::Owned(short)
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let (escape, plain) = match character.is_control() {
        true => (Some(character.escape_default()), None),
        false => (None, Some(character)),
    };
    escape.into_iter().flatten().chain(plain)
}

/// A fault in a definition that knows its field and not yet its place: whoever holds the document
/// looks the place up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The field, as the keys from `spec` down to it in the full form of the definition.
    pub at: Vec<String>,
    /// The place, where it is in another file than the definition.
    pub place: Option<Place>,
    /// What it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in lower case, without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// An error at a field.
    pub fn error(code: Code, at: &[&str], message: impl Into<String>) -> Self {
        let at = at.iter().map(|part| (*part).to_owned()).collect();
        Self { at, place: None, code, severity: Severity::Error, message: message.into(), help: None }
    }

    /// The same in another file than the definition.
    #[must_use]
    pub fn elsewhere(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// A warning at a field.
    pub fn warning(code: Code, at: &[&str], message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    /// The same with a next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it refuses what it is about.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The diagnostic, now that the field's place is known.
    pub fn into_diagnostic(self, field: Place) -> Diagnostic {
        let place = self.place.unwrap_or(field);
        Diagnostic { place, code: self.code, severity: self.severity, message: self.message, help: self.help }
    }
}

impl Place {
    /// A file as a whole.
    pub fn file(path: impl Into<String>) -> Self {
        Self { path: path.into(), line: 0, column: 0 }
    }
}

#[cfg(test)]
mod tests;
