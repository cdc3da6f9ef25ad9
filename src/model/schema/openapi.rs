//! From the OpenAPI v3 documents of an API server to a schema: one document per group and version,
//! reduced one after the other, so that only one of these large documents is in memory.
//!
//! What a document says of values beyond type, presence, words and merging (patterns, bounds,
//! expressions) is left to the API server.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::notation::{plain, text_type};
use super::{Field, ListMerge, Schema, Struct, Type};

/// The most named types that are taken from one API server. Kubernetes itself has about a thousand;
/// many custom resources add some hundred each.
const MOST_TYPES: usize = 50_000;

/// A document that can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum OpenApiError {
    /// It is no OpenAPI document of version 3.
    #[error("the document is no OpenAPI of version 3")]
    Unreadable(#[source] serde_json::Error),
    /// There are too many types.
    #[error("there are more than {MOST_TYPES} types")]
    TooMany,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    components: Components,
}

#[derive(Deserialize, Default)]
struct Components {
    #[serde(default)]
    schemas: BTreeMap<String, Node>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Node {
    #[serde(rename = "$ref")]
    reference: Option<String>,
    #[serde(rename = "type")]
    kind: Option<Value>,
    format: Option<String>,
    properties: Option<BTreeMap<String, Node>>,
    required: Vec<String>,
    items: Option<Box<Node>>,
    #[serde(rename = "additionalProperties")]
    additional: Option<Additional>,
    #[serde(rename = "allOf")]
    all_of: Vec<Node>,
    #[serde(rename = "oneOf")]
    one_of: Vec<Node>,
    #[serde(rename = "anyOf")]
    any_of: Vec<Node>,
    #[serde(rename = "enum")]
    words: Vec<Value>,
    default: Option<Value>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    preserves: bool,
    #[serde(rename = "x-kubernetes-int-or-string")]
    int_or_string: bool,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    embedded: bool,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    kinds: Vec<GroupVersionKind>,
    #[serde(rename = "x-kubernetes-list-type")]
    list_type: Option<String>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    list_keys: Vec<String>,
    #[serde(rename = "x-kubernetes-map-type")]
    map_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Additional {
    Flag(bool),
    Schema(Box<Node>),
}

#[derive(Deserialize)]
struct GroupVersionKind {
    #[serde(default)]
    group: String,
    version: String,
    kind: String,
}

/// Puts the documents of one API server together.
#[derive(Debug, Default)]
pub struct Reducer {
    schema: Schema,
    documents: usize,
}

impl Reducer {
    /// Takes the kinds of a document that `wanted` (given `apiVersion` and kind) asks for, with all
    /// that they refer to.
    ///
    /// # Errors
    /// The bytes are no such document, or there are too many types; what was taken before stays.
    pub fn add(&mut self, document: &[u8], wanted: impl Fn(&str, &str) -> bool) -> Result<(), OpenApiError> {
        let document: Document = serde_json::from_slice(document).map_err(OpenApiError::Unreadable)?;
        let mut reading = Reading { nodes: &document.components.schemas, schema: Schema::default(), made: 0 };
        for (name, node) in reading.nodes {
            let [kind] = node.kinds.as_slice() else { continue };
            let api_version = match kind.group.as_str() {
                "" => kind.version.clone(),
                group => format!("{group}/{}", kind.version),
            };
            if is_word(name) && is_word(&kind.kind) && wanted(&api_version, &kind.kind) {
                reading.named(name);
                if reading.schema.types.contains_key(name) {
                    reading.schema.add_kind(&api_version, &kind.kind, name);
                }
            }
        }
        self.documents += 1;
        self.merge(reading.schema)
    }

    /// What came of all documents.
    pub fn finish(self) -> Schema {
        self.schema
    }

    /// Joins types that several documents describe alike. Where two servers behind one address
    /// disagree on a type, each document keeps its own.
    fn merge(&mut self, mut more: Schema) -> Result<(), OpenApiError> {
        let differs =
            |(name, held): (&String, &Struct)| self.schema.types.get(name).is_some_and(|known| known != held);
        if more.types.iter().any(differs) {
            more = renamed(more, self.documents);
        }
        if self.schema.types.len() + more.types.len() > MOST_TYPES {
            return Err(OpenApiError::TooMany);
        }
        self.schema.types.extend(more.types);
        for (api_version, kinds) in more.kinds {
            self.schema.kinds.entry(api_version).or_default().extend(kinds);
        }
        Ok(())
    }
}

fn renamed(schema: Schema, number: usize) -> Schema {
    let new = |name: &str| format!("{name}~{number}");
    fn rename(kind: &mut Type, new: &impl Fn(&str) -> String) {
        match kind {
            Type::Named(name) => *name = new(name),
            Type::Map { value, .. } => rename(value, new),
            Type::List { item, .. } => rename(item, new),
            _ => {}
        }
    }
    let mut result = Schema::default();
    for mut named in schema.types.into_values() {
        named.name = new(&named.name);
        named.fields.values_mut().for_each(|field| rename(&mut field.kind, &new));
        result.add(named);
    }
    for (api_version, kinds) in schema.kinds {
        for (kind, name) in kinds {
            result.add_kind(&api_version, &kind, &new(&name));
        }
    }
    result
}

/// One document while it is read.
struct Reading<'a> {
    nodes: &'a BTreeMap<String, Node>,
    schema: Schema,
    made: usize,
}

impl<'a> Reading<'a> {
    /// Takes a named type and all that it refers to; they may refer to each other.
    fn named(&mut self, name: &str) -> Type {
        let Some(node) = self.nodes.get(name).filter(|_| is_word(name)) else { return Type::Any };
        let short = name.rsplit('.').next().unwrap_or(name);
        match (short, node.properties.is_some()) {
            ("Quantity", false) => return Type::Quantity,
            ("IntOrString", false) => return Type::IntOrString,
            (_, false) => return self.convert(node, name),
            (_, true) => {}
        }
        if !self.schema.types.contains_key(name) {
            self.schema.add(Struct { name: name.to_owned(), ..Struct::default() });
            let named = self.fields(name, node);
            match named {
                Some(named) => self.schema.add(named),
                None => {
                    self.schema.types.remove(name);
                    return Type::Any;
                }
            }
        }
        Type::Named(name.to_owned())
    }

    fn fields(&mut self, name: &str, node: &'a Node) -> Option<Struct> {
        let properties = node.properties.as_ref()?;
        if !properties.keys().all(|name| is_word(name)) {
            return None;
        }
        let required: BTreeSet<&str> = node.required.iter().map(String::as_str).collect();
        let mut fields = BTreeMap::new();
        for (field, inner) in properties {
            let kind = self.convert(inner, name);
            // What has a default is filled in before anybody misses it. Of Kubernetes' own types the
            // zero of the programming language is published as a default, and missed all the same.
            let filled = match &inner.default {
                Some(default) => !(is_native(name) && is_zero(default)),
                None => false,
            };
            let required = required.contains(field.as_str()) && !filled;
            fields.insert(field.clone(), Field { required, ..plain(kind) });
        }
        if node.embedded {
            for field in ["apiVersion", "kind"] {
                fields.entry(field.to_owned()).or_insert_with(|| plain(text_type()));
            }
            fields.entry("metadata".to_owned()).or_insert_with(|| plain(Type::Any));
        }
        Some(Struct {
            name: name.to_owned(),
            atomic: node.map_type.as_deref() == Some("atomic"),
            custom: false,
            open: node.preserves,
            fields,
        })
    }

    fn convert(&mut self, node: &'a Node, owner: &str) -> Type {
        if let Some(reference) = &node.reference {
            return self.named(reference.rsplit('/').next().unwrap_or_default());
        }
        if node.int_or_string || node.format.as_deref() == Some("int-or-string") {
            return Type::IntOrString;
        }
        if let (None, [only]) = (&node.properties, node.all_of.as_slice()) {
            return self.convert(only, owner);
        }
        let kind = node.kind.as_ref().and_then(Value::as_str);
        match kind {
            Some("string") => Type::Text { keep_empty: false, words: words(&node.words) },
            Some("integer") => Type::Integer { drop_zero: false },
            Some("number") => Type::Number,
            Some("boolean") => Type::Boolean { drop_false: false },
            Some("array") => {
                let item = node.items.as_ref().map_or(Type::Any, |item| self.convert(item, owner));
                Type::List { item: Box::new(item), merge: merge(node) }
            }
            Some("object") => self.object(node, owner),
            None if node.properties.is_some() => self.object(node, owner),
            None => either(node),
            Some(_) => Type::Any,
        }
    }

    fn object(&mut self, node: &'a Node, owner: &str) -> Type {
        let atomic = node.map_type.as_deref() == Some("atomic");
        match (&node.properties, &node.additional) {
            (Some(properties), _) if !properties.is_empty() => {
                self.made += 1;
                let name = format!("{}#{}", owner.split('#').next().unwrap_or(owner), self.made);
                match self.fields(&name, node) {
                    Some(named) => {
                        self.schema.add(named);
                        Type::Named(name)
                    }
                    None => Type::Any,
                }
            }
            (_, Some(Additional::Schema(value))) => {
                Type::Map { value: Box::new(self.convert(value, owner)), atomic }
            }
            (_, Some(Additional::Flag(false))) if !node.preserves => {
                self.made += 1;
                let name = format!("{}#{}", owner.split('#').next().unwrap_or(owner), self.made);
                self.schema.add(Struct { name: name.clone(), ..Struct::default() });
                Type::Named(name)
            }
            // Nothing said: an object of any fields.
            (_, Some(Additional::Flag(_)) | None) if atomic => Type::AnyAtomic,
            (_, Some(Additional::Flag(_)) | None) => Type::Any,
        }
    }
}

/// Whether a type is one of Kubernetes itself, written in its programming language.
fn is_native(name: &str) -> bool {
    let homes = ["api.", "apimachinery.", "apiextensions-apiserver.", "kube-aggregator."];
    name.strip_prefix("io.k8s.").is_some_and(|rest| homes.iter().any(|home| rest.starts_with(home)))
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// A value of one of several types.
fn either(node: &Node) -> Type {
    let all = if node.one_of.is_empty() { &node.any_of } else { &node.one_of };
    let has = |kind: &str| all.iter().any(|one| one.kind.as_ref().and_then(Value::as_str) == Some(kind));
    match (has("string"), has("integer"), has("number")) {
        (true, true, false) => Type::IntOrString,
        (true, false, true) => Type::Quantity,
        _ => Type::Any,
    }
}

fn merge(node: &Node) -> ListMerge {
    match node.list_type.as_deref() {
        Some("set") => ListMerge::Set,
        Some("map") if node.list_keys.iter().all(|key| is_word(key)) => {
            ListMerge::Keys(node.list_keys.iter().map(|key| (key.clone(), None)).collect())
        }
        _ => ListMerge::Atomic,
    }
}

/// The words of an enumeration; none if one can't stand in the notation.
fn words(values: &[Value]) -> Vec<String> {
    let all: Option<Vec<String>> = values
        .iter()
        .filter(|value| value.as_str() != Some(""))
        .map(|value| value.as_str().filter(|text| is_word(text)).map(str::to_owned))
        .collect();
    all.unwrap_or_default()
}

/// Whether a text can stand in the notation as it is.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/$".contains(&b))
}
