//! A SOPS document as a tree: its leaves in order, with their places, as SOPS sees them.
//!
//! SOPS reads YAML by the rules of version 1.2 with a few of 1.1, so a plain `on` is a text to it
//! and a truth value to Kubernetes. Plain dates are the one thing that is not told apart here: they
//! must be quoted, or the document does not authenticate.

use super::SopsError;
use crate::definition::yaml::{self, Key, Limits, Node, NodeValue, Origin};

/// A leaf of the tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leaf<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// A truth value.
    Bool(bool),
}

impl Leaf<'_> {
    /// The name of its type in a ciphertext.
    pub fn kind(&self) -> &'static str {
        match self {
            Leaf::Text(_) => "str",
            Leaf::Integer(_) => "int",
            Leaf::Float(_) => "float",
            Leaf::Bool(_) => "bool",
        }
    }

    /// What SOPS encrypts and authenticates of it.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Leaf::Text(text) => text.as_bytes().to_vec(),
            Leaf::Integer(number) => number.to_string().into_bytes(),
            Leaf::Float(number) => number.to_string().into_bytes(),
            Leaf::Bool(true) => b"True".to_vec(),
            Leaf::Bool(false) => b"False".to_vec(),
        }
    }
}

/// Reads the one document of a text.
pub fn load(text: &str) -> Result<Node, SopsError> {
    let stream = yaml::load(text.as_bytes(), "", &Limits::default());
    let line = stream.diagnostics.first().map_or(0, |fault| fault.place.line);
    let mut documents = stream.documents;
    match documents.pop() {
        Some(document)
            if document.sound
                && stream.complete
                && documents.is_empty()
                && matches!(document.root.value, NodeValue::Mapping(_)) =>
        {
            Ok(document.root)
        }
        _ => Err(SopsError::Malformed { line }),
    }
}

/// A leaf, none for nothing (which SOPS passes over) and for collections.
pub fn leaf(node: &Node) -> Option<Leaf<'_>> {
    let plain = match &node.origin {
        Origin::Plain(text) => Some(&**text),
        _ => None,
    };
    match (&node.value, plain) {
        (NodeValue::String(text), _) => Some(Leaf::Text(text)),
        (NodeValue::Bool(value), plain) => Some(match plain {
            // `on`, `yes` and their like.
            Some(text) if !matches!(text.to_ascii_lowercase().as_str(), "true" | "false") => Leaf::Text(text),
            _ => Leaf::Bool(*value),
        }),
        (NodeValue::Number(number), plain) => {
            let is_hexadecimal = plain.is_some_and(|text| text.to_ascii_lowercase().contains("0x"));
            let is_float = plain.is_some_and(|text| text.contains(['.', 'e', 'E'])) && !is_hexadecimal;
            match number.as_i64() {
                Some(number) if !is_float => Some(Leaf::Integer(number)),
                _ => number.as_f64().map(Leaf::Float),
            }
        }
        (NodeValue::Null | NodeValue::Sequence(_) | NodeValue::Mapping(_), _) => None,
    }
}

/// The field of a mapping.
pub fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.as_mapping()?.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
}

/// What is called with the keys above a leaf and the leaf.
type Visitor<'a, 'v> = dyn FnMut(&[&'a str], &'a Node) -> Result<(), SopsError> + 'v;

/// Visits every leaf in the order of the document, with the keys above it (the places in lists do
/// not count), but those under the top-level field `sops`.
pub fn visit<'a>(root: &'a Node, visitor: &mut Visitor<'a, '_>) -> Result<(), SopsError> {
    let mut path = Vec::new();
    for (key, value) in root.as_mapping().unwrap_or_default() {
        if key.text != "sops" {
            path.push(written(key));
            visit_node(value, &mut path, visitor)?;
            path.pop();
        }
    }
    Ok(())
}

fn visit_node<'a>(
    node: &'a Node,
    path: &mut Vec<&'a str>,
    visitor: &mut Visitor<'a, '_>,
) -> Result<(), SopsError> {
    match &node.value {
        NodeValue::Mapping(fields) => {
            for (key, value) in fields {
                path.push(written(key));
                visit_node(value, path, visitor)?;
                path.pop();
            }
            Ok(())
        }
        NodeValue::Sequence(items) => items.iter().try_for_each(|item| visit_node(item, path, visitor)),
        _ => visitor(path, node),
    }
}

/// A key as it was written: SOPS does not take `on` for `true`.
pub fn written(key: &Key) -> &str {
    key.written.as_deref().unwrap_or(&key.text)
}

/// What a value is bound to.
pub fn place(path: &[&str]) -> String {
    path.iter().fold(String::new(), |place, key| place + key + ":")
}
