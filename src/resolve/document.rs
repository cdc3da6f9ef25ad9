//! One definition in one place: overrides merged, variables replaced, short forms lifted, typed.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::variables::{Variables, substitute};
use crate::definition::yaml::{Node, NodeValue};
use crate::definition::{Definition, Kind, Override, Tenant, When, lift, typed};
use crate::diagnostic::{Code, Diagnostic, Fault, Place};
use crate::model::{ClusterName, EnvironmentName};

/// Where a definition is read.
#[derive(Debug, Clone)]
pub struct Setting<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The cluster; none while it is not known yet.
    pub cluster: Option<&'a ClusterName>,
    /// The variables that can be used.
    pub variables: Variables,
}

impl Setting<'_> {
    fn meets(&self, when: &When) -> bool {
        let environment = when.environments.is_empty() || when.environments.contains(self.environment);
        let cluster =
            when.clusters.is_empty() || self.cluster.is_some_and(|cluster| when.clusters.contains(cluster));
        environment && cluster
    }
}

/// A definition in one place, with its tree: every field still knows where it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved<T> {
    /// The definition.
    pub value: T,
    /// Its tree in full form.
    pub tree: Node,
    /// The path of its file.
    pub path: String,
}

impl<T> Resolved<T> {
    /// The place of a field (keys from `spec`), or of what is nearest to it.
    pub fn place(&self, at: &[String]) -> Place {
        place(&self.tree, &self.path, at)
    }

    /// The diagnostic of a fault in this definition.
    pub fn diagnose(&self, fault: Fault) -> Diagnostic {
        let place = self.place(&fault.at);
        fault.into_diagnostic(place)
    }
}

pub(super) fn place(tree: &Node, path: &str, at: &[String]) -> Place {
    let (root, rest) = match at.first() {
        Some(first) if first == "metadata" => ("", at),
        _ => ("/spec", at),
    };
    let mut pointer = root.to_owned();
    for part in rest {
        pointer.push('/');
        pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
    }
    tree.find(&pointer).place(path)
}

/// Reads a definition in one place.
///
/// # Errors
/// Every fault of its overrides and variables, else every fault of its shape.
pub fn resolve<T>(definition: &Definition, setting: &Setting) -> Result<Resolved<T>, Vec<Diagnostic>>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let mut tree = definition.tree.clone();
    merge_overrides(&mut tree, "/spec", setting, &definition.path)?;
    finish(definition, tree, setting)
}

/// What is wrong with a definition whose place is not wholly known: faults that hang on a variable
/// without a value are left out.
///
/// # Errors
/// As [`resolve`], less those. They may be none: then nothing more can be said of the definition.
pub fn resolve_openly<T>(definition: &Definition, setting: &Setting) -> Result<Resolved<T>, Vec<Diagnostic>>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    resolve(definition, setting).map_err(|faults| {
        let open = open_places(definition, setting);
        faults.into_iter().filter(|fault| !open.contains(&fault.place)).collect()
    })
}

/// The places in a definition whose values hang on a variable without a value.
pub fn open_places(definition: &Definition, setting: &Setting) -> BTreeSet<Place> {
    let mut open = BTreeSet::new();
    let mut pending = vec![&definition.tree];
    while let Some(node) = pending.pop() {
        pending.extend(node.as_sequence().into_iter().flatten());
        pending.extend(node.as_mapping().into_iter().flatten().map(|(_, value)| value));
        if node.as_str().is_some_and(|text| setting.variables.is_open(text)) {
            open.insert(node.place(&definition.path));
        }
    }
    open
}

/// Reads a tenant in one place; its namespaces have the overrides.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_tenant(
    definition: &Definition,
    setting: &Setting,
) -> Result<Resolved<Tenant>, Vec<Diagnostic>> {
    let mut tree = definition.tree.clone();
    let namespaces = tree.pointer("/spec/namespaces").and_then(Node::as_mapping).unwrap_or_default();
    let names: Vec<String> = namespaces.iter().map(|(key, _)| key.text.clone()).collect();
    let mut faults = Vec::new();
    for name in names {
        let at = format!("/spec/namespaces/{}", name.replace('~', "~0").replace('/', "~1"));
        if let Err(more) = merge_overrides(&mut tree, &at, setting, &definition.path) {
            faults.extend(more);
        }
    }
    if faults.is_empty() { finish(definition, tree, setting) } else { Err(faults) }
}

/// The environment's view of a definition's tree: its overrides by cluster left out. What follows
/// from it is the same on every cluster.
pub(crate) fn common_tree(definition: &Definition, setting: &Setting) -> Node {
    let mut tree = definition.tree.clone();
    // Faults of overrides are reported where the whole definition is read.
    let _ = merge_overrides(&mut tree, "/spec", setting, &definition.path);
    tree
}

fn finish<T>(
    definition: &Definition,
    mut tree: Node,
    setting: &Setting,
) -> Result<Resolved<T>, Vec<Diagnostic>>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    let path = definition.path.as_str();
    let mut faults = Vec::new();
    // Ciphertexts are not for reading.
    if definition.kind != Kind::Secret
        && let Some(spec) = tree.pointer_mut("/spec")
    {
        substitute(spec, &setting.variables, path, &mut faults);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if definition.kind == Kind::App
        && let Some(spec) = tree.pointer_mut("/spec")
    {
        let faults = lift(spec, &definition.name, path);
        if !faults.is_empty() {
            return Err(faults);
        }
    }
    let value = typed::<T>(&tree, path, "/spec")?;
    Ok(Resolved { value, tree, path: path.to_owned() })
}

/// Merges the overrides of the mapping at `at` that count here into it, in order, and takes the
/// field away.
fn merge_overrides(tree: &mut Node, at: &str, setting: &Setting, path: &str) -> Result<(), Vec<Diagnostic>> {
    let field = format!("{at}/overrides");
    if tree.pointer(&field).is_none() {
        return Ok(());
    }
    let overrides: Vec<Override> = typed(tree, path, &field)?;
    let Some(target) = tree.pointer_mut(at) else { return Ok(()) };
    let Some((_, list)) = target.take("overrides") else { return Ok(()) };
    let mut faults = Vec::new();
    for (entry, node) in overrides.iter().zip(list.as_sequence().unwrap_or_default()) {
        let Some(merge) = node.get("merge") else { continue };
        if !matches!(merge.value, NodeValue::Mapping(_)) {
            let message = format!("`merge` is {}; a mapping of fields is expected", merge.value.describe());
            faults.push(Diagnostic::error(Code::S0408, merge.place(path), message));
        } else if merge.get("overrides").is_some() {
            let message = "an override can't change `overrides`";
            faults.push(Diagnostic::error(Code::S0408, merge.place(path), message));
        } else if setting.meets(&entry.when) {
            target.merge(merge);
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}
