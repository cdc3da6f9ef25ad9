//! A fleet repository's tree as read from one commit: paths and bytes.
//!
//! It holds only what may be used: links, submodules, forbidden names and files over a limit never
//! get in. What was wrong with them stands in diagnostics beside the tree, not in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// The files of one commit (or of a plain directory), by path from the root, with `/` between the
/// parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceTree {
    /// The files that were read.
    pub files: BTreeMap<String, FileEntry>,
    /// Paths that are there and could not be read. What they define is unknown, so nothing of their
    /// owner may be removed on their account.
    pub unread: BTreeSet<String>,
}

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The id of its content: Git's blob id, 40 hexadecimal digits. Equal content has an equal id.
    pub id: String,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

impl SourceTree {
    /// The content of the file at `path`.
    pub fn bytes(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(|entry| &*entry.bytes)
    }

    /// The files below `folder` (written without a `/` at its end), in order of their paths.
    pub fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a FileEntry)> + use<'a> {
        let prefix = format!("{folder}/");
        self.files
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, entry)| (path.as_str(), entry))
    }
}

impl fmt::Debug for FileEntry {
    /// Shows the length alone: a file may hold what must not get into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileEntry").field("id", &self.id).field("len", &self.bytes.len()).finish()
    }
}
