//! CustomResourceDefinitions.
//!
//! Names, scope, versions and their schemas; whether a schema is structural in every detail is left
//! to a real API server.

use serde_json::{Value, json};

use crate::playground::status::Cause;
use crate::playground::store::text_at;

pub(super) fn check(old: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &object["spec"];
    let (group, plural) = (text_at(object, "/spec/group"), text_at(object, "/spec/names/plural"));
    if text_at(object, "/metadata/name") != format!("{plural}.{group}") {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &object["metadata"]["name"], detail));
    }
    for field in ["group", "scope"] {
        if text_at(object, &format!("/spec/{field}")).is_empty() {
            causes.push(Cause::required(format!("spec.{field}")));
        }
    }
    for field in ["plural", "singular", "kind", "listKind"] {
        if text_at(object, &format!("/spec/names/{field}")).is_empty() {
            causes.push(Cause::required(format!("spec.names.{field}")));
        }
    }
    let scopes = ["Cluster", "Namespaced"];
    if spec.get("scope").is_some_and(|held| !scopes.contains(&held.as_str().unwrap_or_default())) {
        causes.push(Cause::unsupported("spec.scope", &spec["scope"], &scopes));
    }
    let versions = spec["versions"].as_array().map_or(&[][..], Vec::as_slice);
    if versions.iter().filter(|version| version["storage"] == true).count() != 1 {
        let detail = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &spec["versions"], detail));
    }
    for (index, version) in versions.iter().enumerate() {
        let place = format!("spec.versions[{index}].schema.openAPIV3Schema");
        let Some(schema) = version.pointer("/schema/openAPIV3Schema") else {
            causes.push(Cause::required_because(place, "schemas are required"));
            continue;
        };
        check_schema(schema, &place, &mut causes);
    }
    if let Some(old) = old {
        for field in ["group", "scope"] {
            if old["spec"][field] != spec[field] {
                let detail = "field is immutable";
                causes.push(Cause::invalid(format!("spec.{field}"), &spec[field], detail));
            }
        }
    }
    causes
}

/// What a structural schema has at every place: a type, and keys where a list is a map.
fn check_schema(schema: &Value, place: &str, causes: &mut Vec<Cause>) {
    let typeless = schema["x-kubernetes-int-or-string"] == true
        || schema["x-kubernetes-preserve-unknown-fields"] == true;
    if schema.get("type").is_none() && !typeless {
        causes.push(Cause::required_because(
            format!("{place}.type"),
            "must not be empty for specified object fields",
        ));
    }
    let keys = schema.get("x-kubernetes-list-map-keys");
    if schema["x-kubernetes-list-type"] == "map" && keys.is_none() {
        let detail = "must not be empty if x-kubernetes-list-type is map";
        causes.push(Cause::required_because(format!("{place}.x-kubernetes-list-map-keys"), detail));
    }
    if schema["type"] == "array" && schema.get("items").is_none() {
        causes.push(Cause::required_because(format!("{place}.items"), "must be specified"));
    }
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_some_and(Value::is_object)
    {
        let detail = "additionalProperties and properties are mutual exclusive";
        causes.push(Cause::forbidden(format!("{place}.additionalProperties"), detail));
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        check_schema(inner, &format!("{place}.properties[{name}]"), causes);
    }
    for field in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get(field).filter(|inner| inner.is_object() && **inner != json!({})) {
            check_schema(inner, &format!("{place}.{field}"), causes);
        }
    }
}
