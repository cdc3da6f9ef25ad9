//! The published schemas: the form in which people write, for editors.
//!
//! They differ from what the walk uses in three ways. Short forms are allowed: an app takes the
//! fields of its only component and that of its only container. What is an integer, a truth value
//! or a duration may also be a text with a variable in it. What only our walk knows is left out.
//! They say less than `sluice validate`: that short and full form are not mixed, they do not.

use serde_json::{Map, Value, json};

use super::schema_of;
use crate::definition::{
    API_VERSION, App, Cluster, Component, Config, Container, Fleet, GrayRelease, Kind, Metadata, Secret,
    Tenant,
};

/// The JSON Schema (2020-12) of a kind, with its envelope.
pub fn schema(kind: Kind) -> Value {
    let mut spec = match kind {
        Kind::Fleet => schema_of::<Fleet>(),
        Kind::Cluster => schema_of::<Cluster>(),
        Kind::Tenant => schema_of::<Tenant>(),
        Kind::App => schema_of::<App>(),
        Kind::Config => schema_of::<Config>(),
        Kind::Secret => schema_of::<Secret>(),
        Kind::GrayRelease => schema_of::<GrayRelease>(),
    }
    .as_ref()
    .clone();
    let mut definitions = take_definitions(&mut spec);
    if kind == Kind::App {
        let short = short_forms();
        extend(&mut definitions["Component"], &[&schema_of::<Container>(), &short]);
        extend(&mut spec, &[&schema_of::<Component>(), &schema_of::<Container>(), &short]);
    }
    let mut metadata = schema_of::<Metadata>().as_ref().clone();
    take_definitions(&mut metadata);
    let mut properties = json!({
        "apiVersion": {"const": API_VERSION},
        "kind": {"const": kind.as_str()},
        "metadata": metadata,
        "spec": spec,
    });
    if kind == Kind::Secret {
        properties["sops"] = json!({"description": "What SOPS writes.", "type": "object"});
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.as_str(),
        "type": "object",
        "properties": properties,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "$defs": definitions,
    });
    allow_variables(&mut schema);
    schema["$defs"]["Variable"] = json!({
        "description": "A text with a variable in it, for example ${cluster.vars.replicas}.",
        "type": "string",
        "pattern": r"\$\{[^}]+\}",
    });
    schema
}

/// `port`, `health` and `host`.
fn short_forms() -> Value {
    json!({"properties": {
        "port": {
            "description": "Short form: the container's port `http`, and the service's port 80.",
            "type": "integer", "minimum": 1, "maximum": 65535,
        },
        "health": {
            "description": "Short form: a readiness and a startup probe that GET this path.",
            "type": "string",
        },
        "host": {"description": "Short form: a route for this host, at `/`.", "type": "string"},
    }})
}

/// The definitions of a root schema, taken out, with what marks it as a root.
fn take_definitions(schema: &mut Value) -> Map<String, Value> {
    let Some(fields) = schema.as_object_mut() else { return Map::new() };
    fields.remove("$schema");
    fields.remove("title");
    match fields.remove("$defs") {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    }
}

/// Adds the properties of other types. What these require stands perhaps at another level.
fn extend(schema: &mut Value, others: &[&Value]) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.remove("required");
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for other in others {
        for (name, property) in other["properties"].as_object().into_iter().flatten() {
            properties.entry(name.clone()).or_insert_with(|| property.clone());
        }
    }
}

/// Lets variables stand where no text is wanted, and takes out what only our walk reads.
fn allow_variables(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(allow_variables),
        Value::Object(fields) => {
            fields.remove("x-minimum");
            fields.remove("x-maximum");
            fields.values_mut().for_each(allow_variables);
            let wants = |wanted: &str| match fields.get("type") {
                Some(Value::Array(types)) => types.iter().any(|name| name == wanted),
                Some(name) => name == wanted,
                None => false,
            };
            let is_duration = wants("string") && fields.contains_key("pattern");
            if wants("integer") || wants("boolean") || is_duration {
                let mut outer = Map::new();
                for annotation in ["description", "default"] {
                    outer.extend(fields.remove_entry(annotation));
                }
                let inner = std::mem::take(fields);
                outer.insert("anyOf".to_owned(), json!([inner, {"$ref": "#/$defs/Variable"}]));
                *fields = outer;
            }
        }
        _ => {}
    }
}
