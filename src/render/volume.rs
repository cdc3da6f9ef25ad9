//! Volumes of a pod and mounts of a container.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::config::{self, Named};
use super::object::{fitted, put};
use super::pod::claim_name;
use crate::definition::{Component, Container, Mount, Volume, Workload};
use crate::model::ComponentName;

/// The most characters of a volume's name.
const NAME_LIMIT: usize = 63;

fn config_volume(config: &str) -> String {
    fitted(&format!("config-{config}"), NAME_LIMIT)
}

fn secret_volume(secret: &str) -> String {
    fitted(&format!("secret-{secret}"), NAME_LIMIT)
}

fn files_volume(container: &str) -> String {
    fitted(&format!("files-{container}"), NAME_LIMIT)
}

fn all(component: &Component) -> impl Iterator<Item = (&String, &Container)> {
    component.containers.iter().chain(&component.init_containers)
}

/// The volumes of a pod, by name.
pub(super) fn render(name: &ComponentName, component: &Component, named: &Named) -> Vec<Value> {
    let mut volumes: BTreeMap<String, Value> = BTreeMap::new();
    for (volume, what) in &component.volumes {
        let source = match what {
            Volume::EmptyDir { size_limit } => {
                let mut source = json!({});
                put(&mut source, "sizeLimit", size_limit.map(|size| json!(size)).unwrap_or_default());
                json!({"emptyDir": source})
            }
            // The set makes the volume of its claim template.
            Volume::Claim { .. } if component.workload == Workload::StatefulSet => continue,
            Volume::Claim { .. } => json!({"persistentVolumeClaim": {"claimName": claim_name(name, volume)}}),
            Volume::ExistingClaim { name } => json!({"persistentVolumeClaim": {"claimName": name}}),
            Volume::HostPath { path } => json!({"hostPath": {"path": path, "type": ""}}),
        };
        volumes.insert(volume.clone(), source);
    }
    for (id, container) in all(component) {
        if !container.files.is_empty() {
            let object = named.files(name, id);
            volumes.insert(files_volume(id), json!({"configMap": {"name": object, "defaultMode": 0o644}}));
        }
        for mount in container.mounts.values() {
            if let Some(config) = &mount.config {
                let source = json!({"configMap": {"name": named.config(config), "defaultMode": 0o644}});
                volumes.insert(config_volume(config), source);
            }
            if let Some(secret) = &mount.secret {
                let source = json!({"secret": {"secretName": named.secret(secret), "defaultMode": 0o644}});
                volumes.insert(secret_volume(secret), source);
            }
        }
    }
    volumes
        .into_iter()
        .map(|(name, mut source)| {
            source["name"] = json!(name);
            source
        })
        .collect()
}

/// The mounts of a container, by path. A single file is mounted by `subPath`: its object is
/// immutable, so nothing is lost by that.
pub(super) fn mounts(name: &str, container: &Container) -> Vec<Value> {
    let mut mounts: BTreeMap<&str, Value> = BTreeMap::new();
    for (path, key) in config::file_keys(container) {
        let mount = json!({
            "name": files_volume(name), "mountPath": path, "subPath": key, "readOnly": true,
        });
        mounts.insert(path, mount);
    }
    for (path, mount) in &container.mounts {
        mounts.insert(path, mount_of(path, mount));
    }
    mounts.into_values().collect()
}

fn mount_of(path: &str, mount: &Mount) -> Value {
    let (volume, sub_path, read_only) = if let Some(config) = &mount.config {
        (config_volume(config), mount.key.clone().or_else(|| mount.sub_path.clone()), true)
    } else if let Some(secret) = &mount.secret {
        (secret_volume(secret), mount.key.clone().or_else(|| mount.sub_path.clone()), true)
    } else {
        (mount.volume.clone().unwrap_or_default(), mount.sub_path.clone(), mount.read_only)
    };
    let mut value = json!({"name": volume, "mountPath": path});
    put(&mut value, "subPath", sub_path);
    if read_only {
        value["readOnly"] = json!(true);
    }
    value
}

/// The names of the Configs and of the Secrets that a component refers to.
pub(super) fn references(component: &Component) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut configs, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    secrets.extend(component.routes.iter().filter_map(|route| route.tls.as_deref()));
    for (_, container) in all(component) {
        for mount in container.mounts.values() {
            configs.extend(mount.config.as_deref());
            secrets.extend(mount.secret.as_deref());
        }
        for value in container.env.values() {
            if let crate::definition::EnvValue::From(source) = value {
                configs.extend(source.config.as_deref());
                secrets.extend(source.secret.as_deref());
            }
        }
    }
    (configs, secrets)
}
