//! Where a field of a rendered object was written: in a patch, in a manifest, or in a component.

use serde_json::Value;

use crate::definition::App;
use crate::diagnostic::{Code, Fault};
use crate::model::Manifest;
use crate::render::Rendered;

/// The fields of an app's rendered objects.
pub(super) struct Whereabouts<'a> {
    pub(super) app: &'a App,
    pub(super) rendered: &'a Rendered,
}

impl Whereabouts<'_> {
    /// An error at a field (a JSON pointer) of an object; with `key` at its name where it has one.
    pub(super) fn error(
        &self,
        code: Code,
        object: &Manifest,
        (pointer, key): (&str, bool),
        message: impl Into<String>,
    ) -> Fault {
        if let Some((patch, op)) = self.patch(object, pointer) {
            return Fault::error(code, &["patches", &patch.to_string(), "ops", &op.to_string()], message);
        }
        if let Some(written) = self.rendered.written.get(&object.key()) {
            let fault = Fault::error(code, &["source"], message);
            return fault.elsewhere(written.place(pointer, key));
        }
        let at = self.component(object, pointer);
        Fault::error(code, &at.iter().map(String::as_str).collect::<Vec<_>>(), message)
    }

    /// Whether any patch changes the object.
    pub(super) fn is_patched(&self, object: &Manifest) -> bool {
        self.app.patches.iter().any(|patch| self.rendered.is_target(&patch.target, object))
    }

    /// The last operation of a patch that changes the field, something in it or something around it.
    pub(super) fn patch(&self, object: &Manifest, pointer: &str) -> Option<(usize, usize)> {
        let inside = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let patches = self.app.patches.iter().enumerate().rev();
        patches.filter(|(_, patch)| self.rendered.is_target(&patch.target, object)).find_map(
            |(index, patch)| {
                let touches = |path: &str| {
                    let path = path.strip_suffix("/-").unwrap_or(path);
                    inside(pointer, path) || inside(path, pointer)
                };
                let op = patch.ops.iter().rposition(|op| op.changes().is_some_and(touches))?;
                Some((index, op))
            },
        )
    }

    /// The field of a component that a field of its object comes from, as near as can be told.
    fn component(&self, object: &Manifest, pointer: &str) -> Vec<String> {
        let Some(component) = self.rendered.origins.get(&object.key()) else { return Vec::new() };
        let mut at = vec!["components".to_owned(), component.to_string()];
        let parts: Vec<&str> = pointer.split('/').skip(1).collect();
        let lists = ["containers", "initContainers"];
        if let Some(list) = parts.iter().position(|part| lists.contains(part))
            && let Some(index) = parts.get(list + 1)
        {
            let holder = format!("/{}/{index}/name", parts[..=list].join("/"));
            if let Some(name) = object.at(&holder).and_then(Value::as_str) {
                at.extend([parts[list].to_owned(), name.to_owned()]);
                at.extend(parts[list + 2..].iter().map(|part| (*part).to_owned()));
            }
        }
        at
    }
}
