//! `metadata.managedFields`: how ownership is written down, and the writes that change it.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::field_set::{FieldSet, Step};
use super::typed::{self, TypeError};
use super::update::{self, Entry, Sides, Versions};
use crate::playground::schema::{Schema, Type};

pub(crate) use super::update::Conflict;

/// What no manager owns: identity, and what the system keeps.
static SYSTEM_FIELDS: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut set = FieldSet::default();
    for field in ["apiVersion", "kind"] {
        set.insert(&[Step::field(field)]);
    }
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
        set.insert(&[Step::field("metadata"), Step::field(field)]);
    }
    set
});

/// The same with the status, which only writes of the subresource own.
static WITHOUT_STATUS: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut set = SYSTEM_FIELDS.clone();
    set.insert(&[Step::field("status")]);
    set
});

/// All but the status and what other parts than the spec say of it.
static STATUS_ONLY: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut set = SYSTEM_FIELDS.clone();
    for field in ["spec", "metadata"] {
        set.insert(&[Step::field(field)]);
    }
    set
});

/// `metadata` itself, which nobody owns though its parts have owners.
static BARE_METADATA: LazyLock<FieldSet> = LazyLock::new(|| {
    let mut set = FieldSet::default();
    set.insert(&[Step::field("metadata")]);
    set
});

/// Which fields a write leaves as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    /// None but the system's.
    Nothing,
    /// The status: it has a subresource of its own.
    Status,
    /// All but the status.
    AllButStatus,
}

impl Reset {
    fn fields(self) -> &'static FieldSet {
        match self {
            Self::Nothing => &SYSTEM_FIELDS,
            Self::Status => &WITHOUT_STATUS,
            Self::AllButStatus => &STATUS_ONLY,
        }
    }
}

/// The versions of a kind, each with its type. Between them nothing but the `apiVersion` differs.
#[derive(Debug, Clone)]
pub(crate) struct Served<'a> {
    /// By `apiVersion`, each with the schema that its type is of.
    pub types: Vec<(String, &'a Schema, Type)>,
    pub reset: Reset,
}

impl Versions for Served<'_> {
    fn typed(&self, version: &str) -> Option<(&Schema, &Type)> {
        let found = self.types.iter().find(|(held, ..)| held == version);
        found.map(|(_, schema, kind)| (*schema, kind))
    }

    fn converted<'a>(&self, object: &'a Value, _: &str, to: &str) -> Option<Cow<'a, Value>> {
        // The `apiVersion` is owned by nobody, so that it may stay as it is.
        self.types.iter().any(|(held, ..)| held == to).then_some(Cow::Borrowed(object))
    }

    fn reset(&self, _: &str) -> &FieldSet {
        self.reset.fields()
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

/// Why an apply failed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ApplyError {
    /// The configuration doesn't fit the schema.
    Type(TypeError),
    /// Others own fields that it sets otherwise.
    Conflicts(Vec<Conflict>),
}

fn without_bare_metadata(entries: &mut [Entry]) {
    for entry in entries {
        entry.fields = entry.fields.difference(&BARE_METADATA);
    }
}

/// Records an update: the writer owns what it added or changed, and nobody what is gone.
/// `old` is null for a new object.
pub(crate) fn record_update(served: &Served<'_>, old: &Value, new: &mut Value, writer: &Writer<'_>) {
    let empty = json!({});
    let before = if old.is_null() { &empty } else { old };
    // Whoever writes managedFields itself (to move ownership) is believed; silence keeps them.
    let mut entries = decode(new);
    if entries.is_empty() {
        entries = decode(before);
    }
    let sides = Sides { old: before, new, version: writer.api_version };
    update::update(served, &sides, &mut entries, writer.entry(false));
    without_bare_metadata(&mut entries);
    encode(new, entries);
}

/// Applies a configuration to an object (null for a new one): the merged object with its
/// managedFields.
///
/// # Errors
/// The configuration doesn't fit the schema, or others own what it sets and it is not forced.
pub(crate) fn apply(
    served: &Served<'_>,
    live: &Value,
    config: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    let Some((schema, kind)) = served.typed(writer.api_version) else { return Ok(live.clone()) };
    typed::check(schema, kind, config).map_err(ApplyError::Type)?;
    let empty = json!({});
    let before = if live.is_null() { &empty } else { live };
    let mut entries = decode(before);
    if entries.is_empty() && !live.is_null() {
        let mut unknown = writer.entry(false);
        unknown.manager = "before-first-apply".into();
        unknown.subresource = String::new();
        unknown.fields = typed::field_set(schema, kind, before).without_below(&SYSTEM_FIELDS);
        entries.push(unknown);
    }
    let write = (before, config, writer.api_version);
    let mut merged = update::apply(served, write, &mut entries, writer.entry(true), force)
        .map_err(ApplyError::Conflicts)?;
    typed::drop_nulls(&mut merged);
    without_bare_metadata(&mut entries);
    encode(&mut merged, entries);
    Ok(merged)
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
