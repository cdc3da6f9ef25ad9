//! Kubernetes objects as JSON, and their keys.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ContentDigest;

/// Why a JSON value is no Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The value is not a JSON object.
    #[error("not an object")]
    NotAnObject,
    /// A field that every Kubernetes object has is missing, empty or no text.
    #[error("`{0}` is missing or is no text")]
    Missing(&'static str),
}

/// What an object is: its group and kind (whatever the version), namespace and name.
///
/// Sorted by group, kind, namespace, name. Written `Kind.group namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The API group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The kind, in its singular camel-case form.
    pub kind: String,
    /// The namespace; none for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// The key of a namespaced object.
    pub fn namespaced(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    /// The key of a cluster-scoped object.
    pub fn cluster_scoped(group: &str, kind: &str, name: &str) -> Self {
        Self { group: group.to_owned(), kind: kind.to_owned(), namespace: None, name: name.to_owned() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.kind.clone();
        if !self.group.is_empty() {
            text = format!("{text}.{}", self.group);
        }
        text = match &self.namespace {
            Some(namespace) => format!("{text} {namespace}/{}", self.name),
            None => format!("{text} {}", self.name),
        };
        f.pad(&text)
    }
}

/// A Kubernetes object as JSON, with `apiVersion`, `kind` and `metadata.name` in place.
///
/// Clones share their content until one of them is changed: what is desired, accepted, stored and
/// wanted holds the same thousands of objects.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Manifest(Arc<Value>);

impl Serialize for Manifest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Manifest {
    /// Checks that `value` is a Kubernetes object with a name.
    ///
    /// # Errors
    /// `apiVersion`, `kind` or `metadata.name` is missing, empty or no text.
    pub fn new(value: Value) -> Result<Self, ManifestError> {
        if !value.is_object() {
            return Err(ManifestError::NotAnObject);
        }
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or("");
        for (pointer, field) in
            [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")]
        {
            if text(pointer).is_empty() {
                return Err(ManifestError::Missing(field));
            }
        }
        Ok(Self(Arc::new(value)))
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.0.pointer(pointer).and_then(Value::as_str)
    }

    /// `apiVersion`, for example `apps/v1`.
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion").unwrap_or_default()
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// The version without the group.
    pub fn version(&self) -> &str {
        self.api_version().rsplit_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    /// The kind.
    pub fn kind(&self) -> &str {
        self.text("/kind").unwrap_or_default()
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> Option<&str> {
        self.text("/metadata/namespace")
    }

    /// `metadata.uid`, on objects that were read from a cluster.
    pub fn uid(&self) -> Option<&str> {
        self.text("/metadata/uid")
    }

    /// `metadata.resourceVersion`, on objects that were read from a cluster.
    pub fn resource_version(&self) -> Option<&str> {
        self.text("/metadata/resourceVersion")
    }

    /// `metadata.generation`, on objects that were read from a cluster and count it.
    pub fn generation(&self) -> Option<i64> {
        self.0.pointer("/metadata/generation").and_then(Value::as_i64)
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.0.pointer("/metadata/labels")?.get(key)?.as_str()
    }

    /// The value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.0.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    /// Group, kind, namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            group: self.group().to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
        }
    }

    /// The digest of the whole object.
    pub fn digest(&self) -> ContentDigest {
        ContentDigest::of_json(&self.0)
    }

    /// What stands at a JSON pointer (RFC 6901).
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer)
    }

    /// The object as JSON.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The object as JSON, to change in place. Who changes it keeps `apiVersion`, `kind` and
    /// `metadata.name` in place.
    pub fn as_value_mut(&mut self) -> &mut Value {
        Arc::make_mut(&mut self.0)
    }

    /// The object's top-level fields.
    pub fn fields(&self) -> &Map<String, Value> {
        self.0.as_object().expect("a manifest is a JSON object")
    }

    /// The object as JSON.
    pub fn into_value(self) -> Value {
        Arc::unwrap_or_clone(self.0)
    }
}

impl TryFrom<Value> for Manifest {
    type Error = ManifestError;
    fn try_from(value: Value) -> Result<Self, ManifestError> {
        Self::new(value)
    }
}

impl From<Manifest> for Value {
    fn from(manifest: Manifest) -> Value {
        manifest.into_value()
    }
}
