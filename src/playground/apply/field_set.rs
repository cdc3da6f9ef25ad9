//! Sets of field paths, and the `FieldsV1` form in which managedFields hold them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value, json};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Step {
    Field(String),
    /// An item of a list that is a map: its keys as (name, canonical JSON).
    Key(Vec<(String, String)>),
    /// An item of a set, as canonical JSON.
    Item(String),
    Index(usize),
}

impl Step {
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    fn encode(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => {
                let keys: Vec<String> =
                    keys.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
                format!("k:{{{}}}", keys.join(","))
            }
            Self::Item(value) => format!("v:{value}"),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let (tag, rest) = text.split_once(':')?;
        Some(match tag {
            "f" => Self::Field(rest.to_owned()),
            "k" => {
                let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
                let mut keys: Vec<(String, String)> =
                    keys.into_iter().map(|(name, value)| (name, value.to_string())).collect();
                keys.sort();
                Self::Key(keys)
            }
            "v" => Self::Item(serde_json::from_str::<Value>(rest).ok()?.to_string()),
            "i" => Self::Index(rest.parse().ok()?),
            _ => return None,
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                write!(f, "[{}]", keys.join(","))
            }
            Self::Item(value) => write!(f, "[={value}]"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A set of paths, as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldSet {
    /// The steps at which a path ends here.
    members: BTreeSet<Step>,
    children: BTreeMap<Step, FieldSet>,
}

impl FieldSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(FieldSet::is_empty)
    }

    pub(crate) fn insert(&mut self, path: &[Step]) {
        match path {
            [] => {}
            [last] => drop(self.members.insert(last.clone())),
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    pub(crate) fn has(&self, step: &Step) -> bool {
        self.members.contains(step)
    }

    /// The paths below a step.
    pub(crate) fn below(&self, step: &Step) -> Option<&FieldSet> {
        self.children.get(step).filter(|child| !child.is_empty())
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut result = self.clone();
        result.members.extend(other.members.iter().cloned());
        for (step, child) in &other.children {
            let held = result.children.entry(step.clone()).or_default();
            *held = held.union(child);
        }
        result
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let mut result = Self {
            members: self.members.intersection(&other.members).cloned().collect(),
            children: BTreeMap::new(),
        };
        for (step, child) in &self.children {
            if let Some(theirs) = other.children.get(step) {
                result.adopt(step, child.intersection(theirs));
            }
        }
        result
    }

    pub(crate) fn difference(&self, other: &Self) -> Self {
        let mut result = Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: BTreeMap::new(),
        };
        for (step, child) in &self.children {
            let rest = match other.children.get(step) {
                Some(theirs) => child.difference(theirs),
                None => child.clone(),
            };
            result.adopt(step, rest);
        }
        result
    }

    /// Puts paths below a step, if there are any.
    pub(crate) fn adopt(&mut self, step: &Step, child: FieldSet) {
        if !child.is_empty() {
            self.children.insert(step.clone(), child);
        }
    }

    /// This set without the members of another and all that is below them.
    pub(crate) fn without_below(&self, other: &Self) -> Self {
        let mut result = Self {
            members: self.members.difference(&other.members).cloned().collect(),
            children: BTreeMap::new(),
        };
        for (step, child) in &self.children {
            if other.members.contains(step) {
                continue;
            }
            let rest = match other.children.get(step) {
                Some(theirs) => child.without_below(theirs),
                None => child.clone(),
            };
            result.adopt(step, rest);
        }
        result
    }

    /// The steps at which a path ends here.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Step> {
        self.members.iter()
    }

    /// The steps below which there are paths, each with those.
    pub(crate) fn children(&self) -> impl Iterator<Item = (&Step, &FieldSet)> {
        self.children.iter().filter(|(_, child)| !child.is_empty())
    }

    /// All paths, in order.
    pub(crate) fn paths(&self) -> Vec<Vec<Step>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
        let steps: BTreeSet<&Step> = self.members.iter().chain(self.children.keys()).collect();
        for step in steps {
            prefix.push(step.clone());
            if self.members.contains(step) {
                paths.push(prefix.clone());
            }
            if let Some(child) = self.children.get(step) {
                child.collect(prefix, paths);
            }
            prefix.pop();
        }
    }

    /// The `FieldsV1` form.
    pub(crate) fn encode(&self) -> Value {
        let mut fields = Map::new();
        for step in &self.members {
            fields.insert(step.encode(), json!({}));
        }
        for (step, child) in &self.children {
            if child.is_empty() {
                continue;
            }
            let mut inner = child.encode();
            if self.members.contains(step)
                && let Some(inner) = inner.as_object_mut()
            {
                inner.insert(".".into(), json!({}));
            }
            fields.insert(step.encode(), inner);
        }
        Value::Object(fields)
    }

    /// Reads the `FieldsV1` form; what is not understood is left out.
    pub(crate) fn decode(fields: &Value) -> Self {
        let mut result = Self::default();
        for (key, inner) in fields.as_object().into_iter().flatten() {
            let Some(step) = Step::decode(key) else { continue };
            let inner_fields = inner.as_object();
            let itself = inner_fields.is_none_or(|inner| inner.is_empty() || inner.contains_key("."));
            let child = Self::decode(inner);
            if itself {
                result.members.insert(step.clone());
            }
            result.adopt(&step, child);
        }
        result
    }
}

/// A path as error messages write it: `.spec.containers[name="web"].image`.
pub(crate) fn path_text(path: &[Step]) -> String {
    path.iter().map(Step::to_string).collect()
}
