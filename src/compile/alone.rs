//! An app whose tenant or clusters are faulty: whatever can be said of it without them is said, so
//! that a commit's faults come out all at once. Nothing is made of it.

use serde_json::json;

use super::app::{Draft, dependencies, gray_release, own_setting};
use super::lookup::Lookup;
use super::material;
use super::platform::Ground;
use crate::check;
use crate::definition::{App, Cluster, Definition, Namespace, PodSecurity};
use crate::diagnostic::{Code, Fault};
use crate::model::{ClusterName, NamespaceName};
use crate::render::{Site, assumed_facts, render_app};
use crate::resolve::{open_places, resolve_openly};

/// Faults that hang on the tenant, its namespace or the cluster, none of which is known.
const ELSEWHERE: &[Code] = &[Code::S0506, Code::S0512, Code::S0603, Code::S0604];

pub(super) fn check(ground: &Ground, lookup: &Lookup, definition: &Definition, draft: &mut Draft) {
    let key = draft.key.clone();
    let mut setting = own_setting(ground, None, &key);
    setting.variables.open("cluster.");
    if ground.fleet.is_none() {
        setting.variables.open("environment.");
    }
    let app = match resolve_openly::<App>(definition, &setting) {
        Ok(app) => app,
        Err(faults) => return draft.diagnostics.extend(faults),
    };
    draft.gray_release = gray_release(ground, lookup, &app, &setting, draft);
    dependencies(&app, draft);
    let material = material::gather(ground, lookup, &key.tenant, &app, &setting, &mut draft.diagnostics);
    // A cluster and a namespace that allow everything.
    let offers: Result<Cluster, _> = serde_json::from_value(json!({
        "environment": ground.environment, "access": {"playground": {}},
        "traffic": {"provider": "gatewayApi", "gateway": "any/any"},
    }));
    let names = (ClusterName::new("any"), NamespaceName::new("any"));
    let (Ok(offers), (Ok(cluster), Ok(namespace))) = (offers, names) else { return };
    let rules = Namespace { pod_security: PodSecurity::Privileged, ..Namespace::default() };
    let facts = assumed_facts();
    let site = Site {
        tenant: &key.tenant,
        app: &key.app,
        cluster: &cluster,
        offers: &offers,
        facts: &facts,
        namespace: &namespace,
        rules: &rules,
        strategy: draft.gray_release.strategy,
        path: &definition.path,
        labels: &definition.labels,
        annotations: &definition.annotations,
        allowed_kinds: &[],
    };
    let rendered = render_app(&site, &app.value, &material);
    let policy = ground.fleet.as_ref().map(|fleet| &fleet.policy);
    let faults = check::app(&site, &app.value, &material, &rendered, policy, &[]);
    let known = |fault: &Fault| fault.is_error() && !ELSEWHERE.contains(&fault.code);
    let all = rendered.faults.iter().cloned().chain(faults).filter(known);
    let open = open_places(definition, &setting);
    let found = all.map(|fault| app.diagnose(fault)).filter(|fault| !open.contains(&fault.place));
    draft.diagnostics.extend(found);
}
