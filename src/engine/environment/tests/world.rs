//! An environment on a ledger in memory, with clusters that live second by second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::{oneshot, watch};

use crate::accepted::{Accepted, AcceptedOn, EnvironmentEvent, MoveState};
use crate::compile;
use crate::definition::Access;
use crate::engine::command::{Answer, Command, CommandError};
use crate::engine::environment::{
    Environment, EnvironmentStatus, Message, Ports, SourceRevision, Sync, Task, Workers,
};
use crate::engine::worker::Report;
use crate::health::HealthStatus;
use crate::ledger::MemoryLedger;
use crate::model::{
    AppKey, BundleDigest, ClusterName, CommitId, ComponentName, FileEntry, MoveKey, Owner, Replicas,
    Revision, Size, Slots, SourceTree, TargetKey, Timestamp, sha256,
};
use crate::port::clock::Clock;
use crate::port::ledger::{Epoch, Ledger, Sequence, StreamName};
use crate::rollout::{ComponentReport, Evidence, Fault};
use crate::wanted::Bundles;

pub fn app(name: &str) -> AppKey {
    format!("shop/{name}").parse().unwrap()
}

pub fn on(name: &str, cluster: &str) -> MoveKey {
    MoveKey::new(app(name), format!("{cluster}/shop").parse().unwrap())
}

/// What Git says, in a line or two.
#[derive(Debug, Clone, PartialEq)]
pub struct Git {
    /// Each app's tag and replicas. A tag that begins with `bad` never starts.
    pub apps: BTreeMap<&'static str, (&'static str, u32)>,
    pub clusters: Vec<&'static str>,
    /// Lines of the GrayRelease that every app uses.
    pub rules: &'static str,
    pub suspend: bool,
    /// How many pods the namespace may have; 0 = any number.
    pub quota: u32,
    /// The tenant's definition has a fault.
    pub broken: bool,
    /// There is no file at all.
    pub empty: bool,
    /// More of the environment's rules.
    pub environment: &'static str,
    /// More of what is said of the cluster `east`.
    pub east: &'static str,
}

impl Git {
    pub fn web(tag: &'static str) -> Self {
        let apps = BTreeMap::from([("web", (tag, 2))]);
        Self {
            apps,
            clusters: vec!["east"],
            rules: "strategy: rolling",
            suspend: false,
            quota: 0,
            broken: false,
            empty: false,
            environment: "",
            east: "",
        }
    }

    pub fn with(mut self, name: &'static str, tag: &'static str, replicas: u32) -> Self {
        self.apps.insert(name, (tag, replicas));
        self
    }

    fn tenant(&self) -> String {
        let quota = if self.quota == 0 { String::new() } else { format!("quota: {{pods: {}}}", self.quota) };
        if self.broken {
            return "spec: {namespaces: 7}\n".to_owned();
        }
        format!("spec: {{namespaces: {{default: {{{quota}}}}}}}\n")
    }

    pub fn revision(&self) -> SourceRevision {
        let head = |kind: &str, name: &str| {
            format!("apiVersion: sluice.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n")
        };
        let mut files = BTreeMap::from([
            (
                "sluice.yaml".to_owned(),
                head("Fleet", "fleet")
                    + &format!("spec: {{environments: [{{name: dev, branch: main{}}}]}}\n", self.environment),
            ),
            ("platform/shop.yaml".to_owned(), head("Tenant", "shop") + &self.tenant()),
            (
                "platform/rules.yaml".to_owned(),
                head("GrayRelease", "rules") + &format!("spec: {{{}}}\n", self.rules),
            ),
        ]);
        for name in &self.clusters {
            let more = if *name == "east" { self.east } else { "" };
            let spec = format!("spec: {{environment: dev, access: {{playground: {{}}}}{more}}}\n");
            files.insert(format!("platform/{name}.yaml"), head("Cluster", name) + &spec);
        }
        for (name, (tag, replicas)) in &self.apps {
            let spec = format!(
                "spec: {{image: \"registry.acme.example/{name}:{tag}\", port: 8080, health: /, \
                 replicas: {replicas}, grayRelease: rules, suspend: {}}}\n",
                self.suspend
            );
            files.insert(format!("tenants/shop/{name}.yaml"), head("App", name) + &spec);
        }
        if self.empty {
            files.clear();
        }
        let mut tree = SourceTree::default();
        for (path, text) in files {
            let id = sha256(text.as_bytes()).to_hex()[..40].to_owned();
            tree.files.insert(path, FileEntry { id, bytes: text.into_bytes().into() });
        }
        let (definitions, faults) = compile::read(&tree);
        assert!(faults.is_empty(), "{faults:?}");
        let definitions = Arc::new(definitions);
        let commit = CommitId::new(&sha256(format!("{self:?}").as_bytes()).to_hex()[..40]).unwrap();
        let revision = Revision { trunk: commit.clone(), branch: commit, sources: BTreeMap::new() };
        SourceRevision { revision, platform: definitions.clone(), definitions, diagnostics: Vec::new() }
    }
}

/// A clock that is set by hand.
#[derive(Debug, Default)]
pub struct Hand(Mutex<i64>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + *self.0.lock().unwrap()).unwrap()
    }
}

/// The pods of every component in every cluster, by what they run.
pub type Pods = BTreeMap<(MoveKey, ComponentName), Vec<BundleDigest>>;

type Tasks = Arc<Mutex<BTreeMap<ClusterName, watch::Receiver<Task>>>>;

/// Workers who do nothing.
pub struct Nobody;

impl Workers for Nobody {
    fn hire(&mut self, _: &ClusterName, _: &Access, _: watch::Receiver<Task>) {}

    fn dismiss(&mut self, _: &ClusterName) {}
}

struct Hired(Tasks);

impl Workers for Hired {
    fn hire(&mut self, name: &ClusterName, _: &Access, task: watch::Receiver<Task>) {
        self.0.lock().unwrap().insert(name.clone(), task);
    }

    fn dismiss(&mut self, name: &ClusterName) {
        self.0.lock().unwrap().remove(name);
    }
}

pub struct World {
    pub ledger: Arc<MemoryLedger>,
    pub environment: Environment,
    pub pods: Pods,
    pub away: bool,
    /// Nothing that is to go goes, while set.
    pub stuck: bool,
    /// One pod of each component is not ready, while set.
    pub ill: bool,
    clock: Arc<Hand>,
    tasks: Tasks,
    pub second: i64,
    /// Clusters that have said what they serve.
    told: BTreeSet<ClusterName>,
    /// What was said of `web` after each thing that happened, and how many rollouts were open.
    pub said: Vec<(Sync, usize)>,
}

fn open(ledger: &Arc<MemoryLedger>, clock: &Arc<Hand>, epoch: u64) -> (Environment, Tasks) {
    let tasks = Tasks::default();
    let ports = Ports {
        ledger: ledger.clone(),
        clock: clock.clone(),
        epoch: Epoch(epoch),
        workers: Box::new(Hired(tasks.clone())),
    };
    (Environment::open("dev".parse().unwrap(), ports).expect("the ledger can be read"), tasks)
}

impl World {
    pub fn new() -> Self {
        Self::found(Arc::new(MemoryLedger::new()), Pods::new(), 0)
    }

    /// A process that finds this ledger and these clusters.
    pub fn found(ledger: Arc<MemoryLedger>, pods: Pods, second: i64) -> Self {
        let clock = Arc::new(Hand(Mutex::new(second)));
        let (environment, tasks) = open(&ledger, &clock, 2);
        Self {
            ledger,
            environment,
            pods,
            away: false,
            stuck: false,
            ill: false,
            clock,
            tasks,
            second,
            told: BTreeSet::new(),
            said: Vec::new(),
        }
    }

    pub fn restart(&mut self) {
        (self.environment, self.tasks) = open(&self.ledger, &self.clock, 3);
        self.told.clear();
    }

    pub fn git(&mut self, git: &Git) {
        self.happen(Message::Source(Box::new(git.revision())));
    }

    fn happen(&mut self, message: Message) {
        self.environment.handle(message).unwrap();
        self.note();
    }

    fn note(&mut self) {
        let status = self.status();
        if let Some(web) = status.apps.get(&app("web")) {
            self.said.push((web.sync, status.rollouts.len()));
        }
    }

    /// The clusters that nothing is written to.
    pub fn paused(&self) -> Vec<String> {
        let tasks = self.tasks.lock().unwrap();
        let paused = |task: &Task| task.share.targets.values().any(|here| here.paused);
        tasks.iter().filter(|(_, task)| paused(&task.borrow())).map(|(name, _)| name.to_string()).collect()
    }

    /// The clusters that have a worker.
    pub fn staffed(&self) -> Vec<String> {
        self.tasks.lock().unwrap().keys().map(ToString::to_string).collect()
    }

    pub fn command(&mut self, command: Command) -> Result<Answer, CommandError> {
        let (answer, mut wait) = oneshot::channel();
        self.environment.handle(Message::Command { command, by: "ann".to_owned(), answer }).unwrap();
        wait.try_recv().expect("it is answered at once")
    }

    /// So many seconds of which only the last is lived.
    pub fn skip(&mut self, seconds: i64) {
        self.second += seconds - 1;
        self.run(1);
    }

    /// So many seconds of everybody's life.
    pub fn run(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.second += 1;
            *self.clock.0.lock().unwrap() = self.second;
            let tasks: Vec<_> = self
                .tasks
                .lock()
                .unwrap()
                .iter()
                .map(|(name, task)| (name.clone(), task.borrow().clone()))
                .collect();
            let away = self.away;
            for (name, task) in tasks.into_iter().filter(|_| !away) {
                if self.told.insert(name.clone()) {
                    let facts = Ok(crate::render::assumed_facts());
                    self.happen(Message::Cluster(name.clone(), facts));
                }
                let reports = self.live(&task);
                self.happen(Message::Reports { cluster: name, task: task.number, reports });
            }
            if self.environment.is_due() {
                self.environment.tick().unwrap();
                self.note();
            }
        }
    }

    /// One second of a cluster's life: at most one pod of each component turns over.
    fn live(&mut self, task: &Task) -> Vec<Report> {
        let mut reports = Vec::new();
        for (target, here) in &task.share.targets {
            self.pods.retain(|(key, _), _| key.target != *target || here.apps.contains_key(&key.app));
            let app_owner = |owner: &Owner| matches!(owner, Owner::App(app) if here.apps.contains_key(app));
            let rest = here.tombstones.keys().filter(|owner| !app_owner(owner)).cloned();
            for owner in rest.chain([Owner::Platform]).collect::<BTreeSet<_>>() {
                reports.push(self.others(target, here, owner));
            }
            for (app, share) in &here.apps {
                let key = MoveKey::new(app.clone(), target.clone());
                let components = &share.state.allocation.components;
                let components = components
                    .iter()
                    .map(|(name, slots)| {
                        let pods = self.pods.entry((key.clone(), name.clone())).or_default();
                        let wanted = wanted(slots, &share.state, name);
                        if !share.suspended && !here.paused {
                            turn_over(pods, wanted, &task.bundles);
                        }
                        (name.clone(), report(pods, wanted, &task.bundles, self.ill))
                    })
                    .collect();
                let idle = share.suspended || here.paused;
                let trouble = idle.then(|| "suspended".to_owned());
                let evidence = Evidence {
                    allocation: share.state.allocation.number,
                    settings: share.state.settings.number,
                    applied: !idle,
                    trouble,
                    refused: false,
                    components,
                };
                reports.push(Report {
                    again: false,
                    target: target.clone(),
                    owner: Owner::App(app.clone()),
                    evidence,
                    writes: 0,
                    unreachable: false,
                    admitted: share.dry_run.map(|_| None),
                });
            }
        }
        reports
    }

    /// What is said of the platform, and of apps that have left.
    fn others(&self, target: &TargetKey, here: &AcceptedOn, owner: Owner) -> Report {
        let to_go = self.stuck && here.tombstones.get(&owner).is_some_and(|keys| !keys.is_empty());
        let evidence = Evidence {
            allocation: if owner == Owner::Platform { here.platform.number } else { 0 },
            settings: 0,
            applied: true,
            trouble: to_go.then(|| "waits for Deployment.apps shop/web to go".to_owned()),
            refused: false,
            components: BTreeMap::new(),
        };
        Report {
            again: false,
            target: target.clone(),
            owner,
            evidence,
            writes: 0,
            unreachable: false,
            admitted: None,
        }
    }

    pub fn accepted(&self) -> &Accepted {
        self.environment.accepted()
    }

    pub fn state(&self, key: &MoveKey) -> &MoveState {
        &self.accepted().moves[key]
    }

    pub fn status(&self) -> Arc<EnvironmentStatus> {
        self.environment.status().borrow().clone()
    }

    pub fn sync(&self, name: &str) -> Sync {
        self.status().apps[&app(name)].sync
    }

    /// Which tag each pod of an app runs, over all clusters.
    pub fn running(&self, name: &str) -> Vec<String> {
        let task = self.tasks.lock().unwrap().values().next().unwrap().borrow().clone();
        let of_app = self.pods.iter().filter(|((key, _), _)| key.app == app(name));
        of_app.flat_map(|(_, pods)| pods).map(|digest| tag(*digest, &task.bundles)).collect()
    }

    /// The environment's stream, folded; checks on the way that nothing held is rolled out.
    pub fn history(&self) -> Vec<String> {
        let stream = StreamName::environment(&"dev".parse().unwrap());
        let mut accepted = Accepted::default();
        let mut history = Vec::new();
        for record in self.ledger.read(&stream, Sequence::EMPTY).unwrap() {
            let event: EnvironmentEvent = serde_json::from_value(record.body).unwrap();
            if let EnvironmentEvent::RolloutStarted(start) = &event {
                let crate::model::Work::Release(program) = &start.part.work else { panic!() };
                for (key, bundle) in &program.to {
                    let held = accepted.moves.get(key).is_some_and(|state| state.held.contains(bundle));
                    assert!(!held, "{} rolls a held bundle out on {key}", start.id);
                }
                assert!(!accepted.open.contains_key(&start.id), "one start each");
            }
            if let EnvironmentEvent::RolloutEnded(end) = &event {
                history.push(format!("{} {}", end.id, end.outcome));
            }
            accepted.fold(&event, record.at);
        }
        history
    }
}

fn wanted(slots: &Slots, state: &MoveState, name: &ComponentName) -> (BundleDigest, usize) {
    let full = match state.settings.value.replicas.get(name) {
        Some(Replicas::Fixed(count)) => *count as usize,
        _ => 1,
    };
    match slots {
        Slots::Steady(place) => (place.bundle, if place.size == Size::Full { full } else { 0 }),
        Slots::InPlace { to, .. } | Slots::Ordinal { to, .. } => (*to, full),
    }
}

fn tag(digest: BundleDigest, bundles: &Bundles) -> String {
    let text = bundles
        .get(&digest)
        .map(|bundle| serde_json::to_string(&bundle.objects).unwrap())
        .unwrap_or_default();
    let image = text.split_once("registry.acme.example/").map(|(_, rest)| rest).unwrap_or_default();
    image.split(['"', ':']).nth(1).unwrap_or("?").to_owned()
}

fn is_bad(digest: BundleDigest, bundles: &Bundles) -> bool {
    tag(digest, bundles).starts_with("bad")
}

fn turn_over(pods: &mut Vec<BundleDigest>, (to, count): (BundleDigest, usize), bundles: &Bundles) {
    if pods.len() > count {
        pods.pop();
    } else if pods.len() < count {
        pods.push(to);
    } else if !pods.iter().any(|pod| *pod == to && is_bad(to, bundles))
        && let Some(old) = pods.iter_mut().find(|pod| **pod != to)
    {
        *old = to;
    }
}

fn report(
    pods: &[BundleDigest],
    (to, count): (BundleDigest, usize),
    bundles: &Bundles,
    ill: bool,
) -> ComponentReport {
    let number =
        |f: &dyn Fn(&BundleDigest) -> bool| u32::try_from(pods.iter().filter(|pod| f(pod)).count()).unwrap();
    let bad = is_bad(to, bundles);
    let updated = number(&|pod| *pod == to);
    let ready = if bad { 0 } else { updated.saturating_sub(u32::from(ill)) };
    let wanted = u32::try_from(count).unwrap();
    let fault = Fault {
        pod: "web-1".to_owned(),
        container: "web".to_owned(),
        reason: "ImagePullBackOff".to_owned(),
        message: "Back-off pulling image".to_owned(),
        counts: true,
    };
    let (updated, ready, old) =
        if count == 0 { (0, 0, number(&|_| true)) } else { (updated, ready, number(&|pod| *pod != to)) };
    ComponentReport {
        status: if ready == wanted && old == 0 { HealthStatus::Healthy } else { HealthStatus::Progressing },
        reason: String::new(),
        message: String::new(),
        wanted,
        updated,
        ready,
        serving: ready + old,
        old,
        restarts: 0,
        faults: if bad && pods.contains(&to) && count > 0 { vec![fault] } else { Vec::new() },
    }
}
