//! The platform of an environment: the fleet's rules, clusters, tenants and their namespaces.

use std::collections::{BTreeMap, BTreeSet};

use super::Definitions;
use crate::check::{NamespaceQuota, Places, PlatformOwner};
use crate::definition::{Access, Cluster, Environment, Fleet, Tenant, nearest};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{
    ClusterName, ContentDigest, EnvironmentName, Facts, Manifest, TargetKey, TenantName, sha256,
};
use crate::render::{TenantSite, render_namespace};
use crate::resolve::{
    Land, Resolved, Setting, Variables, is_target, resolve, resolve_tenant, shared_servers,
};

/// What apps stand on.
pub(super) struct Ground<'a> {
    /// The environment.
    pub(super) environment: EnvironmentName,
    /// The fleet's rules.
    pub(super) fleet: Option<Fleet>,
    /// The environment's variables.
    pub(super) variables: Variables,
    /// The environment's clusters.
    pub(super) lands: BTreeMap<ClusterName, Land>,
    /// Tenants as they are on each cluster.
    pub(super) tenants: BTreeMap<TenantName, BTreeMap<ClusterName, Resolved<Tenant>>>,
    /// Namespaces whose name another tenant has too.
    pub(super) contested: BTreeSet<TargetKey>,
    /// The last that each cluster said of itself.
    pub(super) facts: &'a Facts,
    /// Whether every definition of the platform could be used.
    pub(super) sound: bool,
    /// The names of environments and clusters.
    pub(super) places: Places,
    /// The digest of everything here but the tenants.
    base: ContentDigest,
    /// Each tenant's definition.
    written: BTreeMap<TenantName, String>,
}

impl Ground<'_> {
    /// The digest of what an app of a tenant stands on, or of what all stand on.
    pub(super) fn digest(&self, tenant: Option<&TenantName>) -> ContentDigest {
        match tenant.map(|tenant| self.written.get(tenant)) {
            None => self.base,
            Some(written) => sha256(format!("{} {written:?}", self.base).as_bytes()),
        }
    }

    /// The setting of a tenant (and app) on a cluster.
    pub(super) fn setting<'s>(&'s self, cluster: Option<&'s ClusterName>) -> Setting<'s> {
        let mut variables = self.variables.clone();
        if let Some((name, land)) = cluster.and_then(|name| self.lands.get_key_value(name)) {
            variables.set("cluster.name", name.as_str());
            variables.extend("cluster.vars", &land.cluster.vars);
        }
        Setting { environment: &self.environment, cluster, variables }
    }

    /// The namespaces of every tenant: target, tenant and the tenant's own name for it.
    fn namespaces(&self) -> Vec<(TargetKey, &TenantName, &Resolved<Tenant>, &str)> {
        let mut all = Vec::new();
        for (tenant, by_cluster) in &self.tenants {
            for (cluster, resolved) in by_cluster {
                let Some(land) = self.lands.get(cluster) else { continue };
                for (name, rules) in &resolved.value.namespaces {
                    if !is_target((cluster, land), &resolved.value, rules, &BTreeMap::new()) {
                        continue;
                    }
                    if let Ok(called) = land.namespace(tenant, name, rules) {
                        let target = TargetKey::new(cluster.clone(), called);
                        all.push((target, tenant, resolved, name.as_str()));
                    }
                }
            }
        }
        all
    }

    /// The quotas of namespaces, for the check of their sums.
    pub(super) fn quotas(&self) -> BTreeMap<TargetKey, NamespaceQuota> {
        self.namespaces()
            .into_iter()
            .map(|(target, _, resolved, name)| {
                let at = ["namespaces", name, "quota"].map(str::to_owned);
                let hard = resolved.value.namespaces[name].quota.clone();
                (target, NamespaceQuota { hard, place: resolved.place(&at) })
            })
            .collect()
    }

    /// The objects that the platform itself owns.
    pub(super) fn platform_owners(&self, objects: &BTreeMap<TargetKey, Vec<Manifest>>) -> Vec<PlatformOwner> {
        let paths: BTreeMap<TargetKey, &str> = self
            .namespaces()
            .into_iter()
            .map(|(target, _, resolved, _)| (target, resolved.path.as_str()))
            .collect();
        objects
            .iter()
            .flat_map(|(target, objects)| {
                let path = paths.get(target).copied().unwrap_or_default().to_owned();
                objects.iter().map(move |object| PlatformOwner {
                    cluster: target.cluster.clone(),
                    object: object.key(),
                    path: path.clone(),
                })
            })
            .collect()
    }
}

/// The fleet's rules, as written in the trunk.
pub fn fleet(platform: &Definitions) -> (Option<Resolved<Fleet>>, Vec<Diagnostic>) {
    let Some(definition) = &platform.fleet else {
        let message = "there is no `sluice.yaml` with a Fleet";
        let fault = Diagnostic::error(Code::S0404, Place::file("sluice.yaml"), message);
        return (None, vec![fault.help("`sluice init` writes one")]);
    };
    let nowhere = match EnvironmentName::new("none") {
        Ok(name) => name,
        Err(_) => return (None, Vec::new()),
    };
    let setting = Setting { environment: &nowhere, cluster: None, variables: Variables::default() };
    match resolve::<Fleet>(definition, &setting) {
        Ok(fleet) => (Some(fleet), Vec::new()),
        Err(faults) => (None, faults),
    }
}

/// Finds out what apps of an environment stand on.
pub(super) fn ground<'a>(
    platform: &Definitions,
    name: &EnvironmentName,
    facts: &'a Facts,
    diagnostics: &mut BTreeSet<Diagnostic>,
) -> Ground<'a> {
    let mut ground = Ground {
        environment: name.clone(),
        fleet: None,
        variables: Variables::default(),
        lands: BTreeMap::new(),
        tenants: BTreeMap::new(),
        contested: BTreeSet::new(),
        facts,
        sound: true,
        places: Places::default(),
        base: sha256(b""),
        written: platform
            .tenants
            .iter()
            .map(|(name, held)| (name.clone(), platform.identity(held)))
            .collect(),
    };
    if !platform.hidden.platform {
        ground.places.clusters = Some(platform.clusters.keys().cloned().collect());
    }
    let (fleet, faults) = fleet(platform);
    diagnostics.extend(faults);
    let Some(fleet) = fleet else {
        ground.sound = false;
        return ground;
    };
    let Some(environment) = environment(&fleet, name, diagnostics) else {
        ground.sound = false;
        return ground;
    };
    ground.places.environments =
        Some(fleet.value.environments.iter().map(|environment| environment.name.clone()).collect());
    ground.variables.set("environment.name", name.as_str());
    ground.variables.extend("environment.vars", &environment.vars);
    clusters(&mut ground, platform, &fleet.value, diagnostics);
    tenants(&mut ground, platform, diagnostics);
    contested(&mut ground, diagnostics);
    diagnostics.extend(super::fleet::check(&fleet, platform));
    ground.fleet = Some(fleet.value);
    ground.base = base(&ground, platform);
    ground
}

/// The digest of what every app stands on: the environment, the fleet's rules, the clusters and what
/// is known of them. Without the fleet's rules every app is faulty, and none of it matters.
fn base(ground: &Ground, platform: &Definitions) -> ContentDigest {
    let definitions = platform.fleet.iter().chain(platform.clusters.values());
    let written: Vec<String> = definitions.map(|definition| platform.identity(definition)).collect();
    let facts = serde_json::to_vec(&ground.facts.clusters).expect("facts are JSON");
    let said = format!(
        "{} {written:?} {} {:?} {} {:?}",
        ground.environment,
        sha256(&facts),
        ground.contested,
        ground.sound,
        ground.places
    );
    sha256(said.as_bytes())
}

fn environment(
    fleet: &Resolved<Fleet>,
    name: &EnvironmentName,
    diagnostics: &mut BTreeSet<Diagnostic>,
) -> Option<Environment> {
    let known = || fleet.value.environments.iter().map(|environment| environment.name.as_str());
    let found = fleet.value.environments.iter().find(|environment| environment.name == *name).cloned();
    if found.is_none() {
        let message = format!("the fleet has no environment `{name}`");
        let place = fleet.place(&["environments".to_owned()]);
        let help = match nearest(name.as_str(), known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it has {}", known().collect::<Vec<_>>().join(", ")),
        };
        diagnostics.insert(Diagnostic::error(Code::S0404, place, message).help(help));
    }
    found
}

fn clusters(
    ground: &mut Ground,
    platform: &Definitions,
    fleet: &Fleet,
    diagnostics: &mut BTreeSet<Diagnostic>,
) {
    let mut all: BTreeMap<ClusterName, (Resolved<Cluster>, BTreeMap<String, String>)> = BTreeMap::new();
    for (name, definition) in &platform.clusters {
        let mut setting = ground.setting(None);
        setting.variables.set("cluster.name", name.as_str());
        match resolve::<Cluster>(definition, &setting) {
            Ok(cluster) => {
                all.insert(name.clone(), (cluster, definition.labels.clone()));
            }
            Err(faults) => {
                ground.sound = false;
                diagnostics.extend(faults);
            }
        }
    }
    for (cluster, _) in all.values() {
        if let Access::Kubeconfig { file: None, context: None } = cluster.value.access {
            let place = cluster.place(&["access".to_owned(), "kubeconfig".to_owned()]);
            let fault = Diagnostic::error(Code::S0303, place, "neither `file` nor `context` is there");
            diagnostics
                .insert(fault.help("name the file, a context of the engine's own kubeconfig, or both"));
            ground.sound = false;
        }
    }
    let shared = shared_servers(all.iter().map(|(name, (cluster, _))| (name, &cluster.value)));
    for (name, (cluster, labels)) in all {
        let wanted = &cluster.value.environment;
        if !fleet.environments.iter().any(|environment| environment.name == *wanted) {
            let message = format!("the fleet has no environment `{wanted}`");
            let place = cluster.place(&["environment".to_owned()]);
            let known: Vec<&str> =
                fleet.environments.iter().map(|environment| environment.name.as_str()).collect();
            let help = match nearest(wanted.as_str(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", known.join(", ")),
            };
            diagnostics.insert(Diagnostic::error(Code::S0404, place, message).help(help));
            ground.sound = false;
        }
        if *wanted == ground.environment {
            let shared = shared.contains(&name);
            ground.lands.insert(name, Land { cluster: cluster.value, labels, shared });
        }
    }
}

fn tenants(ground: &mut Ground, platform: &Definitions, diagnostics: &mut BTreeSet<Diagnostic>) {
    for (name, definition) in &platform.tenants {
        let misplaced = crate::check::places(definition, &ground.places);
        ground.sound &= misplaced.is_empty();
        diagnostics.extend(misplaced);
        let mut here = BTreeMap::new();
        for cluster in ground.lands.keys() {
            let mut setting = ground.setting(Some(cluster));
            setting.variables.set("tenant", name.as_str());
            match resolve_tenant(definition, &setting) {
                Ok(tenant) => {
                    for fault in crate::check::tenant(&tenant.value) {
                        ground.sound &= !fault.is_error();
                        diagnostics.insert(tenant.diagnose(fault));
                    }
                    for unknown in
                        tenant.value.clusters.iter().filter(|c| !platform.clusters.contains_key(*c))
                    {
                        let message = format!("there is no cluster `{unknown}`");
                        let place = tenant.place(&["clusters".to_owned()]);
                        diagnostics.insert(Diagnostic::error(Code::S0404, place, message));
                    }
                    here.insert(cluster.clone(), tenant);
                }
                Err(faults) => {
                    ground.sound = false;
                    diagnostics.extend(faults);
                }
            }
        }
        ground.tenants.insert(name.clone(), here);
    }
}

/// Two tenants whose namespaces have one name on a cluster: neither may be touched.
fn contested(ground: &mut Ground, diagnostics: &mut BTreeSet<Diagnostic>) {
    let mut owners: BTreeMap<TargetKey, Vec<(TenantName, String, Place)>> = BTreeMap::new();
    for (target, tenant, resolved, name) in ground.namespaces() {
        let place = resolved.place(&["namespaces".to_owned(), name.to_owned()]);
        owners.entry(target).or_default().push((tenant.clone(), name.to_owned(), place));
    }
    let reserved = |name: &str| name == "default" || name.starts_with("kube-") || name == "sluice-system";
    for (target, users) in owners {
        if reserved(target.namespace.as_str()) {
            let message = format!("the namespace `{}` is the cluster's own", target.namespace);
            diagnostics.insert(Diagnostic::error(Code::S0516, users[0].2.clone(), message));
            ground.contested.insert(target);
            continue;
        }
        if users.len() < 2 {
            continue;
        }
        for (index, (_, _, place)) in users.iter().enumerate() {
            let (tenant, name, _) = &users[if index == 0 { 1 } else { 0 }];
            let message = format!(
                "the namespace `{}` of cluster `{}` is also namespace `{name}` of tenant `{tenant}`",
                target.namespace, target.cluster
            );
            diagnostics.insert(Diagnostic::error(Code::S0516, place.clone(), message));
        }
        ground.contested.insert(target);
    }
    ground.sound &= ground.contested.is_empty();
}

/// Renders the namespaces of every tenant.
pub(super) fn render(
    ground: &Ground,
    diagnostics: &mut BTreeSet<Diagnostic>,
) -> BTreeMap<TargetKey, Vec<Manifest>> {
    let mut all = BTreeMap::new();
    for (target, name, resolved, namespace) in ground.namespaces() {
        let (Some(land), Some(facts)) =
            (ground.lands.get(&target.cluster), ground.facts.clusters.get(&target.cluster))
        else {
            continue;
        };
        if ground.contested.contains(&target) {
            continue;
        }
        let rules = &resolved.value.namespaces[namespace];
        for fault in crate::check::namespace(namespace, rules, &target, &land.cluster) {
            diagnostics.insert(resolved.diagnose(fault));
        }
        let site = TenantSite {
            name,
            tenant: &resolved.value,
            namespace: &target.namespace,
            rules,
            offers: &land.cluster,
            facts,
        };
        all.insert(target.clone(), render_namespace(&site));
    }
    all
}
