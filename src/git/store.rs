//! One bare store per repository: what was fetched, and the heads that count.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use git2::{Oid, Repository as Git, RepositoryInitOptions, RepositoryOpenFlags};

use crate::model::CommitId;
use crate::port::{
    Ancestry, CommitInfo, FetchError, FetchOutcome, HeadChange, ReadTree, Repository, RepositoryError,
    TreeLimits,
};
use crate::signature::SignedCommit;

use super::pack::{Heads, check_connected};
use super::ssh::SshOptions;
use super::url::{RepositoryUrl, Target};
use super::{history, http, local, objects, ssh};

/// How much a fetch takes, and how long it waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Bytes of one pack.
    pub bytes: u64,
    /// Objects of one pack.
    pub objects: u64,
    /// References that a server shows.
    pub references: u64,
    /// Bytes of one folder's own object.
    pub tree_bytes: u64,
    /// The time within which [`FetchLimits::least_bytes`] must come.
    pub stall: Duration,
    /// The bytes that must come within [`FetchLimits::stall`].
    pub least_bytes: u64,
    /// The time for all of it.
    pub total: Duration,
}

impl Default for FetchLimits {
    /// Ten years of a busy fleet are some 500,000 objects in 200 MiB. A server that works through a
    /// big repository reports its progress with more than a KiB in half a minute.
    fn default() -> Self {
        Self {
            bytes: 1 << 30,
            objects: 2_000_000,
            references: 100_000,
            tree_bytes: 16 << 20,
            stall: Duration::from_secs(30),
            least_bytes: 1 << 10,
            total: Duration::from_secs(15 * 60),
        }
    }
}

/// What a store may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreOptions {
    /// The file with user and password, read anew for each fetch since they are rotated.
    pub credentials: Option<PathBuf>,
    /// The file of credentials is one of many: it may be missing, and must name the host it is for.
    pub tenant_credentials: bool,
    /// A file of certificates (PEM) to trust besides the machine's.
    pub certificates: Option<PathBuf>,
    /// Key and known hosts for a repository behind ssh.
    pub ssh: Option<SshOptions>,
    /// The limits of a fetch.
    pub fetch: FetchLimits,
    /// The limits of a tree.
    pub tree: TreeLimits,
    /// The folder that the whole tree is put into, without `/` at its end; without one only the places
    /// of a fleet repository are read.
    pub mount: Option<String>,
}

/// A bare store and the repository that it follows.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    url: RepositoryUrl,
    options: StoreOptions,
    /// One fetch at a time; reading goes on meanwhile.
    fetching: Mutex<()>,
}

impl Store {
    /// Opens the store at `path`, or makes an empty one.
    ///
    /// # Errors
    /// The folder can't be written or holds something else.
    pub fn open(path: &Path, url: RepositoryUrl, options: StoreOptions) -> Result<Self, RepositoryError> {
        let mut init = RepositoryInitOptions::new();
        init.bare(true).mkdir(true).mkpath(true).external_template(false);
        Git::init_opts(path, &init)
            .map_err(|error| objects::unreadable("open the store", &path.display().to_string(), error))?;
        Ok(Self { path: path.to_owned(), url, options, fetching: Mutex::new(()) })
    }

    /// The repository that it follows.
    pub fn url(&self) -> &RepositoryUrl {
        &self.url
    }

    fn git(&self) -> Result<Git, RepositoryError> {
        let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::BARE;
        Git::open_ext(&self.path, flags, std::iter::empty::<&Path>())
            .map_err(|error| objects::unreadable("open the store", &self.path.display().to_string(), error))
    }

    fn failed(&self, attempted: &'static str) -> impl Fn(git2::Error) -> FetchError + '_ {
        move |source| FetchError::Store { attempted, remote: self.url.to_string(), source: source.into() }
    }

    /// Brings the objects in and says where the heads are now; moves nothing.
    fn receive(&self, git: &Git, branches: &[String], known: &[Oid]) -> Result<(Heads, u64), FetchError> {
        let remote = self.url.to_string();
        let limits = self.options.fetch;
        let odb = git.odb().map_err(self.failed("open the objects"))?;
        // Not whether the commit is there: a pack with gaps may have brought it.
        let lacking = |heads: &Heads| heads.values().any(|id| !known.contains(id));
        match &self.url.target {
            Target::Local(path) => {
                let source = local::open(path, &remote)?;
                let heads = local::heads(&source, branches, &remote)?;
                let received = if lacking(&heads) {
                    local::receive(&source, &heads, known, git, limits, &remote)?
                } else {
                    0
                };
                Ok((heads, received))
            }
            Target::Http(url) => {
                let session = http::Session {
                    url,
                    machine_hosts: self.url.machine_hosts,
                    credentials: self.options.credentials.as_deref(),
                    tenant_credentials: self.options.tenant_credentials,
                    certificates: self.options.certificates.as_deref(),
                    limits,
                    remote: &remote,
                };
                session.fetch(branches, known, &odb)
            }
            Target::Ssh(address) => {
                let Some(options) = &self.options.ssh else {
                    let needs = "a private key and a file of known hosts".to_owned();
                    return Err(FetchError::Unready { remote, needs });
                };
                let machine_hosts = self.url.machine_hosts;
                let session = ssh::Session { address, machine_hosts, options, limits, remote: &remote };
                session.fetch(branches, known, &odb)
            }
        }
    }

    /// Moves the heads. The one step that counts, and the last.
    fn move_heads(&self, git: &Git, branches: &[String], heads: &Heads) -> Result<FetchOutcome, FetchError> {
        let failed = self.failed("move a head");
        let mut outcome = FetchOutcome::default();
        for branch in branches {
            let name = format!("refs/heads/{branch}");
            let before = git.refname_to_id(&name).ok();
            match heads.get(branch) {
                Some(id) if before == Some(*id) => {}
                Some(id) => {
                    git.reference(&name, *id, true, "fetch").map_err(&failed)?;
                    outcome.moved.push(branch.clone());
                }
                None => {
                    if before.is_some() {
                        git.find_reference(&name).and_then(|mut found| found.delete()).map_err(&failed)?;
                    }
                    outcome.missing.push(branch.clone());
                }
            }
        }
        Ok(outcome)
    }
}

impl Repository for Store {
    fn fetch(&self, branches: &[String]) -> Result<FetchOutcome, FetchError> {
        let _one = self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let git = self.git().map_err(|source| FetchError::Store {
            attempted: "fetch",
            remote: self.url.to_string(),
            source: source.into(),
        })?;
        let known = known_heads(&git).map_err(self.failed("read the heads"))?;
        let (heads, received_bytes) = self.receive(&git, branches, &known)?;
        let mut fresh = heads.clone();
        fresh.retain(|_, id| !known.contains(id));
        check_connected(&git, &fresh, &known, self.options.fetch, &self.url.to_string())?;
        let outcome = self.move_heads(&git, branches, &heads)?;
        Ok(FetchOutcome { received_bytes, ..outcome })
    }

    fn head(&self, branch: &str) -> Result<CommitId, RepositoryError> {
        objects::head(&self.git()?, branch)?.ok_or_else(|| RepositoryError::SourceMissing {
            branch: branch.to_owned(),
            remote: self.url.to_string(),
        })
    }

    fn head_change(&self, branch: &str, last: &CommitId) -> Result<HeadChange, RepositoryError> {
        objects::head_change(&self.git()?, branch, last)
    }

    fn read_tree(&self, commit: &CommitId) -> Result<ReadTree, RepositoryError> {
        objects::read_tree(&self.git()?, commit, self.options.tree, self.options.mount.as_deref())
    }

    fn commit(&self, id: &CommitId) -> Result<CommitInfo, RepositoryError> {
        objects::commit_info(&self.git()?, id)
    }

    fn followed(&self, branch: &str) -> Result<Option<CommitId>, RepositoryError> {
        history::followed(&self.git()?, branch)
    }

    fn follow(&self, branch: &str, commit: &CommitId) -> Result<(), RepositoryError> {
        history::follow(&self.git()?, branch, commit)
    }

    fn commits_since(
        &self,
        head: &CommitId,
        known: Option<&CommitId>,
        which: Ancestry,
        limit: usize,
    ) -> Result<Option<Vec<CommitId>>, RepositoryError> {
        history::commits_since(&self.git()?, head, known, which, limit)
    }

    fn signed(&self, id: &CommitId) -> Result<SignedCommit, RepositoryError> {
        history::signed(&self.git()?, id)
    }
}

fn known_heads(git: &Git) -> Result<Vec<Oid>, git2::Error> {
    let mut heads = Vec::new();
    for reference in git.references_glob("refs/heads/*")? {
        heads.extend(reference?.target());
    }
    Ok(heads)
}
