//! Reads a plain folder as if it were a commit: the same limits and rules, no Git.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::model::FileEntry;
use crate::port::{ReadTree, RepositoryError, TreeLimits};

use super::objects::unreadable;
use super::reader::{self, Entries, Entry, Kind, Source, file_entry};

/// Reads the folder at `path`. The folder itself may be a link; nothing below it may.
///
/// # Errors
/// A folder or file can't be read, or is replaced by something else while it is.
pub fn read_directory(path: &Path, limits: TreeLimits) -> Result<ReadTree, RepositoryError> {
    let root = path.canonicalize().map_err(|error| unreadable("read the folder", &shown(path), error))?;
    reader::read(&Directory { root: root.clone() }, root, limits)
}

struct Directory {
    root: PathBuf,
}

impl Source for Directory {
    type Handle = PathBuf;
    type Error = RepositoryError;

    fn entries(
        &self,
        folder: &PathBuf,
        path: &str,
        limit: usize,
    ) -> Result<Entries<PathBuf>, RepositoryError> {
        let failed = |error: io::Error| unreadable("read the folder", path, error);
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A checkout keeps its repository here; it is no part of the tree.
            if *folder == self.root && entry.file_name() == ".git" {
                continue;
            }
            if entries.len() == limit {
                return Ok(None);
            }
            let kind = entry.file_type().map_err(failed)?;
            let kind = match () {
                () if kind.is_symlink() => Kind::Link,
                () if kind.is_dir() => Kind::Folder,
                () if kind.is_file() => Kind::File,
                () => Kind::Other,
            };
            entries.push(Entry { name: entry.file_name().as_bytes().to_vec(), kind, handle: entry.path() });
        }
        Ok(Some(entries))
    }

    fn size(&self, file: &PathBuf, path: &str) -> Result<u64, RepositoryError> {
        let found = fs::symlink_metadata(file).map_err(|error| unreadable("read the file", path, error))?;
        Ok(found.len())
    }

    fn read(&self, file: &PathBuf, path: &str, limit: u64) -> Result<Option<FileEntry>, RepositoryError> {
        let failed = |error: io::Error| unreadable("read the file", path, error);
        let seen = fs::symlink_metadata(file).map_err(failed)?;
        if !seen.is_file() {
            return Err(failed(io::Error::other("the file was replaced while it was read")));
        }
        let opened = File::open(file).map_err(failed)?;
        let found = opened.metadata().map_err(failed)?;
        // A link put in its place between the look and the opening shows as another file.
        if (seen.dev(), seen.ino()) != (found.dev(), found.ino()) {
            return Err(failed(io::Error::other("the file was replaced while it was read")));
        }
        let mut bytes = Vec::new();
        opened.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Ok(None);
        }
        file_entry(&bytes).map(Some).map_err(|error| unreadable("read the file", path, error))
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
