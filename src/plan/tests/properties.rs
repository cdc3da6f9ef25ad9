//! What holds for every fleet.

use proptest::prelude::*;

use super::fleet::{App, Fleet, World, target};
use crate::accepted::ClusterShare;
use crate::model::Strategy as Releases;

const APPS: [&str; 4] = ["shop/web", "shop/api", "pay/web", "pay/jobs"];
const TARGETS: [&str; 3] = ["east/shop", "west/shop", "east/pay"];

fn app() -> impl Strategy<Value = App> {
    let targets = prop::collection::vec(any::<bool>(), TARGETS.len());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (targets, 0_u32..3, 0_u32..3, flags, 0_usize..3).prop_map(
        |(targets, image, replicas, flags, components)| {
            let chosen =
                TARGETS.iter().zip(targets).filter(|(_, there)| *there).map(|(name, _)| target(name));
            App {
                targets: chosen.collect(),
                components: ["web", "cache", "worker"][..=components].to_vec(),
                image,
                replicas,
                label: flags.0.then_some("a"),
                budget: flags.1,
                service: flags.2,
                claim: flags.3,
                strategy: if flags.0 { Releases::Rolling } else { Releases::Recreate },
                ..App::on(&[])
            }
        },
    )
}

fn fleet() -> impl Strategy<Value = Fleet> {
    let apps = prop::collection::vec(prop::option::of(app()), APPS.len());
    let platform = prop::collection::vec(0_u32..4, TARGETS.len());
    (apps, platform).prop_map(|(apps, platform)| {
        let mut fleet = Fleet::default();
        for (name, app) in APPS.into_iter().zip(apps) {
            fleet.apps.extend(app.map(|app| (name, app)));
        }
        for (name, count) in TARGETS.into_iter().zip(platform) {
            fleet.platform.insert(target(name), count);
        }
        fleet
    })
}

/// What the clusters are told, without numbers.
fn shares(world: &World) -> Vec<ClusterShare> {
    let mut shares: Vec<ClusterShare> =
        ["east", "west"].iter().map(|name| world.accepted.share(&name.parse().unwrap())).collect();
    for here in shares.iter_mut().flat_map(|share| share.targets.values_mut()) {
        here.platform.number = 0;
        here.tombstones.clear();
        for share in here.apps.values_mut() {
            share.state.allocation.number = 0;
            share.state.evident_from = 0;
            share.state.settings.number = 0;
            share.state.history.clear();
        }
    }
    for share in &mut shares {
        share.targets.retain(|_, here| !here.apps.is_empty() || !here.platform.value.is_empty());
    }
    shares
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn planning_on_its_own_result_changes_nothing(fleets in prop::collection::vec(fleet(), 1..4)) {
        let mut world = World::default();
        for fleet in &fleets {
            world.settle(&fleet.desired());
            let rest = world.plan(&fleet.desired());
            prop_assert!(rest.parts.is_empty(), "{:?}", rest.parts);
            let other = Fleet { commit: 'f', ..fleet.clone() };
            prop_assert_eq!(world.plan(&other.desired()).digest, rest.digest);
        }
        // Whatever the way, the clusters hold what the last commit says.
        let mut direct = World::default();
        direct.settle(&fleets.last().unwrap().desired());
        prop_assert_eq!(shares(&world), shares(&direct));
    }
}
