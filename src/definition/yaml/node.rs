//! The tree of a document, with a place on every node and key.

use serde_json::{Map, Number, Value};

use crate::diagnostic::Place;

/// A value in a document and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: NodeValue,
    /// The line, counted from 1; 0 = unknown.
    pub line: u32,
    /// The column in characters, counted from 1; 0 = unknown.
    pub column: u32,
    /// How the value is to be taken.
    pub origin: Origin,
}

/// How a scalar came to be: what a reader of the value may make of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Origin {
    /// Quoted, a block, a collection, or made by the program: it is what it is.
    #[default]
    Exact,
    /// Written plain, with this text; YAML chose the type.
    Plain(Box<str>),
    /// A text that came of variables: read as the type that is wanted.
    Variable,
}

/// A value of YAML as Kubernetes reads it: what JSON has.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// Nothing.
    Null,
    /// A truth value; `on`, `yes` and their like are such.
    Bool(bool),
    /// A number; whole ones are integers however they were written.
    Number(Number),
    /// A text.
    String(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Fields in the order of the document; no two have the same key.
    Mapping(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key as Kubernetes reads it: a plain `on` is the key `true`.
    pub text: String,
    /// What was written, where that is something else than `text`.
    pub written: Option<Box<str>>,
    /// The line, counted from 1; 0 = unknown.
    pub line: u32,
    /// The column in characters, counted from 1; 0 = unknown.
    pub column: u32,
}

impl Key {
    /// A key at a position.
    pub fn new(text: impl Into<String>, line: u32, column: u32) -> Self {
        Self { text: text.into(), written: None, line, column }
    }

    /// Where it stands in a file.
    pub fn place(&self, path: &str) -> Place {
        Place { path: path.to_owned(), line: self.line, column: self.column }
    }
}

impl NodeValue {
    /// What it is, for messages: `a text`, `a list`.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Number(number) if number.is_f64() => "a number",
            Self::Number(_) => "an integer",
            Self::String(_) => "a text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

impl Node {
    /// A value at a position, to be taken exactly.
    pub fn new(value: NodeValue, line: u32, column: u32) -> Self {
        Self { value, line, column, origin: Origin::Exact }
    }

    /// A text at a position, to be taken exactly.
    pub fn text(text: impl Into<String>, line: u32, column: u32) -> Self {
        Self::new(NodeValue::String(text.into()), line, column)
    }

    /// A text that came of variables, to be read as the type that is wanted.
    pub fn variable(text: impl Into<String>, line: u32, column: u32) -> Self {
        Self { origin: Origin::Variable, ..Self::text(text, line, column) }
    }

    /// A mapping of these fields at a position.
    pub fn mapping(fields: Vec<(Key, Node)>, line: u32, column: u32) -> Self {
        Self::new(NodeValue::Mapping(fields), line, column)
    }

    /// A value made by the program; every node in it has the position given.
    pub fn from_json(value: &Value, line: u32, column: u32) -> Self {
        let value = match value {
            Value::Null => NodeValue::Null,
            Value::Bool(value) => NodeValue::Bool(*value),
            Value::Number(value) => NodeValue::Number(value.clone()),
            Value::String(value) => NodeValue::String(value.clone()),
            Value::Array(items) => {
                NodeValue::Sequence(items.iter().map(|item| Self::from_json(item, line, column)).collect())
            }
            Value::Object(fields) => NodeValue::Mapping(
                fields
                    .iter()
                    .map(|(key, value)| {
                        (Key::new(key.clone(), line, column), Self::from_json(value, line, column))
                    })
                    .collect(),
            ),
        };
        Self::new(value, line, column)
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Number(value) => Value::Number(value.clone()),
            NodeValue::String(value) => Value::String(value.clone()),
            NodeValue::Sequence(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            NodeValue::Mapping(fields) => {
                let fields = fields.iter().map(|(key, value)| (key.text.clone(), value.to_json()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// Where it stands in a file.
    pub fn place(&self, path: &str) -> Place {
        Place { path: path.to_owned(), line: self.line, column: self.column }
    }

    /// The text, of a text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items, of a list.
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The fields, of a mapping.
    pub fn as_mapping(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            NodeValue::Mapping(fields) => Some(fields),
            _ => None,
        }
    }

    /// The fields, of a mapping, to change.
    pub fn as_mapping_mut(&mut self) -> Option<&mut Vec<(Key, Node)>> {
        match &mut self.value {
            NodeValue::Mapping(fields) => Some(fields),
            _ => None,
        }
    }

    /// A field of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// A field of a mapping with its key.
    pub fn entry(&self, key: &str) -> Option<&(Key, Node)> {
        self.as_mapping()?.iter().find(|(candidate, _)| candidate.text == key)
    }

    /// A field of a mapping, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_mapping_mut()?.iter_mut().find(|(candidate, _)| candidate.text == key).map(|(_, node)| node)
    }

    /// Takes a field out of a mapping.
    pub fn take(&mut self, key: &str) -> Option<(Key, Node)> {
        let fields = self.as_mapping_mut()?;
        let index = fields.iter().position(|(candidate, _)| candidate.text == key)?;
        Some(fields.remove(index))
    }

    /// The node at a JSON pointer (RFC 6901), or the nearest ancestor that there is: where to point
    /// a message about something that may be missing.
    pub fn find(&self, pointer: &str) -> &Node {
        let mut node = self;
        for part in parts(pointer) {
            match node.child(&part) {
                Some(child) => node = child,
                None => break,
            }
        }
        node
    }

    /// The node at a JSON pointer (RFC 6901).
    pub fn pointer(&self, pointer: &str) -> Option<&Node> {
        parts(pointer).try_fold(self, |node, part| node.child(&part))
    }

    /// The node at a JSON pointer (RFC 6901), to change.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Node> {
        let mut node = self;
        for part in parts(pointer) {
            node = match &mut node.value {
                NodeValue::Mapping(fields) => {
                    fields.iter_mut().find(|(key, _)| key.text == part).map(|(_, value)| value)?
                }
                NodeValue::Sequence(items) => items.get_mut(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(node)
    }

    fn child(&self, part: &str) -> Option<&Node> {
        match &self.value {
            NodeValue::Mapping(_) => self.get(part),
            NodeValue::Sequence(items) => items.get(part.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// Merges a JSON Merge Patch (RFC 7386) into the tree. What comes of the patch keeps the
    /// patch's places.
    pub fn merge(&mut self, patch: &Node) {
        let NodeValue::Mapping(changes) = &patch.value else {
            *self = patch.clone();
            return;
        };
        if self.as_mapping().is_none() {
            *self = Self::mapping(Vec::new(), patch.line, patch.column);
        }
        for (key, change) in changes {
            if change.value == NodeValue::Null {
                self.take(&key.text);
            } else if let Some(field) = self.get_mut(&key.text) {
                field.merge(change);
            } else if let Some(fields) = self.as_mapping_mut() {
                let mut fresh = Self::new(NodeValue::Null, change.line, change.column);
                fresh.merge(change);
                fields.push((key.clone(), fresh));
            }
        }
    }

    /// How many collections stand inside each other.
    pub(super) fn depth(&self) -> usize {
        match &self.value {
            NodeValue::Sequence(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            NodeValue::Mapping(fields) => {
                1 + fields.iter().map(|(_, value)| value.depth()).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// How many nodes and bytes of text the tree has, keys included.
    pub(super) fn size(&self) -> (usize, usize) {
        match &self.value {
            NodeValue::String(text) => (1, text.len()),
            NodeValue::Sequence(items) => items.iter().fold((1, 0), |(nodes, bytes), item| {
                let (more, text) = item.size();
                (nodes + more, bytes + text)
            }),
            NodeValue::Mapping(fields) => fields.iter().fold((1, 0), |(nodes, bytes), (key, value)| {
                let (more, text) = value.size();
                (nodes + more + 1, bytes + text + key.text.len())
            }),
            _ => (1, 0),
        }
    }
}

/// The parts of a JSON pointer, unescaped.
fn parts(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}
