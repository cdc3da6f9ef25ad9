//! Owners of whom another pass would find what the last one found.
//!
//! Of thousands of owners a change touches one. What a pass depends on is remembered, and as long as
//! all of it is the same the owner is passed over. Nothing is decided here: in doubt it is looked at,
//! and from time to time everybody is.

use crate::accepted::{AcceptedOn, MoveShare};
use crate::model::{Owner, TargetKey};
use crate::port::cluster::Cluster;
use crate::wanted::Wanted;

use super::Report;

/// What a pass that left nothing to do depended on.
#[derive(Debug, PartialEq)]
pub(super) struct Quiet {
    wanted: Wanted,
    share: Option<MoveShare>,
    changes: u64,
}

impl Quiet {
    /// What a pass depends on that is about to be made; none if the cluster does not count changes.
    pub fn before(
        cluster: &dyn Cluster,
        here: &AcceptedOn,
        at: &(TargetKey, Owner),
        wanted: &Wanted,
    ) -> Option<Self> {
        let changes = changes(cluster, at)?;
        Some(Self { wanted: wanted.clone(), share: share(here, &at.1).cloned(), changes })
    }

    /// Whether a pass after this one could find anything new.
    pub fn still(
        &self,
        cluster: &dyn Cluster,
        here: &AcceptedOn,
        at: &(TargetKey, Owner),
        wanted: &Wanted,
    ) -> bool {
        Some(self.changes) == changes(cluster, at)
            && self.share.as_ref() == share(here, &at.1)
            && self.wanted == *wanted
    }
}

/// Whether a pass left nothing to do.
pub(super) fn is_quiet(report: &Report) -> bool {
    report.evidence.applied
        && report.evidence.trouble.is_none()
        && !report.again
        && !report.unreachable
        && report.admitted.is_none()
}

fn share<'a>(here: &'a AcceptedOn, owner: &Owner) -> Option<&'a MoveShare> {
    match owner {
        Owner::App(app) => here.apps.get(app),
        Owner::Platform => None,
    }
}

fn changes(cluster: &dyn Cluster, (target, owner): &(TargetKey, Owner)) -> Option<u64> {
    let app = match owner {
        Owner::App(app) => Some(app.app.as_str()),
        Owner::Platform => None,
    };
    cluster.changes(target.namespace.as_str(), app)
}
