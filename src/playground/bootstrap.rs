//! What is in a cluster from its first moment: namespaces, nodes, roles, a storage class.

use serde_json::{Value, json};

use super::clock::kubernetes_time;
use super::kinds;
use super::rbac::builtin;
use super::store::Store;
use super::{defaults, objects::Objects};

/// How many nodes a cluster has.
const NODES: u8 = 3;

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

fn node(number: u8, now: &str) -> Value {
    let name = format!("node-{number}");
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": "",
            "lastHeartbeatTime": now, "lastTransitionTime": now})
    };
    let resources = json!({"cpu": "32", "memory": "128Gi", "pods": "250", "ephemeral-storage": "500Gi"});
    json!({"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": format!("zone-{number}")}},
        "spec": {"podCIDR": format!("10.244.{number}.0/24"), "podCIDRs": [format!("10.244.{number}.0/24")]},
        "status": {"capacity": resources, "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": format!("192.168.0.{}", 10 + number)},
                {"type": "Hostname", "address": name}],
            "conditions": [condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady")],
            "nodeInfo": {"kubeletVersion": "v1.36.0+playground", "operatingSystem": "linux",
                "architecture": "amd64", "osImage": "playground", "kernelVersion": "",
                "containerRuntimeVersion": "playground://1", "bootID": "", "machineID": "", "systemUUID": "",
                "kubeProxyVersion": ""}}})
}

/// What the engine's own user may do: what it needs to run a cluster, and no more.
fn engine_role() -> [Value; 2] {
    let all = json!(["*"]);
    [
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "sluice-engine"}, "rules": [
            {"apiGroups": all, "resources": all, "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["namespaces", "resourcequotas", "limitranges", "configmaps",
                "secrets", "serviceaccounts", "services", "persistentvolumeclaims", "pods", "events"],
                "verbs": ["create", "update", "patch", "delete"]},
            {"apiGroups": ["apps", "batch", "autoscaling", "policy", "networking.k8s.io",
                "gateway.networking.k8s.io", "coordination.k8s.io"], "resources": all,
                "verbs": ["create", "update", "patch", "delete"]},
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"],
                "verbs": ["create", "update", "patch", "delete", "bind", "escalate"]},
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"]},
            {"apiGroups": [""], "resources": ["users", "groups"], "verbs": ["impersonate"]}]}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "sluice-engine"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sluice-engine"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "sluice-engine"}]}),
    ]
}

/// The objects of a new cluster, in the order of their creation.
fn objects(now: &str) -> Vec<Value> {
    let named = |kind: &str, namespace: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}});
    let mut objects: Vec<Value> = NAMESPACES
        .iter()
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .collect();
    objects.extend(NAMESPACES.iter().map(|namespace| named("ServiceAccount", namespace, "default")));
    objects.extend((1..=NODES).map(|number| node(number, now)));
    objects.extend(builtin::cluster_roles());
    objects.extend(builtin::cluster_role_bindings());
    objects.extend(engine_role());
    objects.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "playground.sluice.dev/none"}));
    objects.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
        "metadata": {"name": "nginx"}, "spec": {"controller": "playground.sluice.dev/nginx"}}));
    objects.push(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "playground"},
        "spec": {"controllerName": "playground.sluice.dev/gateway"},
        "status": {"conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted",
            "message": "", "observedGeneration": 1, "lastTransitionTime": now}]}}));
    objects.push(json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]}}));
    objects
}

/// Fills a new cluster.
pub(crate) fn fill(store: &mut Store) {
    let now = kubernetes_time(store.now());
    for mut object in objects(&now) {
        let Some(kind) = kinds::of_object(&object) else { continue };
        defaults::fill(store, kind, None, &mut object);
        // What is created here is known and new, so this can't fail.
        let created = store.create(object);
        debug_assert!(created.is_ok(), "{created:?}");
    }
}
