//! The walk: a node against a schema, both from the root.
//!
//! Only the keywords that are made from our own types are understood; a schema of elsewhere would
//! be read as if what it says beyond them did not stand there.

use serde_json::{Map, Value};

use super::{later, suggest};
use crate::definition::yaml::{Key, Node, NodeValue, Origin};
use crate::diagnostic::{Code, Diagnostic, Place, shorten};
use crate::model::{Quantity, Span, parse_duration};

/// Types of which exactly one of these fields is written.
const ONE_OF: &[(&str, &[&str])] = &[
    ("Probe", &["http", "tcp", "exec", "grpc"]),
    ("Mount", &["volume", "config", "secret"]),
    ("EnvSource", &["config", "secret", "field"]),
    ("Member", &["user", "group"]),
];

/// The value of `node` as JSON, fit for serde.
pub(super) fn walk(schema: &Value, node: &Node, path: &str) -> Result<Value, Vec<Diagnostic>> {
    let mut walk = Walk { root: schema, path, faults: Vec::new() };
    let value = walk.node(schema, node);
    walk.faults.sort();
    match walk.faults.is_empty() {
        true => Ok(value),
        false => Err(walk.faults),
    }
}

pub(super) struct Walk<'a> {
    pub(super) root: &'a Value,
    pub(super) path: &'a str,
    faults: Vec<Diagnostic>,
}

/// A schema behind its references, and what stood on the way.
struct Followed<'a> {
    schema: &'a Value,
    /// The name of the type.
    name: &'a str,
    /// Whether null is allowed.
    nullable: bool,
    /// The least and the most that a duration may be.
    least: Option<&'a str>,
    most: Option<&'a str>,
}

impl<'a> Walk<'a> {
    fn follow(&self, mut schema: &'a Value) -> Followed<'a> {
        let mut name = schema["title"].as_str().unwrap_or_default();
        let (mut nullable, mut least, mut most) = (false, None, None);
        loop {
            least = least.or(schema["x-minimum"].as_str());
            most = most.or(schema["x-maximum"].as_str());
            if let Some(target) = schema["$ref"].as_str() {
                name = target.rsplit('/').next().unwrap_or_default();
                schema = &self.root["$defs"][name];
                continue;
            }
            let branches = schema["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
            let [first, second] = branches else { break };
            if second["type"] != "null" {
                break;
            }
            nullable = true;
            schema = first;
        }
        if let Some(types) = schema["type"].as_array() {
            nullable |= types.iter().any(|name| name == "null");
        }
        Followed { schema, name, nullable, least, most }
    }

    pub(super) fn node(&mut self, schema: &'a Value, node: &Node) -> Value {
        let followed = self.follow(schema);
        let Followed { schema, name, .. } = followed;
        if followed.nullable && node.value == NodeValue::Null {
            return Value::Null;
        }
        match name {
            "Duration" => return self.duration(&followed, node),
            "Quantity" => return self.quantity(node),
            "IntOrPercent" => return self.int_or_percent(node),
            _ => {}
        }
        if let Some(branches) = schema["anyOf"].as_array() {
            return self.any_of(branches, node);
        }
        if let Some(branches) = schema["oneOf"].as_array() {
            return self.one_of(name, branches, node);
        }
        let kind = match &schema["type"] {
            Value::Array(types) => types.iter().find_map(|name| name.as_str().filter(|name| *name != "null")),
            other => other.as_str(),
        };
        match kind {
            Some("object") => self.object(name, schema, node),
            Some("array") => self.list(schema, node),
            Some("string") => self.string(node),
            Some("integer") => self.integer(schema, node),
            Some("boolean") => self.boolean(node),
            _ => node.to_json(),
        }
    }

    pub(super) fn object(&mut self, name: &str, schema: &'a Value, node: &Node) -> Value {
        let fields = match &node.value {
            NodeValue::Mapping(fields) => fields.as_slice(),
            // `emptyDir:` and `emptyDir: {}` say the same.
            NodeValue::Null => &[],
            _ => return self.wrong(node, "a mapping"),
        };
        let properties = schema["properties"].as_object();
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut value = Map::new();
        for (key, field) in fields {
            let known = properties.and_then(|properties| properties.get(&key.text));
            let schema = match (known, &schema["additionalProperties"]) {
                (Some(schema), _) => schema,
                (None, Value::Bool(false)) => {
                    let candidates = self.candidates(name, properties);
                    self.unknown_field(name, key, &candidates);
                    continue;
                }
                (None, schema) => {
                    self.check_key(key);
                    schema
                }
            };
            let unset =
                field.value == NodeValue::Null && known.is_some() && !required.contains(&key.text.as_str());
            if !unset {
                value.insert(key.text.clone(), self.node(schema, field));
            }
        }
        for missing in required.iter().filter(|name| node.get(name).is_none()) {
            self.fault(Code::S0303, node.place(self.path), format!("the field `{missing}` is missing"), None);
        }
        // With an unknown field in it, what was meant is said already.
        if value.len() == fields.len() {
            self.exactly_one(name, node, &value);
        }
        Value::Object(value)
    }

    /// The fields that may have been meant in a type, short forms included.
    fn candidates(&self, name: &str, properties: Option<&'a Map<String, Value>>) -> Vec<&'a str> {
        let mut names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let more: &[&str] = match name {
            "App" => &["Component", "Container"],
            "Component" => &["Container"],
            _ => &[],
        };
        for name in more {
            let properties = self.root["$defs"][*name]["properties"].as_object();
            names.extend(properties.into_iter().flat_map(Map::keys).map(String::as_str));
        }
        if !more.is_empty() {
            names.extend(["port", "health", "host"]);
        }
        names
    }

    pub(super) fn unknown_field(&mut self, owner: &str, key: &Key, candidates: &[&str]) {
        let written = key.written.as_deref().unwrap_or(&key.text);
        let place = key.place(self.path);
        if later(owner).contains(&written) {
            let message = format!("the field `{written}` is not supported yet");
            self.fault(Code::S0309, place, message, Some("take it away".to_owned()));
            return;
        }
        let help = match suggest::nearest(written, candidates.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("known here: {}", words(candidates)),
        };
        self.fault(Code::S0301, place, format!("unknown field `{}`", shorten(written)), Some(help));
    }

    /// A key that YAML reads as something else than what stands there.
    fn check_key(&mut self, key: &Key) {
        if let Some(written) = &key.written {
            let message = format!("the key `{written}` is read as `{}`", key.text);
            self.fault(
                Code::S0305,
                key.place(self.path),
                message,
                Some(format!("quote it: `\"{written}\"`")),
            );
        }
    }

    fn exactly_one(&mut self, name: &str, node: &Node, value: &Map<String, Value>) {
        let Some((_, fields)) = ONE_OF.iter().find(|(owner, _)| *owner == name) else { return };
        let written = fields.iter().filter(|field| value.get(**field).is_some_and(|value| !value.is_null()));
        let count = written.count();
        if count != 1 {
            let message = format!("exactly one of {} is wanted, here are {count}", words(fields));
            self.fault(Code::S0308, node.place(self.path), message, None);
        }
    }

    fn list(&mut self, schema: &'a Value, node: &Node) -> Value {
        let NodeValue::Sequence(items) = &node.value else { return self.wrong(node, "a list") };
        let bound = |name: &str| schema[name].as_u64().and_then(|bound| usize::try_from(bound).ok());
        let (least, most) = (bound("minItems"), bound("maxItems"));
        if least.is_some_and(|least| items.len() < least) || most.is_some_and(|most| items.len() > most) {
            let message = match (least, most) {
                (Some(least), Some(most)) if least == most => {
                    format!("exactly {least} items are wanted here")
                }
                (_, Some(most)) if items.len() > most => format!("at most {most} items are wanted here"),
                _ => format!("at least {} items are wanted here", least.unwrap_or(0)),
            };
            self.fault(Code::S0307, node.place(self.path), message, None);
        }
        let prefix = schema["prefixItems"].as_array().map(Vec::as_slice).unwrap_or_default();
        let items = items.iter().enumerate();
        items.map(|(index, item)| self.node(prefix.get(index).unwrap_or(&schema["items"]), item)).collect()
    }

    fn string(&mut self, node: &Node) -> Value {
        match &node.value {
            NodeValue::String(text) => Value::String(text.clone()),
            _ => self.wrong(node, "a text"),
        }
    }

    fn boolean(&mut self, node: &Node) -> Value {
        match (&node.value, &node.origin) {
            (NodeValue::Bool(value), _) => Value::Bool(*value),
            (NodeValue::String(text), Origin::Variable) if text == "true" || text == "false" => {
                Value::Bool(text == "true")
            }
            _ => self.wrong(node, "`true` or `false`"),
        }
    }

    fn integer(&mut self, schema: &Value, node: &Node) -> Value {
        let number = match (&node.value, &node.origin) {
            (NodeValue::Number(number), _) if !number.is_f64() => number.clone(),
            (NodeValue::String(text), Origin::Variable) => match text.parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => return self.wrong(node, "an integer"),
            },
            _ => return self.wrong(node, "an integer"),
        };
        let value = number.as_i64().map_or_else(|| number.as_u64().map_or(0, i128::from), i128::from);
        let bound = |name: &str| schema[name].as_f64();
        #[expect(clippy::cast_possible_truncation, reason = "bounds in our schemas are small whole numbers")]
        let (least, most) = (bound("minimum").map(|n| n as i128), bound("maximum").map(|n| n as i128));
        let message = match (least, most) {
            (Some(least), _) if value < least => format!("{value} is too small: the least is {least}"),
            (_, Some(most)) if value > most => format!("{value} is too large: the most is {most}"),
            _ => return Value::Number(number),
        };
        self.fault(Code::S0307, node.place(self.path), message, None);
        Value::Number(number)
    }

    fn int_or_percent(&mut self, node: &Node) -> Value {
        match (&node.value, &node.origin) {
            (NodeValue::Number(number), _) if number.as_u64().is_some_and(|n| n <= u64::from(u32::MAX)) => {
                Value::Number(number.clone())
            }
            (NodeValue::String(text), Origin::Variable) if text.parse::<u32>().is_ok() => {
                text.parse::<u32>().map_or(Value::Null, Value::from)
            }
            (NodeValue::String(text), _) if is_percent(text) => Value::String(text.clone()),
            _ => self.wrong(node, "a whole number or a share such as `25%`"),
        }
    }

    fn duration(&mut self, followed: &Followed<'_>, node: &Node) -> Value {
        let help = || Some("write whole numbers with units, for example `30s`, `5m` or `1h30m`".to_owned());
        let NodeValue::String(text) = &node.value else {
            let message = match &node.origin {
                Origin::Plain(text) => format!("`{text}` is no duration"),
                _ => format!("{} where a duration is wanted", node.value.describe()),
            };
            self.fault(Code::S0307, node.place(self.path), message, help());
            return Value::Null;
        };
        let bound = |text: Option<&str>| text.and_then(|text| parse_duration(text).ok());
        let message = match parse_duration(text) {
            Err(_) if is_duration_shaped(text) => {
                format!("the duration `{}` is longer than 366 days", shorten(text))
            }
            Err(_) => {
                let message = format!("`{}` is no duration", shorten(text));
                self.fault(Code::S0307, node.place(self.path), message, help());
                return Value::Null;
            }
            Ok(duration) if bound(followed.least).is_some_and(|least| duration < least) => {
                format!("`{text}` is too short: the least is {}", followed.least.unwrap_or_default())
            }
            Ok(duration) if bound(followed.most).is_some_and(|most| duration > most) => {
                format!("`{text}` is too long: the most is {}", followed.most.unwrap_or_default())
            }
            Ok(duration) => return Value::String(Span(duration).to_string()),
        };
        self.fault(Code::S0307, node.place(self.path), message, None);
        Value::Null
    }

    fn quantity(&mut self, node: &Node) -> Value {
        let text = match (&node.value, &node.origin) {
            (NodeValue::String(text), _) => text.clone(),
            (NodeValue::Number(number), _) => number.to_string(),
            _ => return self.wrong(node, "a quantity"),
        };
        let message = match text.parse::<Quantity>() {
            Ok(quantity) if quantity.nano() >= 0 => return Value::String(text),
            Ok(_) => format!("the quantity `{}` is below zero", shorten(&text)),
            Err(_) => format!("`{}` is no quantity", shorten(&text)),
        };
        let help = "write for example `500m`, `2`, `256Mi` or `1Gi`".to_owned();
        self.fault(Code::S0307, node.place(self.path), message, Some(help));
        Value::Null
    }

    /// A value of another type than is wanted.
    pub(super) fn wrong(&mut self, node: &Node, wanted: &str) -> Value {
        let found = match (&node.value, &node.origin) {
            (NodeValue::Null, _) => "nothing".to_owned(),
            (value, Origin::Plain(text)) => format!("`{}` is {}", shorten(text), value.describe()),
            (NodeValue::String(text), _) => format!("`{}` is a text", shorten(text)),
            (value, _) => value.describe().to_owned(),
        };
        let joint = if found.starts_with('`') { ", where" } else { " where" };
        let help = match (&node.value, &node.origin) {
            (NodeValue::Bool(_) | NodeValue::Number(_), Origin::Plain(text)) if wanted == "a text" => {
                Some(format!("quote it: `\"{text}\"`"))
            }
            (NodeValue::String(text), Origin::Exact)
                if (wanted == "an integer" && text.parse::<i64>().is_ok())
                    || (wanted.starts_with("`true`") && matches!(text.as_str(), "true" | "false")) =>
            {
                Some(format!("write it without quotes: `{text}`"))
            }
            _ => None,
        };
        let message = format!("{found}{joint} {wanted} is wanted");
        self.fault(Code::S0305, node.place(self.path), message, help);
        Value::Null
    }

    pub(super) fn fault(&mut self, code: Code, place: Place, message: String, help: Option<String>) {
        let mut diagnostic = Diagnostic::error(code, place, message);
        diagnostic.help = help;
        self.faults.push(diagnostic);
    }
}

/// Words for a message: `a`, `b`.
pub(super) fn words(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn is_percent(text: &str) -> bool {
    text.strip_suffix('%').is_some_and(|number| number.parse::<u8>().is_ok_and(|number| number <= 100))
}

fn is_duration_shaped(text: &str) -> bool {
    matches!(parse_duration(text), Err(crate::model::ParseDurationError::TooLong(_)))
}
