//! What the controllers remember of the store: who owns what, and what lies in a namespace.
//!
//! Fed with every change, so that nothing has to be searched for. It keeps the last state of each
//! object (shared with the store), since what is gone must still be told to those it mattered to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::object::{array, controller_uid, text};
use crate::model::ObjectKey;

/// What is known of the store's objects.
#[derive(Debug, Default)]
pub struct Index {
    last: HashMap<ObjectKey, Arc<Value>>,
    dependents: HashMap<String, BTreeSet<ObjectKey>>,
    children: HashMap<String, BTreeSet<ObjectKey>>,
    orphans: BTreeMap<(String, String), BTreeSet<ObjectKey>>,
    spaces: BTreeMap<String, BTreeSet<ObjectKey>>,
}

impl Index {
    /// Takes in the state of an object, none if it is gone. Answers the state before.
    pub fn put(&mut self, key: &ObjectKey, state: Option<Arc<Value>>) -> Option<Arc<Value>> {
        let before = self.last.remove(key);
        if let Some(before) = &before {
            self.unlink(key, before);
        }
        if let Some(state) = state {
            self.link(key, &state);
            self.last.insert(key.clone(), state);
        }
        before
    }

    fn link(&mut self, key: &ObjectKey, state: &Value) {
        for owner in array(state, "/metadata/ownerReferences") {
            self.dependents.entry(text(owner, "/uid").to_owned()).or_default().insert(key.clone());
        }
        if let Some(space) = &key.namespace {
            self.spaces.entry(space.clone()).or_default().insert(key.clone());
            match controller_uid(state) {
                "" if adoptable(key) => {
                    self.orphans.entry((key.kind.clone(), space.clone())).or_default().insert(key.clone());
                }
                "" => {}
                controller => {
                    self.children.entry(controller.to_owned()).or_default().insert(key.clone());
                }
            }
        }
    }

    fn unlink(&mut self, key: &ObjectKey, state: &Value) {
        for owner in array(state, "/metadata/ownerReferences") {
            take(&mut self.dependents, text(owner, "/uid"), key);
        }
        take(&mut self.children, controller_uid(state), key);
        if let Some(space) = &key.namespace {
            let of_kind = (key.kind.clone(), space.clone());
            if let Some(keys) = self.orphans.get_mut(&of_kind) {
                keys.remove(key);
                if keys.is_empty() {
                    self.orphans.remove(&of_kind);
                }
            }
            if let Some(keys) = self.spaces.get_mut(space) {
                keys.remove(key);
                if keys.is_empty() {
                    self.spaces.remove(space);
                }
            }
        }
    }

    /// The objects of a kind whose controller has that uid.
    pub fn children(&self, uid: &str, kind: &str) -> Vec<Arc<Value>> {
        let keys = self.children.get(uid).into_iter().flatten();
        keys.filter(|key| key.kind == kind).filter_map(|key| self.last.get(key)).cloned().collect()
    }

    /// The objects of a kind in a namespace that nobody controls but that could be adopted.
    pub fn orphans(&self, kind: &str, space: &str) -> Vec<Arc<Value>> {
        let keys = self.orphans.get(&(kind.to_owned(), space.to_owned())).into_iter().flatten();
        keys.filter_map(|key| self.last.get(key)).cloned().collect()
    }

    /// Everything that names that uid as an owner.
    pub fn dependents(&self, uid: &str) -> Vec<ObjectKey> {
        self.dependents.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Everything in a namespace.
    pub fn contents(&self, space: &str) -> impl Iterator<Item = (&ObjectKey, &Arc<Value>)> {
        let keys = self.spaces.get(space).into_iter().flatten();
        keys.filter_map(|key| self.last.get(key).map(|state| (key, state)))
    }

    /// The objects of a kind in a namespace.
    pub fn of_kind(&self, group: &str, kind: &str, space: &str) -> Vec<Arc<Value>> {
        let from = ObjectKey::namespaced(group, kind, space, "");
        let Some(keys) = self.spaces.get(space) else { return Vec::new() };
        keys.range(from..)
            .take_while(|key| key.group == group && key.kind == kind)
            .filter_map(|key| self.last.get(key))
            .cloned()
            .collect()
    }
}

fn adoptable(key: &ObjectKey) -> bool {
    matches!((key.group.as_str(), key.kind.as_str()), ("", "Pod") | ("apps", "ReplicaSet"))
}

fn take(map: &mut HashMap<String, BTreeSet<ObjectKey>>, name: &str, key: &ObjectKey) {
    if let Some(keys) = map.get_mut(name) {
        keys.remove(key);
        if keys.is_empty() {
            map.remove(name);
        }
    }
}
