//! `sluice.yaml`: the environments, the people and the rules of the whole fleet.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Freeze, Window};
use crate::model::{EnvironmentName, TenantName};

/// The whole fleet: one document in `sluice.yaml`, read from the trunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fleet {
    /// The environments in order of promotion. The branch of the first is the trunk.
    #[schemars(length(min = 1))]
    pub environments: Vec<Environment>,
    /// Groups of users by name.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    /// Users by name.
    #[serde(default)]
    pub users: BTreeMap<String, User>,
    /// What is asked of every commit and every app.
    #[serde(default)]
    pub policy: Policy,
    /// Tenants whose files lie in repositories of their own.
    #[serde(default)]
    pub sources: Vec<TenantSource>,
}

/// A repository of a tenant's own, mounted at `tenants/<tenant>/`. Its whole tree is the tenant's; what
/// the fleet repository holds there is not looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TenantSource {
    /// The tenant.
    #[schemars(with = "String")]
    pub tenant: TenantName,
    /// The repository, `https://HOST/PATH` or `ssh://USER@HOST/PATH`; credentials stand in the engine's
    /// settings.
    pub url: String,
    /// The branch for every environment; without it the one that is called as the environment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The branch for single environments.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub branches: BTreeMap<EnvironmentName, String>,
    /// What is done when history was rewritten.
    #[serde(default)]
    pub force_push: ForcePush,
}

impl TenantSource {
    /// The branch that is read for an environment.
    pub fn branch_for<'a>(&'a self, environment: &'a Environment) -> &'a str {
        let single = self.branches.get(&environment.name);
        single.or(self.branch.as_ref()).unwrap_or(&environment.branch)
    }
}

/// What is done when a branch moves to a commit that does not follow the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ForcePush {
    /// What was read stays in force until a person accepts the new history: `sluice sync --accept`.
    #[default]
    Hold,
    /// The new history is followed like any other commit.
    Follow,
}

/// A person: how a commit or an approval is known to be theirs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct User {
    /// Mail addresses in commits.
    #[serde(default)]
    pub emails: Vec<String>,
    /// Public keys of SSH that sign commits, as in `authorized_keys`, with `valid-after="20260101"` or
    /// `valid-before="20270101"` before the key where it is not for ever.
    #[serde(default)]
    pub signing_keys: Vec<String>,
}

/// dev, staging, production: a branch, the clusters that it rules and the rules for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Environment {
    /// The environment's name.
    #[schemars(with = "String")]
    pub name: EnvironmentName,
    /// The Git branch.
    pub branch: String,
    /// Variables, `${environment.vars.X}`.
    #[serde(default)]
    pub vars: BTreeMap<String, String>,
    /// How much one plan may delete without an approval.
    #[serde(default)]
    pub deletion_budget: DeletionBudget,
    /// What is done about drift.
    #[serde(default)]
    pub healing: Healing,
    /// Changes begin inside one of these only; none = at any time. What has begun is finished, a
    /// revert to what is stable and settings (replicas, autoscaling) never wait.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// No change begins meanwhile, windows or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<Freeze>,
    /// What is done when the history of the branch was rewritten.
    #[serde(default)]
    pub force_push: ForcePush,
}

/// How much of a target one plan may delete without an approval: the larger of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct DeletionBudget {
    /// Percent of a target's components and platform objects.
    #[schemars(range(max = 100))]
    pub percent: u8,
    /// This many are always allowed.
    pub at_least: u32,
}

impl Default for DeletionBudget {
    fn default() -> Self {
        Self { percent: 10, at_least: 3 }
    }
}

/// What is done about drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Healing {
    /// Restore what Git says.
    #[default]
    On,
}

/// What is asked of every app.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Policy {
    /// Which commits must be signed by one of the signers.
    pub commit_signatures: CommitSignatures,
    /// Users and groups whose signing keys count; empty = every user's.
    pub signers: Vec<String>,
    /// What images may be used.
    pub images: ImagePolicy,
    /// Every long-running container must have a readiness probe.
    pub require_probes: bool,
    /// Every container must have CPU and memory limits.
    pub require_limits: bool,
}

/// Which commits must be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CommitSignatures {
    /// None.
    #[default]
    Off,
    /// Those of the branch itself, from each to its first parent: a merge, not what it brings in.
    Merge,
    /// Every one that is new.
    Every,
}

/// What images may be used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct ImagePolicy {
    /// Prefixes of allowed images, for example `registry.acme.example/`; empty = any.
    pub registries: Vec<String>,
    /// Only images by digest.
    pub require_digest: bool,
    /// No `latest` and no image without a tag.
    pub forbid_latest: bool,
}
