//! OpenAPI documents of version 3, made from the schema of the built-in kinds.
//!
//! Enough for kubectl to validate on the server, to explain fields, and to know merge keys.

use serde_json::{Map, Value, json};

use super::all_kinds;
use crate::model::schema::builtin_digest;
use crate::playground::kinds::Kind;
use crate::playground::schema::{ListMerge, Type, schema, type_of};
use crate::playground::store::Store;

fn document_path(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

/// `/openapi/v3`: where the documents are, below `prefix`. A document's hash changes with it.
pub(crate) fn index(store: &Store, prefix: &str) -> Value {
    let mut paths = Map::new();
    for kind in all_kinds(store) {
        let path = document_path(kind.group, kind.version);
        let hash = match store.definition(kind) {
            Some(_) => custom_hash(store, kind),
            None => builtin_digest().short(),
        };
        let url = format!("{prefix}/openapi/v3/{path}?hash={hash}");
        paths.insert(path, json!({"serverRelativeURL": url}));
    }
    json!({"paths": paths})
}

fn custom_hash(store: &Store, kind: &Kind) -> String {
    let of_group = store.definitions().all().filter(|held| held.kind.group == kind.group);
    let schemas: Vec<&Value> =
        of_group.flat_map(|held| &held.versions).map(|version| &version.schema).collect();
    crate::model::sha256(json!(schemas).to_string().as_bytes()).to_string().replace(':', "-")
}

/// The document of a group's version, by its path below `/openapi/v3/`.
pub(crate) fn document(store: &Store, path: &str) -> Option<Value> {
    let mut kinds = all_kinds(store);
    kinds.retain(|kind| document_path(kind.group, kind.version) == path);
    if kinds.is_empty() {
        return None;
    }
    let paths: Map<String, Value> = kinds.iter().map(|kind| (kind_path(kind), operations(kind))).collect();
    let mut schemas = Map::new();
    for kind in kinds {
        let name = match (store.definition(kind), type_of(kind)) {
            (Some(definition), _) => {
                let version = definition.version(kind.version)?;
                let name = format!("{}.{}.{}", kind.group, kind.version, kind.kind);
                let published = custom_schema(&version.schema, &mut schemas);
                schemas.insert(name.clone(), published);
                name
            }
            (None, Type::Named(name)) => {
                add_schema(&name, &mut schemas);
                name
            }
            _ => continue,
        };
        if let Some(held) = schemas.get_mut(&name) {
            held["x-kubernetes-group-version-kind"] = json!([gvk(kind)]);
        }
    }
    Some(json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths, "components": {"schemas": schemas}}))
}

/// The schema of a custom kind as it is published: with what every object has.
fn custom_schema(schema: &Value, schemas: &mut Map<String, Value>) -> Value {
    let mut published = if schema.is_object() { schema.clone() } else { json!({"type": "object"}) };
    add_schema("ObjectMeta", schemas);
    let properties = &mut published["properties"];
    properties["apiVersion"] = json!({"type": "string"});
    properties["kind"] = json!({"type": "string"});
    properties["metadata"] = json!({"allOf": [{"$ref": "#/components/schemas/ObjectMeta"}]});
    published
}

fn gvk(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.kind})
}

fn kind_path(kind: &Kind) -> String {
    let base = document_path(kind.group, kind.version);
    let scope = if kind.namespaced { "namespaces/{namespace}/" } else { "" };
    format!("/{base}/{scope}{}/{{name}}", kind.plural)
}

fn operations(kind: &Kind) -> Value {
    let parameter =
        |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    let write = |action: &str, content: &[&str]| {
        let content: Map<String, Value> =
            content.iter().map(|media| ((*media).to_owned(), json!({}))).collect();
        json!({"operationId": format!("{action}{}", kind.kind),
            "parameters": [parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")],
            "requestBody": {"content": content}, "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk(kind)})
    };
    json!({
        "get": {"operationId": format!("read{}", kind.kind), "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "get", "x-kubernetes-group-version-kind": gvk(kind)},
        "put": write("put", &["*/*"]),
        "patch": write("patch", &["application/apply-patch+yaml", "application/json-patch+json",
            "application/merge-patch+json"]),
    })
}

/// Adds a named type with all that it refers to.
fn add_schema(name: &str, schemas: &mut Map<String, Value>) {
    if schemas.contains_key(name) {
        return;
    }
    let Some(named) = schema().named(name) else { return };
    schemas.insert(name.to_owned(), Value::Null);
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (field, held) in &named.fields {
        let mut property = type_schema(&held.kind, schemas);
        if let (Some(default), Some(property)) = (&held.default, property.as_object_mut())
            && !property.contains_key("$ref")
        {
            property.insert("default".into(), default.clone());
        }
        if held.required {
            required.push(field.clone());
        }
        properties.insert(field.clone(), property);
    }
    let mut value = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        value["required"] = json!(required);
    }
    if named.atomic {
        value["x-kubernetes-map-type"] = json!("atomic");
    }
    schemas.insert(name.to_owned(), value);
}

fn type_schema(kind: &Type, schemas: &mut Map<String, Value>) -> Value {
    match kind {
        Type::Text { words, .. } if words.is_empty() => json!({"type": "string"}),
        Type::Text { words, .. } => json!({"type": "string", "enum": words}),
        Type::Integer { .. } => json!({"type": "integer", "format": "int64"}),
        Type::Boolean { .. } => json!({"type": "boolean"}),
        Type::Number => json!({"type": "number"}),
        Type::Quantity => json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
        Type::IntOrString => {
            json!({"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]})
        }
        Type::Any | Type::AnyAtomic => {
            json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
        }
        Type::Named(name) => {
            add_schema(name, schemas);
            json!({"allOf": [{"$ref": format!("#/components/schemas/{name}")}]})
        }
        Type::Map { value, atomic } => {
            let mut map = json!({"type": "object", "additionalProperties": type_schema(value, schemas)});
            if *atomic {
                map["x-kubernetes-map-type"] = json!("atomic");
            }
            map
        }
        Type::List { item, merge } => {
            let mut list = json!({"type": "array", "items": type_schema(item, schemas)});
            match merge {
                ListMerge::Atomic => list["x-kubernetes-list-type"] = json!("atomic"),
                ListMerge::Set => list["x-kubernetes-list-type"] = json!("set"),
                ListMerge::Keys(keys) => {
                    let names: Vec<&String> = keys.iter().map(|(key, _)| key).collect();
                    list["x-kubernetes-list-type"] = json!("map");
                    list["x-kubernetes-list-map-keys"] = json!(names);
                }
            }
            list
        }
    }
}
