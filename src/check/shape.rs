//! Rendered objects against the shape of their kinds, as the cluster publishes it: unknown fields,
//! values of a wrong type, words that are none, fields that are missing.
//!
//! A kind without a known shape is not looked at, and what a value must be beyond its type is the API
//! server's to say.

use serde_json::Value;

use super::whereabouts::Whereabouts;
use crate::definition::nearest;
use crate::diagnostic::{Code, Fault, shorten};
use crate::model::schema::{Schema, Struct, Type};
use crate::model::{Quantity, SEALED_FIELD};

/// The most faults of one object that are told: a manifest of another kind than it says has hundreds.
const MOST: usize = 20;

/// A field that does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Where (RFC 6901).
    pub(super) pointer: String,
    /// It is the field's name that is wrong, not its value.
    pub(super) key: bool,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

pub(super) fn check(schema: &Schema, whereabouts: &Whereabouts, faults: &mut Vec<Fault>) {
    let rendered = whereabouts.rendered;
    for object in rendered.bundle.objects.iter().chain(&rendered.settings.objects) {
        let what = format!("{} `{}`", object.kind(), object.name());
        let tell = |misfit: Misfit, fault: Fault| match misfit.help {
            Some(help) => fault.help(help),
            None => fault,
        };
        let written = rendered.written.get(&object.key());
        if let Some(written) = written {
            for misfit in misfits(schema, &written.node.to_json()) {
                let message = format!("{what}: {}", misfit.message);
                let place = written.place(&misfit.pointer, misfit.key);
                faults.push(tell(misfit, Fault::error(Code::S0610, &["source"], message).elsewhere(place)));
            }
        }
        let patched = whereabouts.is_patched(object);
        if written.is_some() && !patched {
            continue;
        }
        for misfit in misfits(schema, object.as_value()) {
            // What a manifest says itself was told before, at its own place.
            if written.is_some() && whereabouts.patch(object, &misfit.pointer).is_none() {
                continue;
            }
            let message = format!("{what}: {}", misfit.message);
            let fault =
                whereabouts.error(Code::S0610, object, (misfit.pointer.as_str(), misfit.key), message);
            faults.push(tell(misfit, fault));
        }
    }
}

/// What does not fit in an object; nothing for a kind without a known shape.
pub(super) fn misfits(schema: &Schema, object: &Value) -> Vec<Misfit> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = schema.of_kind(text("apiVersion"), text("kind")) else { return Vec::new() };
    let mut walk = Walk { schema, found: Vec::new() };
    walk.fields(kind, object, "", true);
    walk.found.truncate(MOST);
    walk.found
}

struct Walk<'a> {
    schema: &'a Schema,
    found: Vec<Misfit>,
}

impl Walk<'_> {
    fn tell(&mut self, pointer: &str, key: bool, message: String, help: Option<String>) {
        if self.found.len() <= MOST {
            self.found.push(Misfit { pointer: pointer.to_owned(), key, message, help });
        }
    }

    fn value(&mut self, kind: &Type, value: &Value, pointer: &str) {
        let wanted = match (kind, value) {
            // A null counts as not written.
            (Type::Any | Type::AnyAtomic, _) | (_, Value::Null) => return,
            (Type::Text { words, .. }, Value::String(text)) => return self.word(words, text, pointer),
            (Type::Integer { .. }, Value::Number(number)) if is_whole(number) => return,
            (Type::Boolean { .. }, Value::Bool(_)) | (Type::Number, Value::Number(_)) => return,
            (Type::IntOrString, Value::String(_)) => return,
            (Type::IntOrString, Value::Number(number)) if is_whole(number) => return,
            (Type::Quantity, Value::Number(_)) => return,
            (Type::Quantity, Value::String(text)) => return self.quantity(text, pointer),
            (Type::Map { value: kind, .. }, Value::Object(fields)) => {
                for (name, value) in fields {
                    self.value(kind, value, &below(pointer, name));
                }
                return;
            }
            (Type::List { item, .. }, Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    self.value(item, value, &below(pointer, &index.to_string()));
                }
                return;
            }
            (Type::Named(name), Value::Object(_)) => {
                if let Some(named) = self.schema.named(name) {
                    self.fields(named, value, pointer, false);
                }
                return;
            }
            (Type::Text { .. }, _) => "a text",
            (Type::Integer { .. }, _) => "an integer",
            (Type::Boolean { .. }, _) => "`true` or `false`",
            (Type::Number, _) => "a number",
            (Type::IntOrString, _) => "an integer or a text",
            (Type::Quantity, _) => "a quantity",
            (Type::List { .. }, _) => "a list",
            (Type::Map { .. } | Type::Named(_), _) => "a mapping",
        };
        let message = format!("`{}` is {}, where {wanted} is wanted", dotted(pointer), describe(value));
        let scalar = matches!(value, Value::Bool(_) | Value::Number(_));
        let help = match (kind, value) {
            (Type::Text { .. }, _) if scalar => Some(format!("quote it: `\"{value}\"`")),
            (Type::Integer { .. } | Type::Boolean { .. } | Type::Number, Value::String(text))
                if serde_json::from_str::<Value>(text).is_ok() =>
            {
                Some(format!("write it without quotes: `{}`", shorten(text)))
            }
            _ => None,
        };
        self.tell(pointer, false, message, help);
    }

    fn word(&mut self, words: &[String], text: &str, pointer: &str) {
        // An empty text stands for a field that is not written.
        if words.is_empty() || text.is_empty() || words.iter().any(|word| word == text) {
            return;
        }
        let message = format!("`{}` can't be `{}`", dotted(pointer), shorten(text));
        let help = match nearest(text, words.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of {} is wanted", words.join(", ")),
        };
        self.tell(pointer, false, message, Some(help));
    }

    fn quantity(&mut self, text: &str, pointer: &str) {
        if text.parse::<Quantity>().is_err() {
            let message = format!("`{}` is no quantity: `{}`", dotted(pointer), shorten(text));
            let help = "write for example `500m`, `2`, `256Mi` or `1Gi`".to_owned();
            self.tell(pointer, false, message, Some(help));
        }
    }

    fn fields(&mut self, kind: &Struct, value: &Value, pointer: &str, top: bool) {
        let Some(fields) = value.as_object() else { return };
        for (name, value) in fields {
            let at = below(pointer, name);
            match kind.fields.get(name) {
                Some(field) => self.value(&field.kind, value, &at),
                None if kind.open || (top && name == SEALED_FIELD) => {}
                None => {
                    let message = format!("unknown field `{}`", dotted(&at));
                    let known = kind.fields.keys().map(String::as_str);
                    let help = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
                    self.tell(&at, true, message, help);
                }
            }
        }
        for (name, field) in kind.fields.iter().filter(|(_, field)| field.required) {
            // An empty text that is kept is the same as none to whoever reads it.
            let kept = matches!(field.kind, Type::Text { keep_empty: true, .. });
            if !kept && fields.get(name).is_none_or(Value::is_null) {
                let message = format!("the field `{}` is missing", dotted(&below(pointer, name)));
                self.tell(pointer, false, message, None);
            }
        }
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A pointer as people write it: `spec.ports[0].name`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut out = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        match part.parse::<usize>() {
            Ok(index) if !out.is_empty() => out.push_str(&format!("[{index}]")),
            _ if out.is_empty() => out.push_str(&shorten(&part)),
            _ => {
                out.push('.');
                out.push_str(&shorten(&part));
            }
        }
    }
    out
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("`{flag}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text `{}`", shorten(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}
