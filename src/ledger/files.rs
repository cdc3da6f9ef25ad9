//! Files as the ledger needs them: appended durably, or replaced whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::port::ledger::LedgerError;

/// An append-only file. A trait so that tests can let a disk fill up or fail under a stream.
pub trait Medium: Send {
    /// Everything from `offset` to the end.
    fn read_from(&mut self, offset: u64) -> io::Result<Vec<u8>>;
    /// Writes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until everything is durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Medium for File {
    fn read_from(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        use std::io::{Seek as _, SeekFrom};
        self.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Adds what was attempted to an error of a file.
pub fn attempt<T>(result: io::Result<T>, what: &str, path: &Path) -> Result<T, LedgerError> {
    result.map_err(|source| LedgerError::Io {
        attempted: format!("{what} {}", path.display()),
        source: source.into(),
    })
}

/// Makes the entries of a directory durable.
pub fn sync_directory(path: &Path) -> Result<(), LedgerError> {
    attempt(File::open(path).and_then(|directory| directory.sync_all()), "sync", path)
}

/// Opens a file for reading and appending; makes it, durably, if it is not there.
pub fn open_for_append(path: &Path) -> Result<File, LedgerError> {
    let fresh = !path.exists();
    let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
    let file = attempt(opened, "open", path)?;
    if fresh && let Some(parent) = path.parent() {
        sync_directory(parent)?;
    }
    Ok(file)
}

/// The bytes of a file, none if it is not there.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => attempt(Err(error), "read", path),
    }
}

/// Puts `bytes` in the place of a file at once: after a crash the old file is there or the new one.
/// `draft` is a path of nobody else's on the same file system.
pub fn replace(path: &Path, draft: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let written = (|| {
        let mut file = File::create(draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(draft, path)
    })();
    if written.is_err() {
        // What is left of a draft is in nobody's way and is swept when the ledger is opened.
        let _ = fs::remove_file(draft);
    }
    attempt(written, "write", path)?;
    path.parent().map_or(Ok(()), sync_directory)
}
