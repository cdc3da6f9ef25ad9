//! F39: what a token of a Git host could leak through, at the most talkative level of the log.

#![expect(clippy::unwrap_used, reason = "a test that can't prepare its place has failed")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const CANARY: &str = "canary-5c0ffee5";

/// A server that answers each request with the next of these and shows the heads of the requests.
fn server(answers: &'static [&'static str]) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, requests) = channel();
    std::thread::spawn(move || {
        for (stream, answer) in listener.incoming().zip(answers.iter().cycle()) {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 8192];
            let read = stream.read(&mut head).unwrap_or_default();
            let _ = stream.write_all(answer.as_bytes());
            if tell.send(String::from_utf8_lossy(&head[..read]).into_owned()).is_err() {
                return;
            }
        }
    });
    (address, requests)
}

/// All that a run said, and all that it wrote below `folder`.
fn told(output: &Output, folder: &Path) -> String {
    let mut all = String::from_utf8_lossy(&output.stdout).into_owned();
    all += &String::from_utf8_lossy(&output.stderr);
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        for entry in std::fs::read_dir(path).into_iter().flatten().map(Result::unwrap) {
            all += &format!("\n{}\n", entry.path().display());
            match entry.file_type().unwrap().is_dir() {
                true => pending.push(entry.path()),
                false => all += &String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()),
            }
        }
    }
    all
}

fn engine(folder: &Path, repository: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.args(["run", "--log", "trace", "--listen", "off", "--allow-loopback", "--poll-interval", "1s"]);
    command.args(["--state-folder", "state", "--repository", repository]);
    command.current_dir(folder).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The token as it is and as a header holds it.
fn forms() -> [String; 2] {
    use base64::Engine as _;
    let header = base64::engine::general_purpose::STANDARD.encode(format!("ci:{CANARY}"));
    [CANARY.to_owned(), header]
}

#[test]
fn f39_a_token_in_an_address_is_refused_and_nowhere_repeated() {
    for repository in [
        format!("https://ci:{CANARY}@git.example.com/fleet.git"),
        format!("https://{CANARY}@git.example.com/fleet.git"),
        format!("https://git.example.com/fleet.git?token={CANARY}"),
        format!("ssh://ci:{CANARY}@git.example.com/fleet.git"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let output = engine(folder.path(), &repository).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let all = told(&output, folder.path());
        assert!(!all.contains(CANARY), "{all}");
    }
}

#[test]
fn f39_a_token_that_is_sent_stands_in_no_line_of_the_log() {
    is_never_told(&[
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 6\r\nConnection: close\r\n\r\nno way",
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/other\r\nConnection: close\r\n\r\n",
    ]);
}

#[test]
fn f39_an_answer_that_breaks_off_tells_nothing_of_the_token() {
    is_never_told(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 400\r\nConnection: close\r\n\r\n001e# service=git-up",
        "no HTTP at all\r\n\r\n",
        "",
    ]);
}

/// Runs the engine with a token on a server that answers each request with the next of these.
fn is_never_told(answers: &'static [&'static str]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), format!("username=ci\npassword={CANARY}\n")).unwrap();
    let (address, requests) = server(answers);
    let mut command = engine(folder.path(), &format!("http://{address}/fleet.git"));
    let child = command.args(["--credentials-file", "token"]).spawn().unwrap();
    let id = child.id().to_string();
    // Each answer fails in its own way; what was said of it must be seen.
    let waiting = std::thread::spawn(move || child.wait_with_output().unwrap());
    let [plain, header] = forms();
    let mut sent = 0;
    for _ in answers {
        let request = requests.recv_timeout(Duration::from_secs(60)).unwrap();
        sent += usize::from(request.contains(&header));
    }
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let output = waiting.join().unwrap();
    assert!(sent >= 2, "the token was sent {sent} times");
    std::fs::remove_file(folder.path().join("token")).unwrap();
    let all = told(&output, folder.path());
    assert!(
        all.contains("TRACE") && all.contains("kind=Unreachable"),
        "the log is told at this level: {all}"
    );
    for form in [plain, header] {
        let line = all.lines().find(|line| line.contains(&form));
        assert_eq!(line, None, "the token stands in the log");
    }
}
