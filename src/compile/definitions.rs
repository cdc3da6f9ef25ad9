//! Reading: every definition of a commit, by kind, owner and name.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::Hidden;
use crate::check;
use crate::definition::{Definition, Kind, parse};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{AppKey, ClusterName, FileEntry, SourceTree, TenantName};
use crate::resolve::{Owner, overlap, owner_of};

/// Definitions of one kind that several may share a name of: by tenant (none = the platform) and name.
pub(super) type Shared = BTreeMap<(Option<TenantName>, String), Vec<Arc<Definition>>>;

/// Every definition of a commit. What could not be read is known to be hidden.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// The files, for what definitions refer to.
    pub tree: SourceTree,
    /// The whole fleet.
    pub fleet: Option<Arc<Definition>>,
    /// Clusters by name.
    pub clusters: BTreeMap<ClusterName, Arc<Definition>>,
    /// Tenants by name.
    pub tenants: BTreeMap<TenantName, Arc<Definition>>,
    /// Apps.
    pub apps: BTreeMap<AppKey, Arc<Definition>>,
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

impl Definitions {
    /// What tells a definition from every other in any commit: where it stands, and the id of the
    /// content of its file.
    pub(super) fn identity(&self, definition: &Definition) -> String {
        let id = self.tree.files.get(&definition.path).map_or("", |entry| entry.id.as_str());
        format!("{}:{}:{id}", definition.path, definition.line)
    }
}

/// What was read of the files of an earlier commit, by path and the id of the content. It holds the
/// files of the last tree only; with it or without it reading comes to the same.
#[derive(Debug, Default)]
pub struct Files(HashMap<(String, String), Arc<FileRead>>);

/// One file, read.
#[derive(Debug)]
struct FileRead {
    definitions: Vec<Arc<Definition>>,
    diagnostics: Vec<Diagnostic>,
    complete: bool,
    /// Every path that a text in it could mean.
    references: Vec<String>,
}

impl FileRead {
    fn new(path: &str, bytes: &[u8]) -> Self {
        let (definitions, diagnostics, complete) = parse(path, bytes);
        let references = definitions.iter().flat_map(references).collect();
        let definitions = definitions.into_iter().map(Arc::new).collect();
        Self { definitions, diagnostics, complete, references }
    }
}

/// Every path that a text in a tenant's definition could mean.
fn references(definition: &Definition) -> BTreeSet<String> {
    let none = SourceTree::default();
    let files = crate::resolve::Files::new(&none, &definition.path);
    let mut found = BTreeSet::new();
    let mut pending = vec![&definition.tree];
    while let Some(node) = pending.pop() {
        pending.extend(node.as_sequence().into_iter().flatten());
        pending.extend(node.as_mapping().into_iter().flatten().map(|(_, value)| value));
        found.extend(node.as_str().and_then(|text| files.resolve(text).ok()));
    }
    found
}

/// Sorts the documents of a tree into definitions. Faults are reported, and what they hide is noted.
pub fn read(tree: &SourceTree) -> (Definitions, Vec<Diagnostic>) {
    read_with(&mut Files::default(), tree)
}

/// As [`read`], with what an earlier reading left behind: a file that has not changed is not parsed
/// again.
pub fn read_with(files: &mut Files, tree: &SourceTree) -> (Definitions, Vec<Diagnostic>) {
    let mut reader = Reader {
        definitions: Definitions { tree: tree.clone(), ..Definitions::default() },
        diagnostics: Vec::new(),
        before: std::mem::take(files),
        read: Vec::new(),
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
                reader.file(path, entry);
            }
            Owner::Tenant(_) => {
                if !reader.file(path, entry) {
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
    files.0 = reader.read.into_iter().collect();
    (reader.definitions, reader.diagnostics)
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

struct Reader {
    definitions: Definitions,
    diagnostics: Vec<Diagnostic>,
    before: Files,
    read: Vec<((String, String), Arc<FileRead>)>,
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
    fn file(&mut self, path: &str, entry: &FileEntry) -> bool {
        let key = (path.to_owned(), entry.id.clone());
        let read = match self.before.0.remove(&key) {
            Some(read) => read,
            None => Arc::new(FileRead::new(path, &entry.bytes)),
        };
        if !read.complete || read.diagnostics.iter().any(Diagnostic::is_error) {
            self.hide(path);
        }
        self.diagnostics.extend(read.diagnostics.iter().cloned());
        for definition in &read.definitions {
            self.add(Arc::clone(definition));
        }
        let ours = !read.definitions.is_empty() || !read.diagnostics.is_empty();
        self.read.push((key, read));
        ours
    }

    /// Files that are no definitions have an effect only where one refers to them.
    fn unreferenced(&mut self, files: &[&str]) {
        if files.is_empty() {
            return;
        }
        let of_tenants = self.read.iter().filter(|((path, _), _)| matches!(owner_of(path), Owner::Tenant(_)));
        let references: HashSet<&str> =
            of_tenants.flat_map(|(_, read)| &read.references).map(String::as_str).collect();
        for path in files {
            let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
            if !folders.chain([*path]).any(|named| references.contains(named)) {
                self.diagnostics.push(check::unreferenced(path));
            }
        }
    }

    fn add(&mut self, definition: Arc<Definition>) {
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
    fn insert(&mut self, tenant: Option<TenantName>, definition: Arc<Definition>) -> Result<(), String> {
        let all = &mut self.definitions;
        let (kind, name) = (definition.kind, definition.name.clone());
        let twice = |path: &str| format!("{kind} `{name}` is defined in {path} too");
        let taken = match kind {
            Kind::Fleet => all.fleet.replace(definition).map(|before| before.path.clone()),
            Kind::Cluster => {
                let name = name.parse().map_err(|error| format!("{error}"))?;
                all.clusters.insert(name, definition).map(|before| before.path.clone())
            }
            Kind::Tenant => {
                let name = name.parse().map_err(|error| format!("{error}"))?;
                all.tenants.insert(name, definition).map(|before| before.path.clone())
            }
            Kind::App => {
                let Some(tenant) = tenant else { return Ok(()) };
                let key = AppKey::new(tenant, name.parse().map_err(|error| format!("{error}"))?);
                let before = all.apps.insert(key.clone(), definition).map(|before| before.path.clone());
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
