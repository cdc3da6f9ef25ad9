//! What a cluster must hold, allocation by allocation.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::model::{AppKey, Place, Slot};

const NAMESPACE: &str = "shop";

fn object(kind: &str, name: &str, content: &str) -> Manifest {
    let version = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => "apps/v1",
        "Job" | "CronJob" => "batch/v1",
        "PodDisruptionBudget" => "policy/v1",
        _ => "v1",
    };
    let value = json!({
        "apiVersion": version, "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"content": content},
    });
    Manifest::new(value).unwrap()
}

fn component(name: &str) -> ComponentName {
    name.parse().unwrap()
}

/// A bundle of workloads by component, with services beside.
fn bundle(content: &str, workloads: &[(&str, &str)], services: &[&str]) -> Arc<Bundle> {
    let mut objects: Vec<Manifest> = services.iter().map(|name| object("Service", name, content)).collect();
    let keys = workloads.iter().map(|(name, kind)| {
        let workload = object(kind, name, content);
        objects.push(workload.clone());
        (component(name), workload.key())
    });
    let keys = keys.collect();
    Arc::new(Bundle::new(keys, objects))
}

fn steady(bundle: &Bundle, size: Size) -> Slots {
    Slots::Steady(Place { bundle: bundle.digest, slot: Slot::Blue, size })
}

fn committed(bundle: &Bundle) -> Allocation {
    let components = bundle.workloads.keys().map(|name| (name.clone(), steady(bundle, Size::Full)));
    Allocation {
        number: 3,
        stable: Some(bundle.digest),
        components: components.collect(),
        ..Allocation::default()
    }
}

fn app() -> AppKey {
    "shop/web".parse().unwrap()
}

fn want(allocation: Allocation, settings: Settings, bundles: &[&Arc<Bundle>], gone: &[ObjectKey]) -> Wanted {
    let state = MoveState {
        allocation,
        settings: crate::model::Numbered { number: 5, value: settings },
        ..MoveState::default()
    };
    let share = MoveShare { state, suspended: false, dry_run: None };
    let here = AcceptedOn {
        apps: BTreeMap::from([(app(), share)]),
        tombstones: BTreeMap::from([(Owner::App(app()), gone.iter().cloned().collect())]),
        ..AcceptedOn::default()
    };
    let bundles = bundles.iter().map(|bundle| (bundle.digest, Arc::clone(bundle))).collect();
    wanted(&here, &bundles).unwrap().remove(&Owner::App(app())).unwrap()
}

/// `Kind/name=content*scale`, sorted.
fn listed(wanted: &Wanted) -> Vec<String> {
    let line = |(key, object): (&ObjectKey, &WantedObject)| {
        let content = object.manifest.at("/spec/content").and_then(Value::as_str).unwrap_or_default();
        let scale = match object.scale {
            Some(Scale::Held(count)) => format!("*{count}"),
            Some(Scale::Initial(count)) => format!("~{count}"),
            None => String::new(),
        };
        format!("{}/{}={content}{scale}", key.kind, key.name)
    };
    let mut lines: Vec<String> = wanted.objects.iter().map(line).collect();
    lines.sort();
    lines
}

fn replicas(count: u32) -> Settings {
    Settings { replicas: BTreeMap::from([(component("web"), Replicas::Fixed(count))]), ..Settings::default() }
}

#[test]
fn a_rolling_update_adds_before_it_commits_and_removes_after_the_soak() {
    let old = bundle("1", &[("web", "Deployment"), ("cache", "Deployment")], &["web", "gone"]);
    let new = bundle("2", &[("web", "Deployment")], &["web", "added"]);
    let check = |name: &str, allocation: Allocation, expected: &[&str]| {
        let found = want(allocation, replicas(2), &[&old, &new], &[]);
        assert_eq!(listed(&found), expected, "{name}");
        assert_eq!((found.allocation, found.settings), (3, 5), "{name}");
    };
    check(
        "stable",
        committed(&old),
        &["Deployment/cache=1", "Deployment/web=1*2", "Service/gone=1", "Service/web=1"],
    );
    let mut preparing = committed(&old);
    preparing.preparing = Some(new.digest);
    let additions =
        ["Deployment/cache=1", "Deployment/web=1*2", "Service/added=2", "Service/gone=1", "Service/web=1"];
    check("preparing", preparing.clone(), &additions);
    let mut moving = preparing;
    let in_place = Slots::InPlace { from: Some(old.digest), to: new.digest, slot: Slot::Blue };
    moving.components.insert(component("web"), in_place);
    let moved =
        ["Deployment/cache=1", "Deployment/web=2*2", "Service/added=2", "Service/gone=1", "Service/web=1"];
    check("moving", moving, &moved);
    let mut soaking = committed(&new);
    soaking.retained = Some(old.digest);
    let kept =
        ["Deployment/cache=1", "Deployment/web=2*2", "Service/added=2", "Service/gone=1", "Service/web=2"];
    check("soaking", soaking, &kept);
    check("ended", committed(&new), &["Deployment/web=2*2", "Service/added=2", "Service/web=2"]);
    let mut back = committed(&old);
    back.retained = Some(new.digest);
    let restored =
        ["Deployment/cache=1", "Deployment/web=1*2", "Service/added=2", "Service/gone=1", "Service/web=1"];
    check("going back", back, &restored);
    let first = Allocation { number: 3, preparing: Some(new.digest), ..Allocation::default() };
    check("a first release", first, &["Service/added=2", "Service/web=2"]);
}

#[test]
fn sizes_follow_from_the_settings_in_force() {
    let autoscaled = Settings {
        replicas: BTreeMap::from([(component("web"), Replicas::Autoscaled { min: 2, max: 9 })]),
        ..Settings::default()
    };
    for (kind, settings, size, expected) in [
        ("Deployment", replicas(3), Size::Full, vec!["Deployment/web=1*3"]),
        ("Deployment", replicas(0), Size::Full, vec!["Deployment/web=1*0"]),
        ("Deployment", replicas(3), Size::Zero, vec!["Deployment/web=1*0"]),
        ("Deployment", autoscaled.clone(), Size::Full, vec!["Deployment/web=1~2"]),
        ("Deployment", autoscaled, Size::Zero, vec!["Deployment/web=1*0"]),
        ("Deployment", Settings::default(), Size::Full, vec!["Deployment/web=1"]),
        ("Deployment", Settings::default(), Size::Zero, vec!["Deployment/web=1*0"]),
        ("StatefulSet", replicas(3), Size::Zero, vec!["StatefulSet/web=1*0"]),
        ("DaemonSet", Settings::default(), Size::Full, vec!["DaemonSet/web=1"]),
        ("DaemonSet", Settings::default(), Size::Zero, vec![]),
        ("Job", Settings::default(), Size::Zero, vec![]),
        ("CronJob", Settings::default(), Size::Zero, vec![]),
    ] {
        let one = bundle("1", &[("web", kind)], &[]);
        let mut allocation = committed(&one);
        allocation.components.insert(component("web"), steady(&one, size));
        let found = want(allocation, settings, &[&one], &[]);
        assert_eq!(listed(&found), expected, "{kind} {size:?}");
        let key = object(kind, "web", "").key();
        assert_eq!(found.workloads[&component("web")], key, "it is watched all the same");
        assert_eq!(
            found.remove.contains(&key),
            expected.is_empty(),
            "{kind}: what can't be scaled stops by going"
        );
    }
}

#[test]
fn an_autoscaled_size_is_written_once() {
    for (scale, live, expected) in [
        (Scale::Held(3), None, Some(3)),
        (Scale::Held(3), Some(3), None),
        (Scale::Held(3), Some(7), Some(3)),
        (Scale::Held(0), Some(1), Some(0)),
        (Scale::Initial(2), None, Some(2)),
        (Scale::Initial(2), Some(0), Some(2)),
        (Scale::Initial(2), Some(7), None),
        (Scale::Initial(2), Some(1), None),
    ] {
        assert_eq!(scale.to_write(live), expected, "{scale:?} {live:?}");
    }
}

#[test]
fn a_stateful_set_stands_between_two_bundles() {
    let old = bundle("1", &[("web", "StatefulSet")], &[]);
    let new = bundle("2", &[("web", "StatefulSet")], &[]);
    for (partition, retire) in [(2, false), (0, false), (0, true)] {
        let mut allocation = committed(&old);
        let slots = Slots::Ordinal { from: Some(old.digest), to: new.digest, partition, retire };
        allocation.components.insert(component("web"), slots);
        let found = want(allocation, replicas(3), &[&old, &new], &[]);
        let key = object("StatefulSet", "web", "").key();
        let rendered = &found.objects[&key].manifest;
        assert_eq!(rendered.at("/spec/content").unwrap(), "2");
        assert_eq!(rendered.at("/spec/updateStrategy/rollingUpdate/partition").unwrap(), partition);
        assert_eq!(found.retire.contains(&key), retire);
    }
}

#[test]
fn settings_add_metadata_and_give_fields_away() {
    let one = bundle("1", &[("web", "Deployment")], &["web"]);
    let key = object("Deployment", "web", "").key();
    let mut labelled = (*one).clone();
    for object in &mut labelled.objects {
        object.as_value_mut()["metadata"]["labels"] = json!({"own": "a"});
    }
    let one = Arc::new(Bundle::new(labelled.workloads, labelled.objects));
    let labels = BTreeMap::from([("own".to_owned(), "b".to_owned()), ("team".to_owned(), "c".to_owned())]);
    let annotations = BTreeMap::from([("note".to_owned(), "d".to_owned())]);
    let mut settings = replicas(1);
    settings.metadata.insert(key.clone(), ExtraMetadata { labels, annotations });
    settings.owned_elsewhere.insert(key.clone(), BTreeSet::from(["/spec/replicas".to_owned()]));
    let found = want(committed(&one), settings, &[&one], &[]);
    let rendered = &found.objects[&key];
    assert_eq!(rendered.manifest.at("/metadata/labels").unwrap(), &json!({"own": "a", "team": "c"}));
    assert_eq!(rendered.manifest.at("/metadata/annotations").unwrap(), &json!({"note": "d"}));
    assert_eq!(rendered.owned_elsewhere.len(), 1);
    let service = &found.objects[&object("Service", "web", "").key()];
    assert!(service.owned_elsewhere.is_empty() && service.manifest.at("/metadata/annotations").is_none());
}

#[test]
fn a_tombstone_takes_nothing_that_anybody_wants() {
    let one = bundle("1", &[("web", "Deployment")], &["web"]);
    let (web, gone) = (object("Service", "web", "").key(), object("Service", "gone", "").key());
    let found = want(committed(&one), Settings::default(), &[&one], &[web.clone(), gone.clone()]);
    assert_eq!(found.remove, BTreeSet::from([gone.clone()]));
    // An object that moved to another app; a platform object; an app that has left.
    let state = MoveState { allocation: committed(&one), ..MoveState::default() };
    let share = MoveShare { state, suspended: false, dry_run: None };
    let quota = object("ResourceQuota", "q", "");
    let keys = BTreeSet::from([web, gone.clone(), quota.key()]);
    let here = AcceptedOn {
        platform: crate::model::Numbered { number: 2, value: vec![quota.clone()] },
        apps: BTreeMap::from([(app(), share)]),
        tombstones: BTreeMap::from([
            (Owner::Platform, keys.clone()),
            (Owner::App("shop/left".parse().unwrap()), keys),
        ]),
        ..AcceptedOn::default()
    };
    let bundles = BTreeMap::from([(one.digest, one)]);
    let all = wanted(&here, &bundles).unwrap();
    assert_eq!(all.len(), 3);
    for owner in [Owner::Platform, Owner::App("shop/left".parse().unwrap())] {
        assert_eq!(all[&owner].remove, BTreeSet::from([gone.clone()]), "{owner}");
    }
    assert_eq!(all[&Owner::Platform].objects.keys().collect::<Vec<_>>(), [&quota.key()]);
}

#[test]
fn a_missing_bundle_is_an_error() {
    let one = bundle("1", &[("web", "Deployment")], &[]);
    let state = MoveState { allocation: committed(&one), ..MoveState::default() };
    let share = MoveShare { state, ..MoveShare::default() };
    let here = AcceptedOn { apps: BTreeMap::from([(app(), share)]), ..AcceptedOn::default() };
    assert_eq!(wanted(&here, &Bundles::new()), Err(MissingBundle(one.digest)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_committed_allocation_holds_its_bundle_and_its_settings(
        kinds in prop::collection::vec(0_usize..5, 0..5),
        services in 0_usize..4,
        budgets in 0_usize..3,
        count in 0_u32..4,
    ) {
        const NAMES: [&str; 5] = ["web", "api", "cache", "queue", "batch"];
        const KINDS: [&str; 5] = ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"];
        let workloads: Vec<(&str, &str)> = NAMES.iter().zip(&kinds).map(|(name, kind)| (*name, KINDS[*kind])).collect();
        let one = bundle("1", &workloads, &NAMES[..services]);
        let mut settings = replicas(count);
        settings.objects = NAMES[..budgets].iter().map(|name| object("PodDisruptionBudget", name, "")).collect();
        let found = want(committed(&one), settings.clone(), &[&one], &[]);
        let mut expected = one.keys();
        if !workloads.is_empty() {
            expected.extend(settings.objects.iter().map(Manifest::key));
        }
        prop_assert_eq!(found.objects.keys().cloned().collect::<BTreeSet<_>>(), expected);
        prop_assert!(found.remove.is_empty() && found.retire.is_empty());
    }
}

#[test]
fn an_object_of_two_owners_is_left_to_one() {
    let one = bundle("v1", &[("web", "Deployment")], &["old", "shared"]);
    let next = bundle("v2", &[("web", "Deployment")], &["shared"]);
    let keeps = Allocation { retained: Some(one.digest), ..committed(&next) };
    let share = |allocation: &Allocation| {
        let state = MoveState { allocation: allocation.clone(), ..MoveState::default() };
        MoveShare { state, suspended: false, dry_run: None }
    };
    let other: AppKey = "shop/zebra".parse().unwrap();
    let bundles: Bundles = [&one, &next].map(|bundle| (bundle.digest, Arc::clone(bundle))).into();
    let owner_of = |first: &Allocation, second: &Allocation, key: &ObjectKey| {
        let apps = BTreeMap::from([(app(), share(first)), (other.clone(), share(second))]);
        let here = AcceptedOn { apps, paused: true, ..AcceptedOn::default() };
        let all = wanted(&here, &bundles).unwrap();
        assert!(all.values().all(|set| set.suspended), "nothing is written while the cluster is worked on");
        let owners = all.iter().filter(|(_, set)| set.objects.contains_key(key));
        owners.map(|(owner, _)| owner.to_string()).collect::<Vec<_>>()
    };
    let (old, shared) = (object("Service", "old", "").key(), object("Service", "shared", "").key());
    assert_eq!(owner_of(&committed(&one), &committed(&next), &shared), ["shop/web"], "the first");
    assert_eq!(owner_of(&keeps, &committed(&one), &old), ["shop/zebra"], "not who only keeps it");
}
