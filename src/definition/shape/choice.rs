//! Where a schema leaves a choice: words, variants, and values of several types.

use serde_json::{Map, Value};

use super::walk::{Walk, words};
use super::{later, suggest};
use crate::definition::yaml::{Key, Node, NodeValue, Origin};
use crate::diagnostic::{Code, shorten};

impl<'a> Walk<'a> {
    /// One of several types: the one that the node's own type names.
    pub(super) fn any_of(&mut self, branches: &'a [Value], node: &Node) -> Value {
        let kind = |schema: &Value| self.follow_type(schema).to_owned();
        let wanted = match &node.value {
            NodeValue::Mapping(_) => "object",
            NodeValue::Sequence(_) => "array",
            _ => "string",
        };
        match branches.iter().find(|schema| kind(schema) == wanted) {
            Some(schema) => self.node(schema, node),
            None => {
                let kinds: Vec<&str> =
                    branches.iter().map(|schema| spoken(self.follow_type(schema))).collect();
                self.wrong(node, &kinds.join(" or "))
            }
        }
    }

    fn follow_type<'b>(&'b self, schema: &'b Value) -> &'b str {
        match schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
            Some(name) => self.root["$defs"][name]["type"].as_str().unwrap_or_default(),
            None => schema["type"].as_str().unwrap_or_default(),
        }
    }

    /// An enum: words, fields of which exactly one is written, or mappings told apart by one field.
    pub(super) fn one_of(&mut self, name: &str, branches: &'a [Value], node: &Node) -> Value {
        let tagged = |schema: &'a Value| {
            let fields = schema["properties"].as_object()?;
            fields.iter().find_map(|(tag, schema)| Some((tag.as_str(), schema["const"].as_str()?)))
        };
        if let Some((tag, _)) = branches.first().and_then(tagged) {
            return self.tagged(name, tag, branches, node);
        }
        let mut known: Vec<&str> = Vec::new();
        for branch in branches {
            known.extend(branch["const"].as_str());
            known.extend(branch["enum"].as_array().into_iter().flatten().filter_map(Value::as_str));
        }
        let fields: Vec<(&str, &Value)> = branches
            .iter()
            .filter_map(|branch| branch["properties"].as_object())
            .flatten()
            .map(|(name, schema)| (name.as_str(), schema))
            .collect();
        match &node.value {
            NodeValue::Mapping(written) if !fields.is_empty() => self.one_field(name, &fields, written, node),
            NodeValue::Mapping(written) => {
                if let Some((key, _)) =
                    written.iter().find(|(key, _)| later(name).contains(&key.text.as_str()))
                {
                    self.unknown_field(name, key, &known);
                    return Value::Null;
                }
                self.wrong(node, &format!("one of {}", words(&known)))
            }
            _ => self.word(name, &known, &fields, node),
        }
    }

    fn word(&mut self, name: &str, known: &[&str], fields: &[(&str, &Value)], node: &Node) -> Value {
        // `healing: on`: YAML's truth values may be words of ours.
        let text = match (&node.value, &node.origin) {
            (NodeValue::String(text), _) => text.as_str(),
            (_, Origin::Plain(text)) if node.value != NodeValue::Null => text,
            _ if known.is_empty() => return self.wrong(node, "a mapping"),
            _ => return self.wrong(node, "a text"),
        };
        if known.contains(&text) {
            return Value::String(text.to_owned());
        }
        let place = node.place(self.path);
        if later(name).contains(&text) {
            let message = format!("`{text}` is not supported yet");
            let help = (!known.is_empty()).then(|| format!("supported: {}", words(known)));
            self.fault(Code::S0309, place, message, help);
            return Value::Null;
        }
        let names: Vec<&str> = known.iter().copied().chain(fields.iter().map(|(name, _)| *name)).collect();
        let message = format!("`{}` is not one of {}", shorten(text), words(&names));
        let help = match suggest::nearest(text, names.iter().copied()) {
            Some(near) if fields.iter().any(|(field, _)| *field == near) => {
                Some(format!("write it as a mapping: `{{{near}: …}}`"))
            }
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => None,
        };
        self.fault(Code::S0306, place, message, help);
        Value::Null
    }

    /// A mapping with exactly one of the known fields.
    fn one_field(
        &mut self,
        name: &str,
        fields: &[(&str, &'a Value)],
        written: &[(Key, Node)],
        node: &Node,
    ) -> Value {
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let mut chosen = Map::new();
        let mut count = 0;
        let mut refused = false;
        for (key, value) in written {
            match fields.iter().find(|(name, _)| *name == key.text) {
                Some((field, schema)) => {
                    count += 1;
                    let value = match schema["type"] == "object" {
                        true => self.object(&format!("{name}.{field}"), schema, value),
                        false => self.node(schema, value),
                    };
                    chosen.insert((*field).to_owned(), value);
                }
                None => {
                    refused = true;
                    self.unknown_field(name, key, &names);
                }
            }
        }
        if count > 1 || (count == 0 && !refused) {
            let message = format!("exactly one of {} is wanted, here are {count}", words(&names));
            self.fault(Code::S0308, node.place(self.path), message, None);
        }
        Value::Object(chosen)
    }

    /// A mapping whose field `tag` says which of the branches it is.
    fn tagged(&mut self, name: &str, tag: &str, branches: &'a [Value], node: &Node) -> Value {
        if node.as_mapping().is_none() {
            return self.wrong(node, "a mapping");
        }
        let word = |schema: &'a Value| schema["properties"][tag]["const"].as_str();
        let Some(chosen) = node.get(tag) else {
            self.fault(Code::S0303, node.place(self.path), format!("the field `{tag}` is missing"), None);
            return Value::Null;
        };
        match branches.iter().find(|schema| chosen.as_str().is_some_and(|text| word(schema) == Some(text))) {
            Some(schema) => self.object(name, schema, node),
            None => {
                let known: Vec<&str> = branches.iter().filter_map(word).collect();
                self.word(name, &known, &[], chosen)
            }
        }
    }
}

fn spoken(kind: &str) -> &'static str {
    match kind {
        "object" => "a mapping",
        "array" => "a list",
        "integer" => "an integer",
        "boolean" => "`true` or `false`",
        _ => "a text",
    }
}
