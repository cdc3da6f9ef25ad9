//! Gathers a tree under limits, with what is wrong with it; knows no source of entries.
//!
//! A fault of one file or folder hides it and what is below. A fault that throws doubt on the whole
//! (a forbidden name, a limit of the whole, anything with the used folders themselves) refuses it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{FileEntry, SourceTree};
use crate::port::{ReadTree, TreeLimits};

use super::names;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A commit of another repository.
    Submodule,
    /// What can't be taken for any of these.
    Other,
}

/// One entry of a folder: its raw name, what it is, and where its content is found.
pub(super) struct Entry<H> {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) handle: H,
}

/// The entries of a folder; nothing if there are more than are taken.
pub(super) type Entries<H> = Option<Vec<Entry<H>>>;

impl<H> Entry<H> {
    /// Whether its content belongs to another repository.
    pub(super) fn is_submodule(&self) -> bool {
        self.kind == Kind::Submodule
    }
}

/// Where entries come from.
pub(super) trait Source {
    /// What names the content of an entry.
    type Handle;
    /// A failure of the source, not of what it holds.
    type Error;

    /// The entries of a folder, or nothing if it has more than `limit`.
    fn entries(
        &self,
        folder: &Self::Handle,
        path: &str,
        limit: usize,
    ) -> Result<Entries<Self::Handle>, Self::Error>;

    /// The size of a file, without reading it.
    fn size(&self, file: &Self::Handle, path: &str) -> Result<u64, Self::Error>;

    /// The file, or nothing if it holds more than `limit` bytes by now.
    fn read(&self, file: &Self::Handle, path: &str, limit: u64) -> Result<Option<FileEntry>, Self::Error>;
}

/// Reads the used paths below `root`.
///
/// # Errors
/// The source fails.
pub(super) fn read<S: Source>(source: &S, root: S::Handle, limits: TreeLimits) -> Result<ReadTree, S::Error> {
    read_below(source, root, limits, "")
}

/// Reads all that is below `root` as if it stood in the folder `mount`, but for what is hidden (`.x`) at
/// the root: that is for the repository's host and its tools.
///
/// # Errors
/// The source fails.
pub(super) fn read_mounted<S: Source>(
    source: &S,
    root: S::Handle,
    limits: TreeLimits,
    mount: &str,
) -> Result<ReadTree, S::Error> {
    read_below(source, root, limits, mount)
}

fn read_below<S: Source>(
    source: &S,
    root: S::Handle,
    limits: TreeLimits,
    mount: &str,
) -> Result<ReadTree, S::Error> {
    let found = ReadTree::default();
    let mut reader = Reader { source, limits, left: limits.entries, bytes: 0, found, mount };
    let depth = mount.split('/').filter(|part| !part.is_empty()).count();
    reader.folder(&root, mount, depth)?;
    let mut found = reader.found;
    found.diagnostics.sort();
    if found.refused {
        found.tree = SourceTree::default();
    }
    Ok(found)
}

struct Reader<'a, S: Source> {
    source: &'a S,
    limits: TreeLimits,
    left: usize,
    bytes: u64,
    found: ReadTree,
    mount: &'a str,
}

impl<S: Source> Reader<'_, S> {
    /// Reads a folder. Recursion is bounded by the limit on depth.
    fn folder(&mut self, folder: &S::Handle, path: &str, depth: usize) -> Result<(), S::Error> {
        let Some(mut entries) = self.source.entries(folder, path, self.left)? else {
            self.over_entries(path);
            return Ok(());
        };
        self.left -= entries.len();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        self.check_repeated(path, &entries);
        let mut named = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(name) = self.checked_name(path, &entry.name) {
                named.push((name, entry));
            }
        }
        if self.found.refused {
            return Ok(());
        }
        let twins = twins(named.iter().map(|(name, _)| name.as_str()));
        for (name, entry) in named {
            if depth == 0 && !is_used(&name) || path == self.mount && depth > 0 && name.starts_with('.') {
                continue;
            }
            let at = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if let Some(others) = twins.get(&names::twin_key(&name)).filter(|names| names.len() > 1) {
                let other = others.iter().find(|other| **other != name).map_or("", String::as_str);
                self.hide(
                    &at,
                    Code::S0105,
                    format!("`{name}` and `{other}` differ only in case or Unicode form"),
                );
                continue;
            }
            self.entry(&entry, &at, depth)?;
            if self.found.refused {
                break;
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<S::Handle>, at: &str, depth: usize) -> Result<(), S::Error> {
        let wants_file = at == names::USED_FILE;
        match entry.kind {
            Kind::Link => self.hide(at, Code::S0102, "a symbolic link is never followed"),
            Kind::Submodule => self.hide(at, Code::S0103, "a submodule is never fetched"),
            Kind::Other => self.hide(at, Code::S0101, "the entry is neither a file nor a folder"),
            Kind::Folder if wants_file => self.hide(at, Code::S0101, "a folder stands where a file belongs"),
            Kind::File if depth == 0 && !wants_file => {
                self.hide(at, Code::S0101, "a file stands where a folder belongs");
            }
            Kind::Folder if depth + 1 >= self.limits.depth => {
                let limit = self.limits.depth;
                self.hide(at, Code::S0104, format!("the path has more than {limit} parts"));
            }
            Kind::Folder => return self.folder(&entry.handle, at, depth + 1),
            Kind::File => return self.file(&entry.handle, at),
        }
        Ok(())
    }

    /// Reads a file. Its size is looked at first, so that nothing big gets into memory.
    fn file(&mut self, handle: &S::Handle, at: &str) -> Result<(), S::Error> {
        let limit = self.limits.file_bytes;
        if self.source.size(handle, at)? > limit {
            self.hide(at, Code::S0104, format!("the file has more than {limit} bytes"));
            return Ok(());
        }
        let Some(file) = self.source.read(handle, at, limit)? else {
            self.hide(at, Code::S0104, format!("the file has more than {limit} bytes"));
            return Ok(());
        };
        self.bytes += file.bytes.len() as u64;
        if self.bytes > self.limits.total_bytes {
            let limit = self.limits.total_bytes;
            self.refuse(at, Code::S0104, format!("the files have more than {limit} bytes altogether"));
            return Ok(());
        }
        self.found.tree.files.insert(at.to_owned(), file);
        Ok(())
    }

    /// Two entries of one name: no Git writes that, and readers disagree on which counts.
    fn check_repeated(&mut self, path: &str, entries: &[Entry<S::Handle>]) {
        for pair in entries.windows(2) {
            if pair[0].name == pair[1].name {
                self.refuse(
                    &join(path, &pair[0].name),
                    Code::S0101,
                    "the folder has two entries of this name",
                );
            }
        }
    }

    fn checked_name(&mut self, path: &str, raw: &[u8]) -> Option<String> {
        let fault = match std::str::from_utf8(raw) {
            Err(_) => Some("the name is not in UTF-8"),
            Ok(name) => names::fault(name),
        };
        match fault {
            Some(fault) => {
                self.refuse(&join(path, raw), Code::S0101, fault);
                None
            }
            None => Some(String::from_utf8_lossy(raw).into_owned()),
        }
    }

    fn over_entries(&mut self, path: &str) {
        let limit = self.limits.entries;
        self.refuse(path, Code::S0104, format!("the tree has more than {limit} files and folders"));
    }

    /// Leaves one path and what is below out.
    fn hide(&mut self, at: &str, code: Code, message: impl Into<String>) {
        if !at.contains('/') {
            return self.refuse(at, code, message);
        }
        self.found.tree.unread.insert(at.to_owned());
        self.found.diagnostics.push(diagnostic(at, code, message));
    }

    /// Leaves everything out.
    fn refuse(&mut self, at: &str, code: Code, message: impl Into<String>) {
        self.found.refused = true;
        self.found.diagnostics.push(diagnostic(at, code, message));
    }
}

fn diagnostic(at: &str, code: Code, message: impl Into<String>) -> Diagnostic {
    let help = match code {
        Code::S0102 => "put a copy of the file in its place",
        Code::S0103 => "put the files into this repository, or take the entry away",
        Code::S0104 => "take generated and binary files out of the fleet repository",
        _ => "rename the entry, or take it away",
    };
    Diagnostic::error(code, Place::file(at), message).help(help)
}

fn join(path: &str, name: &[u8]) -> String {
    let name = names::shown(name);
    if path.is_empty() { name } else { format!("{path}/{name}") }
}

/// Whether an entry of the root is read.
fn is_used(name: &str) -> bool {
    name == names::USED_FILE || names::USED_FOLDERS.contains(&name)
}

fn twins<'a>(all: impl Iterator<Item = &'a str>) -> BTreeMap<String, Vec<String>> {
    let mut twins: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in all {
        twins.entry(names::twin_key(name)).or_default().push(name.to_owned());
    }
    twins
}

/// A file of these bytes under its blob id.
pub(super) fn file_entry(bytes: &[u8]) -> Result<FileEntry, git2::Error> {
    let id = git2::Oid::hash_object(git2::ObjectType::Blob, bytes)?;
    Ok(FileEntry { id: id.to_string(), bytes: Arc::from(bytes) })
}
