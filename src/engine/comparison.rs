//! Accepted against live, for people who ask: every object of an environment is read from its API
//! server and compared. Only reads and dry runs; what follows from a difference is the worker's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::worker::{objects::comparable, yielded};
use crate::artifact::Keys;
use crate::definition::Access;
use crate::diagnostic::with_causes;
use crate::diff::{self, Difference, DifferenceKind};
use crate::model::{
    AppKey, ClusterFacts, ClusterName, FIELD_MANAGER, Manifest, ObjectKey, Owner, TargetKey, is_sealed,
};
use crate::plan::State;
use crate::port::cluster::{Apply, Cluster, ClusterError, Connect};
use crate::wanted::{WantedObject, wanted};

/// So many objects of a cluster are asked for at once, as many as its worker has under way.
const OBJECTS_AT_ONCE: usize = 8;

/// So many clusters are asked at once.
const CLUSTERS_AT_ONCE: usize = 16;

/// How long a cluster may take: half of what the one who asks waits.
const CLUSTER_TIMEOUT: Duration = Duration::from_secs(30);

/// An object that is not as it was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveDifference {
    /// Where.
    pub target: TargetKey,
    /// Whose.
    pub owner: Owner,
    /// Which object.
    pub object: ObjectKey,
    /// The fields that differ; values of Secrets are masked.
    pub differences: Vec<Difference>,
}

/// How live clusters differ from what was accepted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveDifferences {
    /// The objects that differ.
    pub objects: Vec<LiveDifference>,
    /// The clusters that could not be compared, and why.
    pub unanswered: BTreeMap<ClusterName, String>,
}

/// What a comparison needs.
pub(super) struct Comparison {
    pub connect: Arc<dyn Connect>,
    pub keys: Arc<Keys>,
    pub state: State,
}

/// What is compared: everything, unless something is named.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Of this app only.
    pub app: Option<AppKey>,
    /// On this cluster only.
    pub cluster: Option<ClusterName>,
}

/// One object that was accepted.
struct Asked {
    target: TargetKey,
    owner: Owner,
    key: ObjectKey,
    wanted: WantedObject,
}

impl Comparison {
    /// Asks every cluster that is meant.
    pub async fn run(&self, selection: &Selection) -> LiveDifferences {
        let clusters = self.state.accepted.clusters.iter();
        let meant = clusters.filter(|(name, _)| selection.cluster.as_ref().is_none_or(|only| only == *name));
        let asking: Vec<_> = meant
            .map(|(name, access)| async move {
                let answer =
                    tokio::time::timeout(CLUSTER_TIMEOUT, self.cluster(name, access, selection)).await;
                let late = || Err(format!("no answer within {} s", CLUSTER_TIMEOUT.as_secs()));
                (name, answer.unwrap_or_else(|_| late()))
            })
            .collect();
        let mut found = LiveDifferences::default();
        let answers: Vec<_> = futures::stream::iter(asking).buffered(CLUSTERS_AT_ONCE).collect().await;
        for (name, answer) in answers {
            match answer {
                Ok(objects) => found.objects.extend(objects),
                Err(why) => {
                    found.unanswered.insert(name.clone(), why);
                }
            }
        }
        found
    }

    async fn cluster(
        &self,
        name: &ClusterName,
        access: &Access,
        selection: &Selection,
    ) -> Result<Vec<LiveDifference>, String> {
        let asked = self.asked(name, selection)?;
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let cluster = self.connect.connect(name, access).map_err(|error| with_causes(&error))?;
        let facts = cluster.discover().await.map_err(|error| with_causes(&error))?.facts;
        let comparing: Vec<_> =
            asked.into_iter().map(|asked| self.object(cluster.as_ref(), &facts, asked)).collect();
        let answers: Vec<_> = futures::stream::iter(comparing).buffered(OBJECTS_AT_ONCE).collect().await;
        let found: Result<Vec<LiveDifference>, String> = answers.into_iter().collect();
        Ok(found?.into_iter().filter(|one| !one.differences.is_empty()).collect())
    }

    /// The objects that were accepted for a cluster.
    fn asked(&self, name: &ClusterName, selection: &Selection) -> Result<Vec<Asked>, String> {
        let mut asked = Vec::new();
        for (target, here) in self.state.accepted.share(name).targets {
            let sets = wanted(&here, &self.state.bundles).map_err(|error| with_causes(&error))?;
            for (owner, set) in sets {
                if selection.app.as_ref().is_some_and(|app| owner != Owner::App(app.clone())) {
                    continue;
                }
                asked.extend(set.objects.into_iter().map(|(key, wanted)| Asked {
                    target: target.clone(),
                    owner: owner.clone(),
                    key,
                    wanted,
                }));
            }
        }
        Ok(asked)
    }

    async fn object(
        &self,
        cluster: &dyn Cluster,
        facts: &ClusterFacts,
        asked: Asked,
    ) -> Result<LiveDifference, String> {
        let failed = |error: ClusterError| format!("{}: {}", asked.key, with_causes(&error));
        let Asked { target, owner, key, wanted } = &asked;
        let opened = match is_sealed(&wanted.manifest) {
            true => Arc::new(
                crate::artifact::unseal(&wanted.manifest, &self.keys)
                    .map_err(|error| format!("{key}: {}", with_causes(&error)))?,
            ),
            false => wanted.manifest.clone(),
        };
        let resource = facts.find(&key.group, &key.kind);
        let live = match resource {
            Some(resource) => cluster.get(resource, key).await.map_err(failed)?,
            None => None,
        };
        let options = diff::Options {
            ignore: wanted.owned_elsewhere.iter().cloned().collect(),
            ..diff::Options::default()
        };
        let object = yielded::to_owners(&opened, live.as_ref(), &wanted.owned_elsewhere);
        let mut differences = diff::differ(&object, live.as_ref(), &options);
        let is_foreign = |one: &Difference| one.kind == DifferenceKind::Foreign;
        if let (Some(resource), Some(live)) = (resource, &live)
            && !differences.is_empty()
            && !differences.iter().any(is_foreign)
        {
            // Only the server knows whether it would write anything.
            let user = match owner {
                Owner::Platform => None,
                Owner::App(app) => Some(format!("sluice:tenant:{}", app.tenant)),
            };
            let ask = Apply {
                object: &object,
                manager: FIELD_MANAGER,
                force: true,
                dry_run: true,
                as_user: user.as_deref(),
            };
            if cluster.apply(resource, ask).await.is_ok_and(|answer| comparable(&answer) == comparable(live))
            {
                differences.clear();
            }
        }
        differences.extend(scale(wanted, live.as_ref()));
        Ok(LiveDifference { target: target.clone(), owner: owner.clone(), object: key.clone(), differences })
    }
}

/// The difference in replicas, which are no part of the object that is applied.
fn scale(wanted: &WantedObject, live: Option<&Manifest>) -> Option<Difference> {
    let found = live?.at("/spec/replicas");
    let count = wanted.scale?.to_write(found.and_then(Value::as_u64))?;
    (!wanted.owned_elsewhere.contains("/spec/replicas")).then(|| Difference {
        pointer: "/spec/replicas".to_owned(),
        kind: if found.is_some() { DifferenceKind::Changed } else { DifferenceKind::Missing },
        wanted: Some(json!(count)),
        live: found.cloned(),
        manager: None,
        time: None,
    })
}
