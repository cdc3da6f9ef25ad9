//! How everything stands at the end, without what differs between any two worlds.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice::accepted::{Accepted, EnvironmentEvent};
use sluice::inventory;
use sluice::port::ledger::{Ledger, Sequence, StreamName};

use super::SiteCluster;
use super::neutral::{neutral_name, numbered, without_chance};

/// What a tenant's namespace may hold, but for pods, whose names are chance.
const KINDS: [(&str, &str); 13] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "ReplicaSet"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("v1", "PersistentVolumeClaim"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
];

pub type Ending = BTreeMap<String, Value>;

/// The objects of a tenant and its inventory.
pub async fn of_cluster(cluster: &SiteCluster, tenant: &str) -> Ending {
    let mut end = BTreeMap::new();
    for (api, kind) in KINDS {
        for object in cluster.list(api, kind, tenant).await {
            end.insert(neutral_name(kind, &object), without_chance(object));
        }
    }
    for shard in cluster.list("v1", "ConfigMap", "sluice-system").await {
        if shard.name().contains(tenant)
            && let Ok(inventory) = inventory::decode(&shard)
        {
            let keys: Vec<String> = inventory.keys().iter().map(ToString::to_string).collect();
            end.insert("inventory".to_owned() + &keys.len().to_string(), serde_json::json!(keys));
        }
    }
    end
}

/// What was accepted, and each rollout's end.
///
/// # Panics
/// If a rollout is still open.
pub fn of_ledger(ledger: &dyn Ledger) -> Ending {
    let mut end = BTreeMap::new();
    let stream = StreamName::new("environment/dev").unwrap();
    let mut accepted = Accepted::default();
    let mut rollouts = Vec::new();
    for record in ledger.read(&stream, Sequence::EMPTY).unwrap() {
        let event: EnvironmentEvent = serde_json::from_value(record.body).unwrap();
        match &event {
            EnvironmentEvent::RolloutStarted(start) => rollouts.push(format!("{} starts", start.id)),
            EnvironmentEvent::RolloutEnded(ended) => {
                let outcome = ended.outcome.to_string();
                rollouts.push(format!("{} {}", ended.id, outcome.split(':').next().unwrap()));
            }
            _ => {}
        }
        accepted.fold(&event, record.at);
    }
    assert!(accepted.open.is_empty(), "a rollout is still open: {:?}", accepted.open.keys());
    end.insert("rollouts".to_owned(), serde_json::json!(rollouts));
    for (key, state) in &accepted.moves {
        let state = serde_json::to_string(state).unwrap();
        end.insert(format!("accepted {key}"), Value::String(numbered(&state)));
    }
    end
}

/// By names that are the same for every tenant.
pub fn neutral(end: Ending, tenant: &str) -> Ending {
    let text = serde_json::to_string(&end).unwrap().replace(tenant, "TENANT");
    serde_json::from_str(&text).unwrap()
}

/// What of one end is not as in another.
pub fn differences(found: &Ending, wanted: &Ending) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    names
        .into_iter()
        .filter(|name| found.get(*name) != wanted.get(*name))
        .map(|name| {
            format!(
                "{name} ends as {} and not as {}",
                found.get(name).unwrap_or(&Value::Null),
                wanted.get(name).unwrap_or(&Value::Null)
            )
        })
        .collect()
}
