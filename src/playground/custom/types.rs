//! Structural schemas as types for server-side apply.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::schema::Field;
use crate::playground::schema::{ListMerge, Schema, Struct, Type, schema};

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

/// The name of the type of whole objects. Those of parts are named by their path.
const ROOT: &str = "Object";

/// The built-in types that every object has in its metadata.
const METADATA: [&str; 2] = ["ObjectMeta", "OwnerReference"];

/// The type of whole objects.
pub(crate) fn root_type() -> Type {
    Type::Named(ROOT.to_owned())
}

/// The types of a resource's objects.
pub(crate) fn of_schema(of: &Value) -> Schema {
    let mut types = Schema::default();
    METADATA.iter().filter_map(|name| schema().named(name)).for_each(|held| types.add(held.clone()));
    let mut root = structure(&mut types, of, ROOT);
    add_identity(&mut root, &Type::Named("ObjectMeta".into()));
    types.add(root);
    types
}

fn field(kind: Type, default: Option<Value>) -> Field {
    Field { kind, required: false, default, keep_empty: true }
}

fn text() -> Type {
    Type::Text { keep_empty: true, words: Vec::new() }
}

fn add_identity(held: &mut Struct, metadata: &Type) {
    for (name, kind) in [("apiVersion", text()), ("kind", text()), ("metadata", metadata.clone())] {
        held.fields.insert(name.to_owned(), field(kind, None));
    }
}

fn structure(types: &mut Schema, schema: &Value, name: &str) -> Struct {
    let declared = schema.get("properties").and_then(Value::as_object);
    let fields: BTreeMap<String, Field> = declared
        .into_iter()
        .flatten()
        .map(|(inner, held)| {
            let kind = of(types, held, &format!("{name}.{inner}"));
            (inner.clone(), field(kind, held.get("default").cloned()))
        })
        .collect();
    Struct {
        name: name.to_owned(),
        atomic: schema["x-kubernetes-map-type"] == "atomic",
        custom: true,
        open: schema[PRESERVE] == true || schema["additionalProperties"] == true,
        fields,
    }
}

fn of(types: &mut Schema, schema: &Value, name: &str) -> Type {
    if schema["x-kubernetes-int-or-string"] == true {
        return Type::IntOrString;
    }
    let atomic = schema["x-kubernetes-map-type"] == "atomic";
    match schema["type"].as_str() {
        Some("string") => text(),
        Some("integer") => Type::Integer { drop_zero: false },
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean { drop_false: false },
        Some("array") => {
            let item = of(types, &schema["items"], &format!("{name}.items"));
            let merge = match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => ListMerge::Set,
                Some("map") => ListMerge::Keys(keys(schema)),
                _ => ListMerge::Atomic,
            };
            Type::List { item: Box::new(item), merge }
        }
        Some(_) if schema["additionalProperties"].is_object() => {
            let value = of(types, &schema["additionalProperties"], &format!("{name}.values"));
            Type::Map { value: Box::new(value), atomic }
        }
        Some(_) => {
            let mut held = structure(types, schema, name);
            if schema["x-kubernetes-embedded-resource"] == true {
                add_identity(&mut held, &Type::Any);
            }
            if held.open && held.fields.is_empty() {
                return if atomic { Type::AnyAtomic } else { Type::Any };
            }
            types.add(held);
            Type::Named(name.to_owned())
        }
        None => Type::Any,
    }
}

fn keys(schema: &Value) -> Vec<(String, Option<Value>)> {
    let names = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
    let default = |name: &str| schema["items"]["properties"].get(name)?.get("default").cloned();
    names.filter_map(Value::as_str).map(|name| (name.to_owned(), default(name))).collect()
}
