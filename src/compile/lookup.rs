//! What an app is compiled from beside the ground: definitions found by name, files found by path.
//! Each look is noted with what it found, so that a later commit can tell whether it would find the
//! same.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::Definitions;
use crate::definition::Definition;
use crate::model::TenantName;
use crate::resolve::{FileError, Files, Found};

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// At the Configs of a name.
    Config(TenantName, String),
    /// At the Secrets of a name.
    Secret(TenantName, String),
    /// At all Secrets of a tenant.
    Secrets(TenantName),
    /// At the GrayReleases of a name; none = the platform's.
    GrayRelease(Option<TenantName>, String),
    /// At a file.
    File(String),
    /// At a file or the files of a folder.
    Folder(String),
}

/// Every look of an app and what it found.
pub(super) type Looks = BTreeMap<Look, String>;

/// Where an app looks.
pub(super) struct Lookup<'a> {
    pub(super) definitions: &'a Definitions,
    pub(super) platform: &'a Definitions,
    noted: RefCell<Looks>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(definitions: &'a Definitions, platform: &'a Definitions) -> Self {
        Self { definitions, platform, noted: RefCell::new(Looks::new()) }
    }

    /// Every look so far.
    pub(super) fn into_looks(self) -> Looks {
        self.noted.into_inner()
    }

    /// Whether all looks would find the same here.
    pub(super) fn finds_the_same(&self, looks: &Looks) -> bool {
        looks.iter().all(|(look, found)| self.answer(look) == *found)
    }

    fn note(&self, look: Look) {
        let found = self.answer(&look);
        self.noted.borrow_mut().insert(look, found);
    }

    pub(super) fn configs(&self, tenant: &TenantName, name: &str) -> Option<&'a [Arc<Definition>]> {
        self.note(Look::Config(tenant.clone(), name.to_owned()));
        self.definitions.configs.get(&(Some(tenant.clone()), name.to_owned())).map(Vec::as_slice)
    }

    pub(super) fn secrets(&self, tenant: &TenantName, name: &str) -> Option<&'a [Arc<Definition>]> {
        self.note(Look::Secret(tenant.clone(), name.to_owned()));
        self.definitions.secrets.get(&(Some(tenant.clone()), name.to_owned())).map(Vec::as_slice)
    }

    /// Every Secret of a tenant, by name.
    pub(super) fn all_secrets(&self, tenant: &TenantName) -> Vec<(&'a str, &'a [Arc<Definition>])> {
        self.note(Look::Secrets(tenant.clone()));
        self.secrets_of(tenant).collect()
    }

    fn secrets_of(&self, tenant: &TenantName) -> impl Iterator<Item = (&'a str, &'a [Arc<Definition>])> {
        let first = (Some(tenant.clone()), String::new());
        let owner = Some(tenant.clone());
        let all = self.definitions.secrets.range(first..);
        all.take_while(move |((held, _), _)| *held == owner)
            .map(|((_, name), list)| (name.as_str(), list.as_slice()))
    }

    /// The gray releases of a name: the tenant's own before the platform's.
    pub(super) fn gray_releases(&self, tenant: &TenantName, name: &str) -> Option<&'a [Arc<Definition>]> {
        let own = (Some(tenant.clone()), name.to_owned());
        self.note(Look::GrayRelease(own.0.clone(), name.to_owned()));
        if let Some(list) = self.definitions.gray_releases.get(&own) {
            return Some(list);
        }
        self.note(Look::GrayRelease(None, name.to_owned()));
        self.platform.gray_releases.get(&(None, name.to_owned())).map(Vec::as_slice)
    }

    /// A file, named in the definition at `from`.
    pub(super) fn file(&self, from: &str, relative: &str) -> Result<Found, FileError> {
        let files = Files::new(&self.definitions.tree, from);
        self.note(Look::File(files.resolve(relative)?));
        files.read(relative)
    }

    /// A file or the files of a folder, named in the definition at `from`.
    pub(super) fn folder(&self, from: &str, relative: &str) -> Result<Vec<Found>, FileError> {
        let files = Files::new(&self.definitions.tree, from);
        self.note(Look::Folder(files.resolve(relative)?));
        files.read_all(relative)
    }

    /// What a look finds, told apart by where it stands and by the ids of contents.
    fn answer(&self, look: &Look) -> String {
        let (own, platform) = (self.definitions, self.platform);
        match look {
            Look::Config(tenant, name) => listed(own, own.configs.get(&(Some(tenant.clone()), name.clone()))),
            Look::Secret(tenant, name) => listed(own, own.secrets.get(&(Some(tenant.clone()), name.clone()))),
            Look::Secrets(tenant) => {
                let all = self.secrets_of(tenant).flat_map(|(_, list)| list);
                all.map(|definition| own.identity(definition)).collect::<Vec<_>>().join(" ")
            }
            Look::GrayRelease(Some(tenant), name) => {
                listed(own, own.gray_releases.get(&(Some(tenant.clone()), name.clone())))
            }
            Look::GrayRelease(None, name) => {
                listed(platform, platform.gray_releases.get(&(None, name.clone())))
            }
            Look::File(path) => own.tree.files.get(path).map_or_else(String::new, |entry| entry.id.clone()),
            Look::Folder(path) => {
                let mut found = own.tree.files.get(path).map_or_else(String::new, |entry| entry.id.clone());
                for (path, entry) in own.tree.below(path) {
                    let _ = write!(found, " {path}:{}", entry.id);
                }
                found
            }
        }
    }
}

fn listed(definitions: &Definitions, list: Option<&Vec<Arc<Definition>>>) -> String {
    let all = list.into_iter().flatten();
    all.map(|definition| definitions.identity(definition)).collect::<Vec<_>>().join(" ")
}
