//! An app on one target: its components, or the objects of its source, put together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::config::{self, Named};
use super::object::manifest;
use super::{Material, Rendered, Site, Written, label, manifests, patch, version};
use super::{
    autoscaler, canonical, claim, cron_job, daemon_set, deployment, disruption, http_route, ingress, job,
    pod, service, stateful_set,
};
use crate::definition::{App, Component, RunState, TrafficProvider, Workload};
use crate::diagnostic::{Code, Fault};
use crate::model::{Bundle, ComponentName, ExtraMetadata, Manifest, ObjectKey, Replicas, Settings};

/// What rendering has gathered so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Objects of the bundle.
    pub(super) objects: Vec<Manifest>,
    /// Objects of the settings.
    pub(super) settings: Vec<Manifest>,
    /// The workload of each component.
    pub(super) workloads: BTreeMap<ComponentName, ObjectKey>,
    /// Replicas of each component that has them.
    pub(super) replicas: BTreeMap<ComponentName, Replicas>,
    /// Labels beyond the identity's, by object.
    pub(super) labels: BTreeMap<ObjectKey, BTreeMap<String, String>>,
    /// The component that an object came from.
    pub(super) origins: BTreeMap<ObjectKey, ComponentName>,
    /// The manifest that an object of a source was written as.
    pub(super) written: BTreeMap<ObjectKey, Written>,
    /// Faults so far.
    pub(super) faults: Vec<Fault>,
}

impl Draft {
    fn add(&mut self, component: &ComponentName, value: Value) -> ObjectKey {
        let object = manifest(value);
        let key = object.key();
        self.origins.insert(key.clone(), component.clone());
        self.objects.push(object);
        key
    }

    fn add_setting(&mut self, component: &ComponentName, value: Value) {
        let object = manifest(value);
        self.origins.insert(object.key(), component.clone());
        self.settings.push(object);
    }
}

/// Renders an app for one target. Every fault is reported; with an error among them the objects must
/// not be used.
pub fn render_app(site: &Site, app: &App, material: &Material) -> Rendered {
    let mut draft = Draft::default();
    let named = config::render(site, app, material);
    for (name, definition) in &app.components {
        component(site, name, definition, app.state, &named, &mut draft);
    }
    draft.objects.extend(named.objects.into_iter().map(manifest));
    if app.source.is_some() {
        manifests::render(site, app.state, &material.source, &mut draft);
    }
    patch::apply(&app.patches, &mut draft);
    name_jobs(&mut draft);
    let owned_elsewhere = patch::owned_elsewhere(&app.owned_elsewhere, &mut draft);
    let missing = finish(site, &mut draft);
    let metadata = metadata(site, &mut draft);
    Rendered {
        bundle: Bundle::new(draft.workloads, draft.objects),
        settings: Settings {
            replicas: draft.replicas,
            objects: draft.settings,
            metadata,
            owned_elsewhere,
            suspended: app.suspend,
        },
        missing,
        origins: draft.origins,
        written: draft.written,
        faults: draft.faults,
    }
}

fn component(
    site: &Site,
    name: &ComponentName,
    component: &Component,
    state: RunState,
    named: &Named,
    draft: &mut Draft,
) {
    let template = pod::template(site, name, component, named);
    let workload = match component.workload {
        Workload::Deployment => deployment::render(site, name, component, template),
        Workload::StatefulSet => stateful_set::render(site, name, component, template),
        Workload::DaemonSet => daemon_set::render(site, name, component, template),
        Workload::Job => job::render(site, name, component, state, template),
        Workload::CronJob => cron_job::render(site, name, component, state, template),
    };
    let key = draft.add(name, workload);
    draft.labels.insert(key.clone(), component.labels.clone());
    draft.workloads.insert(name.clone(), key);
    for object in
        claim::render(site, name, component).into_iter().chain(service::render(site, name, component))
    {
        draft.add(name, object);
    }
    routes(site, name, component, named, draft);
    let scaled = matches!(component.workload, Workload::Deployment | Workload::StatefulSet);
    if !scaled {
        return;
    }
    let replicas = match (&component.autoscale, state) {
        (_, RunState::Stopped) => Replicas::Fixed(0),
        (Some(autoscale), RunState::Running) => {
            Replicas::Autoscaled { min: autoscale.min, max: autoscale.max }
        }
        (None, RunState::Running) => Replicas::Fixed(component.replicas.unwrap_or(1)),
    };
    draft.replicas.insert(name.clone(), replicas);
    if let Some(autoscale) = &component.autoscale {
        draft.add_setting(name, autoscaler::render(site, name, component.workload, autoscale));
    }
    if let Some(budget) = disruption::render(site, name, component, replicas) {
        draft.add_setting(name, budget);
    }
}

fn routes(site: &Site, name: &ComponentName, component: &Component, named: &Named, draft: &mut Draft) {
    if component.routes.is_empty() {
        return;
    }
    let traffic = &site.offers.traffic;
    let objects = match (traffic.provider, &traffic.gateway) {
        (TrafficProvider::GatewayApi, Some(gateway)) => http_route::render(site, name, component, gateway),
        (TrafficProvider::Nginx, _) => ingress::render(site, name, component, named),
        (TrafficProvider::GatewayApi, None) | (TrafficProvider::Replicas, _) => {
            let at = ["components", name.as_str(), "routes"];
            let message = format!(
                "component `{name}` has routes, and the cluster `{}` has no router for them",
                site.cluster
            );
            let help = "give the Cluster `traffic: {provider: gatewayApi, gateway: namespace/name}` or \
                        `{provider: nginx}`, or place the app elsewhere";
            draft.faults.push(Fault::error(Code::S0608, &at, message).help(help));
            return;
        }
    };
    for object in objects {
        draft.add(name, object);
    }
}

/// Names Jobs by their templates, after the last change to them.
fn name_jobs(draft: &mut Draft) {
    let jobs: Vec<(ComponentName, ObjectKey)> = draft
        .workloads
        .iter()
        .filter(|(_, key)| key.group == "batch" && key.kind == "Job")
        .map(|(name, key)| (name.clone(), key.clone()))
        .collect();
    for (component, key) in jobs {
        let Some(object) = draft.objects.iter_mut().find(|object| object.key() == key) else { continue };
        let called = job::name(&component, object.as_value());
        object.as_value_mut()["metadata"]["name"] = called.into();
        let renamed = object.key();
        if let Some(origin) = draft.origins.remove(&key) {
            draft.origins.insert(renamed.clone(), origin);
        }
        if let Some(written) = draft.written.remove(&key) {
            draft.written.insert(renamed.clone(), written);
        }
        if let Some(labels) = draft.labels.remove(&key) {
            draft.labels.insert(renamed.clone(), labels);
        }
        draft.workloads.insert(component, renamed);
    }
}

/// Canonical form and versions; answers the kinds that the cluster lacks.
fn finish(site: &Site, draft: &mut Draft) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for object in draft.objects.iter_mut().chain(&mut draft.settings) {
        for twice in canonical::canonicalize(object.as_value_mut()) {
            let key = object.key();
            draft.faults.push(Fault::error(Code::S0609, &[], format!("{key}: {twice}")));
        }
        if !version::settle(object, site.facts) {
            missing.insert(match object.group() {
                "" => object.kind().to_owned(),
                group => format!("{}.{group}", object.kind()),
            });
        }
    }
    draft.settings.sort_by_key(Manifest::key);
    missing
}

/// Labels and annotations that follow from the definition: settings, so that a change of them moves
/// no pod.
fn metadata(site: &Site, draft: &mut Draft) -> BTreeMap<ObjectKey, ExtraMetadata> {
    let own = |pairs: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        pairs
            .iter()
            .filter(|(key, _)| !label::is_reserved(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    for (what, pairs) in [("labels", site.labels), ("annotations", site.annotations)] {
        for key in pairs.keys().filter(|key| label::is_reserved(key)) {
            let message = format!("`{key}` is written by the engine alone");
            draft.faults.push(Fault::error(Code::S0602, &["metadata", what, key], message));
        }
    }
    let mut all = BTreeMap::new();
    for object in draft.objects.iter().chain(&draft.settings) {
        let key = object.key();
        let mut labels = own(site.labels);
        labels.extend(own(draft.labels.get(&key).unwrap_or(&BTreeMap::new())));
        let mut annotations = own(site.annotations);
        annotations.insert(label::PATH_ANNOTATION.to_owned(), site.path.to_owned());
        all.insert(key, ExtraMetadata { labels, annotations });
    }
    all
}
