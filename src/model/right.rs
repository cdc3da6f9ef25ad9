//! What an identity may do in a cluster, as its roles say it.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// One verb on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, in the plural.
    pub resource: String,
    /// On the object of this name only.
    pub name: Option<String>,
    /// In this namespace only; without it everywhere.
    pub namespace: Option<String>,
    /// What is done.
    pub verb: String,
}

impl Right {
    /// The rights that a Role or ClusterRole grants, each by itself; none of other objects.
    pub fn granted_by(role: &Value) -> BTreeSet<Self> {
        let texts = |list: &Value| -> Vec<String> {
            list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        if !matches!(role["kind"].as_str(), Some("Role" | "ClusterRole")) {
            return BTreeSet::new();
        }
        let namespace = role["metadata"]["namespace"].as_str().map(str::to_owned);
        let mut rights = BTreeSet::new();
        for rule in role["rules"].as_array().into_iter().flatten() {
            let mut names: Vec<Option<String>> =
                texts(&rule["resourceNames"]).into_iter().map(Some).collect();
            if names.is_empty() {
                names.push(None);
            }
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        rights.extend(names.iter().map(|name| Self {
                            group: group.clone(),
                            resource: resource.clone(),
                            name: name.clone(),
                            namespace: namespace.clone(),
                            verb: verb.clone(),
                        }));
                    }
                }
            }
        }
        rights
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if let Some(name) = &self.name {
            write!(f, "/{name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_rule_of_a_role_is_taken_apart() {
        let role = json!({"kind": "Role", "metadata": {"name": "r", "namespace": "n"}, "rules": [
            {"apiGroups": ["", "apps"], "resources": ["a"], "verbs": ["get", "list"]},
            {"apiGroups": ["g"], "resources": ["b"], "resourceNames": ["x"], "verbs": ["bind"]},
        ]});
        let found: Vec<String> = Right::granted_by(&role).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            ["get a in n", "list a in n", "get a.apps in n", "list a.apps in n", "bind b.g/x in n"]
        );
        assert!(Right::granted_by(&json!({"kind": "RoleBinding", "rules": role["rules"]})).is_empty());
    }
}
