//! The store as the controllers see it.

use std::sync::Arc;

use serde_json::Value;

use super::{Deletion, Store, text_at};
use crate::playground::admission;
use crate::playground::apply::managed::{Reset, Writer, record_update};
use crate::playground::clock::kubernetes_time;
use crate::playground::kinds::Kind;
use crate::playground::objects::{Objects, ObjectsError};

/// The managers under which the control plane's own writes are recorded.
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const KUBELET: &str = "kubelet";

impl Store {
    fn known_kind(&self, object: &Value) -> Result<&'static Kind, ObjectsError> {
        let (api_version, kind) = (text_at(object, "/apiVersion"), text_at(object, "/kind"));
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let known = self.kind_named(group, kind);
        known.ok_or_else(|| ObjectsError::Invalid(format!("no kind {kind} in {api_version}")))
    }

    /// The object as it is held, for a write by a controller.
    fn held_for(&self, object: &Value) -> Result<(&'static Kind, Arc<Value>), ObjectsError> {
        let kind = self.known_kind(object)?;
        let namespace = text_at(object, "/metadata/namespace");
        let held =
            self.read(kind, namespace, text_at(object, "/metadata/name")).ok_or(ObjectsError::NotFound)?;
        for (field, what) in [("uid", "another object"), ("resourceVersion", "changed since it was read")] {
            if let Some(asked) = object["metadata"].get(field)
                && *asked != held["metadata"][field]
            {
                return Err(ObjectsError::Conflict(format!(
                    "{} {} is {what}",
                    kind.kind,
                    text_at(object, "/metadata/name")
                )));
            }
        }
        Ok((kind, held.clone()))
    }

    fn write(&mut self, mut object: Value, status: bool) -> Result<Arc<Value>, ObjectsError> {
        let (kind, held) = self.held_for(&object)?;
        self.dress_changed(kind, &held, &mut object, status);
        if object != *held {
            self.record_controller(kind, &held, &mut object, status);
        }
        Ok(self.put_or_finish(kind, object))
    }

    /// Records what a controller wrote as its own, as the real ones' writes are.
    fn record_controller(&self, kind: &Kind, held: &Value, object: &mut Value, status: bool) {
        let resized = kind.scale
            && !held.is_null()
            && held.pointer("/spec/replicas") != object.pointer("/spec/replicas");
        let (subresource, manager) = match (status, kind.kind) {
            (true, "Pod") => ("status", KUBELET),
            (true, _) => ("status", CONTROLLER_MANAGER),
            (false, _) if resized => ("scale", CONTROLLER_MANAGER),
            (false, _) => ("", CONTROLLER_MANAGER),
        };
        let (api_version, now) = (kind.api_version(), kubernetes_time(self.now()));
        let writer = Writer { manager, api_version: &api_version, subresource, now: &now };
        let reset = match (status, kind.status) {
            (true, _) => Reset::AllButStatus,
            (false, true) => Reset::Status,
            (false, false) => Reset::Nothing,
        };
        record_update(&self.served(kind, reset), held, object, &writer);
    }
}

impl Objects for Store {
    fn get(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.read(self.kind_named(group, kind)?, namespace.unwrap_or_default(), name).cloned()
    }

    fn kind_named(&self, group: &str, kind: &str) -> Option<&'static Kind> {
        Self::kind_named(self, group, kind)
    }

    fn list(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.kind_named(group, kind).map(|kind| self.scan(kind, namespace)).unwrap_or_default()
    }

    fn create(&mut self, mut object: Value) -> Result<Arc<Value>, ObjectsError> {
        let kind = self.known_kind(&object)?;
        self.dress_new(kind, &mut object);
        let (namespace, name) = (text_at(&object, "/metadata/namespace"), text_at(&object, "/metadata/name"));
        if name.is_empty() {
            return Err(ObjectsError::Invalid(format!("{} without a name", kind.kind)));
        }
        if kind.namespaced && namespace.is_empty() {
            return Err(ObjectsError::Invalid(format!("{} {name} without a namespace", kind.kind)));
        }
        if self.read(kind, namespace, name).is_some() {
            return Err(ObjectsError::AlreadyExists);
        }
        admission::admit(self, kind, None, &mut object, false)
            .map_err(|error| ObjectsError::Forbidden(error.message))?;
        self.record_controller(kind, &Value::Null, &mut object, false);
        Ok(self.put(kind, object))
    }

    fn update(&mut self, object: Value) -> Result<Arc<Value>, ObjectsError> {
        self.write(object, false)
    }

    fn update_status(&mut self, object: Value) -> Result<Arc<Value>, ObjectsError> {
        self.write(object, true)
    }

    fn delete(
        &mut self,
        group: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        uid: Option<&str>,
        grace_seconds: Option<i64>,
    ) -> Result<(), ObjectsError> {
        let kind = self.kind_named(group, kind).ok_or(ObjectsError::NotFound)?;
        let namespace = namespace.unwrap_or_default();
        let held = self.read(kind, namespace, name).ok_or(ObjectsError::NotFound)?;
        if uid.is_some_and(|uid| uid != text_at(held, "/metadata/uid")) {
            return Err(ObjectsError::Conflict(format!("{} {name} has another uid", kind.kind)));
        }
        let deletion = Deletion { grace_seconds, propagation: None };
        self.delete_object(kind, namespace, name, &deletion).map(drop).ok_or(ObjectsError::NotFound)
    }
}
