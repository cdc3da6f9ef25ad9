//! What earlier compiles of an environment left behind: each app's part with all that it was made
//! from. An app is compiled again when something of that is different, and only then.
//!
//! Apps with an error are not kept: what a fault suggests may hang on anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::app::Compiled;
use super::lookup::{Looks, Lookup};
use crate::diagnostic::Diagnostic;
use crate::model::{AppKey, ContentDigest};

/// What earlier compiles of one environment left behind. It never holds more than one entry for each
/// definition of the last commit; with it or without it a compile comes to the same.
#[derive(Debug, Default)]
pub struct Cache {
    apps: BTreeMap<AppKey, Kept>,
    shared: BTreeMap<String, (ContentDigest, Vec<Diagnostic>)>,
    compiled: u64,
}

#[derive(Debug)]
struct Kept {
    /// What the app stands on, and its own definition.
    base: (ContentDigest, String),
    looks: Looks,
    compiled: Arc<Compiled>,
}

impl Cache {
    /// How many apps were compiled so far: those that were not kept, or no longer held.
    pub fn compiled(&self) -> u64 {
        self.compiled
    }

    /// The app's part as kept, else as `compile` makes it.
    pub(super) fn app(
        &mut self,
        key: &AppKey,
        base: (ContentDigest, String),
        lookup: Lookup,
        compile: impl FnOnce(&Lookup) -> Compiled,
    ) -> Arc<Compiled> {
        if let Some(kept) = self.apps.get(key)
            && kept.base == base
            && lookup.finds_the_same(&kept.looks)
        {
            return Arc::clone(&kept.compiled);
        }
        self.compiled += 1;
        let compiled = Arc::new(compile(&lookup));
        if compiled.diagnostics.iter().any(Diagnostic::is_error) {
            self.apps.remove(key);
        } else {
            let kept = Kept { base, looks: lookup.into_looks(), compiled: Arc::clone(&compiled) };
            self.apps.insert(key.clone(), kept);
        }
        compiled
    }

    /// What is wrong with a definition that several apps may name, as kept or as `check` finds it.
    pub(super) fn shared(
        &mut self,
        identity: String,
        base: ContentDigest,
        check: impl FnOnce() -> Vec<Diagnostic>,
    ) -> Vec<Diagnostic> {
        if let Some((held, faults)) = self.shared.get(&identity)
            && *held == base
        {
            return faults.clone();
        }
        let faults = check();
        self.shared.insert(identity, (base, faults.clone()));
        faults
    }

    /// Lets go of the apps that the commit has no more.
    pub(super) fn trim_apps(&mut self, is_app: impl Fn(&AppKey) -> bool) {
        self.apps.retain(|key, _| is_app(key));
    }

    /// Lets go of the shared definitions that the commit has no more.
    pub(super) fn trim_shared(&mut self, is_shared: impl Fn(&str) -> bool) {
        self.shared.retain(|identity, _| is_shared(identity));
    }
}
