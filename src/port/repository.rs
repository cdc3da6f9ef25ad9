//! A repository of definitions, as the engine sees it: fetch, heads, trees, commits.
//!
//! Every call blocks; callers in async code run it on a thread for blocking work. A repository
//! decides nothing: whether a branch that moved backwards is followed is for its reader to say.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::model::{CommitId, SourceTree, TenantName, Timestamp};
use crate::signature::SignedCommit;

/// A repository of definitions.
pub trait Repository: Send + Sync {
    /// Brings the heads of these branches up to date. Whatever fails leaves every head as it was.
    ///
    /// # Errors
    /// The remote can't be reached, is over a limit, too slow, or sends what can't be trusted.
    fn fetch(&self, branches: &[String]) -> Result<FetchOutcome, FetchError>;

    /// The head of a branch as of the last fetch that succeeded.
    ///
    /// # Errors
    /// There is no such branch, or the store can't be read.
    fn head(&self, branch: &str) -> Result<CommitId, RepositoryError>;

    /// How the head of a branch stands to the commit that was seen last.
    ///
    /// # Errors
    /// The store can't be read.
    fn head_change(&self, branch: &str, last: &CommitId) -> Result<HeadChange, RepositoryError>;

    /// What a commit holds in the places where definitions may stand.
    ///
    /// # Errors
    /// The commit is not there, or one of its objects is missing or damaged.
    fn read_tree(&self, commit: &CommitId) -> Result<ReadTree, RepositoryError>;

    /// Who made a commit, when, and what they said.
    ///
    /// # Errors
    /// The commit is not there or damaged.
    fn commit(&self, id: &CommitId) -> Result<CommitInfo, RepositoryError>;

    /// The commit of a branch that was last noted as followed, in this process or one before it.
    ///
    /// # Errors
    /// The store can't be read.
    fn followed(&self, branch: &str) -> Result<Option<CommitId>, RepositoryError>;

    /// Notes that a commit of a branch is followed. It can be read for as long as it is noted.
    ///
    /// # Errors
    /// The store can't be written.
    fn follow(&self, branch: &str, commit: &CommitId) -> Result<(), RepositoryError>;

    /// The commits from `head` back to `known`, which is left out; without it `head` alone. At most
    /// `limit` of them: more is nothing.
    ///
    /// # Errors
    /// A commit is not there or damaged.
    fn commits_since(
        &self,
        head: &CommitId,
        known: Option<&CommitId>,
        which: Ancestry,
        limit: usize,
    ) -> Result<Option<Vec<CommitId>>, RepositoryError>;

    /// A commit with its signature, as it was signed.
    ///
    /// # Errors
    /// The commit is not there or damaged.
    fn signed(&self, id: &CommitId) -> Result<SignedCommit, RepositoryError>;
}

/// Opens the repositories that tenants have of their own.
pub trait Sources: Send + Sync {
    /// The repository of a tenant, its whole tree below `tenants/<tenant>/`. Nothing is fetched.
    ///
    /// # Errors
    /// The address is refused, or the store can't be opened.
    fn open(&self, tenant: &TenantName, url: &str) -> Result<Arc<dyn Repository>, Cause>;
}

/// Which of a commit's ancestors are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ancestry {
    /// Along the first parents: what was put on the branch itself.
    FirstParent,
    /// All of them, what merges brought in included.
    All,
}

/// A tree and what was wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadTree {
    /// What may be used.
    pub tree: SourceTree,
    /// What may not, and why, in order of path.
    pub diagnostics: Vec<Diagnostic>,
    /// Nothing of the commit may be used: what was accepted before stays. The tree is then empty.
    pub refused: bool,
}

/// How much of a tree is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeLimits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files.
    pub total_bytes: u64,
    /// Files and folders that are visited.
    pub entries: usize,
    /// Parts of a path.
    pub depth: usize,
}

impl Default for TreeLimits {
    /// A fleet of a thousand apps with their charts has some 20,000 files and 50 MiB. Kubernetes
    /// itself takes no object over 1.5 MiB, so a file of 4 MiB is generated or binary.
    fn default() -> Self {
        Self { file_bytes: 4 << 20, total_bytes: 256 << 20, entries: 100_000, depth: 32 }
    }
}

/// What a fetch that succeeded found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchOutcome {
    /// The branches whose heads are others than before, in order.
    pub moved: Vec<String>,
    /// The branches that the remote does not have.
    pub missing: Vec<String>,
    /// Bytes of pack that were received.
    pub received_bytes: u64,
}

/// How a head stands to the commit seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadChange {
    /// It is that commit.
    Same,
    /// It came after it.
    FastForward(CommitId),
    /// It is older or on another line: history was rewritten.
    Diverged(CommitId),
    /// There is no such branch any more. That is no empty tree.
    Gone,
}

/// Who made a commit, when, and what they said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its id.
    pub id: CommitId,
    /// The author's name, as far as it is text.
    pub author: String,
    /// The author's e-mail.
    pub email: String,
    /// The whole message.
    pub message: String,
    /// When it was committed.
    pub time: Timestamp,
    /// Its parents, the first first.
    pub parents: Vec<CommitId>,
}

impl CommitInfo {
    /// The first line of the message.
    pub fn summary(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

/// The cause of a failure. It never holds a credential or the address it was sent to.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a fetch failed. The heads are as they were.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The remote could not be reached or broke off.
    #[error("can't {attempted} {remote}")]
    Unreachable {
        /// What was tried, in the infinitive.
        attempted: &'static str,
        /// The remote, without credentials.
        remote: String,
        /// Why.
        source: Cause,
    },
    /// Nothing, or next to nothing, came for too long.
    #[error("{remote} sent too little for {} s", within.as_secs_f64())]
    TooSlow {
        /// The remote, without credentials.
        remote: String,
        /// The time that was given.
        within: Duration,
    },
    /// The server wants other credentials.
    #[error("{remote} refuses access ({why}); check the credentials and what they may read")]
    Denied {
        /// The remote, without credentials.
        remote: String,
        /// What it answered.
        why: String,
    },
    /// The server is not the one that the file of known hosts knows.
    #[error("the host key of {remote} is not in the file of known hosts ({why}); it may be another machine")]
    HostKey {
        /// The remote, without credentials.
        remote: String,
        /// What `ssh` said.
        why: String,
    },
    /// The settings lack something that this remote needs.
    #[error("{remote} needs {needs}")]
    Unready {
        /// The remote, without credentials.
        remote: String,
        /// What is needed, for people.
        needs: String,
    },
    /// The server sends to another address. It is never followed, so no credential gets there.
    #[error("{remote} redirects to host `{host}`; write the final URL of the repository")]
    Redirected {
        /// The remote, without credentials.
        remote: String,
        /// The other host.
        host: String,
    },
    /// The remote has or sends more than is taken.
    #[error("{remote} is over the limit of {limit} {what}")]
    TooBig {
        /// The remote, without credentials.
        remote: String,
        /// What there is too much of, in the plural.
        what: &'static str,
        /// The most that is taken.
        limit: u64,
    },
    /// The remote does not speak Git as expected.
    #[error("{remote} does not answer as a Git server: {what}")]
    Protocol {
        /// The remote, without credentials.
        remote: String,
        /// What was met.
        what: String,
    },
    /// What was received is damaged or has gaps.
    #[error("what {remote} sent is damaged")]
    Damaged {
        /// The remote, without credentials.
        remote: String,
        /// Why.
        source: Cause,
    },
    /// The credentials can't be read.
    #[error("can't read the credentials file {path}")]
    Credentials {
        /// The file.
        path: String,
        /// Why.
        source: Cause,
    },
    /// The engine's own store fails.
    #[error("can't {attempted} in the store of {remote}")]
    Store {
        /// What was tried, in the infinitive.
        attempted: &'static str,
        /// The remote, without credentials.
        remote: String,
        /// Why.
        source: Cause,
    },
}

/// Why something can't be read from the store.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The branch is not there: never taken for an empty tree.
    #[error("there is no branch `{branch}` in {remote}")]
    SourceMissing {
        /// The branch.
        branch: String,
        /// The remote, without credentials.
        remote: String,
    },
    /// An object is missing or damaged, or the store itself is.
    #[error("can't {attempted} `{what}`")]
    Unreadable {
        /// What was tried, in the infinitive.
        attempted: &'static str,
        /// The branch, commit or path it was about.
        what: String,
        /// Why.
        source: Cause,
    },
}
