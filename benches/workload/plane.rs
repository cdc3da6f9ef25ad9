//! The engine on a real control plane: first apply, nothing to do, one change, drift, restart.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Api, DynamicObject, WatchEvent, WatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::{Value, json};
use sluice::diff;
use sluice::model::Manifest;

use crate::controlplane::{ADMIN, AuditEvent, ControlPlane, ENGINE, Options};
use crate::cpu;
use crate::engine::Engine;
use crate::fleet::{self, Size};
use crate::flood;
use crate::report::{Line, Report};

/// A user whom priority and fairness hold to the same rules as the engine.
const FLOODER: &str = "flooder";

/// Requests of the flood that are under way at once: more brings nothing on two cores.
const AT_ONCE: usize = 32;

/// Pushes whose latency is measured, and objects that drift.
const PUSHES: usize = 100;
const DRIFTED: usize = 100;

/// How long an engine is watched for writes beyond those that were due.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// How long a warm engine is watched for requests that it need not make.
const QUIET: Duration = Duration::from_secs(20);

/// A control plane with a user for the flood.
pub fn options() -> Options {
    let mut options = Options::default();
    options.users.push(FLOODER.to_owned());
    options
}

/// Runs everything.
pub fn run(size: Size, plane: &ControlPlane, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench {
        size,
        plane,
        admin: runtime.block_on(client(plane, ADMIN)),
        flooder: runtime.block_on(client(plane, FLOODER)),
        repository: folder.path().join("fleet"),
        state: folder.path().join("state"),
    };
    bench.commit_fleet();
    let objects = bench.rendered();
    assert_eq!(objects.len(), size.objects());
    let flood = runtime.block_on(bench.flood(&objects));
    report.add(Line::new(
        format!("PATCH flood, {} objects, {AT_ONCE} at once", objects.len()),
        "wall",
        flood,
    ));
    let mut engine = bench.first_apply(flood, report);
    runtime.block_on(bench.compare(&objects, report));
    bench.nothing_to_do(&engine, report);
    runtime.block_on(bench.pushes(report));
    engine.until_synced(bench.apps());
    runtime.block_on(bench.drift(&objects, report));
    let peak = engine.peak_mib();
    engine.kill();
    bench.restart(report);
    report.add(Line::count("memory of the engine, the most at any time", peak, "MiB").at_most(80.0));
}

struct Bench<'a> {
    size: Size,
    plane: &'a ControlPlane,
    admin: Client,
    flooder: Client,
    repository: PathBuf,
    state: PathBuf,
}

impl Bench<'_> {
    /// The apps of the workload and the one of manifests.
    fn apps(&self) -> usize {
        self.size.tenants * self.size.apps + 1
    }

    fn commit_fleet(&self) {
        let mut files = fleet::files(self.size, self.plane.kubeconfig(ENGINE), "  state: stopped\n");
        files.extend(pushed(0));
        fleet::write(&self.repository, &files);
        git(&self.repository, &["init", "--quiet", "--initial-branch", "main"]);
        commit(&self.repository, "the fleet");
    }

    /// What the apps of the workload come to.
    fn rendered(&self) -> Vec<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        let done = command.args(["render", "--output", "json"]).arg(&self.repository).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let list: Vec<Value> = serde_json::from_slice(&done.stdout).unwrap();
        let objects = list.into_iter().map(|one| one["object"].clone());
        let label = |object: &Value| object["metadata"]["labels"]["sluice.dev/app"].clone();
        objects.filter(|object| label(object).is_string() && label(object) != "pushed").collect()
    }

    /// The same objects in namespaces of their own, gone again when it is over.
    async fn flood(&self, objects: &[Value]) -> Duration {
        let binding =
            ["create", "clusterrolebinding", FLOODER, "--clusterrole=cluster-admin", "--user", FLOODER];
        self.plane.kubectl(&binding);
        let elsewhere: Vec<Value> = objects.iter().cloned().map(elsewhere).collect();
        let namespaces: Vec<String> =
            (0..self.size.tenants).map(|tenant| format!("f-{}", fleet::tenant_name(tenant))).collect();
        for namespace in &namespaces {
            self.plane.kubectl(&["create", "namespace", namespace]);
        }
        let took = flood::apply(&self.flooder, FLOODER, &elsewhere, AT_ONCE).await;
        let mut delete = vec!["delete", "namespace", "--timeout=600s"];
        delete.extend(namespaces.iter().map(String::as_str));
        self.plane.kubectl(&delete);
        took
    }

    /// From the start of the process to the last object.
    fn first_apply(&self, flood: Duration, report: &mut Report) -> Engine {
        let before = self.requests().len();
        let mut engine = Engine::start(&self.repository, &self.state);
        let synced = engine.until_synced(self.apps());
        let cpu = engine.cpu();
        let requests = self.requests();
        let writes: Vec<&AuditEvent> = requests[before..].iter().filter(|event| event.is_write()).collect();
        let ends = |event: Option<&&AuditEvent>| event.expect("the engine has written").received_at;
        let took = Duration::try_from(ends(writes.last()) - ends(writes.first())).unwrap();
        report.add(Line::new(
            format!("first apply, {} objects, from the first write to the last", self.size.objects()),
            "wall",
            took,
        ));
        report.add(
            Line::ratio("first apply: rate beside the flood's", flood.as_secs_f64() / took.as_secs_f64())
                .at_least(0.85),
        );
        report.add(Line::count("first apply: writes", writes.len() as u64, "requests"));
        report.add(Line::count(
            "first apply: other requests",
            (requests.len() - before - writes.len()) as u64,
            "requests",
        ));
        report.add(Line::new("first apply: until every app is synced", "wall", synced));
        report.add(Line::new("first apply: CPU of the engine", "CPU", cpu).at_most(3000.0));
        report.add(Line::count("first apply: memory of the engine", engine.peak_mib(), "MiB").at_most(80.0));
        engine
    }

    /// The wanted objects against the live ones, in memory.
    async fn compare(&self, objects: &[Value], report: &mut Report) {
        let live: Vec<Manifest> = futures::stream::iter(objects)
            .map(|object| async {
                let request = http::Request::get(flood::path(object)).body(Vec::new()).unwrap();
                Manifest::new(self.admin.request::<Value>(request).await.unwrap()).unwrap()
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let wanted: Vec<Manifest> = objects.iter().cloned().map(|one| Manifest::new(one).unwrap()).collect();
        let options = diff::Options::default();
        let count = || {
            wanted
                .iter()
                .zip(&live)
                .map(|(wanted, live)| diff::differ(wanted, Some(live), &options).len())
                .sum::<usize>()
        };
        assert_eq!(count(), 0, "nothing has changed");
        let took = cpu::least(5, count);
        report.add(
            Line::new(format!("{} unchanged objects compared in memory", objects.len()), "CPU", took)
                .at_most(110.0),
        );
    }

    /// Looks at everything again, and then stands still.
    fn nothing_to_do(&self, engine: &Engine, report: &mut Report) {
        let before = self.requests().len();
        let cpu = engine.cpu();
        engine.sync();
        // What is measured is that nothing happens in this time.
        std::thread::sleep(QUIET);
        let requests = self.requests();
        for event in requests[before..].iter().take(5) {
            eprintln!("a needless request: {} {}", event.verb, event.uri);
        }
        report.add(
            Line::count("a warm pass without a change", (requests.len() - before) as u64, "requests")
                .at_most(0.0),
        );
        report.add(Line::new("a warm pass without a change", "CPU", engine.cpu() - cpu));
    }

    /// One changed ConfigMap at a time, from the push until it is live.
    async fn pushes(&self, report: &mut Report) {
        let api = self.api("v1", "ConfigMap", "t00");
        let params = WatchParams::default().fields("metadata.name=pushed");
        let mut events = api.watch(&params, "0").await.unwrap().boxed();
        let clone = self.repository.with_file_name("clone");
        git(&self.state, &["clone", "--quiet", &self.repository.to_string_lossy(), &clone.to_string_lossy()]);
        git(&self.repository, &["config", "receive.denyCurrentBranch", "ignore"]);
        let before = self.requests().len();
        let mut times = Vec::new();
        for number in 1..=PUSHES {
            fleet::write(&clone, &pushed(number));
            commit(&clone, &format!("push {number}"));
            git(&clone, &["push", "--quiet", "origin", "main"]);
            let begun = Instant::now();
            let wanted = number.to_string();
            loop {
                let event = tokio::time::timeout(Duration::from_secs(60), events.try_next()).await;
                match event.expect("it is live within a minute").unwrap() {
                    Some(WatchEvent::Added(object) | WatchEvent::Modified(object))
                        if object.data["data"]["number"] == wanted.as_str() =>
                    {
                        break;
                    }
                    Some(_) => {}
                    None => events = api.watch(&params, "0").await.unwrap().boxed(),
                }
            }
            times.push(begun.elapsed());
        }
        times.sort();
        let requests = self.requests();
        let writes = requests[before..].iter().filter(|event| event.is_write()).count();
        report.add(Line::new("a push of one ConfigMap until it is live: half", "wall", times[PUSHES / 2]));
        report.add(
            Line::new(
                "a push of one ConfigMap until it is live: 99 of 100",
                "wall",
                times[PUSHES * 99 / 100 - 1],
            )
            .at_most(250.0),
        );
        report
            .add(Line::ratio("a push of one ConfigMap: writes", writes as f64 / PUSHES as f64).at_most(1.0));
    }

    /// Services that somebody changed by hand.
    async fn drift(&self, objects: &[Value], report: &mut Report) {
        let services = objects.iter().filter(|object| object["kind"] == "Service").take(DRIFTED);
        let edits: Vec<Value> = services.cloned().map(edited).collect();
        let before = self.requests().len();
        flood::apply(&self.admin, "somebody", &edits, AT_ONCE).await;
        let begun = Instant::now();
        let mut writes;
        loop {
            let requests = self.requests();
            writes = requests[before..].iter().filter(|event| event.is_write()).count();
            if writes >= edits.len() || begun.elapsed() > Duration::from_secs(60) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = begun.elapsed();
        tokio::time::sleep(AFTERWARDS).await;
        writes = self.requests()[before..].iter().filter(|event| event.is_write()).count();
        report.add(
            Line::new(format!("{} drifted objects repaired, from the last edit", edits.len()), "wall", took)
                .at_most(1000.0),
        );
        report.add(
            Line::count("drifted objects: writes", writes as u64, "requests").at_most(edits.len() as f64),
        );
    }

    /// The process killed and started again.
    fn restart(&self, report: &mut Report) {
        let before = self.requests().len();
        let mut engine = Engine::start(&self.repository, &self.state);
        let took = engine.until_synced(self.apps());
        std::thread::sleep(AFTERWARDS);
        let requests = self.requests();
        let writes = requests[before..].iter().filter(|event| event.is_write()).count();
        report
            .add(Line::new("restart after kill -9 until every app is synced", "wall", took).at_most(5000.0));
        report.add(Line::count("restart: writes", writes as u64, "requests").at_most(0.0));
    }

    /// What the engine asked for, itself or as a tenant; watches that began before go on.
    fn requests(&self) -> Vec<AuditEvent> {
        let mut events = self.plane.audit();
        events.retain(|event| event.user == ENGINE && event.verb != "watch");
        events
    }

    fn api(&self, version: &str, kind: &str, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", version, kind));
        Api::namespaced_with(self.admin.clone(), namespace, &resource)
    }
}

/// The app of manifests whose one ConfigMap is pushed again and again.
fn pushed(number: usize) -> std::collections::BTreeMap<String, String> {
    let app = "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {name: pushed}\nspec: {source: {manifests: [objects]}}\n";
    let object = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: pushed}}\ndata: {{number: \"{number}\"}}\n"
    );
    [("tenants/t00/pushed/app.yaml", app.to_owned()), ("tenants/t00/pushed/objects/config.yaml", object)]
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text))
        .collect()
}

/// An object in the namespace of the flood.
fn elsewhere(mut object: Value) -> Value {
    let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
    object["metadata"]["namespace"] = json!(format!("f-{namespace}"));
    object
}

/// What somebody makes of a Service by hand.
fn edited(service: Value) -> Value {
    let meta = &service["metadata"];
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "spec": {"selector": {"app.kubernetes.io/component": "nobody"}},
    })
}

async fn client(plane: &ControlPlane, user: &str) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(user)).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn commit(folder: &Path, message: &str) {
    git(folder, &["add", "--all"]);
    git(
        folder,
        &[
            "-c",
            "user.name=Developer",
            "-c",
            "user.email=developer@acme.example",
            "commit",
            "--quiet",
            "-m",
            message,
        ],
    );
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git").arg("-C").arg(folder).args(arguments).output().unwrap();
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}
