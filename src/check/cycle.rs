//! Apps that wait for each other must not do so in a circle.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::AppKey;

/// One app waits for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Who waits.
    pub from: AppKey,
    /// For whom.
    pub to: AppKey,
    /// Whether there is such an app, or may be behind a file that can't be read.
    pub known: bool,
    /// Where it is written.
    pub place: Place,
}

/// Finds references to apps that are not there, and prints every circle once.
pub fn cycles(edges: &[Edge]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut next: BTreeMap<&AppKey, Vec<&Edge>> = BTreeMap::new();
    for edge in edges {
        if edge.known {
            next.entry(&edge.from).or_default().push(edge);
        } else {
            let message = format!("there is no app `{}`", edge.to);
            findings
                .push((Some(edge.from.clone()), Diagnostic::error(Code::S0404, edge.place.clone(), message)));
        }
    }
    let mut done: BTreeSet<&AppKey> = BTreeSet::new();
    for start in next.keys() {
        for circle in circles(start, &next, &mut done) {
            let path: Vec<String> = circle.iter().map(|edge| edge.from.to_string()).collect();
            for (index, edge) in circle.iter().enumerate() {
                let turned: Vec<&str> =
                    (0..=path.len()).map(|step| path[(index + step) % path.len()].as_str()).collect();
                let message = format!("these apps wait for each other: {}", turned.join(" -> "));
                let diagnostic = Diagnostic::error(Code::S0504, edge.place.clone(), message);
                findings.push((Some(edge.from.clone()), diagnostic));
            }
        }
    }
    findings
}

/// The circles that a walk from `start` closes. Without recursion: a chain may be long.
fn circles<'a>(
    start: &'a AppKey,
    next: &BTreeMap<&'a AppKey, Vec<&'a Edge>>,
    done: &mut BTreeSet<&'a AppKey>,
) -> Vec<Vec<&'a Edge>> {
    let mut found = Vec::new();
    if done.contains(start) {
        return found;
    }
    // The way from the start: each app with the edges that are still to be tried.
    let mut way: Vec<(&AppKey, usize)> = vec![(start, 0)];
    let mut taken: Vec<&Edge> = Vec::new();
    while let Some((app, tried)) = way.last_mut() {
        let edge = next.get(*app).and_then(|edges| edges.get(*tried)).copied();
        *tried += 1;
        let Some(edge) = edge else {
            done.insert(*app);
            way.pop();
            taken.pop();
            continue;
        };
        if let Some(position) = way.iter().position(|(on_way, _)| **on_way == edge.to) {
            let mut circle = taken[position..].to_vec();
            circle.push(edge);
            found.push(circle);
        } else if !done.contains(&edge.to) {
            taken.push(edge);
            way.push((&edge.to, 0));
        }
    }
    found
}
