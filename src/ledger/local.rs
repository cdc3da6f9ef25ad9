//! The ledger in a local directory: for one machine, and for one process at a time.
//!
//! ```text
//! FORMAT                       what wrote it
//! LOCK                         held by the process that writes; its id
//! streams/<kind>/<name>.log    frames; `/` in a name is written `+`
//! objects/<2 digits>/<62 digits>   compressed
//! snapshots/<kind>/<name>
//! drafts/                      files before they are put in place; swept on opening
//! ```
//!
//! A stream is read and checked when it is first asked for. A file system without locks (some
//! network ones) is refused rather than trusted.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use super::SIZE_LIMIT;
use super::files::{attempt, open_for_append, read_if_there, replace, sync_directory};
use super::frame::Event;
use super::stream::{Stream, TornTail};
use crate::model::{ContentDigest, Timestamp, sha256};
use crate::port::ledger::{Epoch, Ledger, LedgerError, Lost, Record, Sequence, Snapshot, StreamName};

const FORMAT: &str = "sluice-ledger 1";

/// Bytes of a snapshot before its compressed content: sequence, hash of the stream there, hash of
/// the content.
const SNAPSHOT_HEADER: usize = 8 + 32 + 32;

/// A ledger in a local directory.
pub struct LocalLedger {
    root: PathBuf,
    /// None when it was opened for reading only. Holding the file holds the lock.
    lock: Option<File>,
    streams: Mutex<BTreeMap<StreamName, Arc<Mutex<Option<Stream>>>>>,
    drafts: AtomicU64,
}

impl Drop for LocalLedger {
    /// Gives the lock back at once. Closing the file would not do: a program that this process is
    /// just starting holds a copy of every open file for a moment, and the lock with it.
    fn drop(&mut self) {
        if let Some(lock) = &self.lock {
            // It ends with the last copy all the same.
            let _ = lock.unlock();
        }
    }
}

impl LocalLedger {
    /// Opens the ledger for writing; makes it if the directory is not there or empty.
    ///
    /// # Errors
    /// Another process holds it (with its id), it has another format, or the directory can't be
    /// written.
    pub fn open(root: &Path) -> Result<Self, LedgerError> {
        attempt(fs::create_dir_all(root), "make", root)?;
        let lock = hold(root)?;
        let format = root.join("FORMAT");
        match read_if_there(&format)? {
            Some(found) => check_format(root, &found)?,
            None => replace(&format, &root.join("FORMAT.draft"), format!("{FORMAT}\n").as_bytes())?,
        }
        let drafts = root.join("drafts");
        if drafts.exists() {
            attempt(fs::remove_dir_all(&drafts), "sweep", &drafts)?;
        }
        for directory in ["drafts", "objects", "snapshots", "streams"] {
            let directory = root.join(directory);
            attempt(fs::create_dir_all(&directory), "make", &directory)?;
        }
        sync_directory(root)?;
        Ok(Self::at(root, Some(lock)))
    }

    /// Opens the ledger for reading only, beside whoever writes to it.
    ///
    /// # Errors
    /// There is no ledger, or it has another format.
    pub fn open_read_only(root: &Path) -> Result<Self, LedgerError> {
        let format = root.join("FORMAT");
        let found = attempt(fs::read(&format), "read", &format)?;
        check_format(root, &found)?;
        Ok(Self::at(root, None))
    }

    fn at(root: &Path, lock: Option<File>) -> Self {
        Self { root: root.to_owned(), lock, streams: Mutex::default(), drafts: AtomicU64::new(0) }
    }

    fn writable(&self) -> Result<(), LedgerError> {
        if self.lock.is_some() { Ok(()) } else { Err(LedgerError::ReadOnly) }
    }

    fn path(&self, folder: &str, stream: &StreamName, suffix: &str) -> PathBuf {
        let file = format!("{}{suffix}", stream.rest().replace('/', "+"));
        self.root.join(folder).join(stream.kind()).join(file)
    }

    fn draft(&self) -> PathBuf {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        self.root.join("drafts").join(number.to_string())
    }

    /// Puts a file in place, making its directory if need be.
    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
        self.writable()?;
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        replace(path, &self.draft(), bytes)
    }

    /// Runs `work` on a stream; `None` stands for a stream that was never written. A stream that
    /// `work` leaves in doubt (an error, a panic) is read from the disk again the next time.
    fn with_stream<T, E: From<LedgerError>>(
        &self,
        name: &StreamName,
        work: impl FnOnce(Option<&mut Stream>) -> Result<T, E>,
    ) -> Result<T, E> {
        let slot = Arc::clone(unpoisoned(&self.streams).entry(name.clone()).or_default());
        let mut slot = unpoisoned(&slot);
        let path = self.path("streams", name, ".log");
        // Who only reads asks the disk every time: somebody else may have written.
        let known = slot.take().filter(|_| self.lock.is_some());
        let mut stream = match known {
            Some(stream) => stream,
            None if !path.exists() => return work(None),
            None => open_stream(name, &path, self.lock.is_some())?,
        };
        let done = work(Some(&mut stream))?;
        *slot = Some(stream);
        Ok(done)
    }

    /// Makes the file of a stream.
    fn create_stream(&self, name: &StreamName) -> Result<(), LedgerError> {
        let path = self.path("streams", name, ".log");
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        open_for_append(&path).map(drop)
    }

    fn object_path(&self, digest: &ContentDigest) -> PathBuf {
        let hex = digest.to_hex();
        self.root.join("objects").join(&hex[..2]).join(&hex[2..])
    }
}

impl Ledger for LocalLedger {
    fn append(
        &self,
        stream: &StreamName,
        expected: Sequence,
        epoch: Epoch,
        events: &[(Timestamp, Value)],
    ) -> Result<Sequence, Lost> {
        let storage = |source| Lost::Storage { stream: stream.clone(), source };
        self.writable().map_err(storage)?;
        if !events.is_empty() {
            self.create_stream(stream).map_err(storage)?;
        }
        let appended = self.with_stream(stream, |found| {
            let (head, seen) = found.as_ref().map_or_else(Default::default, |s| (s.head(), s.epoch()));
            // A refusal is no doubt about the stream: it goes out as a value.
            if epoch < seen {
                return Ok(Err(Lost::Fenced { stream: stream.clone(), given: epoch, seen }));
            }
            if expected != head {
                return Ok(Err(Lost::Raced { stream: stream.clone(), expected, found: head }));
            }
            let events: Vec<Event> =
                events.iter().map(|(at, body)| Event { at: *at, body: body.clone() }).collect();
            match found {
                Some(found) if !events.is_empty() => found.append(epoch, events).map(Ok),
                _ => Ok(Ok(head)),
            }
        });
        appended.map_err(storage)?
    }

    fn read(&self, stream: &StreamName, after: Sequence) -> Result<Vec<Record>, LedgerError> {
        self.with_stream(stream, |found| found.map_or(Ok(Vec::new()), |found| found.read(after)))
    }

    fn head(&self, stream: &StreamName) -> Result<(Sequence, Epoch), LedgerError> {
        self.with_stream(stream, |found| {
            Ok(found.map_or_else(Default::default, |found| (found.head(), found.epoch())))
        })
    }

    fn streams(&self) -> Result<Vec<StreamName>, LedgerError> {
        let mut names = Vec::new();
        let streams = self.root.join("streams");
        for kind in attempt(entries(&streams), "list", &streams)? {
            let folder = streams.join(&kind);
            for file in attempt(entries(&folder), "list", &folder)? {
                let name = file.strip_suffix(".log").map(|name| format!("{kind}/{}", name.replace('+', "/")));
                // Files of other names are not ours and harm nobody.
                names.extend(name.and_then(|name| StreamName::new(name).ok()));
            }
        }
        // A file without a record is what a first append left that was cut short.
        let mut found = Vec::new();
        for name in names {
            let length = fs::metadata(self.path("streams", &name, ".log")).map_or(0, |file| file.len());
            if length > 0 {
                found.push(name);
            }
        }
        found.sort();
        Ok(found)
    }

    fn put_object(&self, digest: &ContentDigest, bytes: &[u8]) -> Result<(), LedgerError> {
        if bytes.len() > SIZE_LIMIT {
            return Err(LedgerError::TooLarge { what: "an object", size: bytes.len(), limit: SIZE_LIMIT });
        }
        let found = sha256(bytes);
        if found != *digest {
            return Err(LedgerError::WrongDigest { given: *digest, found });
        }
        match self.get_object(digest) {
            Ok(Some(_)) => return Ok(()),
            Ok(None) | Err(LedgerError::DamagedObject { .. }) => {}
            Err(error) => return Err(error),
        }
        let path = self.object_path(digest);
        let compressed = attempt(compress(bytes), "compress", &path)?;
        self.put(&path, &compressed)
    }

    fn get_object(&self, digest: &ContentDigest) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(stored) = read_if_there(&self.object_path(digest))? else { return Ok(None) };
        let damaged = |reason| LedgerError::DamagedObject { digest: *digest, reason };
        let bytes = expand(&stored).map_err(|_| damaged("it can't be expanded"))?;
        if sha256(&bytes) == *digest {
            Ok(Some(bytes))
        } else {
            Err(damaged("its content has another digest"))
        }
    }

    fn save_snapshot(
        &self,
        stream: &StreamName,
        sequence: Sequence,
        bytes: &[u8],
    ) -> Result<(), LedgerError> {
        if bytes.len() > SIZE_LIMIT {
            return Err(LedgerError::TooLarge { what: "a snapshot", size: bytes.len(), limit: SIZE_LIMIT });
        }
        let hash =
            self.with_stream(stream, |found| Ok::<_, LedgerError>(found.and_then(|s| s.hash_at(sequence))))?;
        let missing = || LedgerError::NoSuchSequence { stream: stream.clone(), sequence };
        let hash = hash.ok_or_else(missing)?;
        let path = self.path("snapshots", stream, "");
        let mut file = sequence.0.to_le_bytes().to_vec();
        file.extend_from_slice(&hash);
        file.extend_from_slice(&content_hash(bytes));
        file.extend_from_slice(&attempt(compress(bytes), "compress", &path)?);
        self.put(&path, &file)
    }

    fn load_snapshot(&self, stream: &StreamName) -> Result<Option<Snapshot>, LedgerError> {
        let Some(file) = read_if_there(&self.path("snapshots", stream, ""))? else { return Ok(None) };
        let Some((header, content)) = file.split_at_checked(SNAPSHOT_HEADER) else { return Ok(None) };
        let (number, hashes) = header.split_at(8);
        let sequence = Sequence(u64::from_le_bytes(number.try_into().unwrap_or_default()));
        let hash =
            self.with_stream(stream, |found| Ok::<_, LedgerError>(found.and_then(|s| s.hash_at(sequence))))?;
        let Ok(bytes) = expand(content) else { return Ok(None) };
        let fits = hash.is_some_and(|hash| hash == hashes[..32]) && content_hash(&bytes) == hashes[32..];
        Ok(fits.then_some(Snapshot { sequence, bytes }))
    }
}

/// Takes the lock of the directory, which ends with the process however it ends.
fn hold(root: &Path) -> Result<File, LedgerError> {
    let path = root.join("LOCK");
    // Not truncated: until the lock is ours the id in it is somebody else's.
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = attempt(opened, "open", &path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(LedgerError::Held { place: root.display().to_string(), pid });
        }
        Err(TryLockError::Error(error)) => return attempt(Err(error), "lock", &path),
    }
    let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    attempt(written, "write", &path)?;
    Ok(file)
}

fn check_format(root: &Path, found: &[u8]) -> Result<(), LedgerError> {
    let found = String::from_utf8_lossy(found).trim().to_owned();
    if found == FORMAT {
        return Ok(());
    }
    Err(LedgerError::Format { place: root.display().to_string(), found, expected: FORMAT })
}

fn open_stream(name: &StreamName, path: &Path, writable: bool) -> Result<Stream, LedgerError> {
    let (file, torn) = if writable {
        (open_for_append(path)?, TornTail::Cut)
    } else {
        (attempt(File::open(path), "open", path)?, TornTail::Ignore)
    };
    Stream::open(name.clone(), Box::new(file), torn)
}

/// Makes a directory of two levels below the root, durably.
fn make_directory(path: &Path) -> Result<(), LedgerError> {
    if path.is_dir() {
        return Ok(());
    }
    attempt(fs::create_dir_all(path), "make", path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn entries(folder: &Path) -> std::io::Result<Vec<String>> {
    let listed: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    Ok(listed.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn expand(compressed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is allowed shows that there is more; its digest then does not fit.
    ZlibDecoder::new(compressed).take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn content_hash(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// What a panic left in a lock is read from the disk again (see `with_stream`), so its poison
/// carries no news.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
