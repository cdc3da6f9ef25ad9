//! What needs a key, a program or a network to be read: SOPS secrets.
//!
//! A Secret definition is a YAML document whose values are encrypted by SOPS for age keys. It is
//! opened right before it is applied, in memory; plaintext lives in [`Sensitive`], which never
//! prints it, and no error here carries a value.

mod cipher;
mod document;
mod error;
mod keys;
mod metadata;
mod open;
mod seal;
mod sensitive;

pub use error::SopsError;
pub use keys::{Keys, Recipient, generate_identity};
pub use open::{Opened, open, unseal};
pub use seal::seal;
pub use sensitive::Sensitive;

#[cfg(test)]
mod tests;
