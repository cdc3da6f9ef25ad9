//! One app: where it goes, what it refers to, what it renders to.

use std::collections::{BTreeMap, BTreeSet};

use super::platform::Ground;
use super::{Definitions, Desired, DesiredApp, material};
use crate::check::{self, Edge, Placed};
use crate::definition::{App, Definition, GrayRelease, Namespace, Tenant, nearest};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{AppKey, ClusterName, Release, TargetKey};
use crate::render::{Rendered, Site, render_app};
use crate::resolve::{Land, Resolved, Setting, common_tree, is_target, pick, resolve, substitute};

/// An app, compiled as far as it can be without the others.
pub(super) struct Compiled<'a> {
    /// The app.
    pub(super) key: AppKey,
    path: String,
    gray_release: GrayRelease,
    after: BTreeMap<AppKey, Place>,
    here: Vec<Here<'a>>,
    /// Targets that wait: their clusters lack a kind.
    waiting: BTreeSet<TargetKey>,
    pub(super) diagnostics: Vec<Diagnostic>,
    refused: bool,
}

/// The app on one target.
struct Here<'a> {
    target: TargetKey,
    app: Resolved<App>,
    land: &'a Land,
    tenant: &'a Tenant,
    rules: Namespace,
    rendered: Rendered,
}

impl<'a> Compiled<'a> {
    /// What checks over the whole commit look at.
    pub(super) fn placed(&self) -> impl Iterator<Item = Placed<'_>> {
        self.here.iter().map(|here| Placed {
            key: &self.key,
            target: &here.target,
            app: &here.app,
            rendered: &here.rendered,
            cluster: &here.land.cluster,
            tenant: here.tenant,
            rules: &here.rules,
            strategy: self.gray_release.strategy,
        })
    }

    pub(super) fn into_desired(self) -> Desired {
        if self.refused {
            return Desired::Refused;
        }
        let mut bundles = BTreeMap::new();
        let mut settings = BTreeMap::new();
        for here in self.here {
            bundles.insert(here.target.clone(), here.rendered.bundle);
            settings.insert(here.target, here.rendered.settings);
        }
        Desired::App(Box::new(DesiredApp {
            release: Release::new(bundles),
            settings,
            gray_release: self.gray_release,
            after: self.after.into_keys().collect(),
            path: self.path,
            waiting: self.waiting,
        }))
    }
}

/// Who waits for whom, for the check of circles.
pub(super) fn edges(compiled: &[Compiled], definitions: &Definitions) -> Vec<Edge> {
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

/// Compiles one app. Its inputs are its own definition, those that it names, the files that these
/// name, and the ground that it stands on.
pub(super) fn compile<'a>(
    ground: &'a Ground,
    definitions: &Definitions,
    platform: &Definitions,
    key: &AppKey,
    definition: &Definition,
) -> Compiled<'a> {
    let mut compiled = Compiled {
        key: key.clone(),
        path: definition.path.clone(),
        gray_release: GrayRelease::default(),
        after: BTreeMap::new(),
        here: Vec::new(),
        waiting: BTreeSet::new(),
        diagnostics: Vec::new(),
        refused: definitions.ambiguous.contains(key),
    };
    let name = definition.tree.find("/metadata/name").place(&definition.path);
    let Some(tenant) = ground.tenants.get(&key.tenant) else {
        // Without the fleet's rules no tenant is known; that is said once, where it is wrong.
        if ground.fleet.is_some() {
            let message = format!("there is no Tenant `{}`", key.tenant);
            let fault = Diagnostic::error(Code::S0404, name, message);
            compiled.diagnostics.push(fault.help("the platform team writes it under `platform/`"));
        }
        compiled.refused = true;
        return compiled;
    };
    for (cluster, land, tenant, namespace) in placement(ground, tenant, key, definition, &mut compiled) {
        on_cluster(
            ground,
            (definitions, platform),
            definition,
            (cluster, land, tenant, &namespace),
            &mut compiled,
        );
    }
    finish(compiled)
}

type Spot<'a> = (&'a ClusterName, &'a Land, &'a Resolved<Tenant>, String);

fn own_setting<'s>(ground: &'s Ground, cluster: Option<&'s ClusterName>, key: &AppKey) -> Setting<'s> {
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
    compiled: &mut Compiled,
) -> Vec<Spot<'a>> {
    let setting = own_setting(ground, None, key);
    let mut tree = common_tree(definition, &setting);
    for field in ["/spec/namespace", "/spec/placement"] {
        if let Some(node) = tree.pointer_mut(field) {
            substitute(node, &setting.variables, &definition.path, &mut compiled.diagnostics);
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
            spots.push((cluster, land, resolved, name.to_owned()));
        }
    }
    if let (true, Some(known)) = (spots.is_empty(), unknown) {
        compiled.refused = true;
        compiled.diagnostics.push(no_namespace(&tree, definition, key, written, &known));
    } else if spots.is_empty() && !ground.lands.is_empty() && ground.sound {
        let place = tree.find("/spec/placement/clusters").place(&definition.path);
        let message = format!("no cluster of `{}` takes this app", ground.environment);
        let help = "look at `placement` here, and at `clusters` of the Tenant and its namespace";
        compiled.diagnostics.push(Diagnostic::warning(Code::S0406, place, message).help(help));
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

fn on_cluster<'a>(
    ground: &'a Ground,
    (definitions, platform): (&Definitions, &Definitions),
    definition: &Definition,
    (cluster, land, tenant, namespace): (&'a ClusterName, &'a Land, &'a Resolved<Tenant>, &str),
    compiled: &mut Compiled<'a>,
) {
    let key = compiled.key.clone();
    let setting = own_setting(ground, Some(cluster), &key);
    let app = match resolve::<App>(definition, &setting) {
        Ok(app) => app,
        Err(faults) => return compiled.diagnostics.extend(faults),
    };
    let rules = &tenant.value.namespaces[namespace];
    let called = match land.namespace(&key.tenant, namespace, rules) {
        Ok(called) => called,
        Err(error) => {
            let place = tenant.place(&["namespaces".to_owned(), namespace.to_owned()]);
            compiled.diagnostics.push(Diagnostic::error(Code::S0522, place, error.to_string()));
            return;
        }
    };
    let target = TargetKey::new(cluster.clone(), called);
    let gray = gray_release(definitions, platform, &key, &app, &setting, compiled);
    if !compiled.here.is_empty() && gray != compiled.gray_release {
        let place = app.place(&["grayRelease".to_owned()]);
        let message = "the gray release differs between clusters";
        compiled.diagnostics.push(Diagnostic::error(Code::S0409, place, message));
    }
    compiled.gray_release = gray;
    dependencies(&key, &app, compiled);
    let material = material::gather(definitions, &key.tenant, &app, &setting, &mut compiled.diagnostics);
    let Some(facts) = ground.facts.clusters.get(cluster) else { return };
    if ground.contested.contains(&target) {
        compiled.refused = true;
        return;
    }
    let site = Site {
        tenant: &key.tenant,
        app: &key.app,
        cluster,
        offers: &land.cluster,
        facts,
        namespace: &target.namespace,
        rules,
        strategy: compiled.gray_release.strategy,
        path: &definition.path,
        labels: &definition.labels,
        annotations: &definition.annotations,
        allowed_kinds: &tenant.value.kinds.allow,
    };
    let rendered = render_app(&site, &app.value, &material);
    let policy = ground.fleet.as_ref().map(|fleet| &fleet.policy);
    let faults = check::app(&site, &app.value, &material, &rendered, policy, &tenant.value.registries);
    let pace = check::pace(&app.value, &compiled.gray_release);
    let all = rendered.faults.iter().cloned().chain(faults).chain(pace);
    compiled.diagnostics.extend(all.map(|fault| app.diagnose(fault)));
    let rules = rules.clone();
    compiled.here.push(Here { target, app, land, tenant: &tenant.value, rules, rendered });
}

fn dependencies(key: &AppKey, app: &Resolved<App>, compiled: &mut Compiled) {
    for (index, reference) in app.value.depends_on.iter().enumerate() {
        let place = app.place(&["dependsOn".to_owned(), index.to_string()]);
        match reference.resolve(&key.tenant) {
            Ok(to) => {
                compiled.after.entry(to).or_insert(place);
            }
            Err(error) => {
                compiled.diagnostics.push(Diagnostic::error(Code::S0404, place, error.to_string()));
            }
        }
    }
}

/// The gray release that the app names, the tenant's own before the platform's. One that counts in
/// other environments only means rolling here.
fn gray_release(
    definitions: &Definitions,
    platform: &Definitions,
    key: &AppKey,
    app: &Resolved<App>,
    setting: &Setting,
    compiled: &mut Compiled,
) -> GrayRelease {
    let Some(name) = &app.value.gray_release else { return GrayRelease::default() };
    let own = definitions.gray_releases.get(&(Some(key.tenant.clone()), name.clone()));
    let shared = platform.gray_releases.get(&(None, name.clone()));
    let Some(list) = own.or(shared) else {
        let known = definitions
            .gray_releases
            .keys()
            .filter(|(owner, _)| owner.as_ref() == Some(&key.tenant))
            .chain(platform.gray_releases.keys().filter(|(owner, _)| owner.is_none()))
            .map(|(_, name)| name.as_str());
        let message = format!("there is no GrayRelease `{name}`");
        let mut fault = Diagnostic::error(Code::S0404, app.place(&["grayRelease".to_owned()]), message);
        if let Some(near) = nearest(name, known) {
            fault = fault.help(format!("did you mean `{near}`?"));
        }
        compiled.diagnostics.push(fault);
        return GrayRelease::default();
    };
    let Some(definition) = pick(list, setting.environment) else { return GrayRelease::default() };
    match resolve::<GrayRelease>(definition, setting) {
        Ok(gray) => gray.value,
        Err(faults) => {
            compiled.diagnostics.extend(faults);
            GrayRelease::default()
        }
    }
}

/// Decides whether the app is refused. A kind that every target lacks refuses it; where only some
/// lack it, it waits there.
fn finish(mut compiled: Compiled) -> Compiled {
    let lacking: Vec<(TargetKey, String, Place)> = compiled
        .here
        .iter()
        .filter(|here| !here.rendered.missing.is_empty())
        .map(|here| {
            let kinds: Vec<&str> = here.rendered.missing.iter().map(String::as_str).collect();
            (here.target.clone(), kinds.join(", "), here.app.place(&[]))
        })
        .collect();
    let all = lacking.len() == compiled.here.len();
    for (target, kinds, place) in lacking {
        let message = format!("cluster `{}` does not serve {kinds}", target.cluster);
        let help = "install what defines the kind there, or place the app elsewhere";
        let diagnostic = match all {
            true => Diagnostic::error(Code::S0607, place, message),
            false => Diagnostic::warning(Code::S0607, place, format!("{message}; the app waits there")),
        };
        compiled.diagnostics.push(diagnostic.help(help));
        compiled.waiting.insert(target);
    }
    compiled.here.retain(|here| !compiled.waiting.contains(&here.target));
    compiled.refused |= compiled.diagnostics.iter().any(Diagnostic::is_error);
    compiled
}
