//! YAML as Kubernetes reads it, with a place on every node and bounds on everything.
//!
//! The types of plain scalars are those of YAML 1.1 (`on` is true, `0644` is 420), keys are texts,
//! merge keys merge, a key that stands twice is a fault, and so are tags, `.inf`, `.nan` and numbers
//! that do not fit. A stream is read document by document: a fault in one does not hide the faults
//! of the next. What a document means is not known here.

mod compose;
mod node;
mod scalar;

pub use node::{Key, Node, NodeValue, Origin};

use crate::diagnostic::{Code, Diagnostic, Place};

/// What a file may be at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Documents in it.
    pub documents: usize,
    /// Collections inside each other.
    pub depth: usize,
    /// Nodes and keys of all documents, those that aliases repeat included.
    pub nodes: usize,
    /// Bytes of one scalar.
    pub scalar_bytes: usize,
    /// Bytes of text in all documents, that which aliases repeat included.
    pub text_bytes: usize,
}

impl Default for Limits {
    /// Far over any definition (the largest Kubernetes object is 1.5 MiB) and little enough that a
    /// file made to hurt costs some ten megabytes and some ten milliseconds.
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            documents: 1024,
            depth: 64,
            nodes: 200_000,
            scalar_bytes: 1 << 20,
            text_bytes: 16 << 20,
        }
    }
}

/// One document of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its tree.
    pub root: Node,
    /// Its text, with its `---`.
    pub raw: String,
    /// Whether no fault was met in it. The tree of an unsound one serves to say more about it only.
    pub sound: bool,
}

/// What was read of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// The documents that are not empty, in order. Of one that breaks off nothing is here.
    pub documents: Vec<Document>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether every document could be read to its end: what is not among `documents` is not in the
    /// file either.
    pub complete: bool,
}

/// Reads a file. `path` is for the places in diagnostics.
pub fn load(bytes: &[u8], path: &str, limits: &Limits) -> Stream {
    match decode(bytes, path, limits) {
        Ok(text) => compose::compose(text, path, limits),
        Err(diagnostic) => Stream { documents: Vec::new(), diagnostics: vec![diagnostic], complete: false },
    }
}

/// The text of a file, without its byte order mark.
fn decode<'a>(bytes: &'a [u8], path: &str, limits: &Limits) -> Result<&'a str, Diagnostic> {
    if bytes.len() > limits.bytes {
        let message = format!("the file has {} bytes; at most {} are read", bytes.len(), limits.bytes);
        return Err(Diagnostic::error(Code::S0203, Place::file(path), message));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let message = "the file is in UTF-16";
        return Err(Diagnostic::error(Code::S0205, Place::file(path), message).help("save it in UTF-8"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let place = position(path, &before);
        Diagnostic::error(Code::S0205, place, "here are bytes that are no UTF-8")
            .help("save the file in UTF-8")
    })?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    match text.find('\0') {
        Some(offset) => {
            let place = position(path, &text[..offset]);
            let help = "save the file in UTF-8, as text";
            Err(Diagnostic::error(Code::S0205, place, "here is a NUL byte").help(help))
        }
        None => Ok(text),
    }
}

/// The position behind `before`.
fn position(path: &str, before: &str) -> Place {
    let line_start = before.rfind('\n').map_or(0, |offset| offset + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    Place { path: path.to_owned(), line: compose::clamp(line), column: compose::clamp(column) }
}

#[cfg(test)]
mod tests;
