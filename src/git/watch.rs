//! When to look again: a timer with jitter, and changes on this machine's disk.
//!
//! A wake-up says "look again", never what changed, and may be lost or come for nothing. The timer
//! makes it right.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use tokio::sync::Notify;

/// How long changes on disk must rest before one looks: a commit or an editor writes several files
/// within some milliseconds.
const REST: Duration = Duration::from_millis(200);

/// The part of the interval by which it is longer or shorter, so that many repositories on one host
/// are not asked at once.
const JITTER: f64 = 0.1;

/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Says "look again". Several calls before anyone looks are one.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes whoever waits, or the next who does.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits for a wake-up.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// A timer for looking again.
#[derive(Debug, Clone)]
pub struct Poll {
    interval: Duration,
    seed: String,
    round: u64,
    failures: u32,
}

impl Poll {
    /// A timer; `seed` (the repository's name) spreads repositories over time.
    pub fn new(interval: Duration, seed: impl Into<String>) -> Self {
        Self { interval, seed: seed.into(), round: 0, failures: 0 }
    }

    /// A timer of the same interval for another repository.
    pub fn seeded(&self, seed: &str) -> Self {
        Self::new(self.interval, seed)
    }

    /// The last look succeeded: the next comes after the interval.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The last look failed: the wait doubles with each failure, up to ten minutes (or the interval,
    /// if that is longer).
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// The time until the next look: the interval, longer after failures, a tenth more or less.
    pub fn wait(&self) -> Duration {
        let doubled = self.interval.saturating_mul(1 << self.failures.min(16));
        let longest = LONGEST_WAIT.max(self.interval);
        let mut hasher = DefaultHasher::new();
        (&self.seed, self.round).hash(&mut hasher);
        let share = (hasher.finish() % 1_001) as f64 / 1_000.0;
        doubled.min(longest).mul_f64(1.0 + JITTER * (2.0 * share - 1.0))
    }

    /// Waits until it is time to look, or a wake-up comes.
    pub async fn next(&mut self, wake: &Wake) {
        let wait = self.wait();
        self.round += 1;
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = wake.woken() => {}
        }
    }
}

/// A watch on the disk; it ends when dropped.
pub struct LocalWatch {
    _debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
}

/// A folder can't be watched. The timer still works.
#[derive(Debug, thiserror::Error)]
#[error("can't watch {}", path.display())]
pub struct WatchError {
    /// The folder.
    pub path: PathBuf,
    /// Why.
    pub source: notify::Error,
}

/// Wakes when a reference of the repository at `path` (bare or not) may have moved.
///
/// # Errors
/// The folder can't be watched.
pub fn watch_repository(path: &Path, wake: &Wake) -> Result<LocalWatch, WatchError> {
    let inner = path.join(".git");
    let git = if inner.is_dir() { inner } else { path.to_owned() };
    // Packed references and `HEAD` are files beside `refs`; objects are not watched.
    watch(&[(git.clone(), RecursiveMode::NonRecursive), (git.join("refs"), RecursiveMode::Recursive)], wake)
}

/// Wakes when anything in the folder at `path` may have changed.
///
/// # Errors
/// The folder can't be watched.
pub fn watch_directory(path: &Path, wake: &Wake) -> Result<LocalWatch, WatchError> {
    watch(&[(path.to_owned(), RecursiveMode::Recursive)], wake)
}

fn watch(folders: &[(PathBuf, RecursiveMode)], wake: &Wake) -> Result<LocalWatch, WatchError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| WatchError { path, source }
    };
    let first = folders.first().map(|(path, _)| path.clone()).unwrap_or_default();
    let wake = wake.clone();
    let tell = move |seen: DebounceEventResult| {
        if is_change(&seen) {
            wake.wake();
        }
    };
    let mut debouncer = new_debouncer(REST, None, tell).map_err(failed(&first))?;
    for (path, mode) in folders {
        debouncer.watch(path, *mode).map_err(failed(path))?;
    }
    Ok(LocalWatch { _debouncer: debouncer })
}

/// Whether something may have changed. Reading is no change: whoever looks reads, and would wake
/// itself for ever. Errors count: after lost events one must look.
pub(super) fn is_change(seen: &DebounceEventResult) -> bool {
    match seen {
        Ok(events) => events.iter().any(|event| !event.kind.is_access() || event.need_rescan()),
        Err(_) => true,
    }
}
