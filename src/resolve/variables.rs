//! Variables: `${...}` in the scalars of definitions, strict.

use std::collections::BTreeMap;

use crate::definition::nearest;
use crate::definition::yaml::{Node, NodeValue, Origin};
use crate::diagnostic::{Code, Diagnostic, shorten};

/// The values of variables in one place, by their full names: `environment.vars.domain`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables {
    known: BTreeMap<String, String>,
    /// Beginnings of names whose values are not known here, so that any name goes.
    open: Vec<String>,
}

impl Variables {
    /// Adds a variable.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.known.insert(name.into(), value.into());
    }

    /// Lets every variable whose name begins with `prefix` and that is not known stand for nothing:
    /// where its value comes from can't be read.
    pub fn open(&mut self, prefix: impl Into<String>) {
        self.open.push(prefix.into());
    }

    fn get(&self, name: &str) -> Option<&str> {
        let open = || self.open.iter().any(|prefix| name.starts_with(prefix.as_str()));
        self.known.get(name).map(String::as_str).or_else(|| open().then_some(""))
    }

    /// Whether a text names a variable whose value is not known.
    pub(super) fn is_open(&self, text: &str) -> bool {
        let mut names = text.split("${").skip(1).filter_map(|rest| rest.split('}').next());
        names.any(|name| {
            !self.known.contains_key(name) && self.open.iter().any(|prefix| name.starts_with(prefix.as_str()))
        })
    }

    /// Adds every variable of a map under `prefix`.
    pub fn extend(&mut self, prefix: &str, vars: &BTreeMap<String, String>) {
        for (name, value) in vars {
            self.set(format!("{prefix}.{name}"), value.as_str());
        }
    }
}

/// Replaces the variables in every text of a tree. Keys are left alone. A plain scalar that consists
/// of one variable is typed again by whoever reads it; every other stays a text.
pub fn substitute(node: &mut Node, variables: &Variables, path: &str, faults: &mut Vec<Diagnostic>) {
    match &mut node.value {
        NodeValue::Sequence(items) => {
            items.iter_mut().for_each(|item| substitute(item, variables, path, faults));
        }
        NodeValue::Mapping(fields) => {
            fields.iter_mut().for_each(|(_, value)| substitute(value, variables, path, faults));
        }
        NodeValue::String(text) if text.contains("${") => match replaced(text, variables) {
            Ok((value, whole)) => {
                let plain = matches!(node.origin, Origin::Plain(_));
                node.value = NodeValue::String(value);
                node.origin = if plain && whole { Origin::Variable } else { Origin::Exact };
            }
            Err((message, help)) => {
                faults.push(Diagnostic::error(Code::S0401, node.place(path), message).help(help));
            }
        },
        _ => {}
    }
}

/// The text with its variables replaced, and whether it was one variable and nothing else.
fn replaced(text: &str, variables: &Variables) -> Result<(String, bool), (String, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut count = 0;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            out.push_str(&rest[..start - 1]);
            out.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        out.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('}') else {
            let message = "`${` has no closing `}`".to_owned();
            return Err((message, "write `$${` for the two characters themselves".to_owned()));
        };
        let name = &rest[start + 2..start + end];
        let Some(value) = variables.get(name) else { return Err(unknown(name, variables)) };
        out.push_str(value);
        count += 1;
        rest = &rest[start + end + 1..];
    }
    out.push_str(rest);
    let whole = count == 1 && text.starts_with("${") && text.find('}') == Some(text.len() - 1);
    Ok((out, whole))
}

fn unknown(name: &str, variables: &Variables) -> (String, String) {
    let message = format!("there is no variable `{}` here", shorten(name));
    let help = match nearest(name, variables.known.keys().map(String::as_str)) {
        Some(near) => format!("did you mean `${{{near}}}`?"),
        None => "write `$${` for a literal `${`".to_owned(),
    };
    (message, help)
}
