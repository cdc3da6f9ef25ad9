use serde_json::json;

use super::*;

#[test]
fn every_named_type_that_is_used_is_described() {
    fn names(kind: &Type) -> Vec<&str> {
        match kind {
            Type::Named(name) => vec![name],
            Type::Map { value, .. } => names(value),
            Type::List { item, .. } => names(item),
            _ => vec![],
        }
    }
    for named in builtin().types() {
        for (field, held) in &named.fields {
            for name in names(&held.kind) {
                assert!(builtin().named(name).is_some(), "{}.{field}: no type {name}", named.name);
            }
        }
    }
}

#[test]
fn lists_know_their_keys() {
    let ports = &builtin().named("Container").unwrap().fields["ports"].kind;
    let keys = vec![("containerPort".to_owned(), None), ("protocol".to_owned(), Some(json!("TCP")))];
    assert!(matches!(ports, Type::List { merge: ListMerge::Keys(held), .. } if *held == keys));
    assert!(builtin().is_atomic(&Type::Named("LabelSelector".into())));
    assert!(builtin().named("ObjectMeta").unwrap().fields["finalizers"].default.is_none());
}

#[test]
fn what_was_written_is_read_back_the_same() {
    let text = builtin().to_text();
    let again = Schema::parse(&text).unwrap();
    assert_eq!(&again, builtin().as_ref());
    assert_eq!(again.digest(), builtin_digest());
    assert!(text.len() < 100_000, "{} bytes", text.len());
}

#[test]
fn what_is_no_notation_is_refused_with_its_line() {
    for (text, line) in
        [("  a str\n", 1), ("A\n  b\n", 2), ("A\n  b str\n  c [str\n", 3), ("A\n  b str(x\n", 2)]
    {
        assert_eq!(Schema::parse(text).map_err(|error| error.line), Err(line), "{text}");
    }
}

/// The types that come of a document's schemas, as text.
fn reduced(schemas: Value) -> String {
    let document = json!({"openapi": "3.0.0", "components": {"schemas": schemas}});
    let mut reducer = Reducer::default();
    reducer.add(document.to_string().as_bytes(), |_, kind| kind != "Unwanted").unwrap();
    reducer.finish().to_text()
}

fn thing(spec: Value) -> Value {
    json!({"x.Thing": {
        "type": "object", "properties": {"spec": spec}, "required": ["spec"],
        "x-kubernetes-group-version-kind": [{"group": "x.example", "version": "v1", "kind": "Thing"}],
    }})
}

#[test]
fn types_of_a_document_become_those_of_the_notation() {
    for (spec, expected) in [
        (json!({"type": "string"}), "str"),
        (json!({"type": "string", "enum": ["A", "", "B"]}), "str(A|B)"),
        (json!({"type": "string", "enum": ["A", "not a word"]}), "str"),
        (json!({"type": "integer", "format": "int32"}), "int"),
        (
            json!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]}),
            "ios",
        ),
        (json!({"oneOf": [{"type": "string"}, {"type": "number"}]}), "qty"),
        (json!({"type": "object", "additionalProperties": {"type": "string"}}), "{str}"),
        (json!({"type": "object"}), "any"),
        (json!({}), "any"),
        (json!({"type": "array", "items": {"type": "boolean"}, "x-kubernetes-list-type": "set"}), "[bool]="),
        (
            json!({"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["a", "b"]}),
            "[any]a,b",
        ),
    ] {
        let text = reduced(thing(spec.clone()));
        assert_eq!(text.lines().nth(1), Some(format!("  spec! {expected}").as_str()), "{spec}: {text}");
    }
}

#[test]
fn objects_inside_objects_get_names_and_references_may_go_in_circles() {
    let nested = json!({"type": "object", "properties": {"a": {"type": "integer"}},
        "x-kubernetes-preserve-unknown-fields": true});
    assert_eq!(
        reduced(thing(nested)),
        "x.Thing x.example/v1 Thing\n  spec! x.Thing#1\nx.Thing#1*\n  a int\n"
    );
    let mut schemas = thing(json!({"allOf": [{"$ref": "#/components/schemas/x.Tree"}], "default": {}}));
    schemas["x.Tree"] = json!({"type": "object", "properties": {
        "children": {"type": "array", "items": {"$ref": "#/components/schemas/x.Tree"}}}});
    schemas["x.Other"] = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    // What has a default is not missed; what no kind refers to is left out.
    let expected = "x.Thing x.example/v1 Thing\n  spec x.Tree\nx.Tree\n  children [x.Tree]\n";
    assert_eq!(reduced(schemas), expected);
}

#[test]
fn a_zero_that_kubernetes_publishes_as_default_is_missed_all_the_same() {
    for (home, default, mark) in [
        ("io.k8s.api.x.v1.Thing", json!(""), "!"),
        ("io.k8s.api.x.v1.Thing", json!("TCP"), ""),
        ("example.x.v1.Thing", json!(""), ""),
        ("example.x.v1.Thing", Value::Null, "!"),
    ] {
        let mut field = json!({"type": "string"});
        if !default.is_null() {
            field["default"] = default.clone();
        }
        let schemas = json!({home: {
            "type": "object", "properties": {"a": field}, "required": ["a"],
            "x-kubernetes-group-version-kind": [{"group": "x", "version": "v1", "kind": "Thing"}],
        }});
        assert_eq!(reduced(schemas), format!("{home} x/v1 Thing\n  a{mark} str\n"), "{default}");
    }
}

#[test]
fn documents_that_disagree_on_a_type_keep_their_own() {
    let document = |version: &str, kind: &str, field: &str| {
        json!({"components": {"schemas": {
            kind: {"type": "object", "properties": {"held": {"$ref": "#/components/schemas/Held"}},
                "x-kubernetes-group-version-kind": [{"group": "", "version": version, "kind": kind}]},
            "Held": {"type": "object", "properties": {field: {"type": "string"}}},
        }}})
        .to_string()
    };
    let mut reducer = Reducer::default();
    for (version, kind, field) in [("v1", "A", "one"), ("v2", "B", "one"), ("v3", "C", "two")] {
        reducer.add(document(version, kind, field).as_bytes(), |_, _| true).unwrap();
    }
    assert!(reducer.add(b"no", |_, _| true).is_err());
    let schema = reducer.finish();
    let held = |version: &str, kind: &str| {
        let Type::Named(name) = &schema.of_kind(version, kind).unwrap().fields["held"].kind else { panic!() };
        schema.named(name).unwrap().fields.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!((held("v1", "A"), held("v2", "B")), (vec!["one".to_owned()], vec!["one".to_owned()]));
    assert_eq!(held("v3", "C"), ["two"]);
}
