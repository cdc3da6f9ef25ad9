//! One owner on one target: from what is live to what is wanted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::held::Held;
use super::{inventory, jobs, objects};
use crate::artifact::Keys;
use crate::model::{BundleDigest, ClusterFacts, Manifest, ObjectKey, Owner, TargetKey};
use crate::port::cluster::{Cluster, ClusterError};
use crate::wanted::{Bundles, Wanted, rank};

/// What every owner's pass shares.
pub(super) struct Scene<'a> {
    pub cluster: &'a dyn Cluster,
    pub facts: &'a ClusterFacts,
    pub keys: &'a Keys,
    pub bundles: &'a Bundles,
}

/// Whose pass, and where.
pub(super) struct Place<'a> {
    pub target: &'a TargetKey,
    pub owner: &'a Owner,
    pub wanted: &'a Wanted,
}

/// What a pass came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub writes: u32,
    /// Why not everything is as wanted, in the cluster's words; the first of several.
    pub trouble: Option<String>,
    /// Trying the same again can't help.
    pub refused: bool,
    /// The cluster did not answer.
    pub unreachable: bool,
}

impl Outcome {
    pub fn waiting(trouble: String) -> Self {
        Self { trouble: Some(trouble), ..Self::default() }
    }

    pub fn note(&mut self, trouble: String, refused: bool) {
        self.refused |= refused;
        self.trouble.get_or_insert(trouble);
    }

    pub fn fail_inventory(&mut self, error: &ClusterError) {
        self.unreachable |= matches!(error, ClusterError::Unreachable(_));
        self.note(format!("the inventory: {error}"), false);
    }

    pub fn fail(&mut self, key: &ObjectKey, error: &ClusterError) {
        self.unreachable |= matches!(error, ClusterError::Unreachable(_));
        self.note(format!("{key}: {error}"), error.is_refusal());
    }
}

impl Place<'_> {
    /// The user to act as: a tenant's own for what is the tenant's.
    pub fn user(&self) -> Option<String> {
        match self.owner {
            Owner::Platform => None,
            Owner::App(app) => Some(format!("sluice:tenant:{}", app.tenant)),
        }
    }
}

/// Converges, as far as the cluster lets it.
pub(super) async fn converge(scene: &Scene<'_>, place: &Place<'_>, held: &mut Held) -> Outcome {
    let mut outcome = Outcome::default();
    let begin = ready_to_begin(scene, place);
    if place.wanted.suspended {
        // Nothing is written, so nothing that was newly accepted is there: evidence must not say so.
        outcome.note("suspended: nothing is written".to_owned(), false);
        if begin.is_ok() {
            // A Job that ends meanwhile may be gone when the app is resumed.
            match note_jobs(scene, place, held).await {
                Ok(writes) => outcome.writes += writes,
                Err(error) => outcome.fail_inventory(&error),
            }
        }
        return outcome;
    }
    if place.wanted.objects.is_empty() && place.wanted.remove.is_empty() {
        return outcome;
    }
    if let Err(trouble) = begin {
        outcome.note(trouble, false);
        return outcome;
    }
    match write_ahead(scene, place, held).await {
        Ok(writes) => outcome.writes += writes,
        Err(error) => {
            outcome.fail_inventory(&error);
            return outcome;
        }
    }
    let uids = bring_all(scene, place, held, &mut outcome).await;
    match write_after(scene, place, held, uids).await {
        Ok(writes) => outcome.writes += writes,
        Err(error) => outcome.fail_inventory(&error),
    }
    outcome
}

/// Names in the inventory which Jobs have ended, and nothing else.
async fn note_jobs(scene: &Scene<'_>, place: &Place<'_>, held: &mut Held) -> Result<u32, ClusterError> {
    let mut noted = inventory::load(scene, place, held).await?.inventory.clone();
    jobs::note(scene, place, &mut noted).await?;
    inventory::store(scene, place, held, noted).await
}

/// Names in the inventory what is to come, before any of it is there.
async fn write_ahead(scene: &Scene<'_>, place: &Place<'_>, held: &mut Held) -> Result<u32, ClusterError> {
    let mut ahead = inventory::load(scene, place, held).await?.inventory.clone();
    jobs::note(scene, place, &mut ahead).await?;
    ahead.include(place.wanted.objects.keys());
    inventory::store(scene, place, held, ahead).await
}

/// Names in the inventory what is there, by its uid.
async fn write_after(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &mut Held,
    uids: BTreeMap<&ObjectKey, String>,
) -> Result<u32, ClusterError> {
    let mut after = inventory::load(scene, place, held).await?.inventory.clone();
    for (key, uid) in uids {
        if let Some(entry) = after.objects.get_mut(key) {
            entry.uid = Some(uid);
        }
    }
    inventory::store(scene, place, held, after).await
}

/// Brings every object in its turn. Returns the uids of those that are as wanted.
async fn bring_all<'p>(
    scene: &Scene<'_>,
    place: &Place<'p>,
    held: &mut Held,
    outcome: &mut Outcome,
) -> BTreeMap<&'p ObjectKey, String> {
    let mut queue: Vec<&ObjectKey> = place.wanted.objects.keys().collect();
    queue.sort_by_key(|key| (rank(key), *key));
    let mut blocked: BTreeSet<&str> = BTreeSet::new();
    let mut uids = BTreeMap::new();
    for key in queue {
        // What names a configuration, an account or a service that is not in place must not start
        // without it; the others go on.
        if !blocked.is_empty()
            && rank(key) > REFERRED
            && mentions(&place.wanted.objects[key].manifest, &blocked)
        {
            continue;
        }
        match objects::bring(scene, place, held, key).await {
            Ok(brought) => {
                outcome.writes += brought.writes;
                uids.extend(brought.uid.map(|uid| (key, uid)));
            }
            Err(error) => {
                outcome.fail(key, &error);
                if rank(key) <= REFERRED {
                    blocked.insert(&key.name);
                }
                if matches!(error, ClusterError::Unreachable(_) | ClusterError::Busy { .. }) {
                    break;
                }
            }
        }
    }
    uids
}

/// Kinds up to this place in the queue are referred to by later ones, by name.
const REFERRED: u8 = 8;

/// Whether any text of an object's content is one of these names. Too many matches hold too much
/// back, never too little.
fn mentions(object: &Manifest, names: &BTreeSet<&str>) -> bool {
    fn within(value: &Value, names: &BTreeSet<&str>) -> bool {
        match value {
            Value::String(text) => names.contains(text.as_str()),
            Value::Array(items) => items.iter().any(|item| within(item, names)),
            Value::Object(fields) => fields.values().any(|value| within(value, names)),
            _ => false,
        }
    }
    object.fields().iter().any(|(field, value)| field != "metadata" && within(value, names))
}

/// A namespace that is being deleted takes nothing: why it is not gone yet, in its own words.
fn leaving(namespace: &Manifest) -> String {
    let held_by = ["NamespaceFinalizersRemaining", "NamespaceContentRemaining"];
    let conditions = namespace.at("/status/conditions").and_then(Value::as_array);
    let words = held_by.iter().find_map(|name| {
        let mut conditions = conditions?.iter();
        let held = conditions.find(|it| it["type"] == *name && it["status"] == "True")?;
        held["message"].as_str()
    });
    let leaves = format!("the namespace {} is being deleted", namespace.name());
    words.map_or(leaves.clone(), |words| format!("{leaves}: {words}"))
}

/// A namespace that is not there yet, or a kind whose first list is not: wait, with the reason.
fn ready_to_begin(scene: &Scene<'_>, place: &Place<'_>) -> Result<(), String> {
    let is_app = matches!(place.owner, Owner::App(_));
    for key in place.wanted.objects.keys() {
        let Some(resource) = scene.facts.find(&key.group, &key.kind) else { continue };
        if !scene.cluster.is_synced(resource) {
            return Err(format!("waits for the first list of {}", resource.plural));
        }
    }
    if let Some(resource) = scene.facts.find("", "Namespace") {
        let key = ObjectKey::cluster_scoped("", "Namespace", place.target.namespace.as_str());
        match scene.cluster.live(resource, &key) {
            None if is_app && !place.wanted.objects.is_empty() => {
                return Err(format!("waits for the namespace {}", place.target.namespace));
            }
            Some(namespace) if namespace.at("/metadata/deletionTimestamp").is_some() => {
                return Err(leaving(&namespace));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Asks the API server whether it would take every object of a bundle. The refusal names the object
/// and says why; what can't be asked yet (the namespace is still to come) counts as taken.
pub(super) async fn dry_run(scene: &Scene<'_>, place: &Place<'_>, digest: BundleDigest) -> Option<String> {
    let bundle = scene.bundles.get(&digest)?;
    let namespace = ObjectKey::cluster_scoped("", "Namespace", place.target.namespace.as_str());
    let there =
        scene.facts.find("", "Namespace").and_then(|resource| scene.cluster.live(resource, &namespace));
    there.as_ref()?;
    for object in &bundle.objects {
        let key = object.key();
        let Some(resource) = scene.facts.find(&key.group, &key.kind) else {
            return Some(format!("{key}: the cluster does not serve this kind"));
        };
        let opened: Arc<Manifest> = match objects::open(scene, object) {
            Ok(opened) => opened,
            Err(error) => return Some(format!("{key}: {error}")),
        };
        match objects::ask(scene, place, resource, &opened).await {
            Err(ClusterError::Invalid(message)) => return Some(format!("{key}: {message}")),
            Err(ClusterError::Forbidden(message)) => return Some(format!("{key}: {message}")),
            _ => {}
        }
    }
    None
}

/// Whether a refusal is for want of rights, in the words of the API server's authorization.
pub(super) fn lacks_rights(words: &str) -> bool {
    words.contains("cannot") && words.contains("User \"sluice:tenant:")
}
