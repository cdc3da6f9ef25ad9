//! The example company: its fleet repository, made from files that the program carries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::artifact::{Keys, SopsError};
use crate::cli::demo::stage::world;
use crate::cli::failure::Failure;
use crate::compile::{self, Definitions};
use crate::git::{self, Author, WriteError};
use crate::model::{CommitId, FileEntry, SourceTree, Timestamp};

/// The branch of dev, which is also the trunk.
pub const DEV: &str = "main";

/// The branch of production.
pub const PRODUCTION: &str = "production";

/// The environments and their branches.
pub const ENVIRONMENTS: [(&str, &str); 2] = [("dev", DEV), ("production", PRODUCTION)];

/// The key of the example's secrets. It is public, like everything here.
pub const AGE_KEY: &str = include_str!("../../../examples/demo.agekey");

/// A table of the example's files; a test holds it to the folder.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../../examples/fleet/", $path)))),*]
    };
}

/// Every file of the fleet repository, by path.
pub const FILES: &[(&str, &[u8])] = files![
    "platform/clusters.yaml",
    "platform/gray-releases.yaml",
    "platform/tenants/campus.yaml",
    "platform/tenants/observability.yaml",
    "platform/tenants/shop.yaml",
    "sluice.yaml",
    "tenants/campus/score-report.yaml",
    "tenants/campus/score/app.yaml",
    "tenants/campus/score/mysql/score.cnf",
    "tenants/campus/score/secret.yaml",
    "tenants/campus/score/tomcat-conf.yaml",
    "tenants/campus/score/tomcat/server.xml",
    "tenants/observability/log-agent.yaml",
    "tenants/observability/metrics.yaml",
    "tenants/shop/cart.yaml",
    "tenants/shop/catalog.yaml",
    "tenants/shop/newsletter/app.yaml",
    "tenants/shop/newsletter/k8s/deployment.yaml",
    "tenants/shop/newsletter/k8s/service.yaml",
    "tenants/shop/web/app.yaml",
    "tenants/shop/web/secret.yaml",
    "tenants/shop/web/settings.yaml",
];

/// The fleet repository of the example company.
pub struct Company {
    repository: PathBuf,
    branches: BTreeMap<&'static str, Branch>,
}

/// A branch as it stands.
#[derive(Clone)]
struct Branch {
    head: CommitId,
    files: BTreeMap<String, Vec<u8>>,
}

/// A change of one file.
pub struct Change {
    /// The file.
    pub path: &'static str,
    /// What stands there.
    pub old: String,
    /// What is to stand there.
    pub new: String,
    /// What the commit says.
    pub message: String,
}

impl Company {
    /// Makes the bare repository, with both branches at the first commit.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn found(repository: PathBuf) -> Result<Self, WriteError> {
        git::create_repository(&repository, DEV)?;
        let files: BTreeMap<String, Vec<u8>> =
            FILES.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
        let all = files.iter().map(|(path, bytes)| (path.clone(), Some(bytes.clone()))).collect();
        let first = git::commit_files(&repository, DEV, &all, "The company as it is", &author("ada"))?;
        git::create_branch(&repository, PRODUCTION, &first)?;
        let branch = Branch { head: first, files };
        let branches = BTreeMap::from([(DEV, branch.clone()), (PRODUCTION, branch)]);
        Ok(Self { repository, branches })
    }

    /// Where the repository is.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// The head of a branch.
    pub fn head(&self, branch: &str) -> Option<&CommitId> {
        self.branches.get(branch).map(|branch| &branch.head)
    }

    /// Merges a change into a branch: in one file `old` becomes `new`.
    ///
    /// # Errors
    /// `old` does not stand there, or the repository can't be written.
    pub fn merge(&mut self, branch: &str, change: &Change) -> Result<CommitId, Failure> {
        let missing = || Failure::world(format!("`{}` is not in {} of {branch}", change.old, change.path));
        let known = self.branches.get_mut(branch).ok_or_else(missing)?;
        let file = known.files.get_mut(change.path).ok_or_else(missing)?;
        let text = String::from_utf8_lossy(file);
        if !text.contains(&change.old) {
            return Err(missing());
        }
        let changed = text.replace(&change.old, &change.new).into_bytes();
        file.clone_from(&changed);
        let changes = BTreeMap::from([(change.path.to_owned(), Some(changed))]);
        let author = author("grace");
        known.head = git::commit_files(&self.repository, branch, &changes, &change.message, &author)
            .map_err(world("merge a commit"))?;
        Ok(known.head.clone())
    }
}

/// The company's definitions, for what the demo itself must know of them.
pub fn definitions() -> Definitions {
    let files = FILES
        .iter()
        .map(|(path, bytes)| ((*path).to_owned(), FileEntry { id: String::new(), bytes: Arc::from(*bytes) }));
    compile::read(&SourceTree { files: files.collect(), ..SourceTree::default() }).0
}

/// The keys that open the company's secrets.
///
/// # Errors
/// The file is no key file.
pub fn keys() -> Result<Keys, SopsError> {
    Keys::parse(AGE_KEY)
}

fn author(name: &str) -> Author {
    Author { name: name.to_owned(), email: format!("{name}@acme.example"), time: Timestamp::now() }
}
