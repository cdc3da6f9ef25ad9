//! One app: where it goes, what it refers to, what it renders to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::lookup::Lookup;
use super::platform::Ground;
use super::{Definitions, Desired, DesiredApp, alone, material};
use crate::check::{self, Edge, Footprint, Placed, Standing};
use crate::definition::{App, Definition, GrayRelease, Tenant, nearest};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{AppKey, ClusterName, Release, TargetKey};
use crate::render::{Rendered, Site, render_app};
use crate::resolve::{
    Land, Resolved, Setting, common_tree, is_target, pick, resolve, resolve_openly, split_replicas,
    substitute,
};

/// An app, compiled as far as it can be without the others.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The app.
    pub(super) key: AppKey,
    /// What is wrong with it.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What Git wants of it, as far as it is known without the others.
    pub(super) desired: Desired,
    path: String,
    after: BTreeMap<AppKey, Place>,
    footprints: Vec<(TargetKey, Footprint)>,
}

impl Compiled {
    /// What checks over the whole commit look at.
    pub(super) fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        self.footprints.iter().map(|(target, footprint)| Placed {
            key: &self.key,
            target,
            path: &self.path,
            footprint,
        })
    }
}

/// An app while it is compiled.
pub(super) struct Draft {
    pub(super) key: AppKey,
    pub(super) path: String,
    pub(super) gray_release: GrayRelease,
    pub(super) after: BTreeMap<AppKey, Place>,
    here: Vec<Here>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) refused: bool,
}

/// The app on one target.
struct Here {
    target: TargetKey,
    place: Place,
    rendered: Rendered,
    footprint: Footprint,
}

/// Who waits for whom, for the check of circles.
pub(super) fn edges(compiled: &[Arc<Compiled>], definitions: &Definitions) -> Vec<Edge> {
    compiled
        .iter()
        .flat_map(|one| {
            one.after.iter().map(|(to, place)| Edge {
                from: one.key.clone(),
                to: to.clone(),
                known: definitions.apps.contains_key(to) || definitions.hidden.tenants.contains(&to.tenant),
                place: place.clone(),
            })
        })
        .collect()
}

/// Compiles one app. Its inputs are its own definition, what it looks up, and the ground that it
/// stands on.
pub(super) fn compile(ground: &Ground, lookup: &Lookup, key: &AppKey, definition: &Definition) -> Compiled {
    let mut draft = Draft {
        key: key.clone(),
        path: definition.path.clone(),
        gray_release: GrayRelease::default(),
        after: BTreeMap::new(),
        here: Vec::new(),
        diagnostics: check::places(definition, &ground.places),
        refused: lookup.definitions.ambiguous.contains(key),
    };
    match ground.tenants.get(&key.tenant) {
        None => {
            // Without the fleet's rules no tenant is known; that is said once, where it is wrong.
            if ground.fleet.is_some() {
                let name = definition.place();
                let message = format!("there is no Tenant `{}`", key.tenant);
                let fault = Diagnostic::error(Code::S0404, name, message);
                draft.diagnostics.push(fault.help("the platform team writes it under `platform/`"));
            }
            draft.refused = true;
            alone::check(ground, lookup, definition, &mut draft);
        }
        // What is wrong with the tenant was said there.
        Some(tenant) if tenant.is_empty() => {
            draft.refused = !ground.lands.is_empty();
            alone::check(ground, lookup, definition, &mut draft);
        }
        Some(tenant) => {
            let spots = placement(ground, tenant, key, definition, &mut draft);
            let clusters: BTreeSet<ClusterName> = spots.iter().map(|spot| spot.cluster.clone()).collect();
            for spot in spots {
                on_cluster(ground, lookup, definition, (&spot, &clusters), &mut draft);
            }
        }
    }
    finish(draft)
}

/// A cluster that the app goes to, and the tenant's name of its namespace there.
struct Spot<'a> {
    cluster: &'a ClusterName,
    land: &'a Land,
    tenant: &'a Resolved<Tenant>,
    namespace: String,
}

/// Where the app's definition is read.
pub(super) fn own_setting<'s>(
    ground: &'s Ground,
    cluster: Option<&'s ClusterName>,
    key: &AppKey,
) -> Setting<'s> {
    let mut setting = ground.setting(cluster);
    setting.variables.set("tenant", key.tenant.as_str());
    setting.variables.set("app", key.app.as_str());
    setting
}

/// The clusters that the app goes to, and the tenant's name of its namespace.
fn placement<'a>(
    ground: &'a Ground,
    tenant: &'a BTreeMap<ClusterName, Resolved<Tenant>>,
    key: &AppKey,
    definition: &Definition,
    draft: &mut Draft,
) -> Vec<Spot<'a>> {
    let setting = own_setting(ground, None, key);
    let mut tree = common_tree(definition, &setting);
    for field in ["/spec/namespace", "/spec/placement"] {
        if let Some(node) = tree.pointer_mut(field) {
            substitute(node, &setting.variables, &definition.path, &mut draft.diagnostics);
        }
    }
    let asked: BTreeMap<String, String> = tree
        .pointer("/spec/placement/clusters")
        .and_then(|node| serde_json::from_value(node.to_json()).ok())
        .unwrap_or_default();
    let written = tree.pointer("/spec/namespace").and_then(|node| node.as_str());
    let mut spots = Vec::new();
    let mut unknown = None;
    for (cluster, resolved) in tenant {
        let namespaces = &resolved.value.namespaces;
        let name = match written {
            Some(name) => name,
            None if namespaces.len() == 1 => namespaces.keys().next().map_or("", String::as_str),
            None => "",
        };
        let Some(rules) = namespaces.get(name) else {
            unknown = Some(namespaces.keys().cloned().collect::<Vec<_>>());
            continue;
        };
        let Some((cluster, land)) = ground.lands.get_key_value(cluster) else { continue };
        if is_target((cluster, land), &resolved.value, rules, &asked) {
            spots.push(Spot { cluster, land, tenant: resolved, namespace: name.to_owned() });
        }
    }
    if let (true, Some(known)) = (spots.is_empty(), unknown) {
        draft.refused = true;
        draft.diagnostics.push(no_namespace(&tree, definition, key, written, &known));
    } else if spots.is_empty() && !ground.lands.is_empty() && ground.sound {
        let place = tree.find("/spec/placement/clusters").place(&definition.path);
        let message = format!("no cluster of `{}` takes this app", ground.environment);
        let help = "look at `placement` here, and at `clusters` of the Tenant and its namespace";
        draft.diagnostics.push(Diagnostic::warning(Code::S0406, place, message).help(help));
    }
    spots
}

fn no_namespace(
    tree: &crate::definition::yaml::Node,
    definition: &Definition,
    key: &AppKey,
    written: Option<&str>,
    known: &[String],
) -> Diagnostic {
    let place = tree.find("/spec/namespace").place(&definition.path);
    match written {
        Some(name) => {
            let message = format!("tenant `{}` has no namespace `{name}`", key.tenant);
            let fault = Diagnostic::error(Code::S0405, place, message);
            match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault.help(format!("it has {}", known.join(", "))),
            }
        }
        None => {
            let message = format!("tenant `{}` has several namespaces; the app must say which", key.tenant);
            let help = format!("write `namespace:` and one of {}", known.join(", "));
            Diagnostic::error(Code::S0405, place, message).help(help)
        }
    }
}

fn on_cluster(
    ground: &Ground,
    lookup: &Lookup,
    definition: &Definition,
    (spot, clusters): (&Spot, &BTreeSet<ClusterName>),
    draft: &mut Draft,
) {
    let Spot { cluster, land, tenant, namespace } = spot;
    let key = draft.key.clone();
    let setting = own_setting(ground, Some(cluster), &key);
    let mut app = match resolve::<App>(definition, &setting) {
        Ok(app) => app,
        Err(faults) => return draft.diagnostics.extend(faults),
    };
    if let Err(error) = split_replicas(&mut app.value, cluster, clusters) {
        let place = app.place(&["placement", "replicas", "split"].map(str::to_owned));
        draft.diagnostics.push(Diagnostic::error(Code::S0410, place, error.to_string()));
    }
    let rules = &tenant.value.namespaces[namespace];
    let called = match land.namespace(&key.tenant, namespace, rules) {
        Ok(called) => called,
        Err(error) => {
            let place = tenant.place(&["namespaces".to_owned(), namespace.to_owned()]);
            draft.diagnostics.push(Diagnostic::error(Code::S0522, place, error.to_string()));
            return;
        }
    };
    let target = TargetKey::new((*cluster).clone(), called);
    let gray = gray_release(ground, lookup, &app, &setting, draft);
    if !draft.here.is_empty() && gray != draft.gray_release {
        let place = app.place(&["grayRelease".to_owned()]);
        let message = "the gray release differs between clusters";
        draft.diagnostics.push(Diagnostic::error(Code::S0409, place, message));
    }
    draft.gray_release = gray;
    dependencies(&app, draft);
    let material = material::gather(ground, lookup, &key.tenant, &app, &setting, &mut draft.diagnostics);
    let Some(facts) = ground.facts.clusters.get(*cluster) else { return };
    if ground.contested.contains(&target) {
        draft.refused = true;
        return;
    }
    let strategy = draft.gray_release.strategy;
    let site = Site {
        tenant: &key.tenant,
        app: &key.app,
        cluster,
        offers: &land.cluster,
        facts,
        namespace: &target.namespace,
        rules,
        strategy,
        path: &definition.path,
        labels: &definition.labels,
        annotations: &definition.annotations,
        allowed_kinds: &tenant.value.kinds.allow,
    };
    let rendered = render_app(&site, &app.value, &material);
    let policy = ground.fleet.as_ref().map(|fleet| &fleet.policy);
    let faults = check::app(&site, &app.value, &material, &rendered, policy, &tenant.value.registries);
    let pace = check::pace(&app.value, &draft.gray_release);
    let all = rendered.faults.iter().cloned().chain(faults).chain(pace);
    draft.diagnostics.extend(all.map(|fault| app.diagnose(fault)));
    let standing = Standing {
        key: &key,
        target: &target,
        app: &app,
        rendered: &rendered,
        cluster: &land.cluster,
        tenant: &tenant.value,
        rules,
        strategy,
    };
    let (footprint, more) = check::footprint(&standing);
    draft.diagnostics.extend(more);
    draft.here.push(Here { place: app.place(&[]), target, rendered, footprint });
}

/// The apps that must have committed first.
pub(super) fn dependencies(app: &Resolved<App>, draft: &mut Draft) {
    for (index, reference) in app.value.depends_on.iter().enumerate() {
        let place = app.place(&["dependsOn".to_owned(), index.to_string()]);
        match reference.resolve(&draft.key.tenant) {
            Ok(to) => {
                draft.after.entry(to).or_insert(place);
            }
            Err(error) => {
                draft.diagnostics.push(Diagnostic::error(Code::S0404, place, error.to_string()));
            }
        }
    }
}

/// The gray release that the app names, the tenant's own before the platform's. One that counts in
/// other environments only means rolling here.
pub(super) fn gray_release(
    ground: &Ground,
    lookup: &Lookup,
    app: &Resolved<App>,
    setting: &Setting,
    draft: &mut Draft,
) -> GrayRelease {
    let Some(name) = &app.value.gray_release else { return GrayRelease::default() };
    let tenant = &draft.key.tenant;
    let Some(list) = lookup.gray_releases(tenant, name) else {
        let own = lookup.definitions.gray_releases.keys().filter(|(owner, _)| owner.as_ref() == Some(tenant));
        let shared = lookup.platform.gray_releases.keys().filter(|(owner, _)| owner.is_none());
        let message = format!("there is no GrayRelease `{name}`");
        let mut fault = Diagnostic::error(Code::S0404, app.place(&["grayRelease".to_owned()]), message);
        fault = fault.help(match nearest(name, own.chain(shared).map(|(_, name)| name.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write it under `tenants/{tenant}/`, or under `platform/` for everybody"),
        });
        draft.diagnostics.push(fault);
        return GrayRelease::default();
    };
    // A misspelt environment would release by another strategy, and in silence.
    draft.diagnostics.extend(list.iter().flat_map(|one| check::places(one, &ground.places)));
    let Some(definition) = pick(list, setting.environment) else { return GrayRelease::default() };
    match resolve_openly::<GrayRelease>(definition, setting) {
        Ok(gray) => gray.value,
        Err(faults) => {
            draft.diagnostics.extend(faults);
            GrayRelease::default()
        }
    }
}

/// Decides whether the app is refused. A kind that every target lacks refuses it; where only some
/// lack it, it waits there.
fn finish(mut draft: Draft) -> Compiled {
    let lacking: Vec<&Here> = draft.here.iter().filter(|here| !here.rendered.missing.is_empty()).collect();
    let all = lacking.len() == draft.here.len();
    let mut waiting = BTreeSet::new();
    for here in lacking {
        let kinds: Vec<&str> = here.rendered.missing.iter().map(String::as_str).collect();
        let message = format!("cluster `{}` does not serve {}", here.target.cluster, kinds.join(", "));
        let help = "install what defines the kind there, or place the app elsewhere";
        let place = here.place.clone();
        let diagnostic = match all {
            true => Diagnostic::error(Code::S0607, place, message),
            false => Diagnostic::warning(Code::S0607, place, format!("{message}; the app waits there")),
        };
        draft.diagnostics.push(diagnostic.help(help));
        waiting.insert(here.target.clone());
    }
    draft.here.retain(|here| !waiting.contains(&here.target));
    let refused = draft.refused || draft.diagnostics.iter().any(Diagnostic::is_error);
    let (mut bundles, mut settings) = (BTreeMap::new(), BTreeMap::new());
    let mut footprints = Vec::new();
    for here in draft.here {
        footprints.push((here.target.clone(), here.footprint));
        bundles.insert(here.target.clone(), here.rendered.bundle);
        settings.insert(here.target, here.rendered.settings);
    }
    let desired = match refused {
        true => Desired::Refused,
        false => Desired::App(Arc::new(DesiredApp {
            release: Release::new(bundles),
            settings,
            gray_release: draft.gray_release,
            after: draft.after.keys().cloned().collect(),
            path: draft.path.clone(),
            waiting,
        })),
    };
    let Draft { key, path, after, diagnostics, .. } = draft;
    Compiled { key, diagnostics, desired, path, after, footprints }
}
