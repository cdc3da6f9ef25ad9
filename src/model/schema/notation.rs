//! The notation of schemas, read and written. Reading what was written gives the same schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Field, ListMerge, Schema, Struct, Type};

/// A line that is none of the notation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of a schema can't be read: {what}")]
pub struct NotationError {
    /// The line, counted from 1.
    pub line: usize,
    /// What was expected.
    pub what: &'static str,
}

impl Schema {
    /// Reads the notation.
    ///
    /// # Errors
    /// A line is none of it.
    pub fn parse(text: &str) -> Result<Self, NotationError> {
        let mut schema = Self::default();
        let mut current: Option<Struct> = None;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |what| NotationError { line: index + 1, what };
            if line.starts_with(' ') {
                let named = current.as_mut().ok_or_else(|| wrong("a field stands before any type"))?;
                let (name, field) = parse_field(line.trim()).ok_or_else(|| wrong("a field has a type"))?;
                named.fields.insert(name, field);
                continue;
            }
            current.into_iter().for_each(|named| schema.add(named));
            let mut words = line.split_whitespace();
            let (head, api_version, kind) = (words.next().unwrap_or_default(), words.next(), words.next());
            let name = head.trim_end_matches(['@', '^', '*']);
            let flags = &head[name.len()..];
            let mut named = Struct {
                name: name.to_owned(),
                atomic: flags.contains('@'),
                custom: flags.contains('^'),
                open: flags.contains('*'),
                fields: BTreeMap::new(),
            };
            if let (Some(api_version), Some(kind)) = (api_version, kind) {
                schema.add_kind(api_version, kind, name);
                for (field, kind) in [
                    ("apiVersion", text_type()),
                    ("kind", text_type()),
                    ("metadata", Type::Named("ObjectMeta".into())),
                ] {
                    named.fields.insert(field.to_owned(), plain(kind));
                }
            }
            current = Some(named);
        }
        current.into_iter().for_each(|named| schema.add(named));
        Ok(schema)
    }

    /// Writes the notation.
    pub fn to_text(&self) -> String {
        let mut kinds: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
        for (api_version, held) in &self.kinds {
            for (kind, name) in held {
                kinds.insert(name, (api_version, kind));
            }
        }
        let mut out = String::new();
        for named in self.types.values() {
            out.push_str(&named.name);
            out.push_str(if named.atomic { "@" } else { "" });
            out.push_str(if named.custom { "^" } else { "" });
            out.push_str(if named.open { "*" } else { "" });
            if let Some((api_version, kind)) = kinds.get(named.name.as_str()) {
                let _ = write!(out, " {api_version} {kind}");
            }
            out.push('\n');
            for (name, field) in &named.fields {
                let required = if field.required { "!" } else { "" };
                let kept = if field.keep_empty { "+" } else { "" };
                let _ = write!(out, "  {name}{required}{kept} ");
                write_type(&field.kind, &mut out);
                if let Some(default) = &field.default {
                    let _ = write!(out, " ={default}");
                }
                out.push('\n');
            }
        }
        out
    }
}

pub(super) fn text_type() -> Type {
    Type::Text { keep_empty: false, words: Vec::new() }
}

pub(super) fn plain(kind: Type) -> Field {
    Field { kind, required: false, default: None, keep_empty: false }
}

fn parse_field(line: &str) -> Option<(String, Field)> {
    let (name, rest) = line.split_once(' ')?;
    let (kind, default) = match rest.split_once(" =") {
        Some((kind, default)) => {
            (kind, Some(serde_json::from_str(default).unwrap_or_else(|_| json!(default))))
        }
        None => (rest, None),
    };
    let field = Field {
        kind: parse_type(kind.trim())?,
        required: name.contains('!'),
        default,
        keep_empty: name.ends_with('+'),
    };
    Some((name.trim_end_matches(['!', '+']).to_owned(), field))
}

fn parse_type(text: &str) -> Option<Type> {
    if let Some(rest) = text.strip_prefix('{') {
        let (value, suffix) = rest.rsplit_once('}')?;
        return Some(Type::Map { value: Box::new(parse_type(value)?), atomic: suffix == "@" });
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (item, suffix) = rest.rsplit_once(']')?;
        let merge = match suffix {
            "" => ListMerge::Atomic,
            "=" => ListMerge::Set,
            keys => ListMerge::Keys(keys.split(',').map(parse_key).collect()),
        };
        return Some(Type::List { item: Box::new(parse_type(item)?), merge });
    }
    let (head, words) = match text.split_once('(') {
        Some((head, rest)) => (head, rest.strip_suffix(')')?.split('|').map(str::to_owned).collect()),
        None => (text, Vec::new()),
    };
    Some(match head {
        "str" => Type::Text { keep_empty: false, words },
        "str+" => Type::Text { keep_empty: true, words },
        "int" => Type::Integer { drop_zero: false },
        "int0" => Type::Integer { drop_zero: true },
        "bool" => Type::Boolean { drop_false: false },
        "bool0" => Type::Boolean { drop_false: true },
        "num" => Type::Number,
        "qty" => Type::Quantity,
        "ios" => Type::IntOrString,
        "any" => Type::Any,
        "any@" => Type::AnyAtomic,
        "" => return None,
        name => Type::Named(name.to_owned()),
    })
}

fn parse_key(text: &str) -> (String, Option<Value>) {
    match text.split_once(':') {
        Some((key, default)) => (key.to_owned(), Some(json!(default))),
        None => (text.to_owned(), None),
    }
}

fn write_type(kind: &Type, out: &mut String) {
    match kind {
        Type::Text { keep_empty, words } => {
            out.push_str(if *keep_empty { "str+" } else { "str" });
            if !words.is_empty() {
                let _ = write!(out, "({})", words.join("|"));
            }
        }
        Type::Integer { drop_zero } => out.push_str(if *drop_zero { "int0" } else { "int" }),
        Type::Boolean { drop_false } => out.push_str(if *drop_false { "bool0" } else { "bool" }),
        Type::Number => out.push_str("num"),
        Type::Quantity => out.push_str("qty"),
        Type::IntOrString => out.push_str("ios"),
        Type::Any => out.push_str("any"),
        Type::AnyAtomic => out.push_str("any@"),
        Type::Map { value, atomic } => {
            out.push('{');
            write_type(value, out);
            out.push_str(if *atomic { "}@" } else { "}" });
        }
        Type::List { item, merge } => {
            out.push('[');
            write_type(item, out);
            out.push(']');
            match merge {
                ListMerge::Atomic => {}
                ListMerge::Set => out.push('='),
                ListMerge::Keys(keys) => {
                    let keys: Vec<String> = keys
                        .iter()
                        .map(|(key, default)| match default.as_ref().and_then(Value::as_str) {
                            Some(default) => format!("{key}:{default}"),
                            None => key.clone(),
                        })
                        .collect();
                    out.push_str(&keys.join(","));
                }
            }
        }
        Type::Named(name) => out.push_str(name),
    }
}
