//! Bytes that nobody may see by accident.

use std::fmt;

use age::secrecy::{ExposeSecret as _, SecretSlice};

/// Plaintext. It prints as `***` and is overwritten when dropped.
pub struct Sensitive(SecretSlice<u8>);

impl Sensitive {
    /// Takes bytes in.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretSlice::from(bytes))
    }

    /// The bytes, for the one place that has to have them.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("***")
    }
}
