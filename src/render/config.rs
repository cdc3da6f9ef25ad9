//! Content-named ConfigMaps and Secrets: a change of content is another object, so it is a release.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::object::{fitted, object, put};
use super::{ConfigData, Material, SealedSecret, Site, label, volume};
use crate::definition::secret::ciphertext_digest;
use crate::definition::{App, Container, SecretType};
use crate::model::{ComponentName, ContentDigest, SEALED_FIELD, sha256};

/// The most characters of an object's name.
const NAME_LIMIT: usize = 253;

/// The content-named objects of an app, and how to refer to them.
#[derive(Debug, Default)]
pub(super) struct Named {
    configs: BTreeMap<String, String>,
    secrets: BTreeMap<String, String>,
    files: BTreeMap<(ComponentName, String), String>,
    /// Names of the Secrets that pods pull images with.
    pub(super) pull_secrets: Vec<String>,
    /// The objects themselves.
    pub(super) objects: Vec<Value>,
}

impl Named {
    /// The name of a Config's object. What is not there is reported by a check; its own name stands
    /// in meanwhile.
    pub(super) fn config<'a>(&'a self, name: &'a str) -> &'a str {
        self.configs.get(name).map_or(name, String::as_str)
    }

    /// The name of a Secret's object.
    pub(super) fn secret<'a>(&'a self, name: &'a str) -> &'a str {
        self.secrets.get(name).map_or(name, String::as_str)
    }

    /// The name of the object of a container's files.
    pub(super) fn files(&self, component: &ComponentName, container: &str) -> &str {
        self.files.get(&(component.clone(), container.to_owned())).map_or("", String::as_str)
    }
}

/// Renders every Config, Secret and file that the app refers to.
pub(super) fn render(site: &Site, app: &App, material: &Material) -> Named {
    let mut named = Named::default();
    let (mut configs, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for component in app.components.values() {
        let (of_configs, of_secrets) = volume::references(component);
        configs.extend(of_configs);
        secrets.extend(of_secrets);
    }
    for name in configs {
        if let Some(data) = material.configs.get(name) {
            let object = config_map(site, name, None, data);
            named.configs.insert(name.to_owned(), name_of(&object));
            named.objects.push(object);
        }
    }
    for (name, sealed) in &material.secrets {
        let pulls = sealed.secret_type == SecretType::DockerConfigJson && !app.components.is_empty();
        if !pulls && !secrets.contains(name.as_str()) {
            continue;
        }
        let object = secret(site, name, sealed);
        if pulls {
            named.pull_secrets.push(name_of(&object));
        }
        named.secrets.insert(name.clone(), name_of(&object));
        named.objects.push(object);
    }
    for (component, definition) in &app.components {
        for (id, container) in definition.containers.iter().chain(&definition.init_containers) {
            if container.files.is_empty() {
                continue;
            }
            let data = file_keys(container)
                .into_iter()
                .filter_map(|(path, key)| {
                    let bytes = material.files.get(container.files.get(path)?)?;
                    Some((key, Arc::clone(bytes)))
                })
                .collect();
            let object = config_map(site, &format!("{component}-{id}-files"), Some(component), &data);
            named.files.insert((component.clone(), id.clone()), name_of(&object));
            named.objects.push(object);
        }
    }
    named
}

fn name_of(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// The keys of a container's files: the last part of the path, with a digest of the whole path where
/// two paths end alike.
pub(super) fn file_keys(container: &Container) -> Vec<(&str, String)> {
    let last = |path: &str| {
        let part = path.rsplit('/').next().unwrap_or(path);
        let legal = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        part.chars().map(legal).collect::<String>()
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in container.files.keys() {
        *counts.entry(last(path)).or_default() += 1;
    }
    container
        .files
        .keys()
        .map(|path| {
            let key = last(path);
            match counts[&key] {
                1 if !key.is_empty() && key.len() <= NAME_LIMIT => (path.as_str(), key),
                _ => {
                    (path.as_str(), fitted(&format!("{}-{key}", sha256(path.as_bytes()).short()), NAME_LIMIT))
                }
            }
        })
        .collect()
}

fn config_map(site: &Site, name: &str, component: Option<&ComponentName>, data: &ConfigData) -> Value {
    let (mut texts, mut binaries) = (json!({}), json!({}));
    for (key, bytes) in data {
        match std::str::from_utf8(bytes) {
            Ok(text) => texts[key] = json!(text),
            Err(_) => binaries[key] = json!(STANDARD.encode(bytes)),
        }
    }
    let digest = ContentDigest::of_json(&json!({"data": texts, "binaryData": binaries})).short();
    let mut object = object(
        "v1",
        "ConfigMap",
        site.namespace.as_str(),
        &content_name(site, name, &digest),
        &label::of_app(site, component),
    );
    object["immutable"] = json!(true);
    put(&mut object, "data", texts);
    put(&mut object, "binaryData", binaries);
    object
}

fn secret(site: &Site, name: &str, sealed: &SealedSecret) -> Value {
    let secret_type = json!(sealed.secret_type);
    let digest = ContentDigest::of_json(&json!({"type": secret_type, "values": sealed.values})).short();
    let mut object = object(
        "v1",
        "Secret",
        site.namespace.as_str(),
        &content_name(site, name, &digest),
        &label::of_app(site, None),
    );
    let data: BTreeMap<&String, String> = sealed
        .values
        .iter()
        .map(|(key, text)| (key, format!("sealed:{}", ciphertext_digest(text))))
        .collect();
    object["type"] = secret_type;
    object["immutable"] = json!(true);
    object["data"] = json!(data);
    object[SEALED_FIELD] = json!({"document": sealed.document});
    object
}

fn content_name(site: &Site, name: &str, digest: &str) -> String {
    format!("{}-{digest}", fitted(&format!("{}-{name}", site.app), NAME_LIMIT - 1 - digest.len()))
}
