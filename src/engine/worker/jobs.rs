//! Jobs that have run. One that has ended is never made again, though its time to live, a person or
//! anything else takes it away, while the engine runs or while it does not.

use super::converge::{Place, Scene};
use crate::inventory::{Ended, Entry, Inventory};
use crate::model::{Manifest, ObjectKey};
use crate::port::cluster::ClusterError;

/// Notes in the inventory which of the wanted Jobs have ended. Asks the API server only for Jobs
/// that were made and that the watch does not show.
///
/// Must be called only once their kind's first list is there.
///
/// # Errors
/// The API server does not answer.
pub(super) async fn note(
    scene: &Scene<'_>,
    place: &Place<'_>,
    inventory: &mut Inventory,
) -> Result<(), ClusterError> {
    let Some(resource) = scene.facts.find("batch", "Job") else { return Ok(()) };
    for key in place.wanted.objects.keys().filter(|key| is_job(key)) {
        let Some(entry) = inventory.objects.get_mut(key) else { continue };
        if let Some(job) = scene.cluster.live(resource, key) {
            entry.ended = entry.ended.or_else(|| ended(&job));
            continue;
        }
        let (Some(uid), None | Some(Ended::Unseen)) = (&entry.uid, entry.ended) else { continue };
        match scene.cluster.departed(resource, key).filter(|job| job.uid() == Some(uid)) {
            Some(job) => match ended(&job) {
                Some(how) => entry.ended = Some(how),
                // Somebody took it away before it had ended: like anything else it comes back.
                None => *entry = Entry::default(),
            },
            None if entry.ended.is_some() => {}
            // Gone, or made a moment ago and not shown yet.
            None => {
                let gone = scene.cluster.get(resource, key).await?.is_none();
                entry.ended = gone.then_some(Ended::Unseen);
            }
        }
    }
    Ok(())
}

pub(super) fn is_job(key: &ObjectKey) -> bool {
    key.group == "batch" && key.kind == "Job"
}

fn ended(job: &Manifest) -> Option<Ended> {
    let conditions = job.at("/status/conditions").and_then(serde_json::Value::as_array)?;
    let holds = |name: &str| {
        conditions.iter().any(|condition| condition["type"] == name && condition["status"] == "True")
    };
    match (holds("Complete"), holds("Failed")) {
        (true, _) => Some(Ended::Complete),
        (false, true) => Some(Ended::Failed),
        (false, false) => None,
    }
}
