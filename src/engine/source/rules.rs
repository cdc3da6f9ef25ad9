//! What the fleet asks of commits: pure, from the definitions that are in force.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::compile;
use crate::definition::{CommitSignatures, Fleet, ForcePush};
use crate::model::{CommitId, SourceTree};
use crate::signature::Signers;

/// What is asked of the commits of one branch.
#[derive(Debug, Clone, Default)]
pub(super) struct BranchRules {
    /// What is done when history was rewritten.
    pub(super) force_push: ForcePush,
    /// Which commits must be signed by whom; none = as the commit itself says, since nothing is in force
    /// that could.
    pub(super) signatures: Option<Arc<SignatureRules>>,
    /// What the ledger says was in force, for a store that knows nothing.
    pub(super) anchor: Option<CommitId>,
    /// Whether it is the branch that must hold a sound `sluice.yaml`.
    pub(super) is_trunk: bool,
}

/// The fleet that a tree states.
///
/// # Errors
/// The first fault of its `sluice.yaml`, in a line.
pub(super) fn fleet_of(tree: &SourceTree) -> Result<Fleet, String> {
    let mut alone = SourceTree::default();
    let file = tree.files.get_key_value("sluice.yaml");
    alone.files.extend(file.map(|(path, entry)| (path.clone(), entry.clone())));
    let (definitions, read_faults) = compile::read(&alone);
    let (fleet, faults) = compile::fleet(&definitions);
    fleet.map(|fleet| fleet.value).ok_or_else(|| {
        let first = read_faults.iter().chain(&faults).find(|fault| fault.is_error());
        first.map_or_else(|| "it states no Fleet".to_owned(), super::follow::line)
    })
}

/// Which commits must be signed, by whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct SignatureRules {
    /// Which.
    pub(super) mode: CommitSignatures,
    /// By whom.
    pub(super) signers: Signers,
}

impl SignatureRules {
    /// The rules of a fleet. Keys that can't be read count for nobody; compile reports them.
    pub(super) fn of_fleet(fleet: &Fleet) -> Self {
        let policy = &fleet.policy;
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for name in &policy.signers {
            match fleet.groups.get(name) {
                Some(members) => names.extend(members.iter().map(String::as_str)),
                None => {
                    names.insert(name);
                }
            }
        }
        let counts = |name: &str| policy.signers.is_empty() || names.contains(name);
        let mut signers = Signers::default();
        for (name, user) in fleet.users.iter().filter(|(name, _)| counts(name)) {
            for key in &user.signing_keys {
                if let Err(error) = signers.add(name, key) {
                    tracing::debug!(name, %error, "a signing key counts for nobody");
                }
            }
        }
        Self { mode: policy.commit_signatures, signers }
    }

    /// The rules that a tree itself states.
    pub(super) fn of_tree(tree: &SourceTree) -> Self {
        fleet_of(tree).map(|fleet| Self::of_fleet(&fleet)).unwrap_or_default()
    }

    /// The rules with the keys that the operator holds in the place of those in Git: the head must be
    /// signed by one of them at least.
    pub(super) fn held_by(mut self, signers: Signers) -> Self {
        self.mode = self.mode.max(CommitSignatures::Merge);
        self.signers = signers;
        self
    }
}
