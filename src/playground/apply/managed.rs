//! Who owns which field: `metadata.managedFields`, and the two ways in which it changes.

use serde_json::{Value, json};

use super::field_set::{FieldSet, Step, path_text};
use super::typed::{self, Comparison, TypeError};
use crate::playground::schema::{Schema, Type, schema};

/// An entry of managedFields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub manager: String,
    /// `Apply` or `Update`.
    pub applied: bool,
    pub api_version: String,
    pub time: Option<String>,
    pub subresource: String,
    pub fields: FieldSet,
}

impl Entry {
    /// Whether two entries are of one manager. Appliers are one whatever the version.
    fn same_manager(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.applied == other.applied
            && self.subresource == other.subresource
            && (self.applied || self.api_version == other.api_version)
    }

    /// How conflicts name the manager.
    fn title(&self) -> String {
        let mut title = json!(self.manager).to_string();
        if !self.subresource.is_empty() {
            title = format!("{title} with subresource {}", json!(self.subresource));
        }
        if !self.applied {
            title = format!("{title} using {}", self.api_version);
        }
        title
    }
}

/// Reads managedFields.
pub(crate) fn decode(object: &Value) -> Vec<Entry> {
    let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    entries
        .into_iter()
        .flatten()
        .map(|entry| Entry {
            manager: text(entry, "manager"),
            applied: entry["operation"] == "Apply",
            api_version: text(entry, "apiVersion"),
            time: entry["time"].as_str().map(str::to_owned),
            subresource: text(entry, "subresource"),
            fields: FieldSet::decode(&entry["fieldsV1"]),
        })
        .collect()
}

/// Writes managedFields, sorted as the API server does: appliers first, then by time, then by name.
pub(crate) fn encode(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|a, b| {
        b.applied
            .cmp(&a.applied)
            .then_with(|| a.time.cmp(&b.time))
            .then_with(|| a.manager.cmp(&b.manager))
            .then_with(|| a.subresource.cmp(&b.subresource))
    });
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if entries.is_empty() {
        metadata.remove("managedFields");
        return;
    }
    let entries: Vec<Value> = entries
        .into_iter()
        .map(|entry| {
            let mut value = json!({
                "manager": entry.manager,
                "operation": if entry.applied { "Apply" } else { "Update" },
                "apiVersion": entry.api_version,
                "fieldsType": "FieldsV1",
                "fieldsV1": entry.fields.encode(),
            });
            if let Some(time) = entry.time {
                value["time"] = json!(time);
            }
            if !entry.subresource.is_empty() {
                value["subresource"] = json!(entry.subresource);
            }
            value
        })
        .collect();
    metadata.insert("managedFields".into(), Value::Array(entries));
}

/// Who writes, when, and to which part of the object.
#[derive(Debug, Clone)]
pub(crate) struct Writer<'a> {
    pub manager: &'a str,
    pub api_version: &'a str,
    pub subresource: &'a str,
    pub now: &'a str,
}

impl Writer<'_> {
    fn entry(&self, applied: bool) -> Entry {
        Entry {
            manager: self.manager.to_owned(),
            applied,
            api_version: self.api_version.to_owned(),
            time: Some(self.now.to_owned()),
            subresource: self.subresource.to_owned(),
            fields: FieldSet::default(),
        }
    }
}

/// A field that an apply would take from its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The owner as messages name it.
    pub manager: String,
    pub path: String,
}

/// Why an apply failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ApplyError {
    /// The configuration doesn't fit the schema.
    Type(TypeError),
    /// Others own fields that it sets otherwise.
    Conflicts(Vec<Conflict>),
}

/// Takes out what no manager owns: identity, and what the system keeps.
fn without_system_fields(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    for field in [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        metadata.remove(field);
    }
    object
}

fn owned_fields(schema: &Schema, kind: &Type, object: &Value) -> FieldSet {
    let mut set = typed::field_set(schema, kind, &without_system_fields(object));
    set = drop_bare_metadata(set);
    set
}

fn drop_bare_metadata(set: FieldSet) -> FieldSet {
    let mut bare = FieldSet::default();
    bare.insert(&[Step::field("metadata")]);
    set.difference(&bare)
}

fn compared(schema: &Schema, kind: &Type, old: &Value, new: &Value) -> Comparison {
    let mut comparison =
        typed::compare(schema, kind, &without_system_fields(old), &without_system_fields(new));
    comparison.added = drop_bare_metadata(comparison.added);
    comparison.removed = drop_bare_metadata(comparison.removed);
    comparison
}

/// Takes what changed from the other managers. Not forced, what they own and is changed conflicts.
fn take_from_others(
    entries: &mut Vec<Entry>,
    writer: &Entry,
    change: &Comparison,
    force: bool,
) -> Result<(), Vec<Conflict>> {
    let touched = change.modified.union(&change.added);
    let mut conflicts = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.same_manager(writer)) {
        for path in entry.fields.intersection(&touched).paths() {
            conflicts.push(Conflict { manager: entry.title(), path: path_text(&path) });
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    for entry in entries.iter_mut().filter(|entry| !entry.same_manager(writer)) {
        entry.fields = entry.fields.difference(&touched).difference(&change.removed);
    }
    entries.retain(|entry| !entry.fields.is_empty());
    Ok(())
}

/// Records an update: the writer owns what it added or changed, and nobody what is gone.
/// `old` is null for a new object.
pub(crate) fn record_update(kind: &Type, old: &Value, new: &mut Value, writer: &Writer<'_>) {
    let schema = schema();
    let empty = json!({});
    let before = if old.is_null() { &empty } else { old };
    let change = compared(schema, kind, before, new);
    // Whoever writes managedFields itself (to move ownership) is believed; silence keeps them.
    let mut entries = decode(new);
    if entries.is_empty() {
        entries = decode(before);
    }
    let mut own = writer.entry(false);
    if take_from_others(&mut entries, &own, &change, true).is_err() {
        return;
    }
    let place = entries.iter().position(|entry| entry.same_manager(&own));
    let held = place.map(|place| entries.remove(place));
    let held_fields = held.as_ref().map(|entry| entry.fields.clone()).unwrap_or_default();
    own.fields = held_fields.difference(&change.removed).union(&change.modified).union(&change.added);
    // An entry that says the same as before keeps its time, so that an equal write stays equal.
    if let Some(held) = held
        && held.fields == own.fields
        && change.modified.is_empty()
    {
        own.time = held.time;
    }
    entries.push(own);
    encode(new, entries);
}

/// Applies a configuration to an object (null for a new one): the merged object with its
/// managedFields.
pub(crate) fn apply(
    kind: &Type,
    live: &Value,
    config: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    let schema = schema();
    typed::check(schema, kind, config).map_err(ApplyError::Type)?;
    let empty = json!({});
    let before = if live.is_null() { &empty } else { live };
    let mut entries = decode(before);
    let mut own = writer.entry(true);
    if entries.is_empty() && !live.is_null() {
        let mut unknown = writer.entry(false);
        unknown.manager = "before-first-apply".into();
        unknown.subresource = String::new();
        unknown.fields = owned_fields(schema, kind, before);
        entries.push(unknown);
    }
    let merged = typed::merge(schema, kind, before, config);
    let last = entries.iter().find(|entry| entry.same_manager(&own)).cloned();
    own.fields = owned_fields(schema, kind, config);
    entries.retain(|entry| !entry.same_manager(&own));
    entries.push(own.clone());
    let merged = match &last {
        Some(last) if !last.fields.is_empty() => prune(schema, kind, &merged, &entries, &last.fields),
        _ => merged,
    };
    let change = compared(schema, kind, before, &merged);
    take_from_others(&mut entries, &own, &change, force).map_err(ApplyError::Conflicts)?;
    if let Some(last) = last
        && last.fields == own.fields
        && last.api_version == own.api_version
        && change.added.is_empty()
        && change.modified.is_empty()
        && change.removed.is_empty()
    {
        for entry in entries.iter_mut().filter(|entry| entry.same_manager(&own)) {
            entry.time.clone_from(&last.time);
        }
    }
    let mut merged = merged;
    encode(&mut merged, entries);
    Ok(merged)
}

/// Takes out what the manager applied last time and nobody owns any more.
fn prune(schema: &Schema, kind: &Type, merged: &Value, entries: &[Entry], last: &FieldSet) -> Value {
    let last = last.with_named_parents();
    let managed = entries.iter().fold(FieldSet::default(), |all, entry| all.union(&entry.fields));
    let merged_set = typed::field_set(schema, kind, merged).with_named_parents();
    let set_of = |value: &Value| typed::field_set(schema, kind, value).with_named_parents();

    let pruned = typed::without(schema, kind, merged, &last);
    let gone = merged_set.difference(&set_of(&pruned)).difference(&managed.with_named_parents());
    let pruned = typed::without(schema, kind, merged, &gone);
    let gone = merged_set.difference(&set_of(&pruned)).intersection(&last);
    let mut pruned = typed::without(schema, kind, merged, &gone);
    typed::drop_nulls(&mut pruned);
    pruned
}

/// The message of a conflict, as the API server words it.
pub(crate) fn conflict_message(conflicts: &[Conflict]) -> String {
    if let [conflict] = conflicts {
        return format!(
            "Apply failed with 1 conflict: conflict with {}: {}",
            conflict.manager, conflict.path
        );
    }
    let mut managers: Vec<&str> = conflicts.iter().map(|conflict| conflict.manager.as_str()).collect();
    managers.sort_unstable();
    managers.dedup();
    let parts: Vec<String> = managers
        .into_iter()
        .map(|manager| {
            let paths: Vec<String> = conflicts
                .iter()
                .filter(|conflict| conflict.manager == manager)
                .map(|conflict| format!("- {}", conflict.path))
                .collect();
            format!("conflicts with {manager}:\n{}", paths.join("\n"))
        })
        .collect();
    format!("Apply failed with {} conflicts: {}", conflicts.len(), parts.join("\n"))
}
