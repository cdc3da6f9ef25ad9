//! Reading, resolving, rendering and checking put together: definitions in, desired state out.
//!
//! Pure and synchronous, and the same inputs give the same bytes anywhere. An app with a fault is
//! refused and the others go on; every fault of the commit is reported at once. Nothing is asked of a
//! cluster here: what one serves comes in as [`Facts`]. Between commits a [`Cache`] holds what need
//! not be compiled again.

mod alone;
mod app;
mod cache;
mod definitions;
mod desired;
mod fleet;
mod lookup;
mod material;
mod platform;
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::check;
use crate::definition::{Calendar, ClusterCalendar, Environment};
use crate::diagnostic::Diagnostic;
use crate::model::{ClusterName, EnvironmentName, Facts, Revision};

pub use cache::Cache;
pub use definitions::{Definitions, Files, read, read_with};
pub use desired::{Desired, DesiredApp, DesiredState, Hidden};
pub use platform::fleet;

use lookup::Lookup;

/// Compiles what Git wants of an environment.
///
/// `definitions` are those of the environment's branch, `platform` those of the trunk (for the first
/// environment the same). Clusters that `facts` do not know were never seen: nothing is compiled for
/// them and nothing of them counts as removed. Diagnostics are sorted by place; with errors among
/// them the state is still sound for every app that is not [`Desired::Refused`].
pub fn compile(
    definitions: &Definitions,
    platform: &Definitions,
    environment: &EnvironmentName,
    revision: Revision,
    facts: &Facts,
) -> (DesiredState, Vec<Diagnostic>) {
    compile_with(&mut Cache::default(), definitions, platform, environment, revision, facts)
}

/// As [`compile`], with what earlier compiles of the same environment left behind: an app of which
/// nothing has changed is not compiled again. What comes out is the same.
pub fn compile_with(
    cache: &mut Cache,
    definitions: &Definitions,
    platform: &Definitions,
    environment: &EnvironmentName,
    revision: Revision,
    facts: &Facts,
) -> (DesiredState, Vec<Diagnostic>) {
    let mut diagnostics: BTreeSet<Diagnostic> = BTreeSet::new();
    let mut state = DesiredState {
        environment: environment.clone(),
        revision,
        platform: BTreeMap::new(),
        apps: BTreeMap::new(),
        hidden: hidden(definitions, platform),
        calendar: Calendar::default(),
        clusters: BTreeMap::new(),
        waiting_clusters: BTreeSet::new(),
    };
    let ground = platform::ground(platform, environment, facts, &mut diagnostics);
    state.hidden.platform |= !ground.sound;
    // A tenant's own repository that was not read: what it defines is unknown.
    let unread = ground.fleet.iter().flat_map(|fleet| &fleet.sources).map(|source| &source.tenant);
    let unread = unread.filter(|tenant| !state.revision.sources.contains_key(*tenant)).cloned();
    state.hidden.tenants.extend(unread);
    state.clusters =
        ground.lands.iter().map(|(name, land)| (name.clone(), land.cluster.access.clone())).collect();
    state.calendar = calendar(&ground);
    state.waiting_clusters =
        ground.lands.keys().filter(|name| !facts.clusters.contains_key(*name)).cloned().collect();
    state.platform = platform::render(&ground, &mut diagnostics);
    let compiled = apps(cache, &ground, definitions, platform);
    diagnostics.extend(shared::check(cache, &ground, definitions, platform));
    let placed: Vec<check::Placed> = compiled.iter().flat_map(|one| one.placed()).collect();
    let mut refused = BTreeSet::new();
    for (app, diagnostic) in
        check::commit(&placed, &ground.quotas(), &ground.platform_owners(&state.platform))
    {
        if diagnostic.is_error() {
            refused.extend(app);
        }
        diagnostics.insert(diagnostic);
    }
    for (app, diagnostic) in check::cycles(&app::edges(&compiled, definitions)) {
        refused.extend(app);
        diagnostics.insert(diagnostic);
    }
    for one in &compiled {
        diagnostics.extend(one.diagnostics.iter().cloned());
        let wish = if refused.contains(&one.key) { Desired::Refused } else { one.desired.clone() };
        state.apps.insert(one.key.clone(), wish);
    }
    (state, diagnostics.into_iter().collect())
}

/// Every app, each compiled without the others.
fn apps(
    cache: &mut Cache,
    ground: &platform::Ground,
    definitions: &Definitions,
    platform: &Definitions,
) -> Vec<Arc<app::Compiled>> {
    let mut all = Vec::with_capacity(definitions.apps.len());
    for (key, definition) in &definitions.apps {
        let ambiguous = definitions.ambiguous.contains(key);
        let written = format!("{} {ambiguous}", definitions.identity(definition));
        let base = (ground.digest(Some(&key.tenant)), written);
        let lookup = Lookup::new(definitions, platform);
        all.push(cache.app(key, base, lookup, |lookup| app::compile(ground, lookup, key, definition)));
    }
    cache.trim_apps(|key| definitions.apps.contains_key(key));
    all
}

/// When changes may be made, as the fleet and its clusters say.
fn calendar(ground: &platform::Ground) -> Calendar {
    let environments = ground.fleet.iter().flat_map(|fleet| &fleet.environments);
    let own = environments.into_iter().find(|environment| environment.name == ground.environment);
    let cluster = |land: &crate::resolve::Land| ClusterCalendar {
        maintenance: land.cluster.maintenance.clone(),
        freeze: land.cluster.freeze.clone(),
    };
    Calendar {
        windows: own.map(|environment| environment.windows.clone()).unwrap_or_default(),
        freeze: own.and_then(|environment| environment.freeze.clone()),
        clusters: ground.lands.iter().map(|(name, land)| (name.clone(), cluster(land))).collect(),
    }
}

fn hidden(definitions: &Definitions, platform: &Definitions) -> Hidden {
    let mut hidden = definitions.hidden.clone();
    // The branch's own copies of the platform's files are not looked at.
    hidden.platform = platform.hidden.platform;
    hidden
}

impl Facts {
    /// Facts for work without clusters: every cluster of the platform serves a standard 1.36 with the
    /// Gateway API.
    pub fn assumed(platform: &Definitions) -> Self {
        let clusters: BTreeMap<ClusterName, _> =
            platform.clusters.keys().map(|name| (name.clone(), crate::render::assumed_facts())).collect();
        Self { clusters }
    }
}

/// The rules of an environment, from the fleet's definition.
pub fn environment_of(platform: &Definitions, name: &EnvironmentName) -> Option<Environment> {
    let (fleet, _) = fleet(platform);
    fleet?.value.environments.into_iter().find(|environment| environment.name == *name)
}

#[cfg(test)]
mod tests;
