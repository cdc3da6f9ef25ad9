//! What needs no cluster: a cold render, beside `kubectl kustomize` on a tree that comes to the same
//! objects.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cpu;
use crate::fleet::{self, Size};
use crate::report::{Line, Report};

/// The label that the tenant's kustomization adds, and the one of the root.
const TENANT: &str = "sluice.dev/tenant";
const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// Renders workloads of growing size, and the last with kustomize as well.
pub fn run(sizes: &[Size], kubectl: Option<&Path>, report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut ours = Vec::new();
    for size in sizes {
        let fleet = folder.path().join(size.to_string());
        fleet::write(&fleet, &fleet::files(*size, Path::new("unused"), ""));
        let took = cpu_of(5, || sluice_render(&fleet));
        ours.push((*size, took));
        report.add(Line::new(format!("cold render of {size}, {} objects", size.objects()), "CPU", took));
    }
    let (first, last) = (ours[0], ours[ours.len() - 1]);
    let per_object = |(size, took): (Size, Duration)| took.as_secs_f64() / size.objects() as f64;
    report.add(
        Line::ratio(
            "cold render: CPU per object, largest workload to smallest",
            per_object(last) / per_object(first),
        )
        .at_most(1.5),
    );
    let Some(kubectl) = kubectl else {
        report.left_out("`kubectl kustomize`: there is no kubectl");
        return;
    };
    let size = last.0;
    let objects = rendered(&folder.path().join(size.to_string()));
    let tree = folder.path().join("kustomize");
    fleet::write(&tree, &kustomizations(&objects));
    let theirs = kustomize(kubectl, &tree);
    assert_eq!(objects.len(), size.objects(), "the workload has six objects an app");
    assert!(objects == theirs, "kustomize renders something else");
    let took = cpu_of(1, || drop(output(Command::new(kubectl).arg("kustomize").arg(&tree))));
    report.add(Line::new(format!("`kubectl kustomize`, the same {} objects", objects.len()), "CPU", took));
    report.add(
        Line::ratio("cold render: times less CPU than kustomize", took.as_secs_f64() / last.1.as_secs_f64())
            .at_least(100.0),
    );
}

/// CPU time of the children that a call starts and waits for: the least of several.
fn cpu_of(times: usize, mut call: impl FnMut()) -> Duration {
    let once = |_| {
        let before = cpu::children();
        call();
        cpu::children() - before
    };
    (0..times).map(once).min().expect("it is called at least once")
}

fn sluice_render(fleet: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    drop(output(command.args(["render", "--output", "yaml"]).arg(fleet)));
}

/// The objects of all apps, by what identifies them.
fn rendered(fleet: &Path) -> BTreeMap<String, Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let text = output(command.args(["render", "--output", "json"]).arg(fleet));
    let list: Vec<Value> = serde_json::from_slice(&text).expect("a list of objects");
    let apps = list.into_iter().map(|one| one["object"].clone());
    apps.filter(|object| object["metadata"]["labels"]["sluice.dev/app"].is_string())
        .map(|object| (identity(&object), object))
        .collect()
}

fn identity(object: &Value) -> String {
    let meta = &object["metadata"];
    format!("{} {} {}", object["kind"], meta["namespace"], meta["name"])
}

fn kustomize(kubectl: &Path, tree: &Path) -> BTreeMap<String, Value> {
    let text = output(Command::new(kubectl).arg("kustomize").arg(tree));
    let text = String::from_utf8(text).expect("YAML is text");
    let documents = text.split("\n---\n").map(|document| {
        let object: Value = serde_yaml::from_str(document).expect("kustomize prints YAML");
        (identity(&object), object)
    });
    documents.collect()
}

/// Of each app of a tenant its files, and the images whose tags are set.
type Apps = BTreeMap<String, (Vec<String>, Vec<Value>)>;

/// A tree of kustomizations that comes to the same objects: per app its six files and the tag of its
/// image, per tenant the namespace and a label, above all another label.
fn kustomizations(objects: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut tenants: BTreeMap<String, Apps> = BTreeMap::new();
    for object in objects.values() {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (tenant, app) = (text("/metadata/namespace"), text("/metadata/labels/sluice.dev~1app"));
        let file = format!("{}.yaml", text("/kind").to_lowercase());
        let (bare, images) = without_what_kustomize_adds(object.clone());
        files.insert(format!("{tenant}/{app}/{file}"), to_yaml(&bare));
        let entry = tenants.entry(tenant).or_default().entry(app).or_default();
        entry.0.push(file);
        entry.1.extend(images);
    }
    for (tenant, apps) in &tenants {
        for (app, (resources, images)) in apps {
            let one = json!({"resources": resources, "images": images});
            files.insert(format!("{tenant}/{app}/kustomization.yaml"), to_yaml(&one));
        }
        let names: Vec<&String> = apps.keys().collect();
        let one = json!({"resources": names, "namespace": tenant, "labels": [added(TENANT, tenant)]});
        files.insert(format!("{tenant}/kustomization.yaml"), to_yaml(&one));
    }
    let names: Vec<&String> = tenants.keys().collect();
    let root = json!({"resources": names, "labels": [added(MANAGED_BY, "sluice")]});
    files.insert("kustomization.yaml".to_owned(), to_yaml(&root));
    files
}

fn added(label: &str, value: &str) -> Value {
    json!({"pairs": {label: value}, "includeTemplates": true})
}

/// An object as it is written by hand, and the images whose tags a kustomization sets.
fn without_what_kustomize_adds(mut object: Value) -> (Value, Vec<Value>) {
    let mut images = Vec::new();
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("namespace");
    }
    for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let Some(labels) = object.pointer_mut(labels).and_then(Value::as_object_mut) {
            labels.remove(TENANT);
            labels.remove(MANAGED_BY);
        }
    }
    let containers = object.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        let image = container["image"].as_str().unwrap_or_default().to_owned();
        let (name, tag) = image.rsplit_once(':').expect("an image has a tag");
        container["image"] = json!(name);
        images.push(json!({"name": name, "newTag": tag}));
    }
    (object, images)
}

fn to_yaml(value: &Value) -> String {
    serde_yaml::to_string(value).expect("JSON is YAML")
}

/// What a program prints.
fn output(command: &mut Command) -> Vec<u8> {
    let done = command.stderr(Stdio::piped()).output().expect("the program runs");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}
