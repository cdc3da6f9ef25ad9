//! `source.manifests`: objects as somebody else wrote them, admitted into the app.
//!
//! What would reach outside the app's namespace, or forge what the cluster or the engine writes, is
//! refused. Selectors and pod templates stay as they are.

use std::sync::Arc;

use serde_json::{Value, json};

use super::app::Draft;
use super::{Site, Written, label};
use crate::definition::RunState;
use crate::definition::yaml::{Node, NodeValue};
use crate::diagnostic::{Code, Fault, Place};
use crate::model::{ComponentName, Manifest, Replicas};

/// The kinds that an app may hold: group, kind, plural. All are namespaced.
pub const USUAL_KINDS: &[(&str, &str, &str)] = &[
    ("", "ConfigMap", "configmaps"),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("", "Secret", "secrets"),
    ("", "Service", "services"),
    ("", "ServiceAccount", "serviceaccounts"),
    ("apps", "DaemonSet", "daemonsets"),
    ("apps", "Deployment", "deployments"),
    ("apps", "StatefulSet", "statefulsets"),
    ("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    ("batch", "CronJob", "cronjobs"),
    ("batch", "Job", "jobs"),
    ("gateway.networking.k8s.io", "HTTPRoute", "httproutes"),
    ("networking.k8s.io", "Ingress", "ingresses"),
    ("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    ("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io", "Role", "roles"),
    ("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
];

/// One file of a source, read.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFile {
    /// Its path in the repository.
    pub path: String,
    /// Its documents, every field with its place.
    pub documents: Vec<Arc<Node>>,
}

/// The origin of an app's objects, where not components.
pub type Source = Vec<SourceFile>;

/// How deep Lists may hold Lists.
const LIST_DEPTH: usize = 4;

/// Group and kind of the entries of `kinds.allow`: `Kind` or `Kind.group`.
pub fn tenant_kinds(allowed: &[String]) -> Vec<(String, String)> {
    allowed
        .iter()
        .map(|entry| match entry.split_once('.') {
            Some((kind, group)) => (group.to_owned(), kind.to_owned()),
            None => (String::new(), entry.clone()),
        })
        .collect()
}

pub(super) fn render(site: &Site, state: RunState, files: &[SourceFile], draft: &mut Draft) {
    let mut autoscalers = Vec::new();
    for file in files {
        for node in file.documents.iter().flat_map(|document| expanded(document, LIST_DEPTH)) {
            let place = node.place(&file.path);
            match admit(site, node.to_json()) {
                Ok((object, warnings)) => {
                    draft.faults.extend(warnings.into_iter().map(|fault| fault.elsewhere(place.clone())));
                    draft.written.insert(object.key(), Written { path: file.path.clone(), node });
                    match object.kind() {
                        "HorizontalPodAutoscaler" => autoscalers.push(object),
                        "PodDisruptionBudget" => draft.settings.push(object),
                        _ => keep(object, state, &place, draft),
                    }
                }
                Err(fault) => draft.faults.push(fault.elsewhere(place)),
            }
        }
    }
    for scaler in autoscalers {
        autoscale(&scaler, state, draft);
        draft.settings.push(scaler);
    }
}

/// The objects of a document: itself, or those of a List.
fn expanded(document: &Arc<Node>, depth: usize) -> Vec<Arc<Node>> {
    let kind = document.get("kind").and_then(|kind| kind.as_str());
    let is_list = kind.is_some_and(|kind| kind.ends_with("List"));
    match document.get("items").and_then(|items| items.as_sequence()) {
        Some(items) if is_list && depth > 0 => {
            items.iter().flat_map(|item| expanded(&Arc::new(item.clone()), depth - 1)).collect()
        }
        _ if document.value == NodeValue::Null => Vec::new(),
        _ => vec![Arc::clone(document)],
    }
}

fn admit(site: &Site, mut value: Value) -> Result<(Manifest, Vec<Fault>), Fault> {
    let at = ["source", "manifests"];
    let object = Manifest::new(value.clone())
        .map_err(|error| Fault::error(Code::S0601, &at, format!("this is no Kubernetes object: {error}")))?;
    let what = format!("{} `{}`", object.kind(), object.name());
    admit_kind(site, &object, &what)?;
    if let Some(namespace) = object.namespace().filter(|namespace| *namespace != site.namespace.as_str()) {
        let message = format!("{what} names the namespace `{namespace}`; the app's is `{}`", site.namespace);
        return Err(Fault::error(Code::S0604, &at, message).help("leave `metadata.namespace` out"));
    }
    let mut warnings = Vec::new();
    let fields = value.as_object_mut().into_iter().flat_map(|map| map.remove("status"));
    let stripped: Vec<&str> = fields.map(|_| "status").collect();
    let metadata = &mut value["metadata"];
    if metadata.get("ownerReferences").is_some_and(|owners| !owners.is_null()) {
        let message = format!("{what} sets `ownerReferences`; only the cluster's controllers do");
        return Err(Fault::error(Code::S0602, &at, message).help("take the field away"));
    }
    refuse_forged(&value, &what)?;
    let metadata = &mut value["metadata"];
    let mut removed = stripped;
    for field in [
        "uid",
        "resourceVersion",
        "managedFields",
        "generation",
        "selfLink",
        "creationTimestamp",
        "deletionTimestamp",
    ] {
        let was = metadata.as_object_mut().and_then(|map| map.remove(field));
        if was.is_some_and(|was| !was.is_null()) {
            removed.push(field);
        }
    }
    if let Some(annotations) = metadata["annotations"].as_object_mut() {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    if !removed.is_empty() {
        let message =
            format!("{what} holds what only a cluster writes: {}; it was left out", removed.join(", "));
        warnings.push(Fault::warning(Code::S0602, &at, message));
    }
    metadata["namespace"] = json!(site.namespace.as_str());
    add_labels(site, metadata);
    let object = Manifest::new(value).map_err(|error| Fault::error(Code::S0601, &at, error.to_string()))?;
    Ok((object, warnings))
}

fn admit_kind(site: &Site, object: &Manifest, what: &str) -> Result<(), Fault> {
    let at = ["source", "manifests"];
    let (group, kind) = (object.group(), object.kind());
    let usual = USUAL_KINDS.iter().any(|(g, k, _)| (*g, *k) == (group, kind));
    let allowed =
        tenant_kinds(site.allowed_kinds).iter().any(|(g, k)| (g.as_str(), k.as_str()) == (group, kind));
    let cluster_scoped = site.facts.find(group, kind).is_some_and(|resource| !resource.namespaced);
    if cluster_scoped {
        let message = format!("{what} belongs to the whole cluster; an app has its namespace only");
        return Err(Fault::error(Code::S0603, &at, message).help("the platform team brings such objects"));
    }
    if !usual && !allowed {
        let name = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let message = format!("{what}: tenant `{}` may not bring the kind `{name}`", site.tenant);
        let help = format!("the platform team allows it with `kinds: {{allow: [{name}]}}` of the Tenant");
        return Err(Fault::error(Code::S0603, &at, message).help(help));
    }
    let has = |field: &str| object.at(field).and_then(Value::as_object).is_some_and(|data| !data.is_empty());
    if (group, kind) == ("", "Secret") && (has("/data") || has("/stringData")) {
        let message = format!("{what} holds its values in plain text");
        let help = "write a Secret definition, its values encrypted with SOPS, and refer to it";
        return Err(Fault::error(Code::S0701, &at, message).help(help));
    }
    Ok(())
}

/// Labels and annotations of the engine on the object or on its pods.
fn refuse_forged(value: &Value, what: &str) -> Result<(), Fault> {
    for pointer in [
        "/metadata/labels",
        "/metadata/annotations",
        "/spec/template/metadata/labels",
        "/spec/template/metadata/annotations",
        "/spec/jobTemplate/spec/template/metadata/labels",
        "/spec/jobTemplate/spec/template/metadata/annotations",
    ] {
        let Some(found) = value.pointer(pointer) else { continue };
        let Some(map) = found.as_object() else {
            if found.is_null() {
                continue;
            }
            let message = format!("{what}: `{}` is no map", pointer[1..].replace('/', "."));
            return Err(Fault::error(Code::S0601, &["source", "manifests"], message));
        };
        for (key, value) in map {
            if key.starts_with(label::PREFIX) || key.contains(".sluice.dev/") {
                let message = format!("{what} sets `{key}`, which the engine alone writes");
                let fault = Fault::error(Code::S0602, &["source", "manifests"], message);
                return Err(fault.help("take the label or annotation away"));
            }
            if !value.is_string() {
                let message = format!("{what}: the value of `{key}` is no text");
                return Err(
                    Fault::error(Code::S0601, &["source", "manifests"], message).help("put it in quotes")
                );
            }
        }
    }
    Ok(())
}

/// The app's labels on the object. What a manifest says of its name and role itself stays.
fn add_labels(site: &Site, metadata: &mut Value) {
    if !metadata["labels"].is_object() {
        metadata["labels"] = json!({});
    }
    for (key, value) in label::of_app(site, None) {
        let own = ["app.kubernetes.io/name", "app.kubernetes.io/instance"].contains(&key.as_str());
        if !(own && metadata["labels"].get(&key).is_some()) {
            metadata["labels"][key] = json!(value);
        }
    }
}

fn keep(mut object: Manifest, state: RunState, place: &Place, draft: &mut Draft) {
    let (group, kind) = (object.group().to_owned(), object.kind().to_owned());
    let is_workload = matches!(
        (group.as_str(), kind.as_str()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "Job" | "CronJob")
    );
    if is_workload {
        let at = ["source", "manifests"];
        let taken = |name: &ComponentName| draft.workloads.contains_key(name);
        let name = match ComponentName::new(object.name()) {
            Ok(name) if taken(&name) => ComponentName::new(format!("{name}-{}", kind.to_lowercase())),
            other => other,
        };
        let name = match name {
            Ok(name) => name,
            Err(error) => {
                let message = format!("{kind} `{}` can't be a component: {error}", object.name());
                draft.faults.push(Fault::error(Code::S0522, &at, message).elsewhere(place.clone()));
                return;
            }
        };
        if group == "apps" && kind != "DaemonSet" {
            let spec = object.as_value_mut()["spec"].as_object_mut();
            let written = spec.and_then(|spec| spec.remove("replicas")).and_then(|count| count.as_u64());
            let count = u32::try_from(written.unwrap_or(1)).unwrap_or(u32::MAX);
            let count = if state == RunState::Stopped { 0 } else { count };
            draft.replicas.insert(name.clone(), Replicas::Fixed(count));
        } else if group == "batch" && state == RunState::Stopped {
            object.as_value_mut()["spec"]["suspend"] = json!(true);
        }
        draft.workloads.insert(name, object.key());
    }
    draft.objects.push(object);
}

/// Replicas of what an autoscaler among the manifests scales belong to it.
fn autoscale(scaler: &Manifest, state: RunState, draft: &mut Draft) {
    let text = |pointer: &str| scaler.at(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/spec/scaleTargetRef/kind"), text("/spec/scaleTargetRef/name"));
    let number = |pointer: &str| {
        scaler.at(pointer).and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
    };
    let min = number("/spec/minReplicas").unwrap_or(1);
    let Some(max) = number("/spec/maxReplicas") else { return };
    for (component, key) in &draft.workloads {
        if key.kind == kind && key.name == name && state == RunState::Running {
            draft.replicas.insert(component.clone(), Replicas::Autoscaled { min, max });
        }
    }
}
