//! Who signed a commit: signatures of SSH against the keys of allowed signers. Those of OpenPGP are
//! known as such and count for nothing yet.
//!
//! Pure: the commit, the keys and the time are arguments. Which commits must be signed, and whose keys
//! count, is for the caller to say. A key counts only while it is valid, both when the commit says it
//! was made and now: the date in a commit is its author's word.

mod ssh;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// A commit as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCommit {
    /// The armoured signature, if there is one.
    pub signature: Option<Vec<u8>>,
    /// What was signed: the commit object without the signature.
    pub payload: Vec<u8>,
    /// When the commit says it was made.
    pub time: Timestamp,
}

/// Keys that may sign, with the names of those whose they are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signers(Vec<(String, ssh::SshKey)>);

/// Why a key can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Neither form.
    #[error("expected a public key as `ssh-ed25519 AAAA...`")]
    Form,
    /// An option that has another meaning, or none here.
    #[error("the option `{0}` of a signing key is not known; there are `valid-after` and `valid-before`")]
    Option(String),
    /// A date in another form.
    #[error("`{0}` is no date as `20270131` or `202701312359`, in UTC")]
    Date(String),
    /// A secret in the wrong place.
    #[error("this is a private key: only public keys belong here, and that one is to be replaced now")]
    Private,
    /// A kind of key that is not supported yet.
    #[error("keys of OpenPGP are not supported yet; sign with a key of SSH")]
    OpenPgp,
}

impl Signers {
    /// Adds a key of somebody.
    ///
    /// # Errors
    /// The text is no public key.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), KeyError> {
        let text = text.trim();
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if text.starts_with("-----BEGIN PGP") {
            return Err(KeyError::OpenPgp);
        }
        self.0.push((name.to_owned(), ssh::SshKey::parse(text)?));
        Ok(())
    }

    /// Reads a file of allowed signers as `ssh-keygen` does: a name, options, a key, a line each.
    ///
    /// # Errors
    /// The number of the first line that is none, and what is wrong with it.
    pub fn parse_file(text: &str) -> Result<Self, (usize, KeyError)> {
        let mut signers = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, key) = line.split_once([' ', '\t']).ok_or((index + 1, KeyError::Form))?;
            signers.add(name, key).map_err(|error| (index + 1, error))?;
        }
        Ok(signers)
    }

    /// Whether nobody may sign.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A signature that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Whose key it is.
    pub signer: String,
    /// The key, as `SHA256:...`.
    pub key: String,
}

/// Why a commit's signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "camelCase")]
pub enum SignatureFault {
    /// There is none.
    Unsigned,
    /// It is by a key that no signer has.
    UnknownKey {
        /// The key.
        key: String,
    },
    /// It does not belong to this commit.
    Forged {
        /// The key it claims.
        key: String,
    },
    /// The key was not valid, or is not any more.
    NotValid {
        /// The key.
        key: String,
        /// Whose it is.
        signer: String,
    },
    /// It is of a form that is not known.
    Unreadable,
    /// It is of OpenPGP, which is not checked yet.
    OpenPgp,
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignatureFault::Unsigned => f.write_str("is not signed"),
            SignatureFault::UnknownKey { key } => write!(f, "is signed by {key}, which is no signer's key"),
            SignatureFault::Forged { key } => {
                write!(f, "has a signature by {key} that is not of this commit")
            }
            SignatureFault::NotValid { key, signer } => {
                write!(f, "is signed by {key} of {signer}, which is expired, revoked or not valid yet")
            }
            SignatureFault::Unreadable => f.write_str("has a signature that can't be read"),
            SignatureFault::OpenPgp => {
                f.write_str("is signed with OpenPGP, which is not supported yet: sign with a key of SSH")
            }
        }
    }
}

/// Whose signature a commit has.
///
/// # Errors
/// It has none that counts.
pub fn verify(signers: &Signers, commit: &SignedCommit, now: Timestamp) -> Result<Signature, SignatureFault> {
    let Some(signature) = &commit.signature else { return Err(SignatureFault::Unsigned) };
    let text = std::str::from_utf8(signature).map_err(|_| SignatureFault::Unreadable)?.trim();
    if text.starts_with("-----BEGIN SSH SIGNATURE") {
        let keys = signers.0.iter().map(|(name, key)| (name.as_str(), key));
        return ssh::verify(keys, text, commit, now);
    }
    if text.starts_with("-----BEGIN PGP") {
        return Err(SignatureFault::OpenPgp);
    }
    Err(SignatureFault::Unreadable)
}

#[cfg(test)]
mod tests;
