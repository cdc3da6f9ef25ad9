//! The store as the controllers see it.

use std::sync::Arc;

use serde_json::Value;

use super::{Deletion, Store, text_at};
use crate::playground::apply::managed::{Writer, record_update};
use crate::playground::clock::kubernetes_time;
use crate::playground::kinds::{self, Kind};
use crate::playground::objects::{Objects, ObjectsError};
use crate::playground::schema::type_of;

/// The managers under which the control plane's own writes are recorded.
const CONTROLLER_MANAGER: &str = "kube-controller-manager";
const KUBELET: &str = "kubelet";

impl Store {
    /// The object as it is held, for a write by a controller.
    fn held_for(&self, object: &Value) -> Result<(&'static Kind, Arc<Value>), ObjectsError> {
        let kind = known_kind(object)?;
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
        record_update(&type_of(kind), held, object, &writer);
    }
}

fn known_kind(object: &Value) -> Result<&'static Kind, ObjectsError> {
    kinds::of_object(object).ok_or_else(|| {
        ObjectsError::Invalid(format!(
            "no kind {} in {}",
            text_at(object, "/kind"),
            text_at(object, "/apiVersion")
        ))
    })
}

impl Objects for Store {
    fn get(&self, group: &str, kind: &str, namespace: Option<&str>, name: &str) -> Option<Arc<Value>> {
        self.read(kinds::by_kind(group, kind)?, namespace.unwrap_or_default(), name).cloned()
    }

    fn list(&self, group: &str, kind: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        kinds::by_kind(group, kind).map(|kind| self.scan(kind, namespace)).unwrap_or_default()
    }

    fn create(&mut self, mut object: Value) -> Result<Arc<Value>, ObjectsError> {
        let kind = known_kind(&object)?;
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
        let kind = kinds::by_kind(group, kind).ok_or(ObjectsError::NotFound)?;
        let namespace = namespace.unwrap_or_default();
        let held = self.read(kind, namespace, name).ok_or(ObjectsError::NotFound)?;
        if uid.is_some_and(|uid| uid != text_at(held, "/metadata/uid")) {
            return Err(ObjectsError::Conflict(format!("{} {name} has another uid", kind.kind)));
        }
        let deletion = Deletion { grace_seconds, propagation: None };
        self.delete_object(kind, namespace, name, &deletion).map(drop).ok_or(ObjectsError::NotFound)
    }
}
