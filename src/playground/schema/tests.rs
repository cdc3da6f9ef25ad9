use serde_json::json;

use super::{ListMerge, Type, schema, type_of};
use crate::playground::kinds::KINDS;

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
    for named in schema().types() {
        for (field, held) in &named.fields {
            for name in names(&held.kind) {
                assert!(schema().named(name).is_some(), "{}.{field}: no type {name}", named.name);
            }
        }
    }
    for kind in KINDS {
        let Type::Named(name) = type_of(kind) else { panic!("{kind:?}") };
        assert!(schema().named(&name).is_some_and(|held| held.fields.contains_key("metadata")), "{kind:?}");
    }
}

#[test]
fn lists_know_their_keys() {
    let ports = &schema().named("Container").unwrap().fields["ports"].kind;
    let keys = vec![("containerPort".to_owned(), None), ("protocol".to_owned(), Some(json!("TCP")))];
    assert!(matches!(ports, Type::List { merge: ListMerge::Keys(held), .. } if *held == keys));
    assert!(schema().is_atomic(&Type::Named("LabelSelector".into())));
    assert!(schema().named("ObjectMeta").unwrap().fields["finalizers"].default.is_none());
}
