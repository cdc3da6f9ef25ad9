//! What a schema forbids, in the words of the API server.

use serde_json::{Value, json};

use crate::playground::status::Cause;

/// The faults of a custom resource's object.
pub(crate) fn check(schema: &Value, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check_at(schema, object, "", &mut causes);
    causes.retain(|cause| !["apiVersion", "kind"].contains(&cause.field.as_str()));
    causes
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn fits(wanted: &str, value: &Value) -> bool {
    match (wanted, value) {
        ("integer", Value::Number(number)) => {
            !number.is_f64() || number.as_f64().is_some_and(|held| held.fract() == 0.0)
        }
        ("number", Value::Number(_)) => true,
        (wanted, value) => wanted == type_name(value),
    }
}

fn invalid(path: &str, value: &Value, rest: &str) -> Cause {
    Cause::invalid(path, value, format!("{path} in body {rest}"))
}

fn check_at(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    let int_or_string = schema["x-kubernetes-int-or-string"] == true;
    if int_or_string && !fits("integer", value) && !value.is_string() {
        let found = type_name(value);
        causes.push(invalid(path, &json!(found), &format!("must be of type integer,string: {found:?}")));
        return;
    }
    if let Some(wanted) = schema["type"].as_str().filter(|wanted| !fits(wanted, value)) {
        let found = type_name(value);
        let mut cause = invalid(path, &json!(found), &format!("must be of type {wanted}: {found:?}"));
        cause.reason = "FieldValueTypeInvalid";
        causes.push(cause);
        return;
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        causes.push(Cause {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value}: supported values: {}", allowed.join(", ")),
            field: path.to_owned(),
        });
    }
    match value {
        Value::String(text) => check_text(schema, text, path, causes),
        Value::Number(_) => check_number(schema, value, path, causes),
        Value::Array(items) => check_items(schema, items, path, causes),
        Value::Object(_) => check_fields(schema, value, path, causes),
        _ => {}
    }
    check_joined(schema, value, path, causes);
}

fn check_text(schema: &Value, text: &str, path: &str, causes: &mut Vec<Cause>) {
    let value = json!(text);
    let length = text.chars().count() as u64;
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {most} bytes"),
            field: path.to_owned(),
        });
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        causes.push(invalid(path, &value, &format!("should be at least {least} chars long")));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
    {
        causes.push(invalid(path, &value, &format!("should match '{pattern}'")));
    }
}

fn check_number(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let Some(number) = value.as_f64() else { return };
    if let Some(least) = schema["minimum"].as_f64() {
        let strict = schema["exclusiveMinimum"] == true;
        if number < least || (strict && number <= least) {
            let words = if strict { "should be greater than" } else { "should be greater than or equal to" };
            causes.push(invalid(path, value, &format!("{words} {}", schema["minimum"])));
        }
    }
    if let Some(most) = schema["maximum"].as_f64() {
        let strict = schema["exclusiveMaximum"] == true;
        if number > most || (strict && number >= most) {
            let words = if strict { "should be less than" } else { "should be less than or equal to" };
            causes.push(invalid(path, value, &format!("{words} {}", schema["maximum"])));
        }
    }
    if let Some(step) = schema["multipleOf"].as_f64().filter(|step| *step > 0.0)
        && (number / step).fract() != 0.0
    {
        causes.push(invalid(path, value, &format!("should be a multiple of {}", schema["multipleOf"])));
    }
}

fn check_items(schema: &Value, items: &[Value], path: &str, causes: &mut Vec<Cause>) {
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| items.len() as u64 > *most) {
        causes.push(Cause {
            reason: "FieldValueTooMany",
            message: format!("Too many: {}: must have at most {most} items", items.len()),
            field: path.to_owned(),
        });
    }
    if let Some(least) = schema["minItems"].as_u64().filter(|least| (items.len() as u64) < *least) {
        causes.push(invalid(path, &json!(items.len()), &format!("should have at least {least} items")));
    }
    let keys: Vec<&str> = schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut seen: Vec<Value> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{path}[{index}]");
        let key = match schema["x-kubernetes-list-type"].as_str() {
            Some("set") => Some(item.clone()),
            Some("map") => Some(keys.iter().map(|key| ((*key).to_owned(), item[*key].clone())).collect()),
            _ => None,
        };
        if let Some(key) = key {
            if seen.contains(&key) {
                causes.push(Cause::duplicate(place.clone(), &key));
            }
            seen.push(key);
        }
        if let Some(declared) = schema.get("items") {
            check_at(declared, item, &place, causes);
        }
    }
}

fn check_fields(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            causes.push(Cause::required(join(name)));
        }
    }
    let size = value.as_object().map_or(0, serde_json::Map::len) as u64;
    if let Some(most) = schema["maxProperties"].as_u64().filter(|most| size > *most) {
        causes.push(invalid(path, &json!(size), &format!("should have at most {most} properties")));
    }
    if let Some(least) = schema["minProperties"].as_u64().filter(|least| size < *least) {
        causes.push(invalid(path, &json!(size), &format!("should have at least {least} properties")));
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let declared = schema.get("properties").and_then(|held| held.get(name));
        let declared =
            declared.or_else(|| schema.get("additionalProperties").filter(|held| held.is_object()));
        // Metadata is checked as that of every object.
        if let Some(declared) = declared.filter(|_| !(path.is_empty() && name == "metadata")) {
            check_at(declared, inner, &join(name), causes);
        }
    }
}

/// The rules that join others.
fn check_joined(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let list = |field: &str| schema[field].as_array().map_or(&[][..], Vec::as_slice);
    let is_good = |one: &Value| {
        let mut found = Vec::new();
        check_at(one, value, path, &mut found);
        found.is_empty()
    };
    list("allOf").iter().for_each(|one| check_at(one, value, path, causes));
    let any = list("anyOf");
    if !any.is_empty() && !any.iter().any(is_good) {
        causes.push(invalid(path, value, "must validate at least one schema (anyOf)"));
    }
    let one = list("oneOf");
    if !one.is_empty() && one.iter().filter(|one| is_good(one)).count() != 1 {
        causes.push(invalid(path, value, "must validate one and only one schema (oneOf)"));
    }
    if schema.get("not").is_some_and(is_good) {
        causes.push(invalid(path, value, "must not validate the schema (not)"));
    }
}
