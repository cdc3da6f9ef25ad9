//! The shape of kinds: fields, types, words, how lists merge, plain defaults.
//!
//! A schema is of the built-in kinds ([`builtin`]) or was read from a cluster ([`Reducer`]). Both have
//! one notation, as text: a type's name at the margin (`@` atomic, `^` of a custom resource, `*` with
//! fields beyond these), behind the name of a kind's type its `apiVersion` and kind; its fields
//! indented: `name type =default`,
//! `name!` required, `name+` kept when empty. Types are `str` (`str+` is kept when empty,
//! `str(A|B)` one of these words), `int`, `bool` (`int0`, `bool0`: left out when zero), `num`,
//! `qty`, `ios` (int or string), `any`, `{T}` maps (`{T}@` atomic), `[T]` atomic lists, `[T]=` sets,
//! `[T]key,key:default` lists that are maps. What a field may hold beyond its type is not here.

mod core;
mod known;
mod network;
mod notation;
mod openapi;
mod policy;
#[cfg(test)]
mod tests;
mod workloads;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::{ContentDigest, sha256};

pub use known::KnownSchema;
pub use notation::NotationError;
pub use openapi::{OpenApiError, Reducer};

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// A text.
    Text {
        /// An empty one is kept when the object is stored.
        keep_empty: bool,
        /// The only words allowed; none = any text.
        words: Vec<String>,
    },
    /// A whole number.
    Integer {
        /// Zero is left out when the object is stored.
        drop_zero: bool,
    },
    /// A truth value.
    Boolean {
        /// `false` is left out when the object is stored.
        drop_false: bool,
    },
    /// A number.
    Number,
    /// An amount: a text or a number.
    Quantity,
    /// A whole number or a text.
    IntOrString,
    /// Nothing is known: maps are granular, lists atomic.
    Any,
    /// Nothing is known, and the value is replaced as a whole.
    AnyAtomic,
    /// A map from texts.
    Map {
        /// The type of its values.
        value: Box<Type>,
        /// It is replaced as a whole.
        atomic: bool,
    },
    /// A list.
    List {
        /// The type of its items.
        item: Box<Type>,
        /// How it is merged.
        merge: ListMerge,
    },
    /// A named type.
    Named(String),
}

/// How a list is merged.
#[derive(Debug, Clone, PartialEq)]
pub enum ListMerge {
    /// As a whole.
    Atomic,
    /// By its values.
    Set,
    /// By these keys, each with the value that stands for its absence.
    Keys(Vec<(String, Option<Value>)>),
}

/// A field of a named type.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its type.
    pub kind: Type,
    /// Whether it must be there.
    pub required: bool,
    /// What it is where it is not written.
    pub default: Option<Value>,
    /// An empty value is kept when the object is stored.
    pub keep_empty: bool,
}

/// A named type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Struct {
    /// Its name.
    pub name: String,
    /// It is replaced as a whole.
    pub atomic: bool,
    /// Of a custom resource: empty values are kept.
    pub custom: bool,
    /// Fields beyond these are allowed.
    pub open: bool,
    /// Its fields.
    pub fields: BTreeMap<String, Field>,
}

/// Named types, and which of them are kinds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Schema {
    types: BTreeMap<String, Struct>,
    /// By `apiVersion` and kind: the name of the type.
    kinds: BTreeMap<String, BTreeMap<String, String>>,
}

static BUILTIN: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let text = [core::TEXT, workloads::TEXT, network::TEXT, policy::TEXT].concat();
    Arc::new(Schema::parse(&text).expect("the built-in schema is written as it is read"))
});

static BUILTIN_DIGEST: LazyLock<ContentDigest> = LazyLock::new(|| builtin().digest());

/// The schema of the common kinds of Kubernetes 1.36 and of the Gateway API.
pub fn builtin() -> &'static Arc<Schema> {
    &BUILTIN
}

/// The digest of [`builtin`].
pub fn builtin_digest() -> ContentDigest {
    *BUILTIN_DIGEST
}

impl Schema {
    /// The fields of a named type.
    pub fn named(&self, name: &str) -> Option<&Struct> {
        self.types.get(name)
    }

    /// Every named type.
    pub fn types(&self) -> impl Iterator<Item = &Struct> {
        self.types.values()
    }

    /// The type of the objects of a kind.
    pub fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Struct> {
        self.named(self.kinds.get(api_version)?.get(kind)?)
    }

    /// Every kind with its type: `apiVersion`, kind, type.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &str, &Struct)> {
        let all =
            self.kinds.iter().flat_map(|(version, kinds)| kinds.iter().map(move |held| (version, held)));
        all.filter_map(|(version, (kind, name))| Some((version.as_str(), kind.as_str(), self.named(name)?)))
    }

    /// Whether a value of this type is replaced and owned as a whole.
    pub fn is_atomic(&self, kind: &Type) -> bool {
        match kind {
            Type::Map { atomic, .. } => *atomic,
            Type::List { merge, .. } => *merge == ListMerge::Atomic,
            Type::Named(name) => self.named(name).is_some_and(|held| held.atomic),
            Type::Any => false,
            _ => true,
        }
    }

    /// The type of a field of a value of type `kind`, and whether the type itself declares it.
    pub fn field<'a>(&'a self, kind: &'a Type, name: &str) -> Option<(&'a Type, bool)> {
        static ANY: Type = Type::Any;
        match kind {
            Type::Named(named) => {
                let held = self.named(named)?;
                let declared = held.fields.get(name).map(|field| (&field.kind, true));
                declared.or_else(|| held.open.then_some((&ANY, false)))
            }
            Type::Any | Type::AnyAtomic => Some((&ANY, false)),
            Type::Map { .. } => None,
            _ => None,
        }
    }

    /// The digest of its text: what facts name it by.
    pub fn digest(&self) -> ContentDigest {
        sha256(self.to_text().as_bytes())
    }

    /// Adds a named type, in the place of one of that name.
    pub fn add(&mut self, named: Struct) {
        self.types.insert(named.name.clone(), named);
    }

    fn add_kind(&mut self, api_version: &str, kind: &str, name: &str) {
        self.kinds.entry(api_version.to_owned()).or_default().insert(kind.to_owned(), name.to_owned());
    }
}
