//! In which order the kinds of one target are applied, and in which they go.
//!
//! The order sorts the queue and blocks nothing by itself: what blocks is that a namespace or a
//! custom resource definition is not there yet.

use crate::model::ObjectKey;

/// The place of a kind in the queue: lower first. Deletion goes the other way round.
pub fn rank(key: &ObjectKey) -> u8 {
    match (key.group.as_str(), key.kind.as_str()) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => 0,
        (_, kind) if kind.ends_with("Class") => 1,
        ("", "ResourceQuota" | "LimitRange") => 2,
        ("", "ServiceAccount") => 3,
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => 3,
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => 4,
        ("networking.k8s.io", "NetworkPolicy") => 5,
        ("policy", "PodDisruptionBudget") => 5,
        ("", "ConfigMap" | "Secret") => 6,
        ("", "PersistentVolume" | "PersistentVolumeClaim") => 7,
        ("", "Service") => 8,
        ("apps", _) | ("batch", _) | ("", "Pod" | "ReplicationController") => 9,
        ("autoscaling", _) => 10,
        ("gateway.networking.k8s.io", _) | ("networking.k8s.io", "Ingress") => 11,
        ("admissionregistration.k8s.io", _) => 13,
        _ => 12,
    }
}
