//! What an app refers to, found for one target: Configs, Secrets, files and manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::definitions::Shared;
use super::lookup::Lookup;
use super::platform::Ground;
use crate::check;
use crate::definition::{App, Config, Definition, EnvValue, Secret, SecretType, Source, nearest, yaml};
use crate::diagnostic::{Code, Diagnostic, Fault};
use crate::model::{EnvironmentName, TenantName};
use crate::render::{ConfigData, Material, SealedSecret, SourceFile};
use crate::resolve::{Resolved, Setting, pick, resolve_openly};

/// Finds everything; what is missing or faulty is reported.
pub(super) fn gather(
    ground: &Ground,
    lookup: &Lookup,
    tenant: &TenantName,
    app: &Resolved<App>,
    setting: &Setting,
    diagnostics: &mut Vec<Diagnostic>,
) -> Material {
    let mut finder =
        Finder { ground, lookup, tenant, app, setting, diagnostics, material: Material::default() };
    finder.references();
    finder.certificates();
    finder.pull_secrets();
    finder.files();
    finder.source();
    finder.material
}

struct Finder<'a, 'd> {
    ground: &'a Ground<'a>,
    lookup: &'a Lookup<'a>,
    tenant: &'a TenantName,
    app: &'a Resolved<App>,
    setting: &'a Setting<'a>,
    diagnostics: &'d mut Vec<Diagnostic>,
    material: Material,
}

/// A reference to a Config or Secret: which, and the field that refers.
type Reference = (bool, String, Vec<String>);

impl Finder<'_, '_> {
    fn report(&mut self, fault: Fault) {
        self.diagnostics.push(self.app.diagnose(fault));
    }

    /// TLS secrets of routes: those of the tenant; others are in the cluster already.
    fn certificates(&mut self) {
        let app = self.app;
        for (name, component) in &app.value.components {
            for (index, route) in component.routes.iter().enumerate() {
                let Some(secret) = &route.tls else { continue };
                if self.lookup.secrets(self.tenant, secret).is_some() {
                    let at = ["components", name.as_str(), "routes", &index.to_string(), "tls"];
                    self.load(true, secret, &at.map(str::to_owned));
                }
            }
        }
    }

    fn references(&mut self) {
        let mut seen: BTreeSet<(bool, String)> = BTreeSet::new();
        for (is_secret, name, at) in references(&self.app.value) {
            let known = !seen.insert((is_secret, name.clone()));
            let loaded = match is_secret {
                true => self.material.secrets.contains_key(&name),
                false => self.material.configs.contains_key(&name),
            };
            if known && loaded {
                continue;
            }
            self.load(is_secret, &name, &at);
        }
    }

    fn load(&mut self, is_secret: bool, name: &str, at: &[String]) {
        let environment: &EnvironmentName = self.setting.environment;
        let list = match is_secret {
            true => self.lookup.secrets(self.tenant, name),
            false => self.lookup.configs(self.tenant, name),
        };
        let places = &self.ground.places;
        self.diagnostics.extend(list.into_iter().flatten().flat_map(|one| check::places(one, places)));
        let Some(definition) = list.and_then(|list| pick(list, environment)) else {
            let (what, map) = match is_secret {
                true => ("Secret", &self.lookup.definitions.secrets),
                false => ("Config", &self.lookup.definitions.configs),
            };
            let fault = missing(what, name, map, self.tenant, environment, at);
            self.report(fault);
            return;
        };
        if is_secret {
            self.secret(name, definition);
        } else {
            self.config(name, definition);
        }
    }

    fn config(&mut self, name: &str, definition: &Definition) {
        let config = match resolve_openly::<Config>(definition, self.setting) {
            Ok(config) => config,
            Err(faults) => return self.diagnostics.extend(faults),
        };
        let mut data: ConfigData = BTreeMap::new();
        for (key, text) in &config.value.values {
            data.insert(key.clone(), Arc::from(text.as_bytes()));
        }
        for (key, path) in &config.value.files {
            let at = ["files", key.as_str()];
            match self.lookup.file(&definition.path, path) {
                Ok((_, bytes)) => {
                    if data.insert(key.clone(), bytes).is_some() {
                        let message = format!("the key `{key}` stands in `values` and in `files`");
                        let fault = Fault::error(Code::S0403, &at, message);
                        self.diagnostics.push(config.diagnose(fault));
                    }
                }
                Err(error) => {
                    let fault = Fault::error(Code::S0407, &at, error.to_string());
                    self.diagnostics.push(config.diagnose(fault));
                }
            }
        }
        for fault in check::keys(&data) {
            self.diagnostics.push(config.diagnose(fault));
        }
        self.material.configs.insert(name.to_owned(), data);
    }

    fn secret(&mut self, name: &str, definition: &Definition) {
        let secret = match resolve_openly::<Secret>(definition, self.setting) {
            Ok(secret) => secret,
            Err(faults) => return self.diagnostics.extend(faults),
        };
        for fault in check::sealed(&secret.value, secret.tree.get("sops").is_some()) {
            self.diagnostics.push(secret.diagnose(fault));
        }
        let sealed = SealedSecret {
            secret_type: secret.value.secret_type,
            values: secret.value.values,
            document: definition.raw.clone(),
        };
        self.material.secrets.insert(name.to_owned(), sealed);
    }

    /// Secrets of the tenant that pods pull their images with.
    fn pull_secrets(&mut self) {
        for (name, list) in self.lookup.all_secrets(self.tenant) {
            let Some(definition) = pick(list, self.setting.environment) else { continue };
            let written = definition.tree.pointer("/spec/type").and_then(|node| node.as_str());
            let pulls = serde_json::json!(SecretType::DockerConfigJson);
            if written == pulls.as_str() && !self.material.secrets.contains_key(name) {
                self.secret(name, definition);
            }
        }
    }

    fn files(&mut self) {
        for (name, component) in &self.app.value.components {
            for (list, containers) in
                [("containers", &component.containers), ("initContainers", &component.init_containers)]
            {
                for (container, definition) in containers {
                    for (mounted, path) in &definition.files {
                        match self.lookup.file(&self.app.path, path) {
                            Ok((_, bytes)) => {
                                self.material.files.insert(path.clone(), bytes);
                            }
                            Err(error) => {
                                let at = ["components", name.as_str(), list, container, "files", mounted];
                                let fault = Fault::error(Code::S0407, &at, error.to_string());
                                self.diagnostics.push(self.app.diagnose(fault));
                            }
                        }
                    }
                }
            }
        }
    }

    fn source(&mut self) {
        let Some(Source::Manifests(paths)) = &self.app.value.source else { return };
        let mut found: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
        for (index, path) in paths.iter().enumerate() {
            match self.lookup.folder(&self.app.path, path) {
                Ok(read) => found.extend(read),
                Err(error) => {
                    let at = ["source", "manifests", &index.to_string()];
                    let fault = Fault::error(Code::S0407, &at, error.to_string());
                    self.diagnostics.push(self.app.diagnose(fault));
                }
            }
        }
        for (path, bytes) in found {
            // A folder may hold the definition itself.
            if path == self.app.path {
                continue;
            }
            let stream = yaml::load(&bytes, &path, &yaml::Limits::default());
            self.diagnostics.extend(stream.diagnostics);
            let documents = stream.documents.into_iter().map(|document| Arc::new(document.root)).collect();
            self.material.source.push(SourceFile { path, documents });
        }
    }
}

fn missing(
    what: &str,
    name: &str,
    map: &Shared,
    tenant: &TenantName,
    environment: &EnvironmentName,
    at: &[String],
) -> Fault {
    let at: Vec<&str> = at.iter().map(String::as_str).collect();
    let own =
        || map.keys().filter(|(owner, _)| owner.as_ref() == Some(tenant)).map(|(_, name)| name.as_str());
    if own().any(|known| known == name) {
        let message = format!("{what} `{name}` has no definition that counts in `{environment}`");
        return Fault::error(Code::S0404, &at, message).help("look at the `environments` of its definitions");
    }
    let fault = Fault::error(Code::S0404, &at, format!("tenant `{tenant}` has no {what} `{name}`"));
    match nearest(name, own()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help(format!("write a {what} of this name under `tenants/{tenant}/`")),
    }
}

fn references(app: &App) -> Vec<Reference> {
    let mut all = Vec::new();
    for (name, component) in &app.components {
        for (list, containers) in
            [("containers", &component.containers), ("initContainers", &component.init_containers)]
        {
            for (container, definition) in containers {
                let at = |rest: &[&str]| -> Vec<String> {
                    let head = ["components", name.as_str(), list, container.as_str()];
                    head.iter().chain(rest).map(|part| (*part).to_owned()).collect()
                };
                let mut add = |is_secret: bool, name: &Option<String>, at: Vec<String>| {
                    all.extend(name.iter().map(|name| (is_secret, name.clone(), at.clone())));
                };
                for (variable, value) in &definition.env {
                    if let EnvValue::From(source) = value {
                        add(false, &source.config, at(&["env", variable, "config"]));
                        add(true, &source.secret, at(&["env", variable, "secret"]));
                    }
                }
                for (path, mount) in &definition.mounts {
                    add(false, &mount.config, at(&["mounts", path, "config"]));
                    add(true, &mount.secret, at(&["mounts", path, "secret"]));
                }
            }
        }
    }
    all
}
