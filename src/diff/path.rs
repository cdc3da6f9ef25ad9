//! Where in an object something stands, for people, for patches and for managed fields at once.

use super::field_set::PathElement;

/// A path that is grown and cut back while two values are walked.
#[derive(Debug, Clone, Default)]
pub(super) struct Path {
    elements: Vec<PathElement>,
    tokens: Vec<String>,
}

impl Path {
    pub(super) fn elements(&self) -> &[PathElement] {
        &self.elements
    }

    /// The path of a field of what stands here.
    pub(super) fn field(&self, name: &str) -> Self {
        self.step(PathElement::Field(name.to_owned()), name.replace('~', "~0").replace('/', "~1"))
    }

    /// The path of a list element, told apart by `element`, at `index`.
    pub(super) fn item(&self, element: PathElement, index: usize) -> Self {
        self.step(element, index.to_string())
    }

    fn step(&self, element: PathElement, token: String) -> Self {
        let mut longer = self.clone();
        longer.elements.push(element);
        longer.tokens.push(token);
        longer
    }

    /// The path as a JSON pointer (RFC 6901).
    pub(super) fn pointer(&self) -> String {
        self.tokens.iter().map(|token| format!("/{token}")).collect()
    }

    /// Whether the path is `other` or leads into it, whatever the positions of list elements.
    pub(super) fn starts_with(&self, other: &Self) -> bool {
        self.elements.starts_with(&other.elements)
    }

    /// Whether the path is `pointer` or leads into it; a segment `*` stands for any.
    pub(super) fn is_within(&self, pointer: &str) -> bool {
        let Some(pointer) = pointer.strip_prefix('/') else { return pointer.is_empty() };
        let mut tokens = self.tokens.iter();
        pointer.split('/').all(|wanted| tokens.next().is_some_and(|token| wanted == "*" || wanted == token))
    }
}
