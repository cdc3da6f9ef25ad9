//! Opening: from an encrypted document to its values, and from a sealed Secret to a plain one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha512};

use super::document::{self, Leaf, field, leaf, place};
use super::metadata::{self, Metadata};
use super::{Keys, Sensitive, SopsError, cipher};
use crate::definition::secret::{Ciphertext, sealed_marker};
use crate::definition::yaml::Node;
use crate::model::{Manifest, SEALED_FIELD};

/// With what a code of authenticity begins that covers encrypted values only: the SHA-256 of the
/// text `sops`, so that one kind of code never passes for the other.
const ENCRYPTED_ONLY_START: &str = "sops";

/// The values of an opened Secret definition. Prints no plaintext.
#[derive(Debug)]
pub struct Opened {
    values: BTreeMap<String, OpenedValue>,
}

#[derive(Debug)]
struct OpenedValue {
    plain: Sensitive,
    marker: String,
}

impl Opened {
    /// The value of a key of `spec.values`.
    pub fn value(&self, key: &str) -> Option<&Sensitive> {
        self.values.get(key).map(|value| &value.plain)
    }

    /// The keys of `spec.values`, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

/// Opens a Secret definition that SOPS has encrypted for age keys, and checks that the document is
/// what was encrypted, whole. Numbers and truth values come as the text that JSON has for them.
///
/// # Errors
/// No key fits, a value is in plaintext or was changed, or the document was.
pub fn open(document: &str, keys: &Keys) -> Result<Opened, SopsError> {
    let root = document::load(document)?;
    let metadata = metadata::read(&root)?;
    let data_key = data_key(&metadata, keys)?;
    let mut hash = Sha512::new();
    if metadata.covers_encrypted_only {
        hash.update(sha2::Sha256::digest(ENCRYPTED_ONLY_START));
    }
    let mut values = BTreeMap::new();
    document::visit(&root, &mut |path, node| {
        let Some(leaf) = leaf(node) else { return Ok(()) };
        let encrypted = metadata.rule.encrypts(path);
        let authentic = if encrypted {
            let Leaf::Text(text) = leaf else { return Err(SopsError::Plaintext { path: path.join(".") }) };
            let (plain, authentic) = open_value(text, &data_key, path)?;
            if let ["spec", "values", key] = path {
                values.insert((*key).to_owned(), OpenedValue { plain, marker: sealed_marker(text) });
            }
            authentic
        } else {
            Sensitive::new(leaf.to_bytes())
        };
        if encrypted || !metadata.covers_encrypted_only {
            hash.update(authentic.expose());
        }
        Ok(())
    })?;
    authenticate(&metadata, &data_key, &hex::encode_upper(hash.finalize()))?;
    all_values_opened(&root, &values)?;
    Ok(Opened { values })
}

fn data_key(metadata: &Metadata, keys: &Keys) -> Result<Sensitive, SopsError> {
    let found = metadata.wrapped.iter().find_map(|(_, wrapped)| keys.unwrap_data_key(wrapped));
    found.ok_or_else(|| {
        let recipients: Vec<&str> =
            metadata.wrapped.iter().map(|(recipient, _)| recipient.as_str()).collect();
        SopsError::NoKey { keys: keys.len(), recipients: recipients.join(", ") }
    })
}

/// The plaintext of a value for its user, and in the form that SOPS authenticates.
fn open_value(text: &str, key: &Sensitive, path: &[&str]) -> Result<(Sensitive, Sensitive), SopsError> {
    if text.is_empty() {
        return Ok((Sensitive::new(Vec::new()), Sensitive::new(Vec::new())));
    }
    let shown = || path.join(".");
    let value = Ciphertext::parse(text).ok_or_else(|| SopsError::Plaintext { path: shown() })?;
    let tampered = || SopsError::Tampered { path: shown() };
    let authentic = cipher::open(&value, key, &place(path)).ok_or_else(tampered)?;
    let plain = match value.kind.as_str() {
        "str" | "bytes" | "int" | "float" => authentic.expose().to_vec(),
        "bool" => authentic.expose().to_ascii_lowercase(),
        "time" => return Err(SopsError::Unsupported("a value of the type `time`")),
        _ => return Err(tampered()),
    };
    Ok((Sensitive::new(plain), authentic))
}

fn authenticate(metadata: &Metadata, key: &Sensitive, found: &str) -> Result<(), SopsError> {
    let code = Ciphertext::parse(&metadata.authenticity).ok_or(SopsError::Metadata { field: ".mac" })?;
    let expected = cipher::open(&code, key, &metadata.last_modified).ok_or(SopsError::Authenticity)?;
    if expected.expose() == found.as_bytes() { Ok(()) } else { Err(SopsError::Authenticity) }
}

/// Whether every value was there and encrypted, whatever rule the document names.
fn all_values_opened(root: &Node, values: &BTreeMap<String, OpenedValue>) -> Result<(), SopsError> {
    let fields = field(root, "spec").and_then(|spec| field(spec, "values")).and_then(Node::as_mapping);
    for (key, node) in fields.unwrap_or_default() {
        let name = document::written(key);
        let path = || format!("spec.values.{name}");
        match leaf(node) {
            None => return Err(SopsError::NotText { path: path() }),
            Some(_) if values.contains_key(name) => {}
            Some(_) => return Err(SopsError::Plaintext { path: path() }),
        }
    }
    Ok(())
}

/// The plain Secret of a rendered one whose values are still encrypted: the sealed document goes,
/// `data` gets the values of exactly the keys that it has. What comes out must not be shown or kept.
///
/// # Errors
/// The document can't be opened, or is not the one that was rendered.
pub fn unseal(manifest: &Manifest, keys: &Keys) -> Result<Manifest, SopsError> {
    let document = manifest.at("/sealed/document").and_then(Value::as_str).ok_or(SopsError::NotSealed)?;
    let markers = match manifest.at("/data") {
        Some(Value::Object(markers)) => markers,
        None => &Map::new(),
        Some(_) => return Err(SopsError::NotSealed),
    };
    let opened = open(document, keys)?;
    let mut data = Map::new();
    for (key, marker) in markers {
        let value = opened.values.get(key).ok_or_else(|| SopsError::MissingKey { key: key.clone() })?;
        if marker.as_str() != Some(&value.marker) {
            return Err(SopsError::OtherCiphertext { key: key.clone() });
        }
        data.insert(key.clone(), Value::String(STANDARD.encode(value.plain.expose())));
    }
    let mut plain = manifest.clone();
    let fields = plain.as_value_mut().as_object_mut().ok_or(SopsError::NotSealed)?;
    fields.remove(SEALED_FIELD);
    fields.insert("data".to_owned(), Value::Object(data));
    Ok(plain)
}
