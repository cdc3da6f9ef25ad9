//! What is rendered against what is live.
//!
//! [`canonical`] brings an object into the one form that digests, comparisons and writes use.
//! [`differ`] finds drift by who owns which field; [`compare_objects`] compares two objects without
//! any record of ownership, as people do by hand. Values of Secrets never leave this module.
//!
//! What this module deliberately does not: it asks no server. A difference found here may still
//! turn out to be none in a dry run; no difference found here is final.

mod canonical;
mod compare;
mod facts;
mod field_set;
mod mask;
mod path;
mod pod_facts;
mod text;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{FIELD_MANAGER, Manifest};

pub use canonical::canonical;
pub use field_set::{FieldSet, Owner, PathElement, owners};
pub use mask::mask_secret;
pub use text::{render_differences, render_text};

use compare::{Comparison, root_shape};
use facts::Shape;
use path::Path;

/// In which way a field differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DifferenceKind {
    /// It is wanted and not there.
    Missing,
    /// It has another value.
    Changed,
    /// It was applied before and is no longer wanted.
    Removed,
    /// Someone else added it where nobody else may.
    Foreign,
}

/// One field that is not as it is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Where, as a JSON pointer into the live object; of what is missing, into the wanted one.
    pub pointer: String,
    /// In which way.
    pub kind: DifferenceKind,
    /// What is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Value>,
    /// What is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Value>,
    /// The last writer known, besides Sluice itself; none for what is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// When that writer last wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// What a comparison leaves out, and whose fields it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// JSON pointers that belong to others; `*` stands for any one segment.
    pub ignore: Vec<String>,
    /// The managers that apply what is rendered.
    pub managers: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ignore: Vec::new(),
            managers: vec![FIELD_MANAGER.to_owned(), crate::model::SCALE_MANAGER.to_owned()],
        }
    }
}

/// A JSON pointer into a live object, as the path by which managed fields name it.
pub fn elements(live: &Manifest, pointer: &str) -> Vec<PathElement> {
    field_set::elements(root_shape(live.api_version(), live.kind()), live.as_value(), pointer)
}

/// The drift of a live object from what is rendered.
///
/// That is: a rendered field that is absent or different; a field that we applied and that is no
/// longer rendered; and, where additions change what runs or who may do what, a field that only
/// others wrote by updates. Both objects may be in any form. Values of Secrets are masked.
pub fn differ(wanted: &Manifest, live: Option<&Manifest>, options: &Options) -> Vec<Difference> {
    let Some(live) = live else { return vec![absent(wanted)] };
    let shape = root_shape(wanted.api_version(), wanted.kind());
    let (wanted_form, live_form) = (canonical(wanted), canonical(live));
    let pair = (Some(wanted_form.as_value()), live_form.as_value());
    let owners = owners(live);
    let is_ours = |owner: &Owner| options.managers.contains(&owner.manager);
    let mut comparison = contained(shape, &wanted_form, &live_form, &options.ignore);
    let start = Path::default();
    // The first manager owns all that is rendered; what the others co-own is not rendered here.
    let first = options.managers.first();
    for owner in owners.iter().filter(|owner| owner.is_apply && Some(&owner.manager) == first) {
        comparison.surplus(shape, &owner.fields, pair, &start, DifferenceKind::Removed);
    }
    let is_object = |owner: &&Owner| owner.subresource.is_empty();
    let applied: Vec<&Owner> = owners.iter().filter(|owner| owner.is_apply).collect();
    for owner in owners.iter().filter(is_object).filter(|owner| !owner.is_apply && !is_ours(owner)) {
        let mut foreign = Comparison::new(&options.ignore);
        foreign.surplus(shape, &owner.fields, pair, &start, DifferenceKind::Foreign);
        // What another manager applies as well has an owner who asked for it.
        foreign.found.retain(|(path, _)| {
            is_closed(wanted.kind(), &path.pointer())
                && !applied.iter().any(|owner| owner.fields.covering(path.elements()).is_some())
                && !comparison.found.iter().any(|(known, _)| path.starts_with(known))
        });
        comparison.found.append(&mut foreign.found);
    }
    for (path, difference) in &mut comparison.found {
        if difference.live.is_some()
            && let Some(writer) = last_writer(&owners, path, &options.managers)
        {
            difference.manager = Some(writer.manager.clone());
            difference.time = writer.time.clone();
        }
    }
    finish(wanted, live, comparison)
}

/// The differences of two objects without ownership of our own, as of `--desired` and `--live`.
///
/// Everything desired must be in the live object; what the annotation of `kubectl apply` says was
/// applied before and is no longer desired must not. Values of Secrets are masked.
pub fn compare_objects(desired: &Manifest, live: Option<&Manifest>, ignore: &[String]) -> Vec<Difference> {
    let Some(live) = live else { return vec![absent(desired)] };
    let shape = root_shape(desired.api_version(), desired.kind());
    let (desired_form, live_form) = (canonical(desired), canonical(live));
    let mut comparison = contained(shape, &desired_form, &live_form, ignore);
    let last_applied = live
        .annotation(canonical::LAST_APPLIED)
        .and_then(|text| serde_json::from_str::<Value>(text).ok())
        .and_then(|value| Manifest::new(value).ok());
    if let Some(last_applied) = last_applied {
        let mut set = FieldSet::of(shape, canonical(&last_applied).as_value());
        // What the object is called is no part of what it says; a file may leave its namespace out.
        let metadata = PathElement::Field("metadata".to_owned());
        if let Some(metadata) = set.children.get_mut(&metadata) {
            metadata.children.remove(&PathElement::Field("namespace".to_owned()));
        }
        let pair = (Some(desired_form.as_value()), live_form.as_value());
        comparison.surplus(shape, &set, pair, &Path::default(), DifferenceKind::Removed);
    }
    finish(desired, live, comparison)
}

fn contained<'a>(shape: Shape, wanted: &Manifest, live: &Manifest, ignore: &'a [String]) -> Comparison<'a> {
    let mut comparison = Comparison::new(ignore);
    comparison.contains(shape, wanted.as_value(), live.as_value(), &Path::default());
    comparison
}

/// The whole object is missing.
fn absent(wanted: &Manifest) -> Difference {
    let masked = mask_secret(Some(wanted), None).0;
    Difference {
        pointer: String::new(),
        kind: DifferenceKind::Missing,
        wanted: masked.map(Manifest::into_value),
        live: None,
        manager: None,
        time: None,
    }
}

fn finish(wanted: &Manifest, live: &Manifest, comparison: Comparison<'_>) -> Vec<Difference> {
    let mut differences: Vec<_> = comparison.found.into_iter().map(|(_, difference)| difference).collect();
    if mask::is_secret(wanted) || mask::is_secret(live) {
        differences.iter_mut().for_each(mask::mask_difference);
    }
    differences.sort_by(|a, b| (&a.pointer, a.kind).cmp(&(&b.pointer, b.kind)));
    differences
}

/// Where nobody but us may add anything: what runs, what it reads, who may do what and who may
/// talk to whom.
fn is_closed(kind: &str, pointer: &str) -> bool {
    let roots: &[&str] = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            &["/spec/template"]
        }
        "CronJob" => &["/spec/jobTemplate/spec/template"],
        "ConfigMap" | "Secret" => &["/data", "/binaryData"],
        "Role" | "ClusterRole" => &["/rules"],
        "RoleBinding" | "ClusterRoleBinding" => &["/subjects"],
        "NetworkPolicy" | "Service" => &["/spec"],
        _ => &[],
    };
    roots
        .iter()
        .any(|root| pointer.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Who wrote the field last, besides us. The server stamps an entry whenever it changes, so the
/// youngest that holds the field is the last writer, as far as that is recorded.
fn last_writer<'o>(owners: &'o [Owner], path: &Path, managers: &[String]) -> Option<&'o Owner> {
    owners
        .iter()
        .filter(|owner| !(owner.is_apply && managers.contains(&owner.manager)))
        .filter(|owner| owner.fields.covering(path.elements()).is_some())
        .max_by(|a, b| a.time.cmp(&b.time))
}
