//! Input made to hurt, measured: how long it takes to be refused and how far memory grows meanwhile.
//! One test in a process of its own, so that what is measured is its own.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that can't prepare its place has failed")]
#![expect(clippy::print_stderr, reason = "what was measured is for people")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression, FlushCompress};
use git2::{ObjectType, Oid, Signature, Time};
use sluice::definition::yaml;
use sluice::git::{RepositoryUrl, Store, StoreOptions, UrlPolicy, create_repository};
use sluice::model::CommitId;
use sluice::port::Repository as _;

const MIB: u64 = 1 << 20;

/// A number of kB in `/proc/self/status`, in bytes.
fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    let kib: u64 = line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap();
    kib * 1024
}

/// Runs `act` and holds it to a time and to a growth of memory over what it began with, at any
/// moment.
fn within<T>(what: &str, limit: Duration, bytes: u64, act: impl FnOnce() -> T) -> T {
    // The kernel's way to begin a new peak (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let (before, begun) = (status("VmRSS"), Instant::now());
    let result = act();
    let (took, grown) = (begun.elapsed(), status("VmHWM").saturating_sub(before));
    eprintln!("{what}: {took:?}, {:.1} MiB", grown as f64 / MIB as f64);
    assert!(grown < bytes, "{what}: memory grew by {} MiB, not under {}", grown / MIB, bytes / MIB);
    assert!(took < limit, "{what}: took {took:?}, not under {limit:?}");
    result
}

/// A tenth of a second as the program is shipped; without optimisation it is twenty times as slow,
/// and the machine may be busy.
fn tenth() -> Duration {
    Duration::from_millis(if cfg!(debug_assertions) { 4_000 } else { 100 })
}

#[test]
fn what_is_made_to_hurt_is_refused_before_it_does() {
    f17_bombs();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.git");
    create_repository(&path, "main").unwrap();
    f13_blob(&path);
    f13_entries(&path);
    f13_depth(&path);
    f13_references(folder.path());
}

fn f17_bombs() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut merges = "a0: &a0 {k0: v, l0: v}\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        let items = vec![format!("*a{below}"); 9].join(", ");
        writeln!(aliases, "a{level}: &a{level} [{items}]").unwrap();
        writeln!(merges, "a{level}: &a{level} {{k{level}: {{<<: *a{below}}}, l{level}: {{<<: *a{below}}}}}")
            .unwrap();
    }
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(900_000), vec!["*a"; 1000].join(","));
    for (what, bomb) in [("aliases", aliases), ("merge keys", merges), ("long texts", long)] {
        let stream = within(&format!("F17 {what}"), tenth(), 50 * MIB, || {
            yaml::load(bomb.as_bytes(), "a.yaml", &yaml::Limits::default())
        });
        assert!(stream.diagnostics.iter().any(|fault| fault.code.as_str() == "S0203"), "{what}");
        assert!(stream.documents.is_empty(), "{what}");
    }
}

/// Reads the commit of a tree through a store; answers the codes of what is wrong.
fn read(path: &Path, root: Oid) -> Vec<String> {
    let commit = {
        let git = git2::Repository::open_bare(path).unwrap();
        let who = Signature::new("a", "a@b", &Time::new(0, 0)).unwrap();
        let tree = git.find_tree(root).unwrap();
        git.commit(None, &who, &who, "m", &tree, &[]).unwrap()
    };
    let policy = UrlPolicy { local_paths: true, ..UrlPolicy::default() };
    let url = RepositoryUrl::parse(&format!("file://{}", path.display()), policy).unwrap();
    // The store is the repository itself: what was fetched is there.
    let store = Store::open(path, url, StoreOptions::default()).unwrap();
    let read = store.read_tree(&CommitId::new(commit.to_string()).unwrap()).unwrap();
    read.diagnostics.iter().map(|fault| fault.code.as_str().to_owned()).collect()
}

/// A tree object with these entries: mode, name, id.
fn tree(git: &git2::Repository, entries: &[(&str, &str, Oid)]) -> Oid {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend_from_slice(id.as_bytes());
    }
    git.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
}

/// The root of a fleet with one tenant's folder.
fn root(git: &git2::Repository, tenant: Oid) -> Oid {
    let file = git.blob(b"fleet").unwrap();
    let tenants = tree(git, &[("40000", "shop", tenant)]);
    tree(git, &[("100644", "sluice.yaml", file), ("40000", "tenants", tenants)])
}

/// A file of 2 GiB that takes 2 MiB: a stream of zeros, its compressed mebibyte repeated.
fn f13_blob(path: &Path) {
    const BYTES: u64 = 2 << 30;
    let mut head = ZlibEncoder::new(Vec::new(), Compression::fast());
    head.write_all(format!("blob {BYTES}\0").as_bytes()).unwrap();
    head.flush().unwrap();
    let mut object = head.get_ref().clone();
    let mut zeros = Vec::with_capacity(1 << 16);
    let mebibyte = vec![0; 1 << 20];
    Compress::new(Compression::fast(), false)
        .compress_vec(&mebibyte, &mut zeros, FlushCompress::Full)
        .unwrap();
    for _ in 0..BYTES / MIB {
        object.extend_from_slice(&zeros);
    }
    let id = "ab".repeat(20);
    let folder = path.join("objects").join(&id[..2]);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(&id[2..]), object).unwrap();
    let git = git2::Repository::open_bare(path).unwrap();
    let id = Oid::from_str(&id).unwrap();
    let root = root(&git, tree(&git, &[("100644", "big.yaml", id)]));
    let codes = within("F13 a file of 2 GiB", Duration::from_secs(5), 32 * MIB, || read(path, root));
    assert_eq!(codes, ["S0104"]);
}

/// A million files in one folder: its own object has 36 MB.
fn f13_entries(path: &Path) {
    let git = git2::Repository::open_bare(path).unwrap();
    let file = git.blob(b"x").unwrap();
    let mut bytes = Vec::new();
    for number in 0..1_000_000 {
        bytes.extend_from_slice(format!("100644 {number:07}\0").as_bytes());
        bytes.extend_from_slice(file.as_bytes());
    }
    let folder = git.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap();
    drop(bytes);
    let root = root(&git, folder);
    let codes = within("F13 a million files", Duration::from_secs(20), 32 * MIB, || read(path, root));
    assert_eq!(codes, ["S0104"]);
}

fn f13_depth(path: &Path) {
    let git = git2::Repository::open_bare(path).unwrap();
    let mut folder = tree(&git, &[("100644", "a.yaml", git.blob(b"x").unwrap())]);
    for _ in 0..4096 {
        folder = tree(&git, &[("40000", "d", folder)]);
    }
    let root = root(&git, folder);
    let codes = within("F13 a path of 4096 parts", Duration::from_secs(5), 8 * MIB, || read(path, root));
    assert_eq!(codes, ["S0104"]);
}

/// A server that shows references without end.
fn f13_references(folder: &Path) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: \
                        close\r\n\r\n001e# service=git-upload-pack\n0000";
            let mut sent = stream.write_all(head.as_bytes());
            for number in 0_u64.. {
                let name = if number == 0 {
                    "HEAD\0side-band-64k".to_owned()
                } else {
                    format!("refs/heads/b{number:09}")
                };
                let line = format!("{} {name}\n", "1".repeat(40));
                if sent.is_err() {
                    break;
                }
                sent = stream.write_all(format!("{:04x}{line}", line.len() + 4).as_bytes());
            }
        }
    });
    let policy = UrlPolicy { machine_hosts: true, plain_http: true, local_paths: false };
    let url = RepositoryUrl::parse(&format!("http://{address}/fleet.git"), policy).unwrap();
    let store = Store::open(&folder.join("store.git"), url, StoreOptions::default()).unwrap();
    let fetched = within("F13 references without end", Duration::from_secs(60), 64 * MIB, || {
        store.fetch(&["main".to_owned()])
    });
    assert!(fetched.unwrap_err().to_string().contains("references"));
}
