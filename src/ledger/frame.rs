//! The bytes of a stream's file: one frame for each batch.
//!
//! ```text
//! length of the payload   4 bytes, little endian
//! hash of the frame before  32 bytes (of the stream's name for the first one)
//! check of the above   4 bytes, the first of its SHA-256
//! payload   JSON
//! hash   32 bytes, SHA-256 of all the above
//! ```
//!
//! The header has a check of its own so that a damaged length is told from an append that was cut
//! short: only the latter may be forgotten.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::model::Timestamp;
use crate::port::ledger::{Epoch, Sequence, StreamName};

/// Bytes before the payload.
const HEADER: usize = 4 + HASH + 4;

const HASH: usize = 32;

/// The hash that ends a frame.
pub type FrameHash = [u8; HASH];

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// The sequence of the first event.
    pub first: Sequence,
    /// The epoch of who wrote it.
    pub epoch: Epoch,
    /// The events of the batch; never empty.
    pub events: Vec<Event>,
}

/// One event of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub body: Value,
}

/// What stands at a place of a stream's file.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// A sound frame, its length in bytes and its hash.
    Frame {
        /// What it says.
        payload: Payload,
        /// How many bytes it has.
        length: usize,
        /// What the next frame has to carry.
        hash: FrameHash,
    },
    /// The file ends here.
    End,
    /// An append that was never finished, and so never acknowledged.
    Torn,
    /// Anything else.
    Damaged(&'static str),
}

/// What the first frame of a stream carries as the hash of the frame before: a file under another
/// stream's name does not pass.
pub fn origin(stream: &StreamName) -> FrameHash {
    Sha256::digest(stream.as_str().as_bytes()).into()
}

/// The bytes of a frame behind the frame with the hash `previous`, and its own hash.
pub fn encode(previous: &FrameHash, payload: &[u8]) -> (Vec<u8>, FrameHash) {
    let length = u32::try_from(payload.len()).expect("payloads are checked against the limit before");
    let mut bytes = Vec::with_capacity(HEADER + payload.len() + HASH);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(previous);
    let check = Sha256::digest(&bytes);
    bytes.extend_from_slice(&check[..4]);
    bytes.extend_from_slice(payload);
    let hash: FrameHash = Sha256::digest(&bytes).into();
    bytes.extend_from_slice(&hash);
    (bytes, hash)
}

/// Reads the frame at the beginning of `bytes`, which reach to the end of the file.
pub fn decode(previous: &FrameHash, bytes: &[u8]) -> Found {
    if bytes.is_empty() {
        return Found::End;
    }
    // Some file systems make a file longer before its bytes are there.
    if bytes.len() < HEADER || bytes.iter().all(|byte| *byte == 0) {
        return Found::Torn;
    }
    let (before_check, rest) = bytes.split_at(HEADER - 4);
    if Sha256::digest(before_check)[..4] != rest[..4] {
        return Found::Damaged("the header of its frame does not fit its check");
    }
    if before_check[4..] != previous[..] {
        return Found::Damaged("its frame does not follow the frame before");
    }
    let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    let total = HEADER + length + HASH;
    if bytes.len() < total {
        return Found::Torn;
    }
    let (content, hash) = bytes[..total].split_at(HEADER + length);
    if Sha256::digest(content)[..] != *hash {
        let unwritten = bytes.len() == total && hash.iter().all(|byte| *byte == 0);
        return if unwritten { Found::Torn } else { Found::Damaged("its frame does not fit its hash") };
    }
    match (serde_json::from_slice::<Payload>(&content[HEADER..]), hash.try_into()) {
        (Ok(payload), Ok(hash)) if !payload.events.is_empty() => {
            Found::Frame { payload, length: total, hash }
        }
        _ => Found::Damaged("its frame can't be read"),
    }
}
