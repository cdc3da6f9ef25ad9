//! The ledger of a world: in memory, or in real files that a crash may leave cut short.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluice::ledger::{LocalLedger, MemoryLedger};
use sluice::port::ledger::Ledger;

/// How long the threads of a killed engine may hold the ledger's lock.
const RELEASED_WITHIN: Duration = Duration::from_secs(30);

/// Where the ledger is kept.
pub enum Books {
    Memory(Arc<MemoryLedger>),
    Files { folder: PathBuf, open: Option<Arc<LocalLedger>> },
}

impl Books {
    pub fn in_memory() -> Self {
        Self::Memory(Arc::new(MemoryLedger::new()))
    }

    pub fn in_files(folder: PathBuf) -> Self {
        let open = Some(Arc::new(LocalLedger::open(&folder).unwrap()));
        Self::Files { folder, open }
    }

    pub fn ledger(&self) -> Arc<dyn Ledger> {
        match self {
            Self::Memory(ledger) => ledger.clone(),
            Self::Files { open, .. } => open.clone().expect("it is open"),
        }
    }

    /// Reads everything from the disk again, as a new process would. With `torn`, the append that an
    /// engine was killed in was cut short: the name of its stream.
    pub fn reopen(&mut self, torn: Option<&str>) {
        let Self::Files { folder, open } = self else { return };
        *open = None;
        if let Some(stream) = torn {
            tear(folder, stream);
        }
        let begun = Instant::now();
        loop {
            match LocalLedger::open(folder) {
                Ok(ledger) => {
                    *open = Some(Arc::new(ledger));
                    return;
                }
                Err(error) if begun.elapsed() > RELEASED_WITHIN => {
                    panic!("the ledger does not open: {error}")
                }
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

/// Cuts the last frame of a stream's file in two.
fn tear(folder: &Path, stream: &str) {
    let (kind, rest) = stream.split_once('/').unwrap();
    let path = folder.join("streams").join(kind).join(format!("{}.log", rest.replace('/', "+")));
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    // Within the hash that ends a frame.
    file.set_len(length - 7).unwrap();
}
