//! The shape of the built-in kinds: fields, types, how lists merge, plain defaults.
//!
//! Facts of the Kubernetes API (its Go types and their OpenAPI markers), written in a small notation:
//! a type's name at the margin (`*` a kind, `@` atomic, `^` of a custom resource), its fields
//! indented: `name type =default`, `name!` required, `name+` kept when empty. Types are `str`
//! (`str+` is kept when empty), `int`, `bool` (`int0`, `bool0`: left out when zero), `num`, `qty`,
//! `ios` (int or string), `any`, `{T}` maps (`{T}@` atomic), `[T]` atomic lists, `[T]=` sets,
//! `[T]key,key:default` lists that are maps. What a field may contain beyond its type is not here.

mod core;
mod network;
pub(crate) mod normalize;
mod policy;
#[cfg(test)]
mod tests;
mod workloads;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::kinds::Kind;

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Type {
    Text {
        keep_empty: bool,
    },
    Integer {
        drop_zero: bool,
    },
    Boolean {
        drop_false: bool,
    },
    Number,
    Quantity,
    IntOrString,
    /// Nothing is known: maps are granular, lists atomic.
    Any,
    /// Nothing is known, and the value is replaced as a whole.
    AnyAtomic,
    Map {
        value: Box<Type>,
        atomic: bool,
    },
    List {
        item: Box<Type>,
        merge: ListMerge,
    },
    /// A named type.
    Named(String),
}

/// How a list is merged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ListMerge {
    Atomic,
    Set,
    /// By these keys, each with the value that stands for its absence.
    Keys(Vec<(String, Option<Value>)>),
}

/// A field of a named type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    pub kind: Type,
    pub required: bool,
    pub default: Option<Value>,
    pub keep_empty: bool,
}

/// A named type.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Struct {
    pub name: String,
    pub atomic: bool,
    /// Of a custom resource: empty values are kept.
    pub custom: bool,
    pub fields: BTreeMap<String, Field>,
}

/// All named types.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    types: BTreeMap<String, Struct>,
}

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::parse(&[core::TEXT, workloads::TEXT, network::TEXT, policy::TEXT].concat()));

/// The schema of the built-in kinds.
pub(crate) fn schema() -> &'static Schema {
    &SCHEMA
}

/// The type of a kind's objects.
pub(crate) fn type_of(kind: &Kind) -> Type {
    if kind.is("events.k8s.io", "Event") {
        return Type::Named("EventsEvent".into());
    }
    Type::Named(kind.kind.to_owned())
}

impl Schema {
    /// The fields of a named type.
    pub(crate) fn named(&self, name: &str) -> Option<&Struct> {
        self.types.get(name)
    }

    #[cfg(test)]
    pub(crate) fn types(&self) -> impl Iterator<Item = &Struct> {
        self.types.values()
    }

    /// Whether a value of this type is replaced and owned as a whole.
    pub(crate) fn is_atomic(&self, kind: &Type) -> bool {
        match kind {
            Type::Map { atomic, .. } => *atomic,
            Type::List { merge, .. } => *merge == ListMerge::Atomic,
            Type::Named(name) => self.named(name).is_some_and(|held| held.atomic),
            Type::Any => false,
            _ => true,
        }
    }

    /// The type of a field of a value of type `kind`, and whether the type itself declares it.
    pub(crate) fn field(&self, kind: &Type, name: &str) -> Option<(&Type, bool)> {
        static ANY: Type = Type::Any;
        match kind {
            Type::Named(named) => self.named(named)?.fields.get(name).map(|field| (&field.kind, true)),
            Type::Any | Type::AnyAtomic => Some((&ANY, false)),
            Type::Map { .. } => None,
            _ => None,
        }
    }

    /// Reads the notation. The text is ours, so a mistake in it is a bug.
    fn parse(text: &str) -> Self {
        let mut schema = Self::default();
        let mut current = Struct::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with(' ') {
                let (name, field) = parse_field(line.trim());
                current.fields.insert(name, field);
                continue;
            }
            schema.add(std::mem::take(&mut current));
            let name: String = line.chars().filter(char::is_ascii_alphanumeric).collect();
            current = Struct {
                name,
                atomic: line.contains('@'),
                custom: line.contains('^'),
                fields: BTreeMap::new(),
            };
            if line.contains('*') {
                for field in ["apiVersion str", "kind str", "metadata ObjectMeta"] {
                    let (name, field) = parse_field(field);
                    current.fields.insert(name, field);
                }
            }
        }
        schema.add(current);
        schema
    }

    fn add(&mut self, named: Struct) {
        if !named.name.is_empty() {
            self.types.insert(named.name.clone(), named);
        }
    }
}

fn parse_field(line: &str) -> (String, Field) {
    let (name, rest) = line.split_once(' ').expect("a field has a type");
    let (kind, default) = match rest.split_once(" =") {
        Some((kind, default)) => {
            (kind, Some(serde_json::from_str(default).unwrap_or_else(|_| json!(default))))
        }
        None => (rest, None),
    };
    let field = Field {
        kind: parse_type(kind.trim()),
        required: name.ends_with('!'),
        default,
        keep_empty: name.ends_with('+'),
    };
    (name.trim_end_matches(['!', '+']).to_owned(), field)
}

fn parse_type(text: &str) -> Type {
    if let Some(rest) = text.strip_prefix('{') {
        let (value, suffix) = rest.rsplit_once('}').expect("a map type ends in a brace");
        return Type::Map { value: Box::new(parse_type(value)), atomic: suffix == "@" };
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (item, suffix) = rest.rsplit_once(']').expect("a list type ends in a bracket");
        let merge = match suffix {
            "" => ListMerge::Atomic,
            "=" => ListMerge::Set,
            keys => ListMerge::Keys(keys.split(',').map(parse_key).collect()),
        };
        return Type::List { item: Box::new(parse_type(item)), merge };
    }
    match text {
        "str" => Type::Text { keep_empty: false },
        "str+" => Type::Text { keep_empty: true },
        "int" => Type::Integer { drop_zero: false },
        "int0" => Type::Integer { drop_zero: true },
        "bool" => Type::Boolean { drop_false: false },
        "bool0" => Type::Boolean { drop_false: true },
        "num" => Type::Number,
        "qty" => Type::Quantity,
        "ios" => Type::IntOrString,
        "any" => Type::Any,
        "any@" => Type::AnyAtomic,
        name => Type::Named(name.to_owned()),
    }
}

fn parse_key(text: &str) -> (String, Option<Value>) {
    match text.split_once(':') {
        Some((key, default)) => (key.to_owned(), Some(json!(default))),
        None => (text.to_owned(), None),
    }
}
