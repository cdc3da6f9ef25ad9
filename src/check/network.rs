//! Ports of nodes, and hosts with their paths: one owner each in a cluster.

use std::collections::BTreeMap;

use super::footprint::Claim;
use super::{Finding, Placed};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::ClusterName;

/// Who claims what of a cluster.
type Claims<'a, T> = BTreeMap<(&'a ClusterName, &'a T), Vec<(&'a Placed<'a>, &'a Claim<T>)>>;

pub(super) fn check(placed: &[Placed]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ports: Claims<_> = BTreeMap::new();
    let mut hosts: Claims<_> = BTreeMap::new();
    for one in placed {
        let cluster = &one.target.cluster;
        for claim in &one.footprint.ports {
            ports.entry((cluster, &claim.what)).or_default().push((one, claim));
        }
        for claim in &one.footprint.hosts {
            hosts.entry((cluster, &claim.what)).or_default().push((one, claim));
        }
    }
    for ((cluster, (port, protocol)), claims) in &ports {
        let what = format!("port {port}/{protocol:?} of the nodes of cluster `{cluster}`");
        contest(Code::S0502, &what, claims, &mut findings);
    }
    for ((cluster, (host, path)), claims) in &hosts {
        contest(Code::S0503, &format!("`{host}{path}` of cluster `{cluster}`"), claims, &mut findings);
    }
    findings
}

fn contest<T>(code: Code, what: &str, claims: &[(&Placed, &Claim<T>)], findings: &mut Vec<Finding>) {
    if claims.len() < 2 {
        return;
    }
    for (index, (placed, claim)) in claims.iter().enumerate() {
        let (_, other) = claims[if index == 0 { 1 } else { 0 }];
        let message = format!("{what} belongs to `{}` ({}) too", other.who, other.place.path);
        let diagnostic = Diagnostic::error(code, claim.place.clone(), message);
        findings.push((Some(placed.key.clone()), diagnostic));
    }
}
