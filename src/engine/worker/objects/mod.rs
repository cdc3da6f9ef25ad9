//! One object: compare, ask, apply.

mod operations;
mod sealed;

use std::sync::Arc;

use serde_json::{Value, json};

use super::converge::{Place, Scene};
use super::held::Held;
use super::yielded;
use crate::diff::{self, Difference, DifferenceKind};
use crate::model::{FIELD_MANAGER, Manifest, ObjectKey, Resource, SCALE_MANAGER};
use crate::port::cluster::{Apply, Cluster, ClusterError, Patch};
use crate::wanted::{Scale, WantedObject};

pub(in crate::engine) use operations::comparable;
use operations::{fenced, removal, scaled};
pub(super) use sealed::open;

/// So often a write is tried anew on the object as it is then, when somebody else wrote first.
/// Controllers write a workload's status in bursts; three looks outlast one.
const CONFLICT_TRIES: u32 = 3;

const REPLICAS: &str = "/spec/replicas";

/// An object that is as wanted.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// How many writes it took.
    pub writes: u32,
    /// The object's uid; none if it is not there and is not to be.
    pub uid: Option<String>,
}

/// Brings one object to what is wanted.
pub(super) async fn bring(
    scene: &Scene<'_>,
    place: &Place<'_>,
    held: &mut Held,
    key: &ObjectKey,
) -> Result<Brought, ClusterError> {
    let wanted = &place.wanted.objects[key];
    let Some(resource) = scene.facts.find(&key.group, &key.kind) else {
        return Err(ClusterError::NotFound("the cluster does not serve this kind".to_owned()));
    };
    let rendered = sealed::opened(scene, held, &wanted.manifest)?;
    let options = diff::Options {
        ignore: wanted.owned_elsewhere.iter().cloned().collect(),
        ..diff::Options::default()
    };
    let (cluster, user) = (scene.cluster, place.user());
    let mut bringing = Bringing { cluster, resource, key, wanted, rendered, options, user, held, writes: 0 };
    let live = bringing.bring().await?;
    let uid = live.and_then(|live| live.uid().map(str::to_owned));
    Ok(Brought { writes: bringing.writes, uid })
}

/// A server-side dry run.
pub(super) async fn ask(
    scene: &Scene<'_>,
    place: &Place<'_>,
    resource: &Resource,
    object: &Manifest,
) -> Result<Manifest, ClusterError> {
    let user = place.user();
    let apply =
        Apply { object, manager: FIELD_MANAGER, force: true, dry_run: true, as_user: user.as_deref() };
    scene.cluster.apply(resource, apply).await
}

/// One object on its way from what is live to what is wanted.
struct Bringing<'a> {
    cluster: &'a dyn Cluster,
    resource: &'a Resource,
    key: &'a ObjectKey,
    wanted: &'a WantedObject,
    /// What is wanted, with its secrets opened.
    rendered: Arc<Manifest>,
    /// How it is compared.
    options: diff::Options,
    /// As whom it is written.
    user: Option<String>,
    held: &'a mut Held,
    writes: u32,
}

impl Bringing<'_> {
    /// Returns the object as it is then; none if it is not to be there any more.
    async fn bring(&mut self) -> Result<Option<Arc<Manifest>>, ClusterError> {
        let mut live = self.found().await?;
        for attempt in 1.. {
            let written = match live.take() {
                None if self.held.has_run(self.key) => return Ok(None),
                None => self.create().await,
                Some(live) => self.change(live).await,
            };
            match written {
                Err(ClusterError::Conflict(_)) if attempt < CONFLICT_TRIES => live = self.reread().await?,
                other => return other.map(Some),
            }
        }
        Ok(live)
    }

    /// The object as it is: the newer of what the watch shows and what our own write returned. One
    /// that we wrote and the watch does not show is not there yet or was deleted: the API server
    /// knows.
    async fn found(&mut self) -> Result<Option<Arc<Manifest>>, ClusterError> {
        let live = self.cluster.live(self.resource, self.key);
        self.held.catch_up(self.key, live.as_deref());
        if live.is_some() || !self.held.written.contains_key(self.key) {
            return Ok(self.held.newest(self.key, live));
        }
        self.reread().await
    }

    /// The object as the API server has it now.
    async fn reread(&mut self) -> Result<Option<Arc<Manifest>>, ClusterError> {
        let live = self.cluster.get(self.resource, self.key).await?;
        if live.is_none() {
            self.held.written.remove(self.key);
        }
        Ok(live.map(|live| self.remember(live)))
    }

    fn remember(&mut self, live: Manifest) -> Arc<Manifest> {
        let live = Arc::new(live);
        self.held.written.insert(self.key.clone(), live.clone());
        live
    }

    async fn apply(&mut self, object: &Manifest, manager: &str) -> Result<Arc<Manifest>, ClusterError> {
        self.writes += 1;
        let as_user = self.user.as_deref();
        let apply = Apply { object, manager, force: true, dry_run: false, as_user };
        let result = self.cluster.apply(self.resource, apply).await?;
        Ok(self.remember(result))
    }

    /// Makes an object that is not there. One without replicas is made so: with the server's default
    /// a pod would start before anybody could say that none is wanted. Its number is handed over at
    /// once to the manager of replicas, who owns it before it is let go.
    async fn create(&mut self) -> Result<Arc<Manifest>, ClusterError> {
        let rendered = self.rendered.clone();
        self.held.applied.insert(self.key.clone(), rendered.digest());
        if self.scale() != Some(Scale::Held(0)) {
            let live = self.apply(&rendered, FIELD_MANAGER).await?;
            return self.size(live).await;
        }
        let mut idle = Manifest::clone(&rendered);
        idle.as_value_mut()["spec"]["replicas"] = json!(0);
        let live = self.apply(&idle, FIELD_MANAGER).await?;
        let live = self.own_replicas(&live, 0).await?;
        self.apply(&fenced(&rendered, &live), FIELD_MANAGER).await
    }

    /// Changes an object that is there, if it differs.
    async fn change(&mut self, live: Arc<Manifest>) -> Result<Arc<Manifest>, ClusterError> {
        let live = self.keep_replicas(live).await?;
        let object = yielded::to_owners(&self.rendered, Some(&live), &self.wanted.owned_elsewhere);
        let differences = self.differ(&object, &live);
        let live = match differences.is_empty() || self.is_known_settled(&object, &live) {
            true => live,
            false => self.correct(&object, live, &differences).await?,
        };
        self.held.applied.insert(self.key.clone(), object.digest());
        self.size(live).await
    }

    fn differ(&self, object: &Manifest, live: &Manifest) -> Vec<Difference> {
        diff::differ(object, Some(live), &self.options)
    }

    /// Undoes differences. What others added is not undone by applying, so a dry run says nothing
    /// of it.
    async fn correct(
        &mut self,
        object: &Arc<Manifest>,
        live: Arc<Manifest>,
        differences: &[Difference],
    ) -> Result<Arc<Manifest>, ClusterError> {
        let (added, only) = (differences.iter().any(is_foreign), differences.iter().all(is_foreign));
        if !added && self.is_settled(object, &live).await? {
            return Ok(live);
        }
        let applied = match only {
            true => live,
            false => self.apply(&fenced(object, &live), FIELD_MANAGER).await?,
        };
        let Some(operations) = removal(&self.differ(object, &applied), &applied) else { return Ok(applied) };
        self.writes += 1;
        let as_user = self.user.as_deref();
        let patch = Patch { key: self.key, operations: &operations, manager: FIELD_MANAGER, as_user };
        let result = self.cluster.patch(self.resource, patch).await?;
        if self.differ(object, &result).iter().any(is_foreign) {
            // The server keeps it: asking for the same again would never end.
            self.held.settled.insert(self.key.clone(), (object.digest(), comparable(&result)));
        }
        Ok(self.remember(result))
    }

    /// Whether a difference was found to be none before, with both sides as they are.
    fn is_known_settled(&self, object: &Manifest, live: &Manifest) -> bool {
        let known = self.held.settled.get(self.key);
        known.is_some_and(|known| *known == (object.digest(), comparable(live)))
    }

    /// Whether the API server itself sees no difference: what is wanted and what is live are the
    /// same once it has filled in and normalised. Asked only when nothing else explains the
    /// difference: an object that was already as wanted, or of which nothing is remembered.
    async fn is_settled(&mut self, object: &Manifest, live: &Manifest) -> Result<bool, ClusterError> {
        let pair = (object.digest(), comparable(live));
        if self.held.applied.get(self.key).is_some_and(|applied| *applied != pair.0) {
            return Ok(false);
        }
        let as_user = self.user.as_deref();
        let apply = Apply { object, manager: FIELD_MANAGER, force: true, dry_run: true, as_user };
        let answer = self.cluster.apply(self.resource, apply).await?;
        let same = comparable(&answer) == pair.1;
        if same {
            self.held.settled.insert(self.key.clone(), pair);
        }
        Ok(same)
    }

    /// The replicas that are ours to write.
    fn scale(&self) -> Option<Scale> {
        self.wanted.scale.filter(|_| !self.wanted.owned_elsewhere.contains(REPLICAS))
    }

    /// Writes the number of replicas, where it is not as wanted.
    async fn size(&mut self, live: Arc<Manifest>) -> Result<Arc<Manifest>, ClusterError> {
        let Some(scale) = self.scale() else { return Ok(live) };
        let replicas = live.at(REPLICAS).and_then(Value::as_u64);
        // An object that was made a moment ago has the server's default, which nobody chose.
        let unchosen = live.generation() == Some(1) && replica_owners(&live).is_empty();
        let seen = replicas.filter(|_| !(unchosen && matches!(scale, Scale::Initial(_))));
        match scale.to_write(seen) {
            Some(count) => self.own_replicas(&live, count).await,
            None => Ok(live),
        }
    }

    /// Sees to it that replicas have an owner beside the manager that lets them go with its next
    /// apply: without one they would fall back to the server's default at once.
    async fn keep_replicas(&mut self, live: Arc<Manifest>) -> Result<Arc<Manifest>, ClusterError> {
        let owners = replica_owners(&live);
        let ours_alone = owners.iter().any(|owner| owner == FIELD_MANAGER)
            && !owners.iter().any(|owner| owner == SCALE_MANAGER);
        let replicas = live.at(REPLICAS).and_then(Value::as_u64);
        let count = replicas.and_then(|count| u32::try_from(count).ok());
        match (self.scale(), count) {
            (Some(scale), Some(count)) if ours_alone => {
                let count = scale.to_write(Some(count.into())).unwrap_or(count);
                self.own_replicas(&live, count).await
            }
            _ => Ok(live),
        }
    }

    async fn own_replicas(&mut self, live: &Manifest, count: u32) -> Result<Arc<Manifest>, ClusterError> {
        let object = scaled(self.resource, self.key, live, count)?;
        self.apply(&object, SCALE_MANAGER).await
    }
}

fn is_foreign(difference: &Difference) -> bool {
    difference.kind == DifferenceKind::Foreign
}

/// The managers that own the number of replicas.
fn replica_owners(live: &Manifest) -> Vec<String> {
    let path = diff::elements(live, REPLICAS);
    let owners = diff::owners(live).into_iter().filter(|owner| owner.fields.covering(&path).is_some());
    owners.map(|owner| owner.manager).collect()
}
