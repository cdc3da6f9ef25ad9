//! Names of environments and clusters that say where something counts: one that nobody has would
//! count nowhere, and in silence.

use std::collections::BTreeSet;

use crate::definition::yaml::Node;
use crate::definition::{Definition, nearest};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{ClusterName, EnvironmentName};

/// The environments and clusters that there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Those of the fleet; none while its definition can't be read.
    pub environments: Option<BTreeSet<EnvironmentName>>,
    /// Every cluster that is defined; none while a file of the platform can't be read.
    pub clusters: Option<BTreeSet<ClusterName>>,
}

/// Checks `environments` and the `when` of overrides in a definition, in its `spec` and in the
/// namespaces of a Tenant.
pub fn places(definition: &Definition, known: &Places) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let Some(spec) = definition.tree.get("spec") else { return found };
    let names = Names { path: &definition.path, known };
    names.environments(spec, &mut found);
    names.overrides(spec, &mut found);
    for (_, namespace) in spec.get("namespaces").and_then(Node::as_mapping).unwrap_or_default() {
        names.overrides(namespace, &mut found);
    }
    found
}

struct Names<'a> {
    path: &'a str,
    known: &'a Places,
}

impl Names<'_> {
    fn environments(&self, holder: &Node, found: &mut Vec<Diagnostic>) {
        if let Some(known) = &self.known.environments {
            self.check(holder, "environments", "the fleet has no environment", known, found);
        }
    }

    fn overrides(&self, holder: &Node, found: &mut Vec<Diagnostic>) {
        for entry in holder.get("overrides").and_then(Node::as_sequence).unwrap_or_default() {
            let Some(when) = entry.get("when") else { continue };
            self.environments(when, found);
            if let Some(known) = &self.known.clusters {
                self.check(when, "clusters", "there is no cluster", known, found);
            }
        }
    }

    fn check<T: std::borrow::Borrow<str> + Ord>(
        &self,
        holder: &Node,
        field: &str,
        what: &str,
        known: &BTreeSet<T>,
        found: &mut Vec<Diagnostic>,
    ) {
        for node in holder.get(field).and_then(Node::as_sequence).unwrap_or_default() {
            let Some(name) = node.as_str().filter(|name| !known.contains(*name)) else { continue };
            let message = format!("{what} `{}`", crate::diagnostic::shorten(name));
            let fault = Diagnostic::error(Code::S0404, node.place(self.path), message);
            let all = || known.iter().map(std::borrow::Borrow::borrow);
            found.push(match nearest(name, all()) {
                Some(near) => fault.help(format!("did you mean `{near}`?")),
                None => fault.help(format!("there are {}", all().collect::<Vec<&str>>().join(", "))),
            });
        }
    }
}
