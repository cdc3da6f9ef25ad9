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

/// What the engine's own user may do: the very rights that people are told to give it, so that what
/// works here works on a real cluster.
const ENGINE_RIGHTS: &str = include_str!("../../deploy/rights.yaml");

fn engine_rights() -> Vec<Value> {
    ENGINE_RIGHTS
        .split("\n---\n")
        .filter_map(|document| serde_yaml::from_str(document).ok())
        .filter(Value::is_object)
        .collect()
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
    objects.extend(engine_rights());
    objects.push(json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "playground.sluice.dev/none"}));
    objects.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
        "metadata": {"name": "nginx"}, "spec": {"controller": "playground.sluice.dev/nginx"}}));
    objects.push(json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass",
        "metadata": {"name": "sluice-playground"}, "spec": {"controllerName": "sluice.dev/playground"}}));
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_engines_rights_are_read_whole() {
        let documents = super::ENGINE_RIGHTS.lines().filter(|line| line.starts_with("kind: ")).count();
        assert_eq!(super::engine_rights().len(), documents);
    }
}
