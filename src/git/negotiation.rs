//! What is said over any transport: the list of references, the request for a pack, the pack itself
//! (gitprotocol-pack, version 0). Bytes in, bytes out: knows no connection.

use std::io;

use git2::{Odb, Oid};

use crate::port::FetchError;

use super::pack::{Heads, PackSink};
use super::packet::{FLUSH, Packet, Packets, packet};
use super::store::FetchLimits;

/// The most bytes of one reference in an advertisement, on average: an id and a long name.
const REFERENCE_BYTES: u64 = 300;

/// The most commits that are told to the server as known: heads are few, one a branch.
const MOST_HAVES: usize = 256;

/// The references that a server shows, of which only the asked ones are kept.
pub(super) struct Advertisement<'a> {
    remote: &'a str,
    branches: &'a [String],
    limit: u64,
    packets: Packets,
    heads: Heads,
    bytes: u64,
    lines: u64,
    flushes_left: u32,
}

impl<'a> Advertisement<'a> {
    /// A list that ends with the last of so many flush packets: over HTTP the name of the service
    /// ends with one of its own.
    pub(super) fn new(remote: &'a str, branches: &'a [String], limits: &FetchLimits, flushes: u32) -> Self {
        let (packets, heads) = (Packets::default(), Heads::new());
        let limit = limits.references;
        Self { remote, branches, limit, packets, heads, bytes: 0, lines: 0, flushes_left: flushes }
    }

    /// Takes the next bytes; answers whether the list is whole.
    ///
    /// # Errors
    /// The bytes are no such list, or there are too many references.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<bool, FetchError> {
        self.bytes += bytes.len() as u64;
        if self.bytes > (self.limit + 2).saturating_mul(REFERENCE_BYTES) + 2_000 {
            return Err(self.too_many());
        }
        self.packets.push(bytes);
        while let Some(packet) =
            self.packets.next().map_err(|error| protocol(self.remote, error.to_string()))?
        {
            match packet {
                Packet::Flush => self.flushes_left = self.flushes_left.saturating_sub(1),
                Packet::Data(line) => self.line(&line)?,
            }
        }
        Ok(self.flushes_left == 0)
    }

    /// `<id> <name>`, the first with capabilities behind a NUL.
    fn line(&mut self, line: &[u8]) -> Result<(), FetchError> {
        if line.starts_with(b"# service=") {
            return Ok(());
        }
        if let Some(said) = line.strip_prefix(b"ERR ") {
            return Err(protocol(self.remote, said_text(said)));
        }
        self.lines += 1;
        if self.lines > self.limit {
            return Err(self.too_many());
        }
        let text = String::from_utf8_lossy(line);
        let mut halves = text.splitn(2, '\0');
        let reference = halves.next().unwrap_or_default().trim_end();
        if let Some(capabilities) = halves.next() {
            let has = |wanted: &str| capabilities.split_whitespace().any(|found| found == wanted);
            if has("object-format=sha256") {
                return Err(protocol(self.remote, "repositories with SHA-256 are not supported yet"));
            }
            if !reference.ends_with("capabilities^{}") && !has("side-band-64k") {
                return Err(protocol(self.remote, "it lacks `side-band-64k`"));
            }
        }
        let Some((id, name)) = reference.split_once(' ') else {
            return Err(protocol(self.remote, "a reference has no name"));
        };
        if let Some(branch) =
            name.strip_prefix("refs/heads/").filter(|name| self.branches.iter().any(|b| b == name))
        {
            let id = Oid::from_str(id).map_err(|_| protocol(self.remote, "a reference has no id"))?;
            self.heads.insert(branch.to_owned(), id);
        }
        Ok(())
    }

    fn too_many(&self) -> FetchError {
        FetchError::TooBig { remote: self.remote.to_owned(), what: "references", limit: self.limit }
    }

    /// The list counts only when its end came: cut off, branches would seem gone.
    ///
    /// # Errors
    /// It is cut off.
    pub(super) fn finish(self) -> Result<Heads, FetchError> {
        if self.flushes_left > 0 || !self.packets.is_empty() {
            return Err(protocol(self.remote, "the list of references is cut off"));
        }
        Ok(self.heads)
    }
}

/// The request for a pack: what is wanted, what is there already.
pub(super) fn wanted(heads: &Heads, known: &[Oid]) -> String {
    let mut ids: Vec<&Oid> = heads.values().collect();
    ids.sort();
    ids.dedup();
    let mut body = String::new();
    for (index, id) in ids.iter().enumerate() {
        let capabilities = if index == 0 { " side-band-64k ofs-delta agent=git/sluice" } else { "" };
        body.push_str(&packet(&format!("want {id}{capabilities}\n")));
    }
    body.push_str(FLUSH);
    for id in known.iter().take(MOST_HAVES) {
        body.push_str(&packet(&format!("have {id}\n")));
    }
    body.push_str(&packet("done\n"));
    body
}

/// The answer to such a request, taken piece by piece into the object database.
pub(super) struct PackAnswer<'a> {
    remote: &'a str,
    packets: Packets,
    sink: PackSink<'a>,
    ended: bool,
}

impl<'a> PackAnswer<'a> {
    /// An answer of which nothing came yet.
    ///
    /// # Errors
    /// The store can't be written.
    pub(super) fn new(odb: &'a Odb<'_>, limits: FetchLimits, remote: &'a str) -> Result<Self, FetchError> {
        let sink = PackSink::new(odb, limits, remote)?;
        Ok(Self { remote, packets: Packets::default(), sink, ended: false })
    }

    /// Takes the next bytes; answers whether the last packet came.
    ///
    /// # Errors
    /// The server reports a failure, a limit is reached, or the bytes are no pack.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<bool, FetchError> {
        self.packets.push(bytes);
        while let Some(packet) =
            self.packets.next().map_err(|error| protocol(self.remote, error.to_string()))?
        {
            self.packet(&packet)?;
        }
        Ok(self.ended)
    }

    /// Band 1 is the pack, 2 talk, 3 a fatal error; before them stands `NAK`, or `ACK` and what both
    /// have.
    fn packet(&mut self, packet: &Packet) -> Result<(), FetchError> {
        let Packet::Data(data) = packet else {
            self.ended = true;
            return Ok(());
        };
        match data.split_first() {
            Some((1, pack)) => self.sink.append(pack),
            Some((2, _)) | None => Ok(()),
            Some((3, said)) => Err(protocol(self.remote, said_text(said))),
            Some(_) if data.starts_with(b"NAK") || data.starts_with(b"ACK ") => Ok(()),
            Some(_) => Err(protocol(self.remote, said_text(data))),
        }
    }

    /// Puts the pack into the database. Says how many bytes it had.
    ///
    /// # Errors
    /// The answer is cut off, or the pack is damaged.
    pub(super) fn finish(self) -> Result<u64, FetchError> {
        if !self.ended || !self.packets.is_empty() {
            let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ends before the pack does");
            return Err(FetchError::Damaged { remote: self.remote.to_owned(), source: cut.into() });
        }
        self.sink.finish()
    }
}

/// The remote does not speak as it should.
pub(super) fn protocol(remote: &str, what: impl Into<String>) -> FetchError {
    FetchError::Protocol { remote: remote.to_owned(), what: what.into() }
}

/// What a server said, short and on one line: it is shown to people.
pub(super) fn said_text(said: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(said).chars().filter(|c| !c.is_control()).take(200).collect();
    format!("it says `{}`", text.trim())
}
