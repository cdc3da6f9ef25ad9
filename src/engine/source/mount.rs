//! Puts tenants' own repositories into the tree of the fleet's: pure.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{SourceTree, TenantName};
use crate::port::ReadTree;

/// A tree with what was wrong with it.
pub(super) struct Mounted {
    pub(super) tree: SourceTree,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// The fleet's tree with each tenant's own in the place of what it holds there. A tenant whose
/// repository was never read has nothing that is known.
pub(super) fn mount(fleet: &ReadTree, tenants: &BTreeMap<TenantName, Option<&ReadTree>>) -> Mounted {
    let mut mounted = Mounted { tree: fleet.tree.clone(), diagnostics: fleet.diagnostics.clone() };
    for (tenant, own) in tenants {
        let folder = format!("tenants/{tenant}/");
        let is_there = |path: &str| path.starts_with(&folder);
        let first = mounted.tree.files.keys().find(|path| is_there(path)).cloned();
        mounted.tree.files.retain(|path, _| !is_there(path));
        mounted.tree.unread.retain(|path| !is_there(path));
        mounted.diagnostics.retain(|diagnostic| !is_there(&diagnostic.place.path));
        if let Some(path) = first {
            let message = format!("the tenant `{tenant}` has a repository of its own: this is not looked at");
            let warning = Diagnostic::warning(Code::S0411, Place::file(path), message);
            mounted.diagnostics.push(warning.help("take the tenant's files out of the fleet repository"));
        }
        match own {
            Some(own) => {
                let files = own.tree.files.iter().filter(|(path, _)| is_there(path));
                mounted.tree.files.extend(files.map(|(path, entry)| (path.clone(), entry.clone())));
                mounted.tree.unread.extend(own.tree.unread.iter().filter(|path| is_there(path)).cloned());
                mounted.diagnostics.extend(own.diagnostics.iter().cloned());
            }
            // The folder itself can't be read: nothing of its owner may be removed.
            None => {
                mounted.tree.unread.insert(folder);
            }
        }
    }
    mounted
}
