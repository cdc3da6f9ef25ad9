use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::files::Medium;
use super::frame::Event;
use super::stream::{Stream, TornTail};
use super::{Crash, LocalLedger, MemoryLedger};
use crate::model::{Timestamp, sha256};
use crate::port::ledger::{Epoch, Ledger, LedgerError, Lost, Record, Sequence, StreamName};

const ONE: Epoch = Epoch(1);

fn stream() -> StreamName {
    StreamName::new("environment/dev").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn events(texts: &[&str]) -> Vec<(Timestamp, Value)> {
    texts.iter().map(|text| (at(7), json!({"said": text}))).collect()
}

fn said(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| record.body["said"].as_str().unwrap().to_owned()).collect()
}

fn file(root: &Path) -> PathBuf {
    root.join("streams/environment/dev.log")
}

/// A ledger of three batches (`a`; `b`, `c`; `d`, `e`), its directory and its file's length after
/// each batch.
fn three_batches() -> (tempfile::TempDir, Vec<usize>) {
    let root = tempfile::tempdir().unwrap();
    let ledger = LocalLedger::open(root.path()).unwrap();
    let mut lengths = vec![0];
    let mut head = Sequence::EMPTY;
    for batch in [&["a"][..], &["b", "c"], &["d", "e"]] {
        head = ledger.append(&stream(), head, ONE, &events(batch)).unwrap();
        lengths.push(usize::try_from(fs::metadata(file(root.path())).unwrap().len()).unwrap());
    }
    (root, lengths)
}

/// What holds for every ledger.
fn check_contract(ledger: &dyn Ledger) {
    let name = stream();
    assert_eq!(ledger.read(&name, Sequence::EMPTY).unwrap(), vec![]);
    assert_eq!(ledger.streams().unwrap(), vec![]);
    assert_eq!(ledger.append(&name, Sequence::EMPTY, ONE, &[]).unwrap(), Sequence::EMPTY);
    assert_eq!(ledger.append(&name, Sequence::EMPTY, ONE, &events(&["a"])).unwrap(), Sequence(1));
    assert_eq!(ledger.append(&name, Sequence(1), Epoch(3), &events(&["b", "c"])).unwrap(), Sequence(3));
    assert_eq!(said(&ledger.read(&name, Sequence::EMPTY).unwrap()), ["a", "b", "c"]);
    let rest = ledger.read(&name, Sequence(2)).unwrap();
    assert_eq!(
        rest,
        [Record { sequence: Sequence(3), epoch: Epoch(3), at: at(7), body: json!({"said": "c"}) }]
    );
    assert_eq!(ledger.head(&name).unwrap(), (Sequence(3), Epoch(3)));
    assert_eq!(ledger.streams().unwrap(), std::slice::from_ref(&name));

    let raced = ledger.append(&name, Sequence(1), Epoch(3), &events(&["x"])).unwrap_err();
    assert!(matches!(raced, Lost::Raced { expected: Sequence(1), found: Sequence(3), .. }), "{raced}");
    let fenced = ledger.append(&name, Sequence(3), Epoch(2), &events(&["x"])).unwrap_err();
    assert!(matches!(fenced, Lost::Fenced { given: Epoch(2), seen: Epoch(3), .. }), "{fenced}");
    assert_eq!(ledger.head(&name).unwrap().0, Sequence(3), "a refused append writes nothing");

    let digest = sha256(b"object");
    assert_eq!(ledger.get_object(&digest).unwrap(), None);
    for _ in 0..2 {
        ledger.put_object(&digest, b"object").unwrap();
        assert_eq!(ledger.get_object(&digest).unwrap().as_deref(), Some(&b"object"[..]));
    }
    assert!(matches!(ledger.put_object(&digest, b"other"), Err(LedgerError::WrongDigest { .. })));

    assert_eq!(ledger.load_snapshot(&name).unwrap(), None);
    assert!(matches!(
        ledger.save_snapshot(&name, Sequence(4), b"s"),
        Err(LedgerError::NoSuchSequence { .. })
    ));
    ledger.save_snapshot(&name, Sequence(2), b"folded").unwrap();
    let snapshot = ledger.load_snapshot(&name).unwrap().unwrap();
    assert_eq!((snapshot.sequence, snapshot.bytes.as_slice()), (Sequence(2), &b"folded"[..]));
}

#[test]
fn the_local_ledger_keeps_the_contract() {
    let root = tempfile::tempdir().unwrap();
    check_contract(&LocalLedger::open(root.path()).unwrap());
    let again = LocalLedger::open(root.path()).unwrap();
    assert_eq!(said(&again.read(&stream(), Sequence::EMPTY).unwrap()), ["a", "b", "c"]);
    assert_eq!(again.load_snapshot(&stream()).unwrap().unwrap().sequence, Sequence(2));
    let stale = again.append(&stream(), Sequence(3), Epoch(2), &events(&["x"])).unwrap_err();
    assert!(matches!(stale, Lost::Fenced { .. }), "fencing survives a restart");
}

#[test]
fn the_memory_ledger_keeps_the_contract() {
    check_contract(&MemoryLedger::new());
}

#[test]
fn a_tail_torn_at_any_byte_loses_the_last_batch_whole_and_nothing_else() {
    let (root, lengths) = three_batches();
    let whole = fs::read(file(root.path())).unwrap();
    let check = |length: usize, zeros: usize| {
        let mut bytes = whole[..length].to_vec();
        bytes.resize(length + zeros, 0);
        fs::write(file(root.path()), &bytes).unwrap();
        let ledger = LocalLedger::open(root.path()).unwrap();
        let kept = said(&ledger.read(&stream(), Sequence::EMPTY).unwrap());
        assert_eq!(kept, ["a", "b", "c"], "cut at {length}, {zeros} zeros");
        assert_eq!(fs::metadata(file(root.path())).unwrap().len(), lengths[2] as u64);
        assert_eq!(ledger.append(&stream(), Sequence(3), ONE, &events(&["f"])).unwrap(), Sequence(4));
        assert_eq!(said(&ledger.read(&stream(), Sequence(3)).unwrap()), ["f"]);
    };
    for length in lengths[2]..lengths[3] {
        check(length, 0);
    }
    // The file system made room, and only a part of the bytes came there before the power went.
    for length in [lengths[2], lengths[2] + 40, lengths[2] + 60, lengths[3] - 32] {
        check(length, lengths[3] - length);
    }
}

#[test]
fn a_changed_byte_anywhere_is_an_error_that_names_stream_and_sequence() {
    let (root, lengths) = three_batches();
    let whole = fs::read(file(root.path())).unwrap();
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x20;
        fs::write(file(root.path()), &bytes).unwrap();
        let expected = match place {
            _ if place < lengths[1] => Sequence(1),
            _ if place < lengths[2] => Sequence(2),
            _ => Sequence(4),
        };
        let ledger = LocalLedger::open(root.path()).unwrap();
        let LedgerError::Damaged { stream: name, sequence, .. } =
            ledger.read(&stream(), Sequence::EMPTY).unwrap_err()
        else {
            panic!("byte {place}: another error");
        };
        assert_eq!((name, sequence), (stream(), expected), "byte {place}");
        let lost = ledger.append(&stream(), Sequence(5), ONE, &events(&["x"])).unwrap_err();
        assert!(matches!(lost, Lost::Storage { source: LedgerError::Damaged { .. }, .. }), "{lost}");
        assert_eq!(fs::read(file(root.path())).unwrap(), bytes, "nothing is cut off or added");
    }
}

#[test]
fn damage_after_opening_is_found_on_reading() {
    let (root, lengths) = three_batches();
    let ledger = LocalLedger::open(root.path()).unwrap();
    assert_eq!(ledger.head(&stream()).unwrap().0, Sequence(5));
    let mut bytes = fs::read(file(root.path())).unwrap();
    bytes[lengths[1] + 50] ^= 1;
    fs::write(file(root.path()), &bytes).unwrap();
    let error = ledger.read(&stream(), Sequence::EMPTY).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { sequence: Sequence(2), .. }), "{error}");
}

#[test]
fn a_removed_or_foreign_frame_breaks_the_chain() {
    let (root, lengths) = three_batches();
    let whole = fs::read(file(root.path())).unwrap();
    let without_second = [&whole[..lengths[1]], &whole[lengths[2]..]].concat();
    let other = root.path().join("streams/environment/prod.log");
    fs::write(file(root.path()), without_second).unwrap();
    fs::write(&other, &whole).unwrap();
    let ledger = LocalLedger::open(root.path()).unwrap();
    for (name, sequence) in [("environment/dev", Sequence(2)), ("environment/prod", Sequence(1))] {
        let error = ledger.read(&StreamName::new(name).unwrap(), Sequence::EMPTY).unwrap_err();
        assert!(
            matches!(&error, LedgerError::Damaged { sequence: found, .. } if *found == sequence),
            "{error}"
        );
    }
}

#[test]
fn a_second_opening_is_refused_and_a_reader_is_not() {
    let (root, _) = three_batches();
    let writer = LocalLedger::open(root.path()).unwrap();
    let refused = LocalLedger::open(root.path()).err().unwrap();
    let LedgerError::Held { pid, .. } = refused else { panic!("{refused}") };
    assert_eq!(pid, Some(std::process::id()));

    let reader = LocalLedger::open_read_only(root.path()).unwrap();
    assert_eq!(reader.head(&stream()).unwrap().0, Sequence(5));
    writer.append(&stream(), Sequence(5), ONE, &events(&["f"])).unwrap();
    assert_eq!(said(&reader.read(&stream(), Sequence(5)).unwrap()), ["f"]);
    let lost = reader.append(&stream(), Sequence(6), ONE, &events(&["g"])).unwrap_err();
    assert!(matches!(lost, Lost::Storage { source: LedgerError::ReadOnly, .. }), "{lost}");
    drop(writer);
    LocalLedger::open(root.path()).unwrap();
}

/// The directory that the other process is to open.
const SHARED_ROOT: &str = "SLUICE_TEST_LEDGER";

#[test]
fn another_process_is_told_who_holds_the_ledger() {
    let (root, _) = three_batches();
    let held = LocalLedger::open(root.path()).unwrap();
    let other = |expected: &str| {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ledger::tests::the_other_process", "--ignored"])
            .env(SHARED_ROOT, root.path())
            .env("SLUICE_TEST_HOLDER", expected)
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "expected holder: `{expected}`");
    };
    other(&std::process::id().to_string());
    drop(held);
    other("");
}

#[test]
#[ignore = "run by another_process_is_told_who_holds_the_ledger"]
fn the_other_process() {
    let root = PathBuf::from(std::env::var_os(SHARED_ROOT).unwrap());
    let expected = std::env::var("SLUICE_TEST_HOLDER").unwrap();
    match LocalLedger::open(&root) {
        Ok(_) => assert_eq!(expected, ""),
        Err(LedgerError::Held { pid, .. }) => assert_eq!(pid.unwrap().to_string(), expected),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn threads_that_race_lose_nothing_and_double_nothing() {
    let root = tempfile::tempdir().unwrap();
    let ledger = LocalLedger::open(root.path()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let mut head = ledger.head(&stream()).unwrap().0;
                    while let Err(lost) = ledger.append(&stream(), head, ONE, &events(&["x", "y"])) {
                        let Lost::Raced { found, .. } = lost else { panic!("{lost}") };
                        head = found;
                    }
                }
            });
        }
    });
    let records = ledger.read(&stream(), Sequence::EMPTY).unwrap();
    let numbers: Vec<u64> = records.iter().map(|record| record.sequence.0).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
}

#[test]
fn another_format_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(LocalLedger::open(root.path()).unwrap());
    fs::write(root.path().join("FORMAT"), "sluice-ledger 2\n").unwrap();
    for opened in [LocalLedger::open(root.path()), LocalLedger::open_read_only(root.path())] {
        let error = opened.err().unwrap();
        assert!(matches!(&error, LedgerError::Format { found, .. } if found == "sluice-ledger 2"), "{error}");
    }
}

#[test]
fn a_damaged_object_is_named_and_mended_by_the_next_put() {
    let root = tempfile::tempdir().unwrap();
    let ledger = LocalLedger::open(root.path()).unwrap();
    let bytes = b"what was released ".repeat(100);
    let digest = sha256(&bytes);
    ledger.put_object(&digest, &bytes).unwrap();
    let hex = digest.to_hex();
    let path = root.path().join("objects").join(&hex[..2]).join(&hex[2..]);
    let stored = fs::read(&path).unwrap();
    assert!(stored.len() < bytes.len() / 10, "it is compressed");
    for damage in [vec![], stored[..stored.len() / 2].to_vec(), b"no zlib".to_vec()] {
        fs::write(&path, damage).unwrap();
        let error = ledger.get_object(&digest).unwrap_err();
        assert!(error.to_string().contains(&hex), "{error}");
        ledger.put_object(&digest, &bytes).unwrap();
        assert_eq!(ledger.get_object(&digest).unwrap().unwrap(), bytes);
    }
}

#[test]
fn a_snapshot_that_does_not_fit_is_left_out() {
    let (root, lengths) = three_batches();
    let ledger = LocalLedger::open(root.path()).unwrap();
    let path = root.path().join("snapshots/environment/dev");
    ledger.save_snapshot(&stream(), Sequence(5), b"folded").unwrap();
    let stored = fs::read(&path).unwrap();
    for place in 0..stored.len() {
        let mut bytes = stored.clone();
        bytes[place] ^= 0x20;
        fs::write(&path, &bytes).unwrap();
        // Two bits of a zlib header are not checked by anything; its content is.
        if let Some(snapshot) = ledger.load_snapshot(&stream()).unwrap() {
            assert_eq!((snapshot.sequence, snapshot.bytes.as_slice()), (Sequence(5), &b"folded"[..]));
            assert!(place >= 72, "byte {place}");
        }
    }
    fs::write(&path, &stored).unwrap();
    drop(ledger);
    // The stream went on in another way than the snapshot remembers.
    let whole = fs::read(file(root.path())).unwrap();
    fs::write(file(root.path()), &whole[..lengths[2]]).unwrap();
    let ledger = LocalLedger::open(root.path()).unwrap();
    assert_eq!(ledger.load_snapshot(&stream()).unwrap(), None, "the stream is shorter");
    ledger.append(&stream(), Sequence(3), ONE, &events(&["x", "y"])).unwrap();
    assert_eq!(ledger.load_snapshot(&stream()).unwrap(), None, "the stream says something else");
}

/// A disk of so many bytes, which can also stop cutting files.
#[derive(Clone)]
struct SmallDisk {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: usize,
    cuts: bool,
}

impl Medium for SmallDisk {
    fn read_from(&mut self, offset: u64) -> io::Result<Vec<u8>> {
        Ok(self.bytes.lock().unwrap()[usize::try_from(offset).unwrap()..].to_vec())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut held = self.bytes.lock().unwrap();
        let fits = bytes.len().min(self.room - held.len());
        held.extend_from_slice(&bytes[..fits]);
        if fits == bytes.len() { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        if !self.cuts {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        self.bytes.lock().unwrap().truncate(usize::try_from(length).unwrap());
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_the_stream_sound() {
    let (root, lengths) = three_batches();
    let whole = fs::read(file(root.path())).unwrap();
    let batch = || ["d", "e"].map(|text| Event { at: at(7), body: json!({"said": text}) }).to_vec();
    for room in lengths[2]..lengths[3] {
        for cuts in [true, false] {
            let bytes = Arc::new(Mutex::new(whole[..lengths[2]].to_vec()));
            let disk = |room, cuts| Box::new(SmallDisk { bytes: Arc::clone(&bytes), room, cuts });
            let mut full = Stream::open(stream(), disk(room, cuts), TornTail::Cut).unwrap();
            let error = full.append(ONE, batch()).unwrap_err();
            assert!(
                matches!(&error, LedgerError::Io { attempted, .. } if attempted.contains("environment/dev"))
            );
            if cuts {
                assert_eq!(bytes.lock().unwrap().len(), lengths[2], "nothing is left of it");
            }
            let mut after = Stream::open(stream(), disk(usize::MAX, true), TornTail::Cut).unwrap();
            assert_eq!(after.append(ONE, batch()).unwrap(), Sequence(5), "room {room}");
            assert_eq!(said(&after.read(Sequence::EMPTY).unwrap()), ["a", "b", "c", "d", "e"]);
        }
    }
}

#[test]
fn crashes_on_order_strike_before_or_after_the_write() {
    for (crash, kept) in [(Crash::BeforeWrite, vec!["a"]), (Crash::AfterWrite, vec!["a", "b"])] {
        let ledger = MemoryLedger::new();
        ledger.crash_after(1, crash);
        ledger.append(&stream(), Sequence(0), ONE, &events(&["a"])).unwrap();
        let lost = ledger.append(&stream(), Sequence(1), ONE, &events(&["b"])).unwrap_err();
        assert!(matches!(lost, Lost::Storage { .. }) && ledger.has_crashed());
        assert!(ledger.read(&stream(), Sequence(0)).is_err(), "nothing works until it is started again");
        ledger.recover();
        assert_eq!(said(&ledger.read(&stream(), Sequence(0)).unwrap()), kept);
        let lives: Vec<_> =
            ledger.prefixes().map(|life| said(&life.read(&stream(), Sequence(0)).unwrap())).collect();
        assert_eq!(lives.len(), kept.len() + 1);
        assert_eq!(
            (lives[0].len(), &lives[kept.len()]),
            (0, &kept.iter().map(|s| (*s).to_owned()).collect())
        );
    }
}

#[test]
#[ignore = "a measurement: ten thousand times waiting for the disk"]
fn ten_thousand_appends() {
    let root = tempfile::tempdir().unwrap();
    let ledger = LocalLedger::open(root.path()).unwrap();
    let started = std::time::Instant::now();
    for number in 0..10_000 {
        ledger.append(&stream(), Sequence(number), ONE, &events(&["an event of the usual size"])).unwrap();
    }
    let wrote = started.elapsed();
    drop(ledger);
    let started = std::time::Instant::now();
    let again = LocalLedger::open(root.path()).unwrap();
    assert_eq!(again.read(&stream(), Sequence::EMPTY).unwrap().len(), 10_000);
    println!("10,000 durable appends in {wrote:?}, opened and read in {:?}", started.elapsed());
}
