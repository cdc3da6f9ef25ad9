//! Whole fleets: `testdata/render/<case>/in` compiled for every environment and compared with
//! `expected`, byte by byte. `SLUICE_BLESS=1` writes what came out; look at it like at code.

mod cache;
mod faults;
mod manifests;
mod places;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::diagnostic::{Place, Severity};
use crate::model::{CommitId, FileEntry, Manifest, SourceTree, sha256};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(current) = pending.pop() {
        let Ok(entries) = std::fs::read_dir(&current) else { continue };
        for entry in entries.map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn tree(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> SourceTree {
    let mut tree = SourceTree::default();
    for (path, bytes) in files {
        let id = sha256(&bytes).to_hex()[..40].to_owned();
        tree.files.insert(path, FileEntry { id, bytes: bytes.into() });
    }
    tree
}

fn revision() -> Revision {
    let commit = CommitId::new("0".repeat(40)).unwrap();
    Revision { trunk: commit.clone(), branch: commit, sources: BTreeMap::new() }
}

/// The assumed facts, less what `facts.txt` of a case takes away: `<cluster> unseen`, or
/// `<cluster> without <Kind>.<group>`.
fn facts(definitions: &Definitions, notes: &str) -> Facts {
    let mut facts = Facts::assumed(definitions);
    for line in notes.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [cluster, "unseen"] => {
                facts.clusters.remove(cluster).unwrap();
            }
            [cluster, "without", kind] => {
                let resources = &mut facts.clusters.get_mut(cluster).unwrap().resources;
                let before = resources.len();
                resources.retain(|resource| format!("{}.{}", resource.kind, resource.group) != kind);
                assert!(resources.len() < before, "{kind} is not served anyway");
            }
            _ => panic!("`{line}`"),
        }
    }
    facts
}

fn yaml(manifests: impl IntoIterator<Item = Manifest>) -> String {
    let mut out = String::new();
    for manifest in manifests {
        out.push_str("---\n");
        out.push_str(&serde_yaml::to_string(manifest.as_value()).unwrap());
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for one in diagnostics {
        let place = &one.place;
        let severity = if one.severity == Severity::Error { "error" } else { "warning" };
        let _ = writeln!(
            out,
            "{}:{}:{} {severity} {}: {}",
            place.path, place.line, place.column, one.code, one.message
        );
        if let Some(help) = &one.help {
            let _ = writeln!(out, "    {help}");
        }
    }
    out
}

/// What a fleet compiles to, as files.
fn compiled(input: &SourceTree, notes: &str) -> BTreeMap<String, String> {
    let (definitions, read_faults) = read(input);
    let mut out = BTreeMap::from([("read.txt".to_owned(), listed(&read_faults))]);
    let (fleet, _) = fleet(&definitions);
    let environments = fleet.map(|fleet| fleet.value.environments).unwrap_or_default();
    let facts = facts(&definitions, notes);
    for environment in environments {
        let name = &environment.name;
        let (state, diagnostics) = compile(&definitions, &definitions, name, revision(), &facts);
        out.insert(format!("{name}/diagnostics.txt"), listed(&diagnostics));
        let mut summary = String::new();
        let _ = writeln!(summary, "hidden: {:?}", state.hidden);
        let _ = writeln!(summary, "waiting clusters: {:?}", state.waiting_clusters);
        for (target, objects) in &state.platform {
            out.insert(
                format!("{name}/{}/{}/platform.yaml", target.cluster, target.namespace),
                yaml(objects.clone()),
            );
        }
        for (key, desired) in &state.apps {
            let Desired::App(app) = desired else {
                let _ = writeln!(summary, "{key}: refused");
                continue;
            };
            let rules = app.gray_release.rules();
            let _ = writeln!(
                summary,
                "{key}: {} after {:?}, waiting on {:?}",
                rules.strategy.as_str(),
                app.after,
                app.waiting
            );
            for (target, bundle) in &app.release.bundles {
                let folder = format!("{name}/{}/{}/{}", target.cluster, target.namespace, key.app);
                let mut settings = app.settings[target].clone();
                let objects = std::mem::take(&mut settings.objects);
                out.insert(format!("{folder}.yaml"), yaml(bundle.objects.clone()));
                let mut rest = serde_yaml::to_string(&settings).unwrap();
                rest.push('\n');
                rest.push_str(&yaml(objects));
                out.insert(format!("{folder}.settings.yaml"), rest);
            }
        }
        out.insert(format!("{name}/summary.txt"), summary);
        check_properties(&state);
    }
    out.retain(|_, text| !text.is_empty());
    out
}

/// What holds for everything that was ever compiled.
fn check_properties(state: &DesiredState) {
    let text = serde_json::to_string(state).unwrap();
    let again: DesiredState = serde_json::from_str(&text).unwrap();
    assert_eq!(&again, state, "read back as written");
    for desired in state.apps.values() {
        let Desired::App(app) = desired else { continue };
        for (target, bundle) in &app.release.bundles {
            for object in &bundle.objects {
                assert_eq!(object.namespace(), Some(target.namespace.as_str()), "{}", object.key());
                assert_eq!(object.at("/spec/replicas"), None, "{}", object.key());
                let mut canonical = object.as_value().clone();
                assert_eq!(crate::render::canonicalize(&mut canonical), Vec::<String>::new());
                assert_eq!(&canonical, object.as_value(), "canonical");
            }
            for key in bundle.workloads.values() {
                assert!(bundle.object(key).is_some(), "{key}");
            }
        }
    }
}

fn check(case: &str) {
    let folder = root().join("testdata/render").join(case);
    let input = tree(files(&folder.join("in")));
    assert!(!input.files.is_empty(), "no case {case}");
    let notes = std::fs::read_to_string(folder.join("facts.txt")).unwrap_or_default();
    let found = compiled(&input, &notes);
    assert_eq!(found, compiled(&input, &notes), "the same input gives the same bytes");
    let expected = folder.join("expected");
    if std::env::var_os("SLUICE_BLESS").is_some() {
        let _ = std::fs::remove_dir_all(&expected);
        for (name, text) in &found {
            let path = expected.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        return;
    }
    let wanted: BTreeMap<String, String> =
        files(&expected).into_iter().map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap())).collect();
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        wanted.keys().collect::<Vec<_>>(),
        "{case}: other files came out"
    );
    for (name, text) in &found {
        if *text != wanted[name] {
            let diff = similar::TextDiff::from_lines(&wanted[name], text);
            panic!("{case}/{name} differs (SLUICE_BLESS=1 writes it):\n{}", diff.unified_diff());
        }
    }
}

macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { check(&stringify!($name).replace('_', "-")); })*

        #[test]
        fn every_case_is_run() {
            let known = [$(stringify!($name).replace('_', "-")),*];
            for entry in std::fs::read_dir(root().join("testdata/render")).unwrap().map(Result::unwrap) {
                let name = entry.file_name().into_string().unwrap();
                assert!(known.contains(&name), "{name} is not among the cases");
            }
        }
    };
}

cases! {
    web
    stateful
    workloads
    manifests
    tenants
    patches
    kinds
    fault_references
    fault_commit
    fault_components
    fault_folders
}

#[test]
fn a_file_that_cannot_be_read_hides_its_owner() {
    let mut input = tree(files(&root().join("testdata/render/web/in")));
    input.unread.insert("tenants/shop/other.yaml".to_owned());
    let (definitions, _) = read(&input);
    assert!(definitions.hidden.tenants.contains("shop") && !definitions.hidden.platform);
    input.unread.insert("platform/other.yaml".to_owned());
    assert!(read(&input).0.hidden.platform);
    let broken =
        ("tenants/shop/broken.yaml".to_owned(), b"apiVersion: sluice.dev/v1alpha1\nkind: [".to_vec());
    let (definitions, faults) = read(&tree([broken]));
    assert!(definitions.hidden.tenants.contains("shop") && !faults.is_empty());
}

#[test]
fn without_the_fleets_rules_one_fault_is_said_and_nothing_is_removed() {
    let mut input = tree(files(&root().join("testdata/render/web/in")));
    input.files.remove("sluice.yaml");
    let (definitions, _) = read(&input);
    let environment = "dev".parse().unwrap();
    let facts = Facts::assumed(&definitions);
    let (state, diagnostics) = compile(&definitions, &definitions, &environment, revision(), &facts);
    assert_eq!(diagnostics.len(), 1, "{}", listed(&diagnostics));
    assert!(state.hidden.platform && state.apps.values().all(|app| *app == Desired::Refused));
}

#[test]
fn the_example_fleet_compiles_everywhere() {
    let input = tree(files(&root().join("examples/fleet")));
    let (definitions, faults) = read(&input);
    assert_eq!(listed(&faults), "");
    for environment in ["dev", "production"] {
        let environment = environment.parse().unwrap();
        let facts = Facts::assumed(&definitions);
        let (state, diagnostics) = compile(&definitions, &definitions, &environment, revision(), &facts);
        assert_eq!(listed(&diagnostics), "", "{environment}");
        assert_eq!(state.apps.len(), 8);
        for (key, app) in &state.apps {
            assert!(
                matches!(app, Desired::App(app) if !app.release.bundles.is_empty()),
                "{key} in {environment}"
            );
        }
        assert_eq!(state.clusters.len(), 2);
    }
}
