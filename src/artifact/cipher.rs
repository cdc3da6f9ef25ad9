//! One value of a SOPS document: AES-256-GCM with a nonce of 32 bytes, bound to its place.

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::rand_core::RngCore as _;
use aes_gcm::aead::{AeadInPlace as _, KeyInit as _, OsRng};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, Key, Nonce, Tag};

use super::keys::DATA_KEY;
use super::{Sensitive, SopsError};
use crate::definition::secret::Ciphertext;

/// AES-256 in Galois counter mode (NIST SP 800-38D) with the nonce size that SOPS has chosen.
type Cipher = AesGcm<Aes256, U32>;

/// Bytes of a nonce.
const NONCE: usize = 32;

/// A fresh data key.
pub fn generate_data_key() -> Sensitive {
    let mut key = vec![0; DATA_KEY];
    OsRng.fill_bytes(&mut key);
    Sensitive::new(key)
}

/// Opens a value; none if it, its place or the key is not that of the encryption.
pub fn open(value: &Ciphertext, key: &Sensitive, place: &str) -> Option<Sensitive> {
    if key.expose().len() != DATA_KEY || value.nonce.len() != NONCE || value.tag.len() != 16 {
        return None;
    }
    let cipher = Cipher::new(Key::<Cipher>::from_slice(key.expose()));
    let (nonce, tag) = (Nonce::from_slice(&value.nonce), Tag::from_slice(&value.tag));
    let mut bytes = value.data.clone();
    cipher.decrypt_in_place_detached(nonce, place.as_bytes(), &mut bytes, tag).ok()?;
    Some(Sensitive::new(bytes))
}

/// Encrypts a value for its place under a nonce of chance.
pub fn seal(plain: &[u8], kind: &'static str, key: &Sensitive, place: &str) -> Result<Ciphertext, SopsError> {
    if key.expose().len() != DATA_KEY {
        return Err(SopsError::Encrypt);
    }
    let cipher = Cipher::new(Key::<Cipher>::from_slice(key.expose()));
    let mut nonce = vec![0; NONCE];
    OsRng.fill_bytes(&mut nonce);
    let mut data = plain.to_vec();
    let tag = cipher
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), place.as_bytes(), &mut data)
        .map_err(|_| SopsError::Encrypt)?;
    Ok(Ciphertext { data, nonce, tag: tag.to_vec(), kind: kind.to_owned() })
}
