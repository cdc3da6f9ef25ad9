//! Reading: every definition of a commit, by kind, owner and name.

use std::collections::{BTreeMap, BTreeSet};

use super::Hidden;
use crate::check;
use crate::definition::{Definition, Kind, parse};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{AppKey, ClusterName, SourceTree, TenantName};
use crate::resolve::{Owner, overlap, owner_of};

/// Definitions of one kind that several may share a name of: by tenant (none = the platform) and name.
pub(super) type Shared = BTreeMap<(Option<TenantName>, String), Vec<Definition>>;

/// Every definition of a commit. What could not be read is known to be hidden.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// The files, for what definitions refer to.
    pub tree: SourceTree,
    /// The whole fleet.
    pub fleet: Option<Definition>,
    /// Clusters by name.
    pub clusters: BTreeMap<ClusterName, Definition>,
    /// Tenants by name.
    pub tenants: BTreeMap<TenantName, Definition>,
    /// Apps.
    pub apps: BTreeMap<AppKey, Definition>,
    /// Apps that are defined more than once.
    pub ambiguous: BTreeSet<AppKey>,
    /// Configs.
    pub(super) configs: Shared,
    /// Secrets.
    pub(super) secrets: Shared,
    /// Gray releases; those of the platform are for every tenant.
    pub(super) gray_releases: Shared,
    /// Owners of files that could not be read.
    pub hidden: Hidden,
}

/// Sorts the documents of a tree into definitions. Faults are reported, and what they hide is noted.
pub fn read(tree: &SourceTree) -> (Definitions, Vec<Diagnostic>) {
    let mut reader = Reader {
        definitions: Definitions { tree: tree.clone(), ..Definitions::default() },
        diagnostics: Vec::new(),
    };
    for path in &tree.unread {
        reader.hide(path);
    }
    let mut others = Vec::new();
    for (path, entry) in &tree.files {
        if !is_yaml(path) {
            continue;
        }
        match owner_of(path) {
            Owner::Fleet | Owner::Platform => {
                reader.file(path, &entry.bytes);
            }
            Owner::Tenant(_) => {
                if !reader.file(path, &entry.bytes) {
                    others.push(path.as_str());
                }
            }
            Owner::Misnamed(error) => {
                reader.diagnostics.push(Diagnostic::error(Code::S0402, Place::file(path), error.to_string()));
            }
            Owner::Templates | Owner::Nobody => {}
        }
    }
    reader.unreferenced(&others);
    reader.diagnostics.sort();
    (reader.definitions, reader.diagnostics)
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

struct Reader {
    definitions: Definitions,
    diagnostics: Vec<Diagnostic>,
}

impl Reader {
    fn hide(&mut self, path: &str) {
        match owner_of(path) {
            Owner::Tenant(tenant) => {
                self.definitions.hidden.tenants.insert(tenant);
            }
            Owner::Fleet | Owner::Platform => self.definitions.hidden.platform = true,
            Owner::Templates | Owner::Misnamed(_) | Owner::Nobody => {}
        }
    }

    /// Reads a file; answers whether it is one of ours.
    fn file(&mut self, path: &str, bytes: &[u8]) -> bool {
        let (definitions, diagnostics, complete) = parse(path, bytes);
        if !complete || diagnostics.iter().any(Diagnostic::is_error) {
            self.hide(path);
        }
        let ours = !definitions.is_empty() || !diagnostics.is_empty();
        self.diagnostics.extend(diagnostics);
        for definition in definitions {
            self.add(definition);
        }
        ours
    }

    /// Files that are no definitions have an effect only where one refers to them.
    fn unreferenced(&mut self, files: &[&str]) {
        let references = self.references();
        for path in files {
            let named = |reference: &String| {
                *path == reference
                    || path.strip_prefix(reference.as_str()).is_some_and(|r| r.starts_with('/'))
            };
            if !references.iter().any(named) {
                self.diagnostics.push(check::unreferenced(path));
            }
        }
    }

    /// Every path that a text in a tenant's definition could mean.
    fn references(&self) -> BTreeSet<String> {
        let shared = [&self.definitions.configs, &self.definitions.secrets, &self.definitions.gray_releases];
        let all = shared.into_iter().flat_map(|map| map.values().flatten());
        let mut found = BTreeSet::new();
        for definition in self.definitions.apps.values().chain(all) {
            let files = crate::resolve::Files::new(&self.definitions.tree, &definition.path);
            let mut pending = vec![&definition.tree];
            while let Some(node) = pending.pop() {
                pending.extend(node.as_sequence().into_iter().flatten());
                pending.extend(node.as_mapping().into_iter().flatten().map(|(_, value)| value));
                found.extend(node.as_str().and_then(|text| files.resolve(text).ok()));
            }
        }
        found
    }

    fn add(&mut self, definition: Definition) {
        let owner = owner_of(&definition.path);
        let fits = match definition.kind {
            Kind::Fleet => owner == Owner::Fleet,
            Kind::Cluster | Kind::Tenant => owner == Owner::Platform,
            Kind::App | Kind::Config | Kind::Secret => matches!(owner, Owner::Tenant(_)),
            Kind::GrayRelease => matches!(owner, Owner::Tenant(_) | Owner::Platform),
        };
        let place = definition.tree.find("/kind").place(&definition.path);
        if !fits {
            let message = format!("the kind {} can't stand here", definition.kind);
            let help = match definition.kind {
                Kind::Fleet => "it stands in `sluice.yaml`",
                Kind::Cluster | Kind::Tenant => "it stands under `platform/`",
                Kind::App | Kind::Config | Kind::Secret => "it stands under `tenants/<tenant>/`",
                Kind::GrayRelease => "it stands under `tenants/<tenant>/` or `platform/`",
            };
            self.hide(&definition.path);
            self.diagnostics.push(Diagnostic::error(Code::S0402, place, message).help(help));
            return;
        }
        let tenant = match owner {
            Owner::Tenant(tenant) => Some(tenant),
            _ => None,
        };
        let name = definition.tree.find("/metadata/name").place(&definition.path);
        if let Err(message) = self.insert(tenant, definition) {
            self.diagnostics.push(Diagnostic::error(Code::S0403, name, message));
        }
    }

    /// Puts a definition under its name; of two that can't be told apart the first stays.
    fn insert(&mut self, tenant: Option<TenantName>, definition: Definition) -> Result<(), String> {
        let all = &mut self.definitions;
        let (kind, name) = (definition.kind, definition.name.clone());
        let twice = |path: &str| format!("{kind} `{name}` is defined in {path} too");
        let taken = match kind {
            Kind::Fleet => all.fleet.replace(definition).map(|before| before.path),
            Kind::Cluster => {
                let name = name.parse().map_err(|error| format!("{error}"))?;
                all.clusters.insert(name, definition).map(|before| before.path)
            }
            Kind::Tenant => {
                let name = name.parse().map_err(|error| format!("{error}"))?;
                all.tenants.insert(name, definition).map(|before| before.path)
            }
            Kind::App => {
                let Some(tenant) = tenant else { return Ok(()) };
                let key = AppKey::new(tenant, name.parse().map_err(|error| format!("{error}"))?);
                let before = all.apps.insert(key.clone(), definition).map(|before| before.path);
                if before.is_some() {
                    all.ambiguous.insert(key);
                }
                return before.map_or(Ok(()), |path| Err(twice(&path)));
            }
            Kind::Config | Kind::Secret | Kind::GrayRelease => {
                let map = match kind {
                    Kind::Config => &mut all.configs,
                    Kind::Secret => &mut all.secrets,
                    _ => &mut all.gray_releases,
                };
                let list = map.entry((tenant.clone(), name.clone())).or_default();
                let clash = list.iter().find(|other| overlap(other, &definition)).map(|o| o.path.clone());
                if clash.is_some()
                    && let Some(tenant) = tenant
                {
                    all.hidden.tenants.insert(tenant);
                }
                list.push(definition);
                return clash
                    .map_or(Ok(()), |path| Err(format!("{} and for the same environments", twice(&path))));
            }
        };
        if let Some(path) = taken {
            all.hidden.platform = true;
            return Err(twice(&path));
        }
        Ok(())
    }
}
