//! Who owns what after a write: the two ways in which ownership changes.
//!
//! Pure: objects in one or several versions, the managers' sets, and a write. Who owned parts of
//! what has become atomic owns the whole of it; versions that are served no more lose their entries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::field_set::{FieldSet, path_text};
use super::typed::{self, Comparison};
use crate::playground::schema::{Schema, Type};

/// A manager's fields.
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
    pub(crate) fn same_manager(&self, other: &Self) -> bool {
        self.manager == other.manager
            && self.applied == other.applied
            && self.subresource == other.subresource
            && (self.applied || self.api_version == other.api_version)
    }

    /// How conflicts name the manager.
    pub(crate) fn title(&self) -> String {
        let mut title = Value::from(self.manager.as_str()).to_string();
        if !self.subresource.is_empty() {
            title = format!("{title} with subresource {}", Value::from(self.subresource.as_str()));
        }
        if !self.applied {
            title = format!("{title} using {}", self.api_version);
        }
        title
    }
}

/// A field that an apply would take from its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The owner as messages name it.
    pub manager: String,
    pub path: String,
}

/// The versions in which an object is served.
pub(crate) trait Versions {
    /// The schema and type of a version; none if it is not served.
    fn typed(&self, version: &str) -> Option<(&Schema, &Type)>;

    /// An object in another version; none if either is not served.
    fn converted<'a>(&self, object: &'a Value, from: &str, to: &str) -> Option<Cow<'a, Value>>;

    /// The fields that a write of this version leaves as they are, so that nobody gets to own them.
    fn reset(&self, version: &str) -> &FieldSet;
}

/// What is written, in which version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sides<'a> {
    pub old: &'a Value,
    pub new: &'a Value,
    pub version: &'a str,
}

fn reconcile(versions: &dyn Versions, entries: &mut Vec<Entry>) {
    entries.retain(|entry| versions.typed(&entry.api_version).is_some());
    for entry in entries {
        let Some((schema, kind)) = versions.typed(&entry.api_version) else { continue };
        if let Some(fields) = typed::reconciled(schema, kind, &entry.fields) {
            entry.fields = fields;
        }
    }
}

/// What a write changes, as seen in a version.
fn compared(versions: &dyn Versions, sides: &Sides<'_>, version: &str) -> Option<Comparison> {
    let (schema, kind) = versions.typed(version)?;
    let old = versions.converted(sides.old, sides.version, version)?;
    let new = versions.converted(sides.new, sides.version, version)?;
    Some(typed::compare(schema, kind, &old, &new).excluding(versions.reset(version)))
}

/// Takes what changed from the other managers. Not forced, what they own and is changed conflicts.
fn take_from_others(
    versions: &dyn Versions,
    sides: &Sides<'_>,
    entries: &mut Vec<Entry>,
    own: &Entry,
    force: bool,
) -> Result<Comparison, Vec<Conflict>> {
    let change = compared(versions, sides, sides.version).unwrap_or_default();
    let mut other_versions: BTreeMap<String, Comparison> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.api_version != sides.version) {
        if !other_versions.contains_key(&entry.api_version) {
            let seen = compared(versions, sides, &entry.api_version).unwrap_or_default();
            other_versions.insert(entry.api_version.clone(), seen);
        }
    }
    let change_of = |entry: &Entry| other_versions.get(&entry.api_version).unwrap_or(&change);
    let mut conflicts = Vec::new();
    let mut taken: Vec<Option<FieldSet>> = Vec::new();
    for entry in entries.iter() {
        let change = change_of(entry);
        if entry.same_manager(own) || change.is_same() {
            taken.push(None);
            continue;
        }
        let touched = change.modified.union(&change.added);
        let lost = entry.fields.intersection(&touched);
        for path in lost.paths() {
            conflicts.push(Conflict { manager: entry.title(), path: path_text(&path) });
        }
        taken.push(Some(entry.fields.difference(&lost).difference(&change.removed)));
    }
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    for (entry, rest) in entries.iter_mut().zip(taken) {
        if let Some(rest) = rest {
            entry.fields = rest;
        }
    }
    entries.retain(|entry| !entry.fields.is_empty());
    Ok(change)
}

/// Records an update: the writer owns what it added or changed, and nobody what is gone.
pub(crate) fn update(versions: &dyn Versions, sides: &Sides<'_>, entries: &mut Vec<Entry>, mut own: Entry) {
    reconcile(versions, entries);
    // A forced write meets no conflict.
    let Ok(change) = take_from_others(versions, sides, entries, &own, true) else { return };
    let held = entries.iter().position(|entry| entry.same_manager(&own)).map(|place| entries.remove(place));
    let held_fields = held.as_ref().map(|entry| entry.fields.clone()).unwrap_or_default();
    own.fields = held_fields
        .difference(&change.removed)
        .union(&change.modified)
        .union(&change.added)
        .without_below(versions.reset(sides.version));
    // An entry that says the same as before keeps its time, so that an equal write stays equal.
    if let Some(held) = held
        && held.fields == own.fields
        && change.modified.is_empty()
    {
        own.time = held.time;
    }
    if !own.fields.is_empty() {
        entries.push(own);
    }
}

/// Applies a configuration to what is live, both in one version: the object as it is then. `own`
/// names the applier; its fields are found here.
///
/// # Errors
/// Others own fields that it sets otherwise, and it is not forced.
pub(crate) fn apply(
    versions: &dyn Versions,
    (live, config, version): (&Value, &Value, &str),
    entries: &mut Vec<Entry>,
    mut own: Entry,
    force: bool,
) -> Result<Value, Vec<Conflict>> {
    reconcile(versions, entries);
    let Some((schema, kind)) = versions.typed(version) else { return Ok(live.clone()) };
    let merged = typed::merge(schema, kind, live, config);
    let last = entries.iter().find(|entry| entry.same_manager(&own)).cloned();
    own.fields = typed::field_set(schema, kind, config).without_below(versions.reset(version));
    entries.retain(|entry| !entry.same_manager(&own));
    entries.push(own.clone());
    let merged = match &last {
        Some(last) if !last.fields.is_empty() => prune(versions, merged, version, entries, last),
        _ => merged,
    };
    let sides = Sides { old: live, new: &merged, version };
    let change = take_from_others(versions, &sides, entries, &own, force)?;
    if let Some(last) = last
        && last.fields == own.fields
        && last.api_version == own.api_version
        && change.is_same()
    {
        for entry in entries.iter_mut().filter(|entry| entry.same_manager(&own)) {
            entry.time.clone_from(&last.time);
        }
    }
    Ok(merged)
}

/// Takes out what the manager applied last time and nobody owns any more.
fn prune(versions: &dyn Versions, merged: Value, version: &str, entries: &[Entry], last: &Entry) -> Value {
    let pruned = (|| {
        let (schema, kind) = versions.typed(&last.api_version)?;
        let before = versions.converted(&merged, version, &last.api_version)?;
        let own = typed::named_members(schema, kind, &last.fields);
        let bare = typed::without(schema, kind, &before, &own);
        let owned = add_back_owned(versions, (&before, bare), &last.api_version, entries)?;
        let left = typed::named_members(schema, kind, &typed::field_set(schema, kind, &owned));
        let all = typed::named_members(schema, kind, &typed::field_set(schema, kind, &before));
        // What the manager did not own before is not its to take out.
        let result = typed::without(schema, kind, &before, &all.difference(&left).intersection(&own));
        Some(versions.converted(&result, &last.api_version, version)?.into_owned())
    })();
    pruned.unwrap_or(merged)
}

/// Puts back what was taken out of `merged` and somebody owns, version by version: first that of
/// the object at hand, for a conversion may need fields that were taken out.
fn add_back_owned(
    versions: &dyn Versions,
    (merged, bare): (&Value, Value),
    version: &str,
    entries: &[Entry],
) -> Option<Value> {
    let mut managed: BTreeMap<&str, FieldSet> = BTreeMap::new();
    for entry in entries {
        let held = managed.entry(&entry.api_version).or_default();
        *held = held.union(&entry.fields);
    }
    let first = managed.remove_entry(version);
    let mut pruned = bare;
    for (other, managed) in first.into_iter().chain(managed) {
        let Some((schema, kind)) = versions.typed(other) else { continue };
        let whole = versions.converted(merged, version, other)?;
        let part = versions.converted(&pruned, version, other)?;
        let named = |set: &FieldSet| typed::named_members(schema, kind, set);
        let gone = named(&typed::field_set(schema, kind, &whole))
            .difference(&named(&typed::field_set(schema, kind, &part)))
            .difference(&named(&managed));
        let kept = typed::without(schema, kind, &whole, &gone);
        pruned = versions.converted(&kept, other, version)?.into_owned();
    }
    Some(pruned)
}
