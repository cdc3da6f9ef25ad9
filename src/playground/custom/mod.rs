//! Custom resources: what CustomResourceDefinitions add to a cluster.
//!
//! A definition is read once, when it is established, into kinds, types for merging, and schemas.
//! Versions differ in their schemas alone (conversion strategy `None`). Rules in CEL
//! (`x-kubernetes-validations`) and conversion webhooks are not evaluated.

pub(crate) mod path;
pub(crate) mod structural;
pub(crate) mod types;
pub(crate) mod validation;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::kinds::{self, Kind};
use super::schema::Schema;

/// The group of the definitions themselves.
pub(crate) const GROUP: &str = "apiextensions.k8s.io";

/// The finalizer that holds a definition until its instances are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// A column that `kubectl get` prints.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub title: String,
    /// `string`, `integer`, `date`...
    pub kind: String,
    pub path: String,
    /// Above 0 only `-o wide` shows it.
    pub priority: i64,
}

/// Where the subresource `scale` has its numbers, as JSON pointers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScalePaths {
    pub wanted: String,
    pub held: String,
    pub selector: Option<String>,
}

/// One version of a custom kind.
#[derive(Debug, PartialEq)]
pub(crate) struct Version {
    pub kind: &'static Kind,
    pub served: bool,
    /// `openAPIV3Schema`.
    pub schema: Value,
    /// The same as types for merging, of which [`types::root_type`] is the whole.
    pub shape: Schema,
    pub columns: Vec<Column>,
    pub scale: Option<ScalePaths>,
    /// Fields by which lists may be narrowed, without the leading dot.
    pub selectable: Vec<String>,
}

/// A definition.
#[derive(Debug)]
pub(crate) struct Definition {
    /// The kind in the version in which its objects are stored.
    pub kind: &'static Kind,
    pub versions: Vec<Arc<Version>>,
    /// Whether it is on its way out: it takes no new objects.
    pub terminating: bool,
}

/// The definitions of a cluster, by group and plural.
#[derive(Debug, Default)]
pub(crate) struct Definitions(BTreeMap<(&'static str, &'static str), Arc<Definition>>);

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Definition {
    /// Reads a CustomResourceDefinition; none if it lacks what every one has.
    pub(crate) fn read(object: &Value) -> Option<Self> {
        let versions: Vec<(Arc<Version>, bool)> = list(object, "/spec/versions")
            .iter()
            .map(|version| (Arc::new(Version::read(object, version)), version["storage"] == true))
            .collect();
        let stored = versions.iter().find(|(_, stored)| *stored)?.0.kind;
        let terminating = object["metadata"].get("deletionTimestamp").is_some();
        Some(Self {
            kind: stored,
            versions: versions.into_iter().map(|(held, _)| held).collect(),
            terminating,
        })
    }

    /// The version of a name.
    pub(crate) fn version(&self, name: &str) -> Option<&Arc<Version>> {
        self.versions.iter().find(|version| version.kind.version == name)
    }
}

impl Version {
    fn read(definition: &Value, version: &Value) -> Self {
        let names = |pointer: &str| -> Vec<String> {
            list(definition, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let scale = version.pointer("/subresources/scale");
        let kind = kinds::custom(kinds::CustomKind {
            group: text(definition, "/spec/group"),
            version: text(version, "/name"),
            kind: text(definition, "/spec/names/kind"),
            plural: text(definition, "/spec/names/plural"),
            short_names: &names("/spec/names/shortNames"),
            namespaced: text(definition, "/spec/scope") == "Namespaced",
            status: version.pointer("/subresources/status").is_some(),
            scale: scale.is_some(),
            in_all: names("/spec/names/categories").iter().any(|name| name == "all"),
        });
        let schema = version.pointer("/schema/openAPIV3Schema").cloned().unwrap_or(Value::Null);
        let columns = list(version, "/additionalPrinterColumns").iter().map(|column| Column {
            title: text(column, "/name").to_owned(),
            kind: text(column, "/type").to_owned(),
            path: text(column, "/jsonPath").to_owned(),
            priority: column["priority"].as_i64().unwrap_or(0),
        });
        let columns: Vec<Column> = columns.collect();
        let pointer = |scale: &Value, field: &str| text(scale, field).replace('.', "/");
        Self {
            kind,
            served: version["served"] == true,
            shape: types::of_schema(&schema),
            schema,
            columns,
            scale: scale.map(|scale| ScalePaths {
                wanted: pointer(scale, "/specReplicasPath"),
                held: pointer(scale, "/statusReplicasPath"),
                selector: scale.get("labelSelectorPath").map(|_| pointer(scale, "/labelSelectorPath")),
            }),
            selectable: list(version, "/selectableFields")
                .iter()
                .map(|field| text(field, "/jsonPath").trim_start_matches('.').to_owned())
                .collect(),
        }
    }
}

impl Definitions {
    /// Takes in the present form of a CustomResourceDefinition. Only an established one is served.
    pub(crate) fn put(&mut self, object: &Value) {
        let established = list(object, "/status/conditions")
            .iter()
            .any(|condition| condition["type"] == "Established" && condition["status"] == "True");
        if !established {
            return self.remove(object);
        }
        if let Some(definition) = Definition::read(object) {
            self.0.insert((definition.kind.group, definition.kind.plural), Arc::new(definition));
        }
    }

    /// Forgets a CustomResourceDefinition.
    pub(crate) fn remove(&mut self, object: &Value) {
        let (group, plural) = (text(object, "/spec/group"), text(object, "/spec/names/plural"));
        self.0.retain(|held, _| *held != (group, plural));
    }

    /// The definition of a resource.
    pub(crate) fn by_plural(&self, group: &str, plural: &str) -> Option<&Arc<Definition>> {
        self.0.values().find(|held| held.kind.group == group && held.kind.plural == plural)
    }

    /// The definition of a kind.
    pub(crate) fn by_kind(&self, group: &str, kind: &str) -> Option<&Arc<Definition>> {
        self.0.values().find(|held| held.kind.group == group && held.kind.kind == kind)
    }

    /// All of them, by group and plural.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Definition>> {
        self.0.values()
    }
}
