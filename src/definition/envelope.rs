//! From a file to its definitions: which documents are ours, and what stands around `spec`.
//!
//! Files of other kinds (manifests, charts, configuration) lie beside definitions; whatever is wrong
//! in a file that nowhere names our API group is no concern of ours. What `spec` holds is typed
//! later, when variables and overrides have been applied.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::UnknownKind;
use super::shape::{nearest, typed};
use super::yaml::{self, Document, Limits, Node, NodeValue};
use super::{API_VERSION, Kind};
use crate::diagnostic::{Code, Diagnostic, Place, shorten};
use crate::model::{AppName, ClusterName, TenantName};

/// The API group of definitions, with its slash.
const GROUP: &str = "sluice.dev/";

/// A definition whose envelope is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The kind.
    pub kind: Kind,
    /// The name, a DNS label.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// The path of the file from the repository's root.
    pub path: String,
    /// The line in which the document's first field stands.
    pub line: u32,
    /// The whole document, `spec` in it as written.
    pub tree: Node,
    /// The whole document's text, as written.
    pub raw: String,
}

impl Definition {
    /// `spec` as written; the document itself where it has none.
    pub fn spec(&self) -> &Node {
        self.tree.find("/spec")
    }

    /// Where the name stands.
    pub fn place(&self) -> Place {
        self.tree.find("/metadata/name").place(&self.path)
    }

    /// The value of `spec` as written, without variables, overrides and short forms.
    ///
    /// # Errors
    /// Every fault of its shape.
    pub fn typed<T>(&self) -> Result<T, Vec<Diagnostic>>
    where
        T: serde::de::DeserializeOwned + JsonSchema + 'static,
    {
        typed(&self.tree, &self.path, "/spec")
    }
}

/// `metadata` of a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// The name, a DNS label, unique in its kind and tenant.
    pub name: String,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// The definitions in a file, what is wrong, and whether the file could be read to its end: where it
/// could not, a definition that is missing here may still be in the file.
pub fn parse(path: &str, bytes: &[u8]) -> (Vec<Definition>, Vec<Diagnostic>, bool) {
    let stream = yaml::load(bytes, path, &Limits::default());
    if !stream.diagnostics.is_empty() && !mentions_group(bytes) {
        return (Vec::new(), Vec::new(), true);
    }
    let mut diagnostics = stream.diagnostics;
    let mut definitions = Vec::new();
    for document in stream.documents {
        let sound = document.sound;
        match define(path, document) {
            Ok(Some(definition)) if sound => definitions.push(definition),
            Ok(_) => {}
            Err(faults) => diagnostics.extend(faults),
        }
    }
    diagnostics.sort();
    (definitions, diagnostics, stream.complete)
}

/// Whether the bytes name our API group, in UTF-8 or UTF-16.
fn mentions_group(bytes: &[u8]) -> bool {
    let contains = |bytes: &[u8]| bytes.windows(GROUP.len()).any(|window| window == GROUP.as_bytes());
    contains(bytes)
        || (bytes.contains(&0)
            && contains(&bytes.iter().copied().filter(|byte| *byte != 0).collect::<Vec<_>>()))
}

/// The definition that a document is; none if it is no document of ours.
fn define(path: &str, document: Document) -> Result<Option<Definition>, Vec<Diagnostic>> {
    let tree = document.root;
    let Some(version) = tree.get("apiVersion").filter(|node| is_ours(node)) else { return Ok(None) };
    let mut faults = Vec::new();
    if version.as_str() != Some(API_VERSION) {
        let message = format!("there is no version `{}`", shorten(version.as_str().unwrap_or_default()));
        let help = format!("write `{API_VERSION}`");
        faults.push(Diagnostic::error(Code::S0302, version.place(path), message).help(help));
    }
    let kind = kind_of(&tree, path).map_err(|fault| faults.push(fault)).ok();
    if let Some(kind) = kind {
        check_fields(&tree, kind, path, &mut faults);
    }
    let metadata = match typed::<Metadata>(&tree, path, "/metadata") {
        Ok(metadata) => Some(metadata),
        Err(found) => {
            faults.extend(found);
            None
        }
    };
    if let (Some(kind), Some(metadata)) = (kind, &metadata) {
        check_metadata(&tree, kind, metadata, path, &mut faults);
    }
    match (kind, metadata, faults.is_empty()) {
        (Some(kind), Some(metadata), true) => Ok(Some(Definition {
            kind,
            name: metadata.name,
            labels: metadata.labels,
            annotations: metadata.annotations,
            path: path.to_owned(),
            line: tree.line,
            tree,
            raw: document.raw,
        })),
        _ => Err(faults),
    }
}

/// Whether an `apiVersion` is ours, or was meant to be.
fn is_ours(version: &Node) -> bool {
    let Some(text) = version.as_str() else { return false };
    text.starts_with(GROUP)
        || text.split_once('/').is_some_and(|(group, version)| {
            version == "v1alpha1" && strsim::damerau_levenshtein(group, "sluice.dev") <= 2
        })
}

fn kind_of(tree: &Node, path: &str) -> Result<Kind, Diagnostic> {
    let Some(node) = tree.get("kind") else {
        return Err(Diagnostic::error(Code::S0303, tree.place(path), "the field `kind` is missing"));
    };
    let Some(text) = node.as_str() else {
        let message = format!("{} where a kind is wanted", node.value.describe());
        return Err(Diagnostic::error(Code::S0305, node.place(path), message));
    };
    text.parse().map_err(|error: UnknownKind| match error {
        UnknownKind::Later(_) => Diagnostic::error(Code::S0309, node.place(path), error.to_string()),
        UnknownKind::Unknown(_) => {
            let message = format!("there is no kind `{}`", shorten(text));
            let help = match Kind::nearest(text) {
                Some(kind) => format!("did you mean `{kind}`?"),
                None => format!(
                    "kinds: {}",
                    Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")
                ),
            };
            Diagnostic::error(Code::S0302, node.place(path), message).help(help)
        }
    })
}

/// Nothing stands beside `spec` but the rest of the envelope, and of a Secret SOPS' own data.
fn check_fields(tree: &Node, kind: Kind, path: &str, faults: &mut Vec<Diagnostic>) {
    let mut known = vec!["apiVersion", "kind", "metadata", "spec"];
    if kind == Kind::Secret {
        known.push("sops");
    }
    for (key, _) in tree.as_mapping().unwrap_or_default() {
        if known.contains(&key.text.as_str()) {
            continue;
        }
        let message = format!("unknown field `{}`", shorten(key.written.as_deref().unwrap_or(&key.text)));
        let help = match nearest(&key.text, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "what a definition says stands under `spec`".to_owned(),
        };
        faults.push(Diagnostic::error(Code::S0301, key.place(path), message).help(help));
    }
    match tree.get("spec").map(|spec| &spec.value) {
        Some(NodeValue::Mapping(_)) => {}
        Some(value) => {
            let message = format!("{} where a mapping is wanted", value.describe());
            faults.push(Diagnostic::error(Code::S0305, tree.find("/spec").place(path), message));
        }
        None => faults.push(Diagnostic::error(Code::S0303, tree.place(path), "the field `spec` is missing")),
    }
}

/// The most bytes that all annotations may have together, as for Kubernetes objects.
const ANNOTATION_BYTES: usize = 256 * 1024;

fn check_metadata(tree: &Node, kind: Kind, metadata: &Metadata, path: &str, faults: &mut Vec<Diagnostic>) {
    let name = match kind {
        Kind::Tenant => TenantName::new(metadata.name.as_str()).map(|_| ()),
        Kind::App => AppName::new(metadata.name.as_str()).map(|_| ()),
        _ => ClusterName::new(metadata.name.as_str()).map(|_| ()),
    };
    if let Err(error) = name {
        let error = error.to_string().replace("cluster name", &format!("{kind} name"));
        let place = tree.find("/metadata/name").place(path);
        faults.push(Diagnostic::error(Code::S0310, place, shorten_message(error)));
    }
    let fields = |name: &str| tree.find(&format!("/metadata/{name}")).as_mapping().unwrap_or_default();
    if !metadata.labels.is_empty() {
        for (key, value) in fields("labels") {
            if !is_qualified_name(&key.text) {
                let message = format!("`{}` is no label's name", shorten(&key.text));
                faults.push(Diagnostic::error(Code::S0310, key.place(path), message));
            }
            if !value.as_str().is_some_and(is_label_value) {
                let message = "this is no label's value: at most 63 letters, digits, `-`, `_` and `.`";
                faults.push(Diagnostic::error(Code::S0310, value.place(path), message));
            }
        }
    }
    if !metadata.annotations.is_empty() {
        for (key, _) in fields("annotations").iter().filter(|(key, _)| !is_qualified_name(&key.text)) {
            let message = format!("`{}` is no annotation's name", shorten(&key.text));
            faults.push(Diagnostic::error(Code::S0310, key.place(path), message));
        }
    }
    let bytes: usize = metadata.annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > ANNOTATION_BYTES {
        let message = format!("the annotations have {bytes} bytes; at most {ANNOTATION_BYTES} are allowed");
        faults.push(Diagnostic::error(Code::S0310, tree.find("/metadata/annotations").place(path), message));
    }
}

/// A message that repeats a long name of the user's.
fn shorten_message(message: String) -> String {
    match message.len() > 300 {
        true => shorten(&message).into_owned(),
        false => message,
    }
}

/// `[prefix/]name` as for labels and annotations of Kubernetes.
fn is_qualified_name(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let is_domain = |prefix: &str| {
        prefix.len() <= 253
            && prefix.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })
    };
    prefix.is_none_or(is_domain) && !name.is_empty() && is_label_value(name)
}

/// At most 63 letters, digits, `-`, `_`, `.`, with a letter or digit at both ends; or nothing.
fn is_label_value(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
