//! What a controller works with: the store, the time, and the memory between runs.
//!
//! Every write goes through here, so that no change is missed and needless ones are not made.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::behaviour::PodBehaviour;
use super::index::Index;
use super::object::{hash, key_of, name, short_name, text, uid};
use super::pod::Kubelet;
use super::queue::Queue;
use crate::model::{ObjectKey, Timestamp};
use crate::playground::{Objects, ObjectsError};

/// An object changed from one state to another.
#[derive(Debug)]
pub struct Change {
    /// Which object.
    pub key: ObjectKey,
    /// What it was, none if it was not there.
    pub before: Option<Arc<Value>>,
    /// What it is, none if it is gone.
    pub after: Option<Arc<Value>>,
}

/// What a controller works with during one run.
pub struct World<'a> {
    /// The store. To be read directly; written only by the methods below.
    pub objects: &'a mut dyn Objects,
    /// The time.
    pub now: Timestamp,
    /// How pods behave.
    pub behaviour: &'a PodBehaviour,
    /// What is known of the store.
    pub index: &'a mut Index,
    /// What is to be done.
    pub queue: &'a mut Queue,
    /// What the simulated nodes know of their pods.
    pub kubelet: &'a mut Kubelet,
    /// How many names were given out.
    pub names: &'a mut u64,
    /// What changed and was not yet told to those it matters to.
    pub changes: Vec<Change>,
}

impl World<'_> {
    /// Takes in the present state of an object.
    pub fn see(&mut self, key: &ObjectKey) {
        let after = self.objects.get(&key.group, &key.kind, key.namespace.as_deref(), &key.name);
        let before = self.index.put(key, after.clone());
        let version = |state: &Option<Arc<Value>>| {
            state.as_ref().map(|state| text(state, "/metadata/resourceVersion").to_owned())
        };
        // The echo of a write of our own, or a change that was seen already.
        if version(&before) == version(&after) && version(&after).is_none_or(|version| !version.is_empty()) {
            return;
        }
        self.changes.push(Change { key: key.clone(), before, after });
    }

    /// The object of a key.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Value>> {
        self.objects.get(&key.group, &key.kind, key.namespace.as_deref(), &key.name)
    }

    /// Creates an object.
    ///
    /// # Errors
    /// The store refuses it.
    pub fn create(&mut self, object: Value) -> Result<Arc<Value>, ObjectsError> {
        let made = self.objects.create(object)?;
        self.see(&key_of(&made));
        Ok(made)
    }

    /// Creates a child of an object under a name that is free. `build` makes it for a name.
    ///
    /// # Errors
    /// The store refuses it.
    pub fn create_child(
        &mut self,
        parent: &Value,
        build: impl Fn(&str) -> Value,
    ) -> Result<Arc<Value>, ObjectsError> {
        for _ in 0..NAME_LIMIT {
            let free = self.child_name(parent);
            match self.create(build(&free)) {
                Err(ObjectsError::AlreadyExists) => {}
                result => return result,
            }
        }
        Err(ObjectsError::AlreadyExists)
    }

    /// Updates all but the status, if anything differs from `before`. Answers the object as it is
    /// then; as it was where the store refuses: the next change leads here again.
    pub fn update(&mut self, before: &Arc<Value>, after: Value) -> Arc<Value> {
        if **before == after {
            return before.clone();
        }
        let key = key_of(&after);
        let result = self.objects.update(after);
        self.see(&key);
        self.settle(&key, result, before)
    }

    /// Sets the status, if it differs. Answers the object as it is then.
    pub fn set_status(&mut self, object: &Arc<Value>, status: Value) -> Arc<Value> {
        if object.get("status") == Some(&status) {
            return object.clone();
        }
        let mut changed = Value::clone(object);
        changed["status"] = status;
        let key = key_of(object);
        let result = self.objects.update_status(changed);
        self.see(&key);
        self.settle(&key, result, object)
    }

    fn settle(
        &mut self,
        key: &ObjectKey,
        result: Result<Arc<Value>, ObjectsError>,
        before: &Arc<Value>,
    ) -> Arc<Value> {
        result.unwrap_or_else(|error| {
            if matches!(error, ObjectsError::Conflict(_)) {
                self.wake_after(key, RETRY_AFTER);
            }
            before.clone()
        })
    }

    /// Deletes an object if it is still the one that was read.
    pub fn delete(&mut self, object: &Value, grace_seconds: Option<i64>) {
        let key = key_of(object);
        let (space, uid) = (key.namespace.as_deref(), Some(uid(object)).filter(|uid| !uid.is_empty()));
        // Gone or replaced meanwhile is what was wanted.
        let _ = self.objects.delete(&key.group, &key.kind, space, &key.name, uid, grace_seconds);
        self.see(&key);
    }

    /// Asks to reconcile an object later.
    pub fn wake(&mut self, key: &ObjectKey, at: Timestamp) {
        self.queue.wake(key, at);
    }

    /// Asks to reconcile an object after a while.
    pub fn wake_after(&mut self, key: &ObjectKey, after: Duration) {
        self.queue.wake(key, later(self.now, after));
    }

    /// A name for a child of an object: its own name, then five letters.
    fn child_name(&mut self, parent: &Value) -> String {
        *self.names += 1;
        let seed = format!("{}/{}/{}", text(parent, "/metadata/namespace"), name(parent), self.names);
        let letters = format!("{}bcdfg", short_name(hash(seed.as_bytes())));
        // The last digits of a hash are the ones that differ.
        let from = letters.len().saturating_sub(10).min(letters.len() - 5);
        // A name of a pod is at most 63 characters here, so that it is a host name too.
        let base: String = name(parent).chars().take(57).collect();
        format!("{base}-{}", &letters[from..from + 5])
    }

    /// Whether the owner that an entry of `ownerReferences` names is there.
    pub fn owner_exists(&self, owner: &Value, space: Option<&str>) -> bool {
        let group = super::object::group_of(text(owner, "/apiVersion"));
        let (kind, name) = (text(owner, "/kind"), text(owner, "/name"));
        let same = |space| {
            let found = self.objects.get(group, kind, space, name);
            found.is_some_and(|found| uid(&found) == text(owner, "/uid"))
        };
        same(space) || (space.is_some() && same(None))
    }
}

/// How many names are tried for a child. After a restart the counter gives the first ones again.
const NAME_LIMIT: usize = 1000;

/// How soon a write that lost a race is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// `from` and then `after`; the end of time where that is too far.
pub fn later(from: Timestamp, after: Duration) -> Timestamp {
    let after = jiff::SignedDuration::try_from(after).unwrap_or(jiff::SignedDuration::MAX);
    from.checked_add(after).unwrap_or(Timestamp::MAX)
}

/// `from` and then some seconds.
pub fn later_secs(from: Timestamp, seconds: i64) -> Timestamp {
    later(from, Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
