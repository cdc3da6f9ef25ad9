//! Fetches over ssh: the program `ssh` carries the bytes, the protocol is spoken here.
//!
//! The program is told everything and reads no configuration: no agent, no forwarding, no prompt, no
//! key but the named one, no host whose key is not in the named file. No shell is involved on this
//! side; on the other the path is quoted, and holds no character that a quote would need. The
//! program reads key and known hosts anew at each fetch, so files may be replaced while the engine
//! runs.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use git2::{Odb, Oid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::{timeout, timeout_at};

use crate::port::FetchError;

use super::negotiation::{Advertisement, PackAnswer, said_text, wanted};
use super::pace::Pace;
use super::pack::Heads;
use super::packet::FLUSH;
use super::store::FetchLimits;
use super::url::{SSH_PORT, SshAddress, is_machine_address};

/// Bytes that are read at once: two of the longest packets.
const READ_BYTES: usize = 128 << 10;

/// So much of what the program says last is kept.
const TALK_BYTES: usize = 4 << 10;

/// So long the program may take to end once nothing more is wanted of it.
const END: Duration = Duration::from_secs(2);

/// So many addresses of a host are tried.
const MOST_ADDRESSES: usize = 4;

/// How the program is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshOptions {
    /// The program, by name or path.
    pub program: PathBuf,
    /// The file of the private key.
    pub key: PathBuf,
    /// The file of known hosts; no other host is talked to.
    pub known_hosts: PathBuf,
}

impl SshOptions {
    /// The program `ssh` with this key and these known hosts.
    pub fn new(key: impl Into<PathBuf>, known_hosts: impl Into<PathBuf>) -> Self {
        Self { program: PathBuf::from("ssh"), key: key.into(), known_hosts: known_hosts.into() }
    }
}

/// One fetch from one server.
pub(super) struct Session<'a> {
    pub(super) address: &'a SshAddress,
    pub(super) machine_hosts: bool,
    pub(super) options: &'a SshOptions,
    pub(super) limits: FetchLimits,
    pub(super) remote: &'a str,
}

impl Session<'_> {
    /// Brings the objects of the branches in and says where their heads are.
    ///
    /// # Errors
    /// The program can't be run, or the server can't be reached, is not the known one, refuses, is
    /// too slow, sends too much or what is no pack.
    pub(super) fn fetch(
        &self,
        branches: &[String],
        known: &[Oid],
        odb: &Odb<'_>,
    ) -> Result<(Heads, u64), FetchError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| self.unreachable("start a connection to", error))?;
        runtime.block_on(async {
            let mut last = None;
            for address in self.addresses().await? {
                match self.connect(address, branches, known, odb).await {
                    Err(error) if is_connection(&error) => last = Some(error),
                    ended => return ended,
                }
            }
            Err(last
                .unwrap_or_else(|| self.unreachable("find", "the host has no address that may be talked to")))
        })
    }

    /// Where the host is. The program gets an address, so that what was checked is what is used.
    async fn addresses(&self) -> Result<Vec<IpAddr>, FetchError> {
        let lookup = tokio::net::lookup_host((self.address.host.as_str(), self.address.port));
        let found = timeout(self.limits.stall, lookup)
            .await
            .map_err(|_| self.too_slow(self.limits.stall))?
            .map_err(|error| self.unreachable("find", error))?;
        let allowed = |address: &IpAddr| self.machine_hosts || !is_machine_address(*address);
        let found: Vec<IpAddr> =
            found.map(|at: SocketAddr| at.ip()).filter(allowed).take(MOST_ADDRESSES).collect();
        if found.is_empty() {
            let why = "the host is this machine or its link; allow it in the settings if that is meant";
            return Err(self.unreachable("find", why));
        }
        Ok(found)
    }

    /// One call of the program, which has ended when this returns.
    async fn connect(
        &self,
        address: IpAddr,
        branches: &[String],
        known: &[Oid],
        odb: &Odb<'_>,
    ) -> Result<(Heads, u64), FetchError> {
        let mut child = self
            .command(address)?
            .spawn()
            .map_err(|error| self.unreachable("run the program `ssh` for", error))?;
        let talk = child.stderr.take().map(|stderr| tokio::spawn(keep_last(stderr)));
        let whole = self.limits.total;
        let mut pipes = Pipes::of(&mut child, self)?;
        let done = timeout(whole, pipes.exchange(branches, known, odb)).await;
        drop(pipes);
        let ended = end(&mut child).await;
        let said = match talk {
            Some(talk) => timeout(END, talk).await.ok().and_then(Result::ok).unwrap_or_default(),
            None => Vec::new(),
        };
        match done {
            Err(_) => Err(self.too_slow(whole)),
            Ok(Ok(found)) => Ok(found),
            // Cut off by the program: what it said is the reason.
            Ok(Err(Broken::Cut(error))) => Err(self.explain(ended, &said).unwrap_or(error)),
            Ok(Err(Broken::Other(error))) => Err(error),
        }
    }

    fn command(&self, address: IpAddr) -> Result<Command, FetchError> {
        let key = self.path(&self.options.key)?;
        let known_hosts = self.path(&self.options.known_hosts)?;
        let SshAddress { user, host, port, path } = self.address;
        // As it stands in a file of known hosts.
        let alias = if *port == SSH_PORT { host.clone() } else { format!("[{host}]:{port}") };
        let seconds = self.limits.stall.as_secs().max(1);
        let mut command = Command::new(&self.options.program);
        // Nothing of the user's own configuration, and none of the machine's.
        command.args(["-F", "none", "-T", "-x", "-a"]);
        for option in [
            "BatchMode=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            format!("UserKnownHostsFile=\"{known_hosts}\""),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            format!("HostKeyAlias={alias}"),
            "CheckHostIP=no".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "VerifyHostKeyDNS=no".to_owned(),
            format!("IdentityFile=\"{key}\""),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            "ForwardAgent=no".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "PermitLocalCommand=no".to_owned(),
            "ControlMaster=no".to_owned(),
            "ControlPath=none".to_owned(),
            "LogLevel=ERROR".to_owned(),
            format!("ConnectTimeout={seconds}"),
        ] {
            command.args(["-o", &option]);
        }
        command.args(["-p", &port.to_string()]);
        if let Some(user) = user {
            command.args(["-l", user]);
        }
        command.arg("--").arg(address.to_string()).arg(format!("git-upload-pack '{path}'"));
        // No agent, no prompt, no language but the one that is understood here.
        command.env_clear().env("LC_ALL", "C");
        if let Some(search) = std::env::var_os("PATH") {
            command.env("PATH", search);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Ok(command)
    }

    /// A path as the program's options take it: absolute, since a leading `~` has a meaning, and
    /// without what they would expand.
    fn path(&self, path: &Path) -> Result<String, FetchError> {
        let path = std::path::absolute(path).map_err(|error| self.unreachable("find the key for", error))?;
        let text = path.to_str().filter(|text| !text.contains(['"', '\\', '$', '\n']));
        let Some(text) = text else {
            let needs = "a key and known hosts whose paths have no quote, `\\` or `$`".to_owned();
            return Err(FetchError::Unready { remote: self.remote.to_owned(), needs });
        };
        if let Err(source) = std::fs::File::open(&path) {
            let path = text.to_owned();
            return Err(FetchError::Credentials { path, source: source.into() });
        }
        Ok(text.replace('%', "%%"))
    }

    /// What a program that ended early was about; nothing if it said nothing.
    fn explain(&self, ended: Option<ExitStatus>, said: &[u8]) -> Option<FetchError> {
        let text = String::from_utf8_lossy(said);
        let last = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        let why = said_text(last.as_bytes());
        let remote = self.remote.to_owned();
        if text.contains("Host key verification failed") || text.contains("host key is known for") {
            return Some(FetchError::HostKey { remote, why });
        }
        if text.contains("Permission denied") {
            return Some(FetchError::Denied { remote, why });
        }
        // The program's own failures end with 255, those of the command over there with its code.
        match ended.and_then(|status| status.code()) {
            Some(255) => Some(self.unreachable("reach", why)),
            _ => Some(FetchError::Protocol { remote, what: why }),
        }
    }

    fn too_slow(&self, within: Duration) -> FetchError {
        FetchError::TooSlow { remote: self.remote.to_owned(), within }
    }

    fn unreachable(&self, attempted: &'static str, error: impl Into<crate::port::Cause>) -> FetchError {
        FetchError::Unreachable { attempted, remote: self.remote.to_owned(), source: error.into() }
    }
}

/// Whether another address of the host may do better.
fn is_connection(error: &FetchError) -> bool {
    matches!(error, FetchError::Unreachable { attempted: "reach", .. })
}

/// Why an exchange ended.
enum Broken {
    /// The program closed its side.
    Cut(FetchError),
    /// Something that the program's words don't explain.
    Other(FetchError),
}

impl From<FetchError> for Broken {
    fn from(error: FetchError) -> Self {
        Broken::Other(error)
    }
}

/// Both directions of a running program.
struct Pipes<'a> {
    session: &'a Session<'a>,
    to: ChildStdin,
    from: ChildStdout,
    buffer: Vec<u8>,
}

impl<'a> Pipes<'a> {
    fn of(child: &mut Child, session: &'a Session<'a>) -> Result<Self, FetchError> {
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(session.unreachable("talk to", "the program has no pipes"));
        };
        Ok(Self { session, to, from, buffer: vec![0; READ_BYTES] })
    }

    async fn exchange(
        &mut self,
        branches: &[String],
        known: &[Oid],
        odb: &Odb<'_>,
    ) -> Result<(Heads, u64), Broken> {
        let session = self.session;
        let mut references = Advertisement::new(session.remote, branches, &session.limits, 1);
        let mut pace = Pace::new(&session.limits);
        loop {
            let count = self.read(&mut pace).await?;
            if count == 0 {
                return Err(Broken::Cut(references.finish().err().unwrap_or_else(|| self.lost())));
            }
            if references.take(&self.buffer[..count])? {
                break;
            }
        }
        let heads = references.finish()?;
        if heads.values().all(|id| known.contains(id)) {
            // A polite end; that it was heard matters to nobody.
            let _ = self.to.write_all(FLUSH.as_bytes()).await;
            return Ok((heads, 0));
        }
        let request = wanted(&heads, known);
        let stall = session.limits.stall;
        timeout(stall, self.to.write_all(request.as_bytes()))
            .await
            .map_err(|_| session.too_slow(stall))?
            .map_err(|error| Broken::Cut(session.unreachable("write to", error)))?;
        let mut answer = PackAnswer::new(odb, session.limits, session.remote)?;
        let mut pace = Pace::new(&session.limits);
        loop {
            let count = self.read(&mut pace).await?;
            if count == 0 {
                return Err(Broken::Cut(answer.finish().err().unwrap_or_else(|| self.lost())));
            }
            if answer.take(&self.buffer[..count])? {
                break;
            }
        }
        Ok((heads, answer.finish()?))
    }

    /// Reads some bytes; none = the end.
    async fn read(&mut self, pace: &mut Pace) -> Result<usize, Broken> {
        let session = self.session;
        let count = timeout_at(pace.deadline(), self.from.read(&mut self.buffer))
            .await
            .map_err(|_| session.too_slow(session.limits.stall))?
            .map_err(|error| Broken::Cut(session.unreachable("read from", error)))?;
        pace.came(count);
        Ok(count)
    }

    fn lost(&self) -> FetchError {
        self.session.unreachable("read from", "the connection ended")
    }
}

/// Waits for the end of the program, and makes it where it does not come.
async fn end(child: &mut Child) -> Option<ExitStatus> {
    match timeout(END, child.wait()).await {
        Ok(ended) => ended.ok(),
        Err(_) => {
            let _ = child.kill().await;
            None
        }
    }
}

/// The last of what the program says.
async fn keep_last(mut stderr: ChildStderr) -> Vec<u8> {
    let (mut said, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        said.extend_from_slice(&buffer[..count]);
        if said.len() > TALK_BYTES {
            said.drain(..said.len() - TALK_BYTES);
        }
    }
    said
}
