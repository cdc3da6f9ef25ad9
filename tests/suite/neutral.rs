//! What two worlds of one story have in common: objects, writes and records without what is chance.

use serde_json::Value;
use sluice::model::Manifest;

/// A name that says the same in every tenant: a ReplicaSet's own has the digest of its template.
pub fn neutral_name(kind: &str, object: &Manifest) -> String {
    let revision = object.at("/metadata/annotations/deployment.kubernetes.io~1revision");
    match (object.name().rsplit_once('-'), revision.and_then(Value::as_str)) {
        (Some((name, _)), Some(revision)) if kind == "ReplicaSet" => {
            format!("{kind} {name} of revision {revision}")
        }
        _ => format!("{kind} {}", object.name()),
    }
}

/// The text with each digest as a number, in the order in which they appear.
pub fn numbered(text: &str) -> String {
    let mut seen: Vec<&str> = Vec::new();
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let hex =
            rest.bytes().take_while(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)).count();
        if hex >= 16 {
            let digest = &rest[..hex];
            let number = seen.iter().position(|other| *other == digest).unwrap_or_else(|| {
                seen.push(digest);
                seen.len() - 1
            });
            out.push_str(&format!("#{number}"));
            rest = &rest[hex..];
        } else {
            let next = rest.char_indices().nth(hex.max(1)).map_or(rest.len(), |(at, _)| at);
            out.push_str(&rest[..next]);
            rest = &rest[next..];
        }
    }
    out
}

/// A write as it reads in every tenant: an inventory's name has a digest of the target.
pub fn neutral_write(write: &str, tenant: &str) -> String {
    match write.split_once("/inventory-") {
        Some((of, name)) => {
            let mut parts: Vec<&str> = name.rsplitn(3, '-').collect();
            parts.remove(1);
            parts.reverse();
            format!("{of}/inventory-{}", parts.join("-")).replace(tenant, "TENANT")
        }
        None => write.replace(tenant, "TENANT"),
    }
}

/// The object without what is chance: uids, versions, times, addresses, status. The generation
/// stays, for it counts the changes.
pub fn without_chance(object: Manifest) -> Value {
    let mut value = object.as_value().clone();
    let fields = value.as_object_mut().unwrap();
    fields.remove("status");
    if object.kind() == "ServiceAccount" || object.name() == "kube-root-ca.crt" {
        fields.retain(|name, _| name == "kind");
        return value;
    }
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut) {
        for address in ["clusterIP", "clusterIPs"] {
            spec.remove(address);
        }
    }
    if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
        for chance in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "ownerReferences"] {
            metadata.remove(chance);
        }
        // Controllers scale a ReplicaSet in as many steps as they happen to see.
        if object.kind() == "ReplicaSet" {
            metadata.remove("generation");
            metadata.remove("name");
        }
    }
    for labels in ["/metadata/labels", "/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        if let Some(labels) = value.pointer_mut(labels).and_then(Value::as_object_mut) {
            labels.remove("pod-template-hash");
        }
    }
    value
}
