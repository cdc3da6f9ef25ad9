//! How lists and maps of each sort merge, who owns their parts, and what goes when nobody does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::playground::apply::field_set::{FieldSet, path_text};
use crate::playground::apply::managed::{Reset, Served};
use crate::playground::apply::typed;
use crate::playground::apply::update::{Entry, Sides, Versions as _, apply, update};
use crate::playground::schema::Schema;

/// A write of `{"at": value}`.
enum Write {
    Apply(&'static str, Value),
    Force(&'static str, Value),
    Update(&'static str, Value),
    /// An apply that meets this many conflicts.
    Refused(&'static str, Value, usize),
}
use Write::{Apply, Force, Refused, Update};

/// One version of objects of a type in the notation of schemas.
fn served<'a>(schema: &'a Schema, kind: &str) -> Served<'a> {
    let read = Schema::parse(&format!("Holder\n  held {kind}\n")).unwrap();
    let kind = read.named("Holder").unwrap().fields["held"].kind.clone();
    Served { types: vec![("v1".to_owned(), schema, kind)], reset: Reset::Nothing }
}

fn entry(manager: &str, applied: bool) -> Entry {
    Entry {
        manager: manager.to_owned(),
        applied,
        api_version: "v1".to_owned(),
        time: None,
        subresource: String::new(),
        fields: FieldSet::default(),
    }
}

/// Writes one after the other to a value of a type; then the value is `left`, and the managers own
/// these paths.
#[track_caller]
fn check(kind: &str, writes: &[Write], left: &Value, owners: &[(&str, &[&str])]) {
    let schema = Schema::default();
    let served = served(&schema, &format!("{{{kind}}}"));
    let (mut live, mut entries) = (json!({}), Vec::new());
    for write in writes {
        let (manager, value) = match write {
            Apply(manager, value) | Force(manager, value) | Update(manager, value) => (manager, value),
            Refused(manager, value, _) => (manager, value),
        };
        let config = if value.is_null() { json!({}) } else { json!({"at": value}) };
        if let Update(..) = write {
            let sides = Sides { old: &live, new: &config, version: "v1" };
            update(&served, &sides, &mut entries, entry(manager, false));
            live = config;
            continue;
        }
        let force = matches!(write, Force(..));
        let mut owned = entries.clone();
        let applied = apply(&served, (&live, &config, "v1"), &mut owned, entry(manager, true), force);
        match (write, applied) {
            (Refused(_, _, times), Err(conflicts)) => assert_eq!(conflicts.len(), *times, "{conflicts:?}"),
            (Refused(..), Ok(merged)) => panic!("no conflict, but {merged}"),
            (_, merged) => (live, entries) = (merged.unwrap(), owned),
        }
    }
    assert_eq!(live.get("at").unwrap_or(&Value::Null), left);
    let found: BTreeMap<&str, Vec<String>> = entries
        .iter()
        .map(|entry| {
            (entry.manager.as_str(), entry.fields.paths().iter().map(|path| path_text(path)).collect())
        })
        .collect();
    let expected: BTreeMap<&str, Vec<String>> = owners
        .iter()
        .map(|(manager, paths)| (*manager, paths.iter().map(|path| format!(".at{path}")).collect()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn sets_merge_by_their_items() {
    check(
        "[str]=",
        &[Apply("one", json!(["a", "c"])), Apply("two", json!(["c", "b"])), Apply("one", json!(["a"]))],
        &json!(["a", "c", "b"]),
        &[("one", &["", "[=\"a\"]"]), ("two", &["", "[=\"b\"]", "[=\"c\"]"])],
    );
}

#[test]
fn a_set_that_nobody_fills_is_gone() {
    check("[str]=", &[Apply("one", json!(["a"])), Apply("one", Value::Null)], &Value::Null, &[]);
}

#[test]
fn an_update_takes_items_and_an_apply_leaves_those_of_others() {
    check(
        "[str]=",
        &[Apply("one", json!(["a", "b"])), Update("hand", json!(["b", "c"])), Apply("one", json!(["b"]))],
        &json!(["b", "c"]),
        &[("one", &["", "[=\"b\"]"]), ("hand", &["[=\"c\"]"])],
    );
}

#[test]
fn maps_in_lists_go_by_all_their_keys_with_defaults() {
    check(
        "[any]port,protocol:TCP",
        &[
            Apply("one", json!([{"port": 53}, {"port": 53, "protocol": "UDP"}])),
            Apply("two", json!([{"port": 53, "protocol": "TCP", "name": "dns"}])),
            Apply("one", json!([{"port": 53, "protocol": "UDP"}])),
        ],
        &json!([{"port": 53, "protocol": "TCP", "name": "dns"}, {"port": 53, "protocol": "UDP"}]),
        &[
            (
                "one",
                &[
                    "",
                    "[port=53,protocol=\"UDP\"]",
                    "[port=53,protocol=\"UDP\"].port",
                    "[port=53,protocol=\"UDP\"].protocol",
                ],
            ),
            (
                "two",
                &[
                    "",
                    "[port=53,protocol=\"TCP\"]",
                    "[port=53,protocol=\"TCP\"].name",
                    "[port=53,protocol=\"TCP\"].port",
                    "[port=53,protocol=\"TCP\"].protocol",
                ],
            ),
        ],
    );
}

#[test]
fn a_key_may_be_left_out_while_another_is_there() {
    check(
        "[any]name,id",
        &[
            Apply("one", json!([{"name": "a", "v": 1}, {"name": "a", "id": 2, "v": 2}])),
            Apply("one", json!([{"name": "a", "v": 3}])),
        ],
        &json!([{"name": "a", "v": 3}]),
        &[("one", &["", "[name=\"a\"]", "[name=\"a\"].name", "[name=\"a\"].v"])],
    );
}

#[test]
fn atomic_lists_and_maps_are_one_field() {
    for (kind, first, second) in [
        ("[str]", json!(["a", "b"]), json!(["b"])),
        ("{str}@", json!({"a": "1", "b": "2"}), json!({"b": "2"})),
    ] {
        check(
            kind,
            &[Apply("one", first), Refused("two", second.clone(), 1), Force("two", second.clone())],
            &second,
            &[("two", &[""])],
        );
    }
}

#[test]
fn maps_merge_by_name_and_conflict_by_name() {
    check(
        "{str}",
        &[
            Apply("one", json!({"a": "1", "b": "1"})),
            Refused("two", json!({"a": "2", "b": "2", "c": "2"}), 2),
            Apply("two", json!({"a": "1", "c": "2"})),
            Apply("one", json!({"b": "1"})),
        ],
        &json!({"a": "1", "b": "1", "c": "2"}),
        &[("one", &["", ".b"]), ("two", &["", ".a", ".c"])],
    );
}

#[test]
fn what_is_there_twice_is_one_field_that_is_replaced_whole() {
    check(
        "[any]name",
        &[
            Update("hand", json!([{"name": "a", "v": 1}, {"name": "a", "v": 2}, {"name": "b"}])),
            Refused("one", json!([{"name": "a", "v": 3}]), 1),
            Force("one", json!([{"name": "a", "v": 3}])),
        ],
        &json!([{"name": "a", "v": 3}, {"name": "b"}]),
        &[
            ("hand", &["", "[name=\"b\"]", "[name=\"b\"].name"]),
            ("one", &["", "[name=\"a\"]", "[name=\"a\"].name", "[name=\"a\"].v"]),
        ],
    );
}

#[test]
fn what_was_deduced_may_change_its_form() {
    check(
        "any",
        &[Apply("one", json!({"a": 1})), Apply("one", json!([1])), Apply("one", json!({"b": null}))],
        &json!({"b": null}),
        &[("one", &["", ".b"])],
    );
}

#[test]
fn owners_of_parts_own_the_whole_of_what_became_atomic() {
    let mut parts = FieldSet::default();
    for name in ["a", "b"] {
        parts.insert(&["at", name].map(crate::playground::apply::field_set::Step::field));
    }
    let schema = Schema::default();
    let served = served(&schema, "{{str}@}");
    let (schema, kind) = served.typed("v1").unwrap();
    let whole = typed::reconciled(schema, kind, &parts).unwrap();
    assert_eq!(whole.paths().iter().map(|path| path_text(path)).collect::<Vec<_>>(), [".at"]);
    assert_eq!(typed::reconciled(schema, kind, &whole), None);
}

#[test]
fn entries_of_versions_that_are_served_no_more_go() {
    let schema = Schema::default();
    let served = served(&schema, "{str}");
    let mut old = entry("old", false);
    old.api_version = "v0".to_owned();
    old.fields.insert(&[crate::playground::apply::field_set::Step::field("a")]);
    let mut entries = vec![old];
    let sides = Sides { old: &json!({"a": "1"}), new: &json!({"a": "1", "b": "1"}), version: "v1" };
    update(&served, &sides, &mut entries, entry("new", false));
    assert_eq!(entries.iter().map(|entry| entry.manager.as_str()).collect::<Vec<_>>(), ["new"]);
}
