//! age identities, and the data key that SOPS wraps for them.

use std::fmt;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::str::FromStr;

use age::Encryptor;
use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::ExposeSecret as _;
use age::x25519;

use super::{Sensitive, SopsError};

/// Bytes of a data key: AES-256.
pub const DATA_KEY: usize = 32;

/// The age identities that a process has. Prints their number only.
#[derive(Clone, Default)]
pub struct Keys(Vec<x25519::Identity>);

impl Keys {
    /// Reads identities in the form of a `keys.txt`: one a line, with empty lines and comments.
    ///
    /// # Errors
    /// A line is something else; its number is told and nothing of it.
    pub fn parse(text: &str) -> Result<Self, SopsError> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(line, text)| text.parse().map_err(|_| SopsError::Identity { line }))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// It can't be read, or a line is no identity.
    pub fn read(path: &Path) -> Result<Self, SopsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| SopsError::KeyFile { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// The public keys, for who wants to encrypt for this process.
    pub fn recipients(&self) -> Vec<Recipient> {
        self.0.iter().map(|identity| Recipient(identity.to_public())).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens an armoured age file that holds a data key; none if no identity fits.
    pub(super) fn unwrap_data_key(&self, armoured: &str) -> Option<Sensitive> {
        let decryptor = age::Decryptor::new(ArmoredReader::new(armoured.trim().as_bytes())).ok()?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        let mut key = Vec::with_capacity(DATA_KEY + 1);
        // One byte more than a key has shows that it is none.
        decryptor.decrypt(identities).ok()?.take(DATA_KEY as u64 + 1).read_to_end(&mut key).ok()?;
        let key = Sensitive::new(key);
        (key.expose().len() == DATA_KEY).then_some(key)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

/// The public half of an age identity: whom a document is encrypted for.
#[derive(Clone)]
pub struct Recipient(x25519::Recipient);

impl Recipient {
    /// Wraps a data key in an armoured age file for this recipient.
    pub(super) fn wrap_data_key(&self, key: &Sensitive) -> Result<String, SopsError> {
        let encryptor = Encryptor::with_recipients(std::iter::once(&self.0 as &dyn age::Recipient))
            .map_err(|_| SopsError::Encrypt)?;
        let wrapped = (|| {
            let armour = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
            let mut writer = encryptor.wrap_output(armour)?;
            writer.write_all(key.expose())?;
            writer.finish()?.finish()
        })();
        let bytes = wrapped.map_err(|_: std::io::Error| SopsError::Encrypt)?;
        String::from_utf8(bytes).map_err(|_| SopsError::Encrypt)
    }
}

impl FromStr for Recipient {
    type Err = SopsError;
    fn from_str(text: &str) -> Result<Self, SopsError> {
        // A secret key given by mistake must not come back in the message.
        let shown = || if text.starts_with("age1") { text.to_owned() } else { "***".to_owned() };
        text.parse().map(Self).map_err(|_| SopsError::Recipient(shown()))
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.0)
    }
}

/// A fresh identity in the form of a line of a key file, and its recipient.
pub fn generate_identity() -> (Sensitive, Recipient) {
    let identity = x25519::Identity::generate();
    let text = identity.to_string();
    (Sensitive::new(text.expose_secret().as_bytes().to_vec()), Recipient(identity.to_public()))
}
