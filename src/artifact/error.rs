//! Why a secret can't be opened or sealed. Places and names, never values.

use std::path::PathBuf;

/// Why a secret can't be opened or sealed.
#[derive(Debug, thiserror::Error)]
pub enum SopsError {
    /// The text is not one sound YAML document. The reader's own words are left out: they may quote
    /// a value.
    #[error("the document can't be read (line {line}): one sound YAML document with fields is expected")]
    Malformed {
        /// The line of the first fault; 0 = the text as a whole.
        line: u32,
    },
    /// SOPS has not encrypted the document, or a field of its own is missing.
    #[error("the field `sops{field}` is missing or has another form: encrypt the document with sops")]
    Metadata {
        /// The field below `sops`, with a dot before it.
        field: &'static str,
    },
    /// A feature of SOPS that is not read yet.
    #[error("{0} is not supported yet: encrypt with age and `--encrypted-regex '^values$'`")]
    Unsupported(&'static str),
    /// None of the keys fits.
    #[error("none of the {keys} age keys opens it: it is encrypted for {recipients}")]
    NoKey {
        /// How many keys there are.
        keys: usize,
        /// The public keys that it is encrypted for.
        recipients: String,
    },
    /// A value that should be encrypted is not.
    #[error("the value at `{path}` is not encrypted")]
    Plaintext {
        /// Where it stands.
        path: String,
    },
    /// A value is not what was encrypted, or stands in another place than it was encrypted for.
    #[error("the value at `{path}` can't be opened: it was changed or moved after it was encrypted")]
    Tampered {
        /// Where it stands.
        path: String,
    },
    /// The document as a whole is not what was encrypted.
    #[error("the document was changed after it was encrypted: its code of authenticity does not fit")]
    Authenticity,
    /// A value that is neither a text nor a number nor a truth value.
    #[error("the value at `{path}` is no text")]
    NotText {
        /// Where it stands.
        path: String,
    },
    /// A rendered Secret is not in the form of a sealed one.
    #[error("the Secret has no sealed document, or `data` in another form")]
    NotSealed,
    /// A key of the rendered Secret is not in its document.
    #[error("the document has no value for the key `{key}`")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A key of the rendered Secret was rendered from another ciphertext.
    #[error("the document has another ciphertext for the key `{key}` than the one that was released")]
    OtherCiphertext {
        /// The key.
        key: String,
    },
    /// A line of a key file is no age identity.
    #[error("line {line} of the key file is no age identity (`AGE-SECRET-KEY-1...`)")]
    Identity {
        /// Counted from 1.
        line: usize,
    },
    /// The key file can't be read.
    #[error("could not read the key file {}", path.display())]
    KeyFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A text is no age recipient.
    #[error("`{0}` is no age recipient (`age1...`)")]
    Recipient(String),
    /// There is nobody to seal for.
    #[error("no recipient is given")]
    NoRecipient,
    /// Encrypting failed, which only a broken system can cause.
    #[error("could not encrypt")]
    Encrypt,
}
