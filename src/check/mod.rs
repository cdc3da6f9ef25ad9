//! Checks: what the API server, the scheduler or a colleague would stumble over, found before.
//!
//! One file per subject. Checks of one app look at it in one place; checks of the commit look at all
//! apps of an environment. Nothing is changed here, and live state is not known.

mod component;
mod container;
mod cycle;
mod footprint;
mod network;
mod object;
mod owner;
mod pace;
mod place;
mod pod;
mod policy;
mod quota;
mod reference;
mod secret;
mod security;
mod shape;
mod tenant;
mod volume;
mod whereabouts;

use std::collections::BTreeMap;

use crate::definition::{App, Policy};
use crate::diagnostic::{Code, Diagnostic, Fault, Place};
use crate::model::{Amounts, AppKey, ClusterName, ObjectKey, TargetKey};
use crate::render::{Material, Rendered, Site};

pub use cycle::{Edge, cycles};
pub use footprint::{Claim, Footprint, Standing, footprint};
pub use object::keys;
pub use pace::pace;
pub use place::{Places, places};
pub use secret::sealed;
pub use tenant::{namespace, tenant};

/// An app in one place, for checks between apps.
#[derive(Clone, Copy)]
pub struct Placed<'a> {
    /// The app.
    pub key: &'a AppKey,
    /// The place.
    pub target: &'a TargetKey,
    /// The path of its definition.
    pub path: &'a str,
    /// What it takes up there.
    pub footprint: &'a Footprint,
}

/// A namespace's quota, and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceQuota {
    /// The most, by resource name.
    pub hard: Amounts,
    /// Where it stands.
    pub place: Place,
}

/// An object of the platform, and the definition that it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformOwner {
    /// The cluster.
    pub cluster: ClusterName,
    /// The object.
    pub object: ObjectKey,
    /// The path of the definition.
    pub path: String,
}

/// A fault between apps, and the app that it refuses.
pub type Finding = (Option<AppKey>, Diagnostic);

/// Checks one app in one place.
pub fn app(
    site: &Site,
    app: &App,
    material: &Material,
    rendered: &Rendered,
    policy: Option<&Policy>,
    registries: &[String],
) -> Vec<Fault> {
    let mut faults = Vec::new();
    if app.components.is_empty() && app.source.is_none() {
        let message = "the app has neither components nor a source";
        faults.push(Fault::error(Code::S0514, &[], message).help("write `image:` for a single container"));
    }
    for (name, one) in &app.components {
        let here = Component { site, name: name.as_str(), component: one };
        component::check(&here, &mut faults);
        volume::check(&here, &mut faults);
        security::check(&here, &mut faults);
        reference::check(&here, material, &mut faults);
        container::check(&here, &mut faults);
        if let Some(policy) = policy {
            policy::check(&here, policy, registries, &mut faults);
        }
    }
    object::check(rendered, &mut faults);
    let whereabouts = whereabouts::Whereabouts { app, rendered };
    pod::check(&pod::Rules { site, policy, registries }, &whereabouts, &mut faults);
    if let Some(schema) = site.facts.schema() {
        shape::check(schema, &whereabouts, &mut faults);
    }
    faults
}

/// Checks between all apps of an environment.
pub fn commit(
    placed: &[Placed],
    quotas: &BTreeMap<TargetKey, NamespaceQuota>,
    platform: &[PlatformOwner],
) -> Vec<Finding> {
    let mut findings = owner::check(placed, platform);
    findings.extend(network::check(placed));
    findings.extend(quota::check(placed, quotas));
    findings
}

/// The remark on a YAML file of a tenant that is no definition and that none refers to.
pub fn unreferenced(path: &str) -> Diagnostic {
    let message = "no definition refers to this file, and it is none itself";
    Diagnostic::warning(Code::S0519, Place::file(path), message)
        .help("definitions begin with `apiVersion: sluice.dev/v1alpha1`")
}

/// A component where it stands.
struct Component<'a> {
    site: &'a Site<'a>,
    name: &'a str,
    component: &'a crate::definition::Component,
}

impl<'a> Component<'a> {
    /// The field of the component that `rest` leads to.
    fn at<'s>(&'s self, rest: &[&'s str]) -> Vec<&'s str> {
        ["components", self.name].iter().chain(rest).copied().collect()
    }

    fn error(&self, code: Code, rest: &[&str], message: impl Into<String>) -> Fault {
        Fault::error(code, &self.at(rest), message)
    }

    fn warning(&self, code: Code, rest: &[&str], message: impl Into<String>) -> Fault {
        Fault::warning(code, &self.at(rest), message)
    }

    /// Every container: the field that holds it, its name, itself.
    fn containers(&self) -> impl Iterator<Item = (&'static str, &'a str, &'a crate::definition::Container)> {
        let component = self.component;
        let main = component.containers.iter().map(|(name, one)| ("containers", name.as_str(), one));
        main.chain(component.init_containers.iter().map(|(name, one)| ("initContainers", name.as_str(), one)))
    }

    /// The most pods that the component may have at once, without a rollout's.
    fn most_pods(&self) -> u32 {
        match &self.component.autoscale {
            Some(autoscale) => autoscale.max,
            None => self.component.replicas.unwrap_or(1),
        }
    }
}

#[cfg(test)]
mod tests;
