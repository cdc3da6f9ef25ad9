//! How many of an app's pods each cluster gets.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::{App, PlacementReplicas, Workload};
use crate::model::ClusterName;

/// Why an app's pods can't be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// None of the clusters that the app goes to has a weight.
    #[error("none of the app's clusters has a weight: there would be no pod at all")]
    NoWeight,
    /// The app's pods are not counted by its definition.
    #[error("the pods of an app of manifests can't be split: their numbers stand in the manifests")]
    Manifests,
}

/// Gives each component of an app the share of its pods that one of the app's clusters gets.
///
/// # Errors
/// The app has nothing that can be split, or nowhere to split it to.
pub fn split_replicas(
    app: &mut App,
    cluster: &ClusterName,
    clusters: &BTreeSet<ClusterName>,
) -> Result<(), SplitError> {
    let PlacementReplicas::Split(rule) = app.placement.replicas.clone() else { return Ok(()) };
    if app.source.is_some() {
        return Err(SplitError::Manifests);
    }
    if split(1, &rule.weights, clusters).values().all(|share| *share == 0) {
        return Err(SplitError::NoWeight);
    }
    let counted = |workload| matches!(workload, Workload::Deployment | Workload::StatefulSet);
    for component in app.components.values_mut() {
        if !counted(component.workload) || component.autoscale.is_some() {
            continue;
        }
        let total = component.replicas.or(rule.total).unwrap_or(1);
        component.replicas = split(total, &rule.weights, clusters).get(cluster).copied();
    }
    Ok(())
}

/// Splits `total` over clusters by weight, by the method of the largest remainder: every cluster gets
/// the whole part of its share, and those with the largest rest one more each until all are given
/// out; of equal rests the cluster that comes first by name.
///
/// Without any weights all clusters weigh the same; with some, a cluster that is not named gets none.
/// A name that is no cluster here counts for nothing, so that what a removed cluster had is split
/// over the others. The sum is `total` unless no cluster has a weight: then all get none.
pub fn split(
    total: u32,
    weights: &BTreeMap<ClusterName, u32>,
    clusters: &BTreeSet<ClusterName>,
) -> BTreeMap<ClusterName, u32> {
    let weight = |cluster: &ClusterName| match weights.is_empty() {
        true => 1,
        false => u64::from(weights.get(cluster).copied().unwrap_or_default()),
    };
    let all: u64 = clusters.iter().map(weight).sum();
    if all == 0 {
        return clusters.iter().map(|cluster| (cluster.clone(), 0)).collect();
    }
    let exact = |cluster: &ClusterName| u64::from(total) * weight(cluster);
    let mut shares: BTreeMap<ClusterName, u64> =
        clusters.iter().map(|cluster| (cluster.clone(), exact(cluster) / all)).collect();
    let given: u64 = shares.values().sum();
    let mut rests: Vec<&ClusterName> = clusters.iter().collect();
    // A stable sort: equal rests stay in the order of names.
    rests.sort_by_key(|cluster| std::cmp::Reverse(exact(cluster) % all));
    // There are fewer left than clusters with a rest, so nobody of weight zero gets any.
    let left = usize::try_from(u64::from(total) - given).unwrap_or_default();
    for cluster in rests.into_iter().take(left) {
        *shares.entry(cluster.clone()).or_default() += 1;
    }
    shares.into_iter().map(|(cluster, share)| (cluster, u32::try_from(share).unwrap_or(u32::MAX))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> ClusterName {
        text.parse().unwrap()
    }

    fn named(pairs: &[(&str, u32)]) -> BTreeMap<ClusterName, u32> {
        pairs.iter().map(|(cluster, number)| (name(cluster), *number)).collect()
    }

    #[test]
    fn pods_are_split_by_the_largest_remainder() {
        for (total, weights, clusters, expected) in [
            (10, named(&[]), vec!["a", "b", "c"], named(&[("a", 4), ("b", 3), ("c", 3)])),
            (10, named(&[("a", 3), ("b", 2)]), vec!["a", "b"], named(&[("a", 6), ("b", 4)])),
            (
                7,
                named(&[("a", 1), ("b", 2), ("c", 4)]),
                vec!["a", "b", "c"],
                named(&[("a", 1), ("b", 2), ("c", 4)]),
            ),
            // 0.5, 1.0 and 1.5: of equal rests the first by name.
            (
                3,
                named(&[("a", 1), ("b", 2), ("c", 3)]),
                vec!["a", "b", "c"],
                named(&[("a", 1), ("b", 1), ("c", 1)]),
            ),
            (1, named(&[("a", 1), ("b", 1)]), vec!["a", "b"], named(&[("a", 1), ("b", 0)])),
            (5, named(&[("a", 1)]), vec!["a", "b"], named(&[("a", 5), ("b", 0)])),
            // A cluster that has gone leaves its share to the others.
            (10, named(&[("a", 3), ("b", 2), ("gone", 5)]), vec!["a", "b"], named(&[("a", 6), ("b", 4)])),
            (0, named(&[]), vec!["a", "b"], named(&[("a", 0), ("b", 0)])),
            (9, named(&[("gone", 5)]), vec!["a"], named(&[("a", 0)])),
            (
                u32::MAX,
                named(&[("a", u32::MAX), ("b", u32::MAX)]),
                vec!["a", "b"],
                named(&[("a", 1 << 31), ("b", (1 << 31) - 1)]),
            ),
        ] {
            let clusters = clusters.into_iter().map(name).collect();
            assert_eq!(split(total, &weights, &clusters), expected, "{total} by {weights:?}");
        }
    }

    proptest! {
        #[test]
        fn nobody_is_a_whole_pod_off_its_share(total in 0_u32..500, weights in prop::collection::vec(0_u32..20, 1..8)) {
            let clusters: BTreeSet<ClusterName> = (0..weights.len()).map(|i| name(&format!("c{i}"))).collect();
            let weights: BTreeMap<ClusterName, u32> = clusters.iter().cloned().zip(weights).collect();
            let all: u64 = weights.values().map(|weight| u64::from(*weight)).sum();
            let shares = split(total, &weights, &clusters);
            prop_assert_eq!(shares.values().sum::<u32>(), if all == 0 { 0 } else { total });
            for (cluster, share) in &shares {
                let (exact, share) = (u64::from(total) * u64::from(weights[cluster]), u64::from(*share));
                prop_assert!(share * all <= exact + all && exact <= (share + 1) * all);
                prop_assert!(weights[cluster] > 0 || share == 0);
            }
        }
    }
}
