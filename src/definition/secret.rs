//! The values of a Secret as they stand in the repository: ciphertexts of SOPS.
//!
//! Everything that can be said of a value without a key is said here. Opening one is `artifact`'s.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::{ContentDigest, sha256};

/// Bytes of the tag of AES-GCM.
const TAG: usize = 16;

/// A value that SOPS has encrypted: `ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ciphertext {
    /// The encrypted bytes.
    pub data: Vec<u8>,
    /// The nonce.
    pub nonce: Vec<u8>,
    /// The tag that shows a change.
    pub tag: Vec<u8>,
    /// The type of the plaintext: `str`, `int`, `float`, `bool`, `bytes`.
    pub kind: String,
}

impl Ciphertext {
    /// Reads a value in the form that SOPS writes; none for anything else.
    pub fn parse(value: &str) -> Option<Self> {
        let fields = value.strip_prefix("ENC[AES256_GCM,data:")?.strip_suffix(']')?;
        let (data, rest) = fields.split_once(",iv:")?;
        let (nonce, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let bytes = |text: &str| STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
        let found =
            Self { data: bytes(data)?, nonce: bytes(nonce)?, tag: bytes(tag)?, kind: kind.to_owned() };
        let known = kind.bytes().all(|byte| byte.is_ascii_lowercase()) && !kind.is_empty();
        (known && found.tag.len() == TAG).then_some(found)
    }

    /// The value in the form that SOPS writes.
    pub fn to_text(&self) -> String {
        format!(
            "ENC[AES256_GCM,data:{},iv:{},tag:{},type:{}]",
            STANDARD.encode(&self.data),
            STANDARD.encode(&self.nonce),
            STANDARD.encode(&self.tag),
            self.kind
        )
    }
}

/// Whether a value of a Secret may stand in the repository: SOPS has encrypted it, or it is empty
/// (SOPS leaves empty texts as they are).
pub fn is_encrypted(value: &str) -> bool {
    value.is_empty() || Ciphertext::parse(value).is_some()
}

/// All that is ever shown of a value: the digest of its ciphertext.
pub fn ciphertext_digest(value: &str) -> ContentDigest {
    sha256(value.as_bytes())
}

/// What stands in the place of a value in `data` of a sealed Secret.
pub fn sealed_marker(value: &str) -> String {
    format!("sealed:{}", ciphertext_digest(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_sops_wrote_is_encrypted() {
        let tag = STANDARD.encode([7; 16]);
        let good = format!("ENC[AES256_GCM,data:aGk=,iv:aGk=,tag:{tag},type:str]");
        assert_eq!(Ciphertext::parse(&good).unwrap().to_text(), good);
        for (value, encrypted) in [
            (good.clone(), true),
            (String::new(), true),
            ("hunter2".to_owned(), false),
            ("ENC[hunter2]".to_owned(), false),
            (format!(" {good}"), false),
            (format!("{good}\n"), false),
            (good.replace("aGk=", "hunter2!"), false),
            (good.replace("data:aGk=", "data:"), false),
            (good.replace(&tag, "aGk="), false),
            (good.replace("type:str", "type:"), false),
            (good.replace("AES256_GCM", "AES128_GCM"), false),
        ] {
            assert_eq!(is_encrypted(&value), encrypted, "{value}");
        }
    }
}
