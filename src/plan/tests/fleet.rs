//! Small fleets as data, what they come to, and a world that accepts plans as the engine does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::accepted::{
    Accepted, EnvironmentEvent, Outcome, PartSummary, PlanSummary, RolloutEnd, RolloutStart,
};
use crate::compile::{Desired, DesiredApp, DesiredState, Hidden};
use crate::definition::{Calendar, DeletionBudget, GrayRelease};
use crate::model::{
    Allocation, AppKey, Bundle, CommitId, ComponentName, ExtraMetadata, Manifest, Part, Place, Plan, Release,
    Replicas, Revision, RolloutId, SEALED_FIELD, Settings, Size, Slot, Slots, Strategy, TargetKey, Timestamp,
    Work,
};
use crate::plan::{Admission, Moment, Planning, admit, asks, plan};
use crate::wanted::Bundles;

pub fn target(text: &str) -> TargetKey {
    text.parse().unwrap()
}

pub fn app_key(text: &str) -> AppKey {
    text.parse().unwrap()
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// The moment of most tests.
pub fn anytime(calendar: &Calendar) -> Moment<'_> {
    Moment { calendar, now: at(0) }
}

/// What may differ from one app to the next.
#[derive(Debug, Clone)]
pub struct App {
    pub targets: BTreeSet<TargetKey>,
    pub components: Vec<&'static str>,
    pub image: u32,
    pub replicas: u32,
    pub label: Option<&'static str>,
    pub budget: bool,
    pub service: bool,
    pub claim: bool,
    /// It renders nothing but its components.
    pub bare: bool,
    pub cipher: &'static str,
    /// ConfigMaps of these names.
    pub configs: Vec<&'static str>,
    pub strategy: Strategy,
    pub suspended: bool,
    pub after: Vec<&'static str>,
}

impl App {
    pub fn on(targets: &[&str]) -> Self {
        Self {
            targets: targets.iter().map(|text| target(text)).collect(),
            components: vec!["web"],
            image: 1,
            replicas: 2,
            label: None,
            budget: false,
            service: false,
            claim: false,
            bare: false,
            cipher: "a",
            configs: Vec::new(),
            strategy: Strategy::Rolling,
            suspended: false,
            after: Vec::new(),
        }
    }

    fn bundle(&self, app: &AppKey, namespace: &str) -> Bundle {
        let mut workloads = BTreeMap::new();
        let secret = manifest(
            "v1",
            "Secret",
            namespace,
            &format!("{}-{}", app.app, self.cipher),
            json!({
                "immutable": true, SEALED_FIELD: {"k": self.cipher}, "data": {"k": format!("sealed:{}", self.cipher)},
            }),
        );
        let mut objects = if self.bare { Vec::new() } else { vec![secret] };
        for name in &self.components {
            let full = format!("{}-{name}", app.app);
            let deployment = manifest(
                "apps/v1",
                "Deployment",
                namespace,
                &full,
                json!({
                    "spec": {"template": {"spec": {"containers": [{"name": "c", "image": format!("i:{}", self.image)}]}}},
                }),
            );
            workloads.insert(name.parse().unwrap(), deployment.key());
            objects.push(deployment);
        }
        if self.service {
            objects.push(manifest("v1", "Service", namespace, app.app.as_str(), json!({"spec": {}})));
        }
        for name in &self.configs {
            objects.push(manifest("v1", "ConfigMap", namespace, name, json!({"data": {"k": "v"}})));
        }
        if self.claim {
            let claim = json!({"spec": {}});
            objects.push(manifest("v1", "PersistentVolumeClaim", namespace, app.app.as_str(), claim));
        }
        Bundle::new(workloads, objects)
    }

    fn settings(&self, app: &AppKey, bundle: &Bundle, namespace: &str) -> Settings {
        let mut settings = Settings { suspended: self.suspended, ..Settings::default() };
        for name in &self.components {
            let component: ComponentName = name.parse().unwrap();
            settings.replicas.insert(component, Replicas::Fixed(self.replicas));
            if self.budget {
                let full = format!("{}-{name}", app.app);
                let mut object =
                    manifest("policy/v1", "PodDisruptionBudget", namespace, &full, json!({"spec": {}}));
                object.as_value_mut()["metadata"]["labels"] = json!({"app.kubernetes.io/component": name});
                settings.objects.push(object);
            }
        }
        settings.objects.sort_by_key(Manifest::key);
        if let Some(label) = self.label {
            let labels = BTreeMap::from([("team".to_owned(), label.to_owned())]);
            let extra = ExtraMetadata { labels, annotations: BTreeMap::new() };
            settings.metadata = bundle.keys().into_iter().map(|key| (key, extra.clone())).collect();
        }
        settings
    }
}

pub fn manifest(version: &str, kind: &str, namespace: &str, name: &str, content: Value) -> Manifest {
    let mut value = content;
    value["apiVersion"] = json!(version);
    value["kind"] = json!(kind);
    value["metadata"] = json!({"name": name, "namespace": namespace});
    Manifest::new(value).unwrap()
}

/// What Git says.
#[derive(Debug, Clone)]
pub struct Fleet {
    pub commit: char,
    pub apps: BTreeMap<&'static str, App>,
    pub platform: BTreeMap<TargetKey, u32>,
    pub namespaces: bool,
    pub calendar: Calendar,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            commit: 'a',
            apps: BTreeMap::new(),
            platform: BTreeMap::new(),
            namespaces: false,
            calendar: Calendar::default(),
        }
    }
}

impl Fleet {
    pub fn with(&self, name: &'static str, app: App) -> Self {
        let mut fleet = self.clone();
        fleet.apps.insert(name, app);
        fleet
    }

    pub fn without(&self, name: &str) -> Self {
        let mut fleet = self.clone();
        fleet.apps.remove(name);
        fleet
    }

    pub fn map(&self, name: &'static str, change: impl Fn(&mut App)) -> Self {
        let mut fleet = self.clone();
        change(fleet.apps.get_mut(name).unwrap());
        fleet
    }

    /// So many quotas on a target.
    pub fn with_platform(&self, on: &str, count: u32) -> Self {
        let mut fleet = self.clone();
        fleet.platform.insert(target(on), count);
        fleet
    }

    /// With the namespaces themselves among the platform's objects.
    pub fn with_namespace(&self) -> Self {
        Self { namespaces: true, ..self.clone() }
    }

    pub fn desired(&self) -> DesiredState {
        let commit = CommitId::new(self.commit.to_string().repeat(40)).unwrap();
        let platform = self.platform.iter().map(|(target, count)| {
            let quota =
                |n| manifest("v1", "ResourceQuota", target.namespace.as_str(), &format!("q-{n}"), json!({}));
            let mut objects: Vec<Manifest> = (0..*count).map(quota).collect();
            if self.namespaces {
                let name = target.namespace.as_str();
                let value = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
                objects.push(Manifest::new(value).unwrap());
            }
            (target.clone(), objects)
        });
        DesiredState {
            environment: "dev".parse().unwrap(),
            revision: Revision { trunk: commit.clone(), branch: commit, sources: BTreeMap::new() },
            platform: platform.collect(),
            apps: self.apps.iter().map(|(name, app)| desired_app(name, app)).collect(),
            hidden: Hidden::default(),
            calendar: self.calendar.clone(),
            clusters: BTreeMap::new(),
            waiting_clusters: BTreeSet::new(),
        }
    }
}

fn desired_app(name: &str, app: &App) -> (AppKey, Desired) {
    let key = app_key(name);
    let bundles: BTreeMap<TargetKey, Bundle> = app
        .targets
        .iter()
        .map(|target| (target.clone(), app.bundle(&key, target.namespace.as_str())))
        .collect();
    let settings = bundles
        .iter()
        .map(|(target, bundle)| (target.clone(), app.settings(&key, bundle, target.namespace.as_str())))
        .collect();
    let wish = DesiredApp {
        release: Release::new(bundles),
        settings,
        gray_release: GrayRelease { strategy: app.strategy, ..GrayRelease::default() },
        after: app.after.iter().map(|name| app_key(name)).collect(),
        path: String::new(),
        waiting: BTreeSet::new(),
    };
    (key, Desired::App(std::sync::Arc::new(wish)))
}

/// What was accepted so far.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub accepted: Accepted,
    pub bundles: Bundles,
}

impl World {
    pub fn plan(&self, desired: &DesiredState) -> Plan {
        let budget = DeletionBudget::default();
        plan(&Planning { accepted: &self.accepted, bundles: &self.bundles, budget: &budget }, desired)
    }

    pub fn fold(&mut self, event: EnvironmentEvent) {
        self.accepted.fold(&event, at(0));
    }

    /// Accepts what is admitted; every rollout succeeds at once. Whether anything was.
    pub fn round(&mut self, desired: &DesiredState) -> bool {
        let plan = self.plan(desired);
        let admissions = admit(&plan, &self.accepted, &BTreeMap::new(), anytime(&desired.calendar));
        self.record(&plan);
        if let Some(event) = asks(&plan, &admissions, &self.accepted) {
            self.fold(event);
        }
        let mut started = false;
        for admission in admissions {
            let Admission::Start(key) = admission else { continue };
            let part = plan.parts.iter().find(|part| part.key == key).unwrap().clone();
            self.accept(&part, desired);
            started = true;
        }
        started
    }

    /// Accepts, approving whatever asks for it, until nothing is left to do.
    pub fn settle(&mut self, desired: &DesiredState) {
        for _ in 0..20 {
            for part in self.plan(desired).parts.iter().filter(|part| !part.approvals.is_empty()) {
                self.approve(part);
            }
            if !self.round(desired) {
                return;
            }
        }
        panic!("never settles: {:?}", self.plan(desired));
    }

    /// Agrees to a part as it is planned.
    pub fn approve(&mut self, part: &Part) {
        let (key, digest, deletes) = (part.key.clone(), part.digest, part.deletions());
        self.fold(EnvironmentEvent::Approved { part: digest, key, by: "ann".to_owned(), deletes });
    }

    /// Records a plan, as the engine does before it carries anything out.
    pub fn record(&mut self, plan: &Plan) {
        if plan.parts.is_empty() || self.accepted.plan_digest() == Some(plan.digest) {
            return;
        }
        let parts = plan.parts.iter().map(PartSummary::of).collect();
        let (digest, revision) = (plan.digest, plan.revision.clone());
        self.fold(EnvironmentEvent::Planned { plan: PlanSummary { digest, parent: None, revision, parts } });
    }

    pub fn start(&mut self, part: &Part, desired: &DesiredState) -> RolloutId {
        let Work::Release(program) = &part.work else { panic!("{part:?}") };
        for app in desired.apps.values() {
            let Desired::App(app) = app else { continue };
            let bundles = app.release.bundles.values();
            self.bundles.extend(bundles.map(|bundle| (bundle.digest, Arc::new(bundle.clone()))));
        }
        let moves = &self.accepted.moves;
        let back = program.to.keys().map(|key| {
            (key.clone(), moves.get(key).map(|state| state.allocation.clone()).unwrap_or_default())
        });
        let id = RolloutId::new(&desired.environment, self.accepted.rollouts + 1);
        let start = RolloutStart {
            id: id.clone(),
            part: part.clone(),
            revision: None,
            back: back.collect(),
            settings: BTreeMap::new(),
            spared: BTreeMap::new(),
            stored: BTreeMap::new(),
            at: at(0),
        };
        self.fold(EnvironmentEvent::RolloutStarted(Box::new(start)));
        id
    }

    /// Ends a rollout as one that succeeded.
    pub fn succeed(&mut self, id: &RolloutId) {
        let start = self.accepted.open[id].clone();
        let Work::Release(program) = &start.part.work else { panic!() };
        let allocations = program.to.iter().map(|(key, bundle)| {
            let place = Place { bundle: *bundle, slot: Slot::Blue, size: Size::Full };
            let allocation = Allocation {
                number: start.back[key].number + 1,
                stable: Some(*bundle),
                components: program.kinds[key]
                    .keys()
                    .map(|name| (name.clone(), Slots::Steady(place)))
                    .collect(),
                preparing: None,
                retained: None,
            };
            (key.clone(), allocation)
        });
        let end = RolloutEnd {
            id: id.clone(),
            outcome: Outcome::Succeeded,
            allocations: allocations.collect(),
            holds: BTreeMap::new(),
            tombstones: program.removed.clone(),
        };
        self.fold(EnvironmentEvent::RolloutEnded(Box::new(end)));
    }

    fn accept(&mut self, part: &Part, desired: &DesiredState) {
        use crate::model::PartKey;
        let digest = part.digest;
        match (&part.key, part.work.clone()) {
            (PartKey::Platform(target), Work::Platform { objects }) => {
                self.fold(EnvironmentEvent::Platform { target: target.clone(), objects, part: digest });
            }
            (PartKey::Settings(app), Work::Settings { settings, removed }) => {
                self.fold(EnvironmentEvent::Settings { app: app.clone(), settings, removed, part: digest });
            }
            (PartKey::Release(_), Work::Release(_)) => {
                let id = self.start(part, desired);
                self.succeed(&id);
            }
            (key, Work::Prune { targets }) => {
                let handed = part.handed.clone();
                self.fold(EnvironmentEvent::Pruned { part: key.clone(), digest, targets, handed });
            }
            other => panic!("{other:?}"),
        }
    }
}
