//! Sealing: from a definition with its values in clear to the form that SOPS writes.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use sha2::{Digest as _, Sha512};

use super::document::{self, leaf, place};
use super::metadata::Rule;
use super::{Recipient, Sensitive, SopsError, cipher};
use crate::definition::yaml::{Key, Node, NodeValue};
use crate::model::Timestamp;

/// The values of `spec.values` and nothing else.
const ENCRYPTED: &str = "^values$";

/// The version of SOPS whose form is written.
const VERSION: &str = "3.11.0";

/// Encrypts the values of a Secret definition for recipients, as `sops --encrypt --encrypted-regex
/// '^values$'` does: SOPS itself opens and edits what comes out. Fields keep their order, comments
/// go. What was sealed before is refused.
///
/// # Errors
/// The text is not one document, is sealed already, has a value that is no text, or there is no
/// recipient.
pub fn seal(plain: &str, recipients: &[Recipient], now: Timestamp) -> Result<String, SopsError> {
    if recipients.is_empty() {
        return Err(SopsError::NoRecipient);
    }
    let mut root = document::load(plain)?;
    if document::field(&root, "sops").is_some() {
        return Err(SopsError::Unsupported("sealing a document twice"));
    }
    let pattern = regex::Regex::new(ENCRYPTED).map_err(|_| SopsError::Encrypt)?;
    let rule = Rule::EncryptedRegex(pattern);
    let mut hash = Sha512::new();
    document::visit(&root, &mut |path, node| {
        if let Some(leaf) = leaf(node) {
            hash.update(Sensitive::new(leaf.to_bytes()).expose());
        } else if rule.encrypts(path) {
            return Err(SopsError::NotText { path: path.join(".") });
        }
        Ok(())
    })?;
    let data_key = cipher::generate_data_key();
    encrypt(&mut root, &mut Vec::new(), &rule, &data_key)?;
    let last_modified = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let code = hex::encode_upper(hash.finalize());
    let code = cipher::seal(code.as_bytes(), "str", &data_key, &last_modified)?.to_text();
    let mut wrapped = Vec::new();
    for recipient in recipients {
        wrapped.push(fields(vec![
            ("recipient", recipient.to_string()),
            ("enc", recipient.wrap_data_key(&data_key)?),
        ]));
    }
    let mut sops = fields(vec![
        ("lastmodified", last_modified),
        ("mac", code),
        ("encrypted_regex", ENCRYPTED.to_owned()),
        ("version", VERSION.to_owned()),
    ]);
    if let (Some(root), Some(sops_fields)) = (root.as_mapping_mut(), sops.as_mapping_mut()) {
        let wrapped = Node::new(NodeValue::Sequence(wrapped), 0, 0);
        sops_fields.insert(0, (Key::new("age", 0, 0), wrapped));
        root.push((Key::new("sops", 0, 0), sops));
    }
    serde_yaml::to_string_with_options(&Written(&root), one_line_each()).map_err(|_| SopsError::Encrypt)
}

/// A ciphertext stays on its line, as SOPS leaves it: folded, every change of it would be a block.
fn one_line_each() -> serde_yaml::SerializerOptions {
    serde_yaml::ser_options! { min_fold_chars: usize::MAX, folded_wrap_chars: usize::MAX }
}

fn fields(fields: Vec<(&str, String)>) -> Node {
    let fields = fields.into_iter().map(|(key, value)| (Key::new(key, 0, 0), Node::text(value, 0, 0)));
    Node::mapping(fields.collect(), 0, 0)
}

/// Puts ciphertexts in the place of the values that the rule says.
fn encrypt(node: &mut Node, path: &mut Vec<String>, rule: &Rule, key: &Sensitive) -> Result<(), SopsError> {
    match &mut node.value {
        NodeValue::Mapping(fields) => {
            for (name, value) in fields {
                path.push(document::written(name).to_owned());
                encrypt(value, path, rule, key)?;
                path.pop();
            }
            return Ok(());
        }
        NodeValue::Sequence(items) => {
            return items.iter_mut().try_for_each(|item| encrypt(item, path, rule, key));
        }
        _ => {}
    }
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    let Some(leaf) = leaf(node).filter(|_| rule.encrypts(&keys)) else { return Ok(()) };
    let plain = Sensitive::new(leaf.to_bytes());
    let sealed = if plain.expose().is_empty() {
        String::new() // SOPS leaves empty texts as they are.
    } else {
        cipher::seal(plain.expose(), leaf.kind(), key, &place(&keys))?.to_text()
    };
    *node = Node::text(sealed, node.line, node.column);
    Ok(())
}

/// A tree to be written in its own order, each leaf as SOPS reads it.
struct Written<'a>(&'a Node);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            NodeValue::Mapping(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(document::written(key), &Written(value))?;
                }
                map.end()
            }
            NodeValue::Sequence(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Written(item))?;
                }
                list.end()
            }
            _ => match leaf(self.0) {
                None => serializer.serialize_unit(),
                Some(document::Leaf::Text(text)) => serializer.serialize_str(text),
                Some(document::Leaf::Integer(number)) => serializer.serialize_i64(number),
                Some(document::Leaf::Float(number)) => serializer.serialize_f64(number),
                Some(document::Leaf::Bool(value)) => serializer.serialize_bool(value),
            },
        }
    }
}
