//! Repositories built object by object, and servers that misbehave. Nothing leaves the machine.

mod addresses;
mod credentials;
mod fetches;
mod server;
mod ssh;
mod trees;
mod watches;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository as Git, Signature, Time};
use tempfile::TempDir;

use super::*;
use crate::model::{CommitId, Timestamp};
use crate::port::TreeLimits;

/// A bare repository in a folder of its own.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self { folder: TempDir::new().unwrap() };
        create_repository(&fixture.path(), "main").unwrap();
        fixture
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("fleet.git")
    }

    fn git(&self) -> Git {
        Git::open_bare(self.path()).unwrap()
    }

    /// Commits files to `main`.
    fn commit(&self, files: &[(&str, &str)]) -> CommitId {
        let changes: BTreeMap<_, _> =
            files.iter().map(|(path, text)| ((*path).to_owned(), Some(text.as_bytes().to_vec()))).collect();
        commit_files(&self.path(), "main", &changes, "change\n\nbecause", &author()).unwrap()
    }

    /// A commit of a tree that is built byte by byte.
    fn raw_commit(&self, root: &[Raw]) -> CommitId {
        let git = self.git();
        let tree = git.find_tree(raw_tree(&git, root)).unwrap();
        let who = Signature::new("a", "a@b", &Time::new(0, 0)).unwrap();
        CommitId::new(git.commit(None, &who, &who, "raw", &tree, &[]).unwrap().to_string()).unwrap()
    }

    fn store(&self, options: StoreOptions) -> Store {
        let policy = UrlPolicy { local_paths: true, ..UrlPolicy::default() };
        let url = RepositoryUrl::parse(&format!("file://{}", self.path().display()), policy).unwrap();
        Store::open(&self.store_path(), url, options).unwrap()
    }

    fn store_path(&self) -> PathBuf {
        self.folder.path().join("store.git")
    }

    fn break_objects(&self, id: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path().join("objects").join(&id[..2]).join(&id[2..]);
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        make_writable(&path);
        std::fs::write(&path, bytes).unwrap();
    }
}

fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn author() -> Author {
    Author {
        name: "Ada".to_owned(),
        email: "ada@example.org".to_owned(),
        time: Timestamp::from_second(1_000).unwrap(),
    }
}

/// An entry as bytes, whatever Git thinks of it.
enum Raw {
    File(&'static [u8], &'static [u8]),
    Link(&'static [u8], &'static [u8]),
    Folder(&'static [u8], Vec<Raw>),
    Submodule(&'static [u8]),
    Mode(&'static [u8], &'static [u8]),
}

fn raw_tree(git: &Git, entries: &[Raw]) -> Oid {
    let odb = git.odb().unwrap();
    let mut tree = Vec::new();
    for entry in entries {
        let blob = |bytes: &[u8]| odb.write(ObjectType::Blob, bytes).unwrap();
        let (mode, name, id): (&[u8], &[u8], Oid) = match entry {
            Raw::File(name, bytes) => (b"100644", name, blob(bytes)),
            Raw::Link(name, target) => (b"120000", name, blob(target)),
            Raw::Folder(name, below) => (b"40000", name, raw_tree(git, below)),
            Raw::Submodule(name) => (b"160000", name, Oid::from_str(&"1".repeat(40)).unwrap()),
            Raw::Mode(mode, name) => (mode, name, blob(b"x")),
        };
        tree.extend_from_slice(mode);
        tree.push(b' ');
        tree.extend_from_slice(name);
        tree.push(0);
        tree.extend_from_slice(id.as_bytes());
    }
    odb.write(ObjectType::Tree, &tree).unwrap()
}

fn small_limits() -> TreeLimits {
    TreeLimits { file_bytes: 8, total_bytes: 24, entries: 12, depth: 4 }
}
