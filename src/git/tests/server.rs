//! A Git server on loopback, in the few lines that the protocol takes, and its ways to misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use git2::{Oid, Repository as Git};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::super::packet::{FLUSH, packet};

/// How the server behaves.
#[derive(Clone)]
pub(super) enum Manner {
    /// As it should.
    Honest,
    /// As the program `git` does.
    RealGit,
    /// The pack is changed before it is sent.
    Pack(fn(&mut Vec<u8>)),
    /// The pack is whole and lacks an object.
    Gap,
    /// Takes the request and says nothing.
    Silent,
    /// The list of references comes a byte at a time, as long as the client stays.
    Trickle,
    /// The list of references ends in the middle.
    CutList,
    /// Sends elsewhere.
    Redirect(SocketAddr),
    /// Answers with this status.
    Status(u16),
    /// Shows this many references.
    ManyReferences(usize),
}

/// A running server; its thread ends with the process.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn start(repository: &Path, manner: Manner) -> Self {
        Self::listen(repository, manner, false)
    }

    /// The same over TLS, with the certificate of the tests.
    pub(super) fn start_tls(repository: &Path, manner: Manner) -> Self {
        Self::listen(repository, manner, true)
    }

    fn listen(repository: &Path, manner: Manner, tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, repository) = (requests.clone(), repository.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, repository, manner) = (seen.clone(), repository.clone(), manner.clone());
                // A client that goes away is part of the tests.
                let stream = stream.unwrap();
                thread::spawn(move || match tls {
                    false => drop(answer(stream, &repository, &manner, &seen)),
                    true => drop(answer(encrypted(stream), &repository, &manner, &seen)),
                });
            }
        });
        Self { address, requests }
    }

    /// The heads of all requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A stream that speaks TLS as the server of the tests: a certificate and a key for 127.0.0.1 that
/// serve nothing else.
fn encrypted(stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    StreamOwned::new(ServerConnection::new(Arc::new(config)).unwrap(), stream)
}

fn answer(
    stream: impl Read + Write,
    repository: &Path,
    manner: &Manner,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        seen.lock().unwrap().push(head.clone());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let list = head.starts_with("GET");
        let writer = reader.get_mut();
        match manner {
            Manner::Silent => return writer.read_to_end(&mut Vec::new()).map(drop),
            Manner::Redirect(to) => {
                let text =
                    format!("HTTP/1.1 302 Found\r\nLocation: http://{to}/x\r\nContent-Length: 0\r\n\r\n");
                writer.write_all(text.as_bytes())?;
                continue;
            }
            Manner::Status(status) => {
                write!(writer, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            }
            _ => {}
        }
        let content = match (manner, list) {
            (Manner::RealGit, _) => real_git(repository, list, &body),
            (Manner::ManyReferences(count), true) => many_references(*count),
            (_, true) => references(repository),
            (_, false) => pack(repository, &body, manner),
        };
        let kind = if list { "advertisement" } else { "result" };
        write!(
            writer,
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\nContent-Length: {}\r\n\r\n",
            if matches!(manner, Manner::CutList) { content.len() - 20 } else { content.len() }
        )?;
        match manner {
            Manner::Trickle => {
                for byte in content {
                    writer.write_all(&[byte])?;
                    thread::park_timeout(std::time::Duration::from_millis(50));
                }
            }
            Manner::CutList if list => writer.write_all(&content[..content.len() - 20])?,
            _ => writer.write_all(&content)?,
        }
        writer.flush()?;
    }
}

fn references(repository: &Path) -> Vec<u8> {
    let git = Git::open_bare(repository).unwrap();
    let mut text = packet("# service=git-upload-pack\n") + FLUSH;
    let mut capabilities = "\0side-band-64k ofs-delta";
    for reference in git.references_glob("refs/heads/*").unwrap() {
        let reference = reference.unwrap();
        let (id, name) = (reference.target().unwrap(), reference.name().unwrap());
        text += &packet(&format!("{id} {name}{capabilities}\n"));
        capabilities = "";
    }
    if !capabilities.is_empty() {
        text += &packet(&format!("{} capabilities^{{}}{capabilities}\n", Oid::ZERO_SHA1));
    }
    (text + FLUSH).into_bytes()
}

fn many_references(count: usize) -> Vec<u8> {
    let id = "1".repeat(40);
    let lines = (0..count).map(|n| packet(&format!("{id} refs/heads/b{n}\n"))).collect::<String>();
    (packet("# service=git-upload-pack\n") + FLUSH + &lines + FLUSH).into_bytes()
}

fn pack(repository: &Path, body: &[u8], manner: &Manner) -> Vec<u8> {
    let git = Git::open_bare(repository).unwrap();
    let mut walk = git.revwalk().unwrap();
    let text = String::from_utf8_lossy(body);
    for (position, word) in text.match_indices("want ").chain(text.match_indices("have ")) {
        let id = Oid::from_str(&text[position + 5..position + 45]).unwrap();
        if word == "want " { walk.push(id).unwrap() } else { walk.hide(id).unwrap() }
    }
    let mut builder = git.packbuilder().unwrap();
    if matches!(manner, Manner::Gap) {
        walk.for_each(|id| builder.insert_object(id.unwrap(), None).unwrap());
    } else {
        builder.insert_walk(&mut walk).unwrap();
    }
    let mut buffer = git2::Buf::new();
    builder.write_buf(&mut buffer).unwrap();
    let mut pack = buffer.to_vec();
    if let Manner::Pack(change) = manner {
        change(&mut pack);
    }
    let mut answer = packet("NAK\n").into_bytes();
    for piece in pack.chunks(1_000) {
        answer.extend(format!("{:04x}\x01", piece.len() + 5).as_bytes());
        answer.extend(piece);
    }
    answer.extend(FLUSH.as_bytes());
    answer
}

fn real_git(repository: &Path, list: bool, body: &[u8]) -> Vec<u8> {
    let mut command = Command::new("git");
    command.args(["upload-pack", "--stateless-rpc"]);
    if list {
        command.arg("--advertise-refs");
    }
    command.arg(repository).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_PROTOCOL");
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let mut answer = Vec::new();
    if list {
        answer.extend((packet("# service=git-upload-pack\n") + FLUSH).into_bytes());
    }
    answer.extend(output.stdout);
    answer
}
