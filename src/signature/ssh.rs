//! Signatures of SSH (`ssh-keygen -Y sign`, PROTOCOL.sshsig), as `git commit -S` makes them under
//! `gpg.format = ssh`.

use ssh_key::{HashAlg, PublicKey, SshSig};

use super::{KeyError, Signature, SignatureFault, SignedCommit};
use crate::model::Timestamp;

/// What Git signs for.
const NAMESPACE: &str = "git";

/// A public key and when it is valid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SshKey {
    public: PublicKey,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
}

impl SshKey {
    /// Reads `[OPTIONS] TYPE BASE64 [COMMENT]`.
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        let (options, key) = split_options(text);
        let public = PublicKey::from_openssh(key).map_err(|_| KeyError::Form)?;
        let (mut after, mut before) = (None, None);
        for option in options {
            match option.split_once('=') {
                Some(("valid-after", date)) => after = Some(read_date(date)?),
                Some(("valid-before", date)) => before = Some(read_date(date)?),
                // The namespace that Git signs for is the only one that is looked at.
                Some(("namespaces", names))
                    if names.trim_matches('"').split(',').any(|name| name == NAMESPACE) => {}
                _ => {
                    let name = option.split('=').next().unwrap_or_default();
                    return Err(KeyError::Option(name.to_owned()));
                }
            }
        }
        Ok(Self { public, after, before })
    }

    fn is_valid_at(&self, time: Timestamp) -> bool {
        self.after.is_none_or(|after| after <= time) && self.before.is_none_or(|before| time < before)
    }
}

/// The options before a key, which stand in front of its type, without blanks outside quotes.
fn split_options(text: &str) -> (Vec<&str>, &str) {
    let is_type = |text: &str| ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix));
    if is_type(text) {
        return (Vec::new(), text);
    }
    let (mut quoted, mut start, mut options) = (false, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => {
                options.push(&text[start..at]);
                start = at + 1;
            }
            ' ' | '\t' if !quoted => {
                options.push(&text[start..at]);
                return (options, text[at..].trim_start());
            }
            _ => {}
        }
    }
    (options, "")
}

/// `20270131`, or with hours, minutes and seconds; in UTC, with or without `Z`.
fn read_date(text: &str) -> Result<Timestamp, KeyError> {
    let bare = text.trim_matches('"');
    let digits = bare.trim_end_matches('Z');
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(KeyError::Date(bare.to_owned()));
    }
    let full = format!("{digits:0<14}");
    let date = jiff::civil::DateTime::strptime("%Y%m%d%H%M%S", &full);
    date.ok()
        .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| KeyError::Date(bare.to_owned()))
}

/// Whose signature it is.
pub(super) fn verify<'a>(
    keys: impl Iterator<Item = (&'a str, &'a SshKey)>,
    signature: &str,
    commit: &SignedCommit,
    now: Timestamp,
) -> Result<Signature, SignatureFault> {
    let signature = SshSig::from_pem(signature).map_err(|_| SignatureFault::Unreadable)?;
    let shown = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
    let mut expired = None;
    for (name, key) in keys.filter(|(_, key)| key.public.key_data() == signature.public_key()) {
        if key.public.verify(NAMESPACE, &commit.payload, &signature).is_err() {
            return Err(SignatureFault::Forged { key: shown });
        }
        // Two entries of one key: one of them may still be valid.
        if key.is_valid_at(commit.time) && key.is_valid_at(now) {
            return Ok(Signature { signer: name.to_owned(), key: shown });
        }
        expired = Some(name.to_owned());
    }
    Err(match expired {
        Some(signer) => SignatureFault::NotValid { key: shown, signer },
        None => SignatureFault::UnknownKey { key: shown },
    })
}
