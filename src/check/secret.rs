//! Secrets: what must be encrypted, and what looks as if it should be. No value is ever in a message.

use crate::definition::secret::is_encrypted;
use crate::definition::{Secret, SecretType};
use crate::diagnostic::{Code, Fault};

/// Words in a variable's name that mean a secret.
const WORDS: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "API_KEY",
    "PRIVATE_KEY",
    "CREDENTIALS",
];

/// Ends of a variable's name that mean where a secret is, not what it is.
const HARMLESS: &[&str] = &[
    "_FILE",
    "_PATH",
    "_DIR",
    "_NAME",
    "_URL",
    "_URI",
    "_ENDPOINT",
    "_ISSUER",
    "_TTL",
    "_SECONDS",
    "_HEADER",
];

/// Whether a literal value of a variable looks like a secret in plain text.
pub(super) fn is_plain(variable: &str, text: &str) -> bool {
    if has_credentials(text) {
        return true;
    }
    let name = variable.to_ascii_uppercase().replace('-', "_");
    let meant =
        WORDS.iter().any(|word| name.contains(word)) && !HARMLESS.iter().any(|end| name.ends_with(end));
    // `$(OTHER)` refers to another variable; switches are no secrets.
    let refers = text.starts_with("$(") && text.ends_with(')');
    let switch = ["", "true", "false", "yes", "no", "0", "1"].contains(&text);
    meant && !refers && !switch
}

/// `scheme://user:password@host`.
fn has_credentials(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return false };
    user.split_once(':').is_some_and(|(_, password)| !password.is_empty() && !password.starts_with("$("))
}

/// Checks that every value of a Secret is encrypted as SOPS does it, and that the keys of its type
/// are there.
pub fn sealed(secret: &Secret, has_sops: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut plain = 0;
    for (key, value) in &secret.values {
        if !is_encrypted(value) {
            plain += 1;
            let message = format!("the value of `{key}` is not encrypted");
            let help = "run `sops --encrypt --in-place` with `encrypted_regex: ^values$`, and renew the \
                        secret: the repository's history shows it";
            faults.push(Fault::error(Code::S0701, &["values", key], message).help(help));
        }
    }
    if plain == 0 && !has_sops {
        let message = "the document has no field `sops`, so nobody can decrypt it";
        faults.push(Fault::error(Code::S0702, &[], message));
    }
    let needed: &[&str] = match secret.secret_type {
        SecretType::Opaque => &[],
        SecretType::DockerConfigJson => &[".dockerconfigjson"],
        SecretType::Tls => &["tls.crt", "tls.key"],
    };
    for key in needed.iter().filter(|key| !secret.values.contains_key(**key)) {
        let message = format!("a Secret of this type needs the key `{key}`");
        faults.push(Fault::error(Code::S0522, &["values"], message));
    }
    for key in secret.values.keys().filter(|key| !super::object::is_key(key)) {
        let message = format!("`{key}` is no key of a Secret");
        faults.push(Fault::error(Code::S0522, &["values", key], message));
    }
    faults
}
