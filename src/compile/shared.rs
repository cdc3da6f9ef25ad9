//! Definitions that apps may name: what is wrong with one that counts in the environment is said
//! though no app names it yet. It refuses nothing; apps that name it are refused where they do.

use std::collections::BTreeSet;

use super::platform::Ground;
use super::{Cache, Definitions};
use crate::check;
use crate::definition::{Config, Definition, GrayRelease, Kind, Secret};
use crate::diagnostic::Diagnostic;
use crate::resolve::{counts_in, resolve_openly};

pub(super) fn check(
    cache: &mut Cache,
    ground: &Ground,
    definitions: &Definitions,
    platform: &Definitions,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let own = [&definitions.configs, &definitions.secrets, &definitions.gray_releases];
    let own = own.into_iter().flat_map(|map| map.iter()).filter(|((tenant, _), _)| tenant.is_some());
    let theirs = platform.gray_releases.iter().filter(|((tenant, _), _)| tenant.is_none());
    let all = own.map(|entry| (definitions, entry)).chain(theirs.map(|entry| (platform, entry)));
    for (of, ((tenant, _), list)) in all {
        for definition in list {
            let identity = of.identity(definition);
            found.extend(cache.shared(identity.clone(), ground.digest(None), || {
                let mut faults = check::places(definition, &ground.places);
                faults.extend(shape(ground, tenant.as_ref().map(AsRef::as_ref), definition));
                faults
            }));
            seen.insert(identity);
        }
    }
    cache.trim_shared(|identity| seen.contains(identity));
    found
}

fn shape(ground: &Ground, tenant: Option<&str>, definition: &Definition) -> Vec<Diagnostic> {
    if !counts_in(definition, &ground.environment) || ground.fleet.is_none() {
        return Vec::new();
    }
    let mut setting = ground.setting(None);
    setting.variables.open("cluster.");
    // The app that names it is not known, nor for the platform's the tenant.
    setting.variables.open("app");
    match tenant {
        Some(tenant) => setting.variables.set("tenant", tenant),
        None => setting.variables.open("tenant"),
    }
    let faults = match definition.kind {
        Kind::Config => resolve_openly::<Config>(definition, &setting).err(),
        Kind::Secret => resolve_openly::<Secret>(definition, &setting).err(),
        Kind::GrayRelease => resolve_openly::<GrayRelease>(definition, &setting).err(),
        Kind::Fleet | Kind::Cluster | Kind::Tenant | Kind::App => None,
    };
    faults.unwrap_or_default()
}
