//! The field `sops` of a document: for whom it is encrypted, which values, and its authenticity.

use regex::Regex;

use super::SopsError;
use super::document::field;
use crate::definition::yaml::{Node, NodeValue};

/// Longest regular expression that is compiled; real ones have some ten characters.
const PATTERN_LIMIT: usize = 1024;

/// What SOPS says of a document.
#[derive(Debug)]
pub struct Metadata {
    /// Recipients and the data key wrapped for each.
    pub wrapped: Vec<(String, String)>,
    /// Which values are encrypted.
    pub rule: Rule,
    /// When it was encrypted, as written: the code of authenticity is bound to it.
    pub last_modified: String,
    /// The encrypted code of authenticity.
    pub authenticity: String,
    /// Whether the code covers the encrypted values only.
    pub covers_encrypted_only: bool,
}

/// Which values are encrypted, by the keys above them.
#[derive(Debug)]
pub enum Rule {
    /// All but those below a key with this ending.
    UnencryptedSuffix(String),
    /// Those below a key with this ending.
    EncryptedSuffix(String),
    /// All but those below a key that matches.
    UnencryptedRegex(Regex),
    /// Those below a key that matches.
    EncryptedRegex(Regex),
}

impl Rule {
    /// Whether the value at a path is to be encrypted.
    pub fn encrypts(&self, path: &[&str]) -> bool {
        match self {
            Rule::UnencryptedSuffix(suffix) => !path.iter().any(|key| key.ends_with(suffix)),
            Rule::EncryptedSuffix(suffix) => path.iter().any(|key| key.ends_with(suffix)),
            Rule::UnencryptedRegex(regex) => !path.iter().any(|key| regex.is_match(key)),
            Rule::EncryptedRegex(regex) => path.iter().any(|key| regex.is_match(key)),
        }
    }
}

/// Reads the field `sops` of a document.
pub fn read(root: &Node) -> Result<Metadata, SopsError> {
    let sops = field(root, "sops").ok_or(SopsError::Metadata { field: "" })?;
    if field(sops, "key_groups").is_some() || field(sops, "shamir_threshold").is_some_and(is_over_one) {
        return Err(SopsError::Unsupported("a key shared by several groups"));
    }
    let text = |name: &'static str, with_dot: &'static str| {
        let found = field(sops, name).and_then(Node::as_str).filter(|text| !text.is_empty());
        found.map(str::to_owned).ok_or(SopsError::Metadata { field: with_dot })
    };
    let wrapped = field(sops, "age").and_then(Node::as_sequence).unwrap_or_default();
    let wrapped: Vec<_> = wrapped.iter().filter_map(wrapped_key).collect();
    if wrapped.is_empty() {
        return Err(SopsError::Metadata { field: ".age" });
    }
    Ok(Metadata {
        wrapped,
        rule: rule(sops)?,
        last_modified: text("lastmodified", ".lastmodified")?,
        authenticity: text("mac", ".mac")?,
        covers_encrypted_only: field(sops, "mac_only_encrypted")
            .is_some_and(|node| node.value == NodeValue::Bool(true)),
    })
}

fn is_over_one(threshold: &Node) -> bool {
    matches!(&threshold.value, NodeValue::Number(number) if number.as_u64() > Some(1))
}

fn wrapped_key(entry: &Node) -> Option<(String, String)> {
    let text = |name| field(entry, name).and_then(Node::as_str).map(str::to_owned);
    Some((text("recipient").unwrap_or_default(), text("enc")?))
}

/// The rule: at most one is given; without one all is encrypted but what ends in `_unencrypted`.
fn rule(sops: &Node) -> Result<Rule, SopsError> {
    let mut rules = Vec::new();
    for (name, with_dot) in [
        ("unencrypted_suffix", ".unencrypted_suffix"),
        ("encrypted_suffix", ".encrypted_suffix"),
        ("unencrypted_regex", ".unencrypted_regex"),
        ("encrypted_regex", ".encrypted_regex"),
        ("unencrypted_comment_regex", ".unencrypted_comment_regex"),
        ("encrypted_comment_regex", ".encrypted_comment_regex"),
    ] {
        let Some(text) = field(sops, name).and_then(Node::as_str).filter(|text| !text.is_empty()) else {
            continue;
        };
        let regex = || {
            let short = Some(text).filter(|text| text.len() <= PATTERN_LIMIT);
            short.and_then(|text| Regex::new(text).ok()).ok_or(SopsError::Metadata { field: with_dot })
        };
        rules.push(match name {
            "unencrypted_suffix" => Rule::UnencryptedSuffix(text.to_owned()),
            "encrypted_suffix" => Rule::EncryptedSuffix(text.to_owned()),
            "unencrypted_regex" => Rule::UnencryptedRegex(regex()?),
            "encrypted_regex" => Rule::EncryptedRegex(regex()?),
            _ => return Err(SopsError::Unsupported("choosing values by comments")),
        });
    }
    match (rules.pop(), rules.is_empty()) {
        (None, _) => Ok(Rule::UnencryptedSuffix("_unencrypted".to_owned())),
        (Some(rule), true) => Ok(rule),
        (Some(_), false) => Err(SopsError::Metadata { field: ".encrypted_regex" }),
    }
}
