//! Git's pkt-line framing: four hexadecimal digits of length, then the payload
//! (gitprotocol-common).

/// The bytes of the length.
const LENGTH_BYTES: usize = 4;

/// The longest packet that Git sends, with its length (gitprotocol-common).
const MOST_BYTES: usize = 65_520;

/// One packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    /// The end of a section.
    Flush,
    /// A payload.
    Data(Vec<u8>),
}

/// Bytes that are no packet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a packet has no valid length")]
pub(super) struct MalformedPacket;

/// Cuts a stream into packets.
#[derive(Debug, Default)]
pub(super) struct Packets {
    buffer: Vec<u8>,
}

impl Packets {
    /// Adds bytes as they come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet, if it is there.
    ///
    /// # Errors
    /// The length is none.
    pub(super) fn next(&mut self) -> Result<Option<Packet>, MalformedPacket> {
        let Some(digits) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let digits = std::str::from_utf8(digits).map_err(|_| MalformedPacket)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(MalformedPacket);
        }
        let length = usize::from_str_radix(digits, 16).map_err(|_| MalformedPacket)?;
        match length {
            0 => {
                self.buffer.drain(..LENGTH_BYTES);
                Ok(Some(Packet::Flush))
            }
            LENGTH_BYTES..=MOST_BYTES if self.buffer.len() >= length => {
                let data = self.buffer[LENGTH_BYTES..length].to_vec();
                self.buffer.drain(..length);
                Ok(Some(Packet::Data(data)))
            }
            LENGTH_BYTES..=MOST_BYTES => Ok(None),
            _ => Err(MalformedPacket),
        }
    }

    /// Whether part of a packet is left.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// Frames a payload.
pub(super) fn packet(payload: &str) -> String {
    format!("{:04x}{payload}", payload.len() + LENGTH_BYTES)
}

/// Frames the end of a section.
pub(super) const FLUSH: &str = "0000";
