//! Whether a delivery is signed: HMAC with SHA-256 over its bytes, or, for GitLab, a token. Compared in
//! a time that says nothing of what was expected.

use std::path::Path;

use axum::http::HeaderMap;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::payload::GitHost;

/// Bytes of a secret at least: shorter ones can be guessed.
const LEAST_BYTES: usize = 16;

/// Bytes of a file of secrets at most.
const FILE_BYTES: u64 = 4 << 10;

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error("it can't be read")]
    Unreadable(#[from] std::io::Error),
    #[error("it has more than {FILE_BYTES} bytes")]
    TooLong,
    #[error("it holds no secret of at least {LEAST_BYTES} bytes")]
    Short,
}

/// The secrets in a file, one a line: the old one beside the new one while it is replaced.
pub(super) fn read(path: &Path) -> Result<Vec<Vec<u8>>, SecretError> {
    if std::fs::metadata(path)?.len() > FILE_BYTES {
        return Err(SecretError::TooLong);
    }
    let bytes = std::fs::read(path)?;
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let secrets: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    if secrets.is_empty() || secrets.iter().any(|secret| secret.len() < LEAST_BYTES) {
        return Err(SecretError::Short);
    }
    Ok(secrets)
}

/// Whether one of the secrets has signed the delivery.
pub(super) fn is_signed(host: GitHost, headers: &HeaderMap, body: &[u8], secrets: &[Vec<u8>]) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
    match host {
        GitHost::GitHub => header("x-hub-signature-256")
            .and_then(|value| value.strip_prefix(b"sha256="))
            .is_some_and(|hex| signs(hex, body, secrets)),
        GitHost::Gitea => header("x-gitea-signature")
            .or_else(|| header("x-forgejo-signature"))
            .is_some_and(|hex| signs(hex, body, secrets)),
        GitHost::Generic => header("x-sluice-signature")
            .and_then(|value| value.strip_prefix(b"sha256="))
            .is_some_and(|hex| signs(hex, body, secrets)),
        GitHost::GitLab => header("x-gitlab-token").is_some_and(|token| {
            // Digests, so that not even the length is told.
            let given = Sha256::digest(token);
            secrets
                .iter()
                .fold(false, |found, secret| found | bool::from(given.ct_eq(&Sha256::digest(secret))))
        }),
    }
}

fn signs(digits: &[u8], body: &[u8], secrets: &[Vec<u8>]) -> bool {
    let mut given = [0; 32];
    if hex::decode_to_slice(digits, &mut given).is_err() {
        return false;
    }
    secrets.iter().fold(false, |found, secret| {
        // Any length of key is taken.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return found };
        mac.update(body);
        found | mac.verify_slice(&given).is_ok()
    })
}
