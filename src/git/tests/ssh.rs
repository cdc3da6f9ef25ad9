use std::error::Error as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::port::{FetchError, HeadChange, Repository};

/// Longer than a server on this machine takes to listen, however loaded.
const PATIENCE: Duration = Duration::from_secs(30);

fn main_branch() -> Vec<String> {
    vec!["main".to_owned()]
}

fn quick() -> FetchLimits {
    FetchLimits { stall: Duration::from_secs(4), ..FetchLimits::default() }
}

/// Whether a program is there. Under CI all of them must be.
fn has(program: &str, argument: &str) -> bool {
    let run = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if run.is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI must have {program}");
        eprintln!("left out: no program {program} here");
    }
    run.is_ok()
}

/// The stand-in for `ssh`, told to behave in this manner.
fn fake(fixture: &Fixture, manner: &str) -> SshOptions {
    let (key, known_hosts) = (fixture.folder.path().join("key 100%"), fixture.folder.path().join("known"));
    fs_write(&key, &format!("{manner}\n"));
    fs_write(&known_hosts, "");
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/src/git/tests/ssh/fake.sh").into();
    SshOptions { program, key, known_hosts }
}

fn fs_write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn ssh_store(fixture: &Fixture, address: &str, ssh: SshOptions, fetch: FetchLimits) -> Store {
    let policy = UrlPolicy { machine_hosts: true, ..UrlPolicy::default() };
    let url = RepositoryUrl::parse(address, policy).unwrap();
    let options = StoreOptions { ssh: Some(ssh), fetch, ..StoreOptions::default() };
    Store::open(&fixture.store_path(), url, options).unwrap()
}

fn fake_store(fixture: &Fixture, manner: &str, fetch: FetchLimits) -> Store {
    let address = format!("ssh://git@127.0.0.1:2222{}", fixture.path().display());
    ssh_store(fixture, &address, fake(fixture, manner), fetch)
}

#[test]
fn a_repository_is_fetched_through_the_program_ssh() {
    if !has("git", "--version") {
        return;
    }
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1"), ("platform/a.yaml", &"content ".repeat(3_000))]);
    let store = fake_store(&fixture, "honest", FetchLimits::default());
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, ["main"]);
    assert_eq!(store.fetch(&main_branch()).unwrap(), crate::port::FetchOutcome::default());
    let second = fixture.commit(&[("sluice.yaml", "2")]);
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, ["main"]);
    assert_eq!(store.head_change("main", &first).unwrap(), HeadChange::FastForward(second.clone()));
    assert_eq!(store.read_tree(&second).unwrap().tree.bytes("sluice.yaml"), Some(&b"2"[..]));
    fixture.git().find_reference("refs/heads/main").unwrap().delete().unwrap();
    assert_eq!(store.fetch(&main_branch()).unwrap().missing, ["main"]);
}

#[test]
fn the_program_is_told_everything_and_inherits_nothing() {
    if !has("git", "--version") {
        return;
    }
    let fixture = Fixture::new();
    fixture.commit(&[("sluice.yaml", "1")]);
    let options = fake(&fixture, "honest");
    let key = options.key.display().to_string();
    fake_store(&fixture, "honest", FetchLimits::default()).fetch(&main_branch()).unwrap();
    let told = std::fs::read_to_string(format!("{key}.arguments")).unwrap();
    for expected in [
        "-F\nnone\n",
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "HostKeyAlias=[127.0.0.1]:2222",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "ForwardAgent=no",
        "ClearAllForwardings=yes",
        "-p\n2222\n",
        "-l\ngit\n",
        "--\n127.0.0.1\ngit-upload-pack '/",
    ] {
        assert!(told.contains(expected), "`{expected}` is not in {told}");
    }
    let inherited = std::fs::read_to_string(format!("{key}.environment")).unwrap();
    let names: Vec<&str> =
        inherited.lines().filter_map(|line| line.split_once('=')).map(|(n, _)| n).collect();
    // The shell of the stand-in adds some of its own.
    let own = ["PATH", "LC_ALL", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(names.iter().all(|name| own.contains(name)), "{names:?}");
}

#[test]
fn failures_of_ssh_say_what_they_are_and_move_no_head() {
    if !has("git", "--version") {
        return;
    }
    type Expected = fn(&FetchError) -> bool;
    let cases: [(&str, Expected); 8] = [
        ("denied", |e| matches!(e, FetchError::Denied { .. })),
        ("stranger", |e| matches!(e, FetchError::HostKey { .. })),
        ("nobody", |e| matches!(e, FetchError::Unreachable { attempted: "reach", .. })),
        ("absent", |e| matches!(e, FetchError::Protocol { what, .. } if what.contains("no such repository"))),
        ("cut", |e| matches!(e, FetchError::Protocol { what, .. } if what.contains("cut off"))),
        ("half", |e| matches!(e, FetchError::Damaged { .. })),
        ("silent", |e| matches!(e, FetchError::TooSlow { .. })),
        ("trickle", |e| matches!(e, FetchError::TooSlow { .. } | FetchError::Protocol { .. })),
    ];
    for (manner, expected) in cases {
        let fixture = Fixture::new();
        let first = fixture.commit(&[("sluice.yaml", "1")]);
        fake_store(&fixture, "honest", FetchLimits::default()).fetch(&main_branch()).unwrap();
        fixture.commit(&[("sluice.yaml", "2"), ("platform/a.yaml", &noise(4_000))]);
        let begun = Instant::now();
        let store = fake_store(&fixture, manner, quick());
        let error = store.fetch(&main_branch()).unwrap_err();
        assert!(expected(&error), "{manner}: {error:?} {:?}", error.source());
        assert!(begun.elapsed() < Duration::from_secs(40), "{manner}");
        assert_eq!(store.head("main").unwrap(), first, "{manner}: a failed fetch moves no head");
        let healthy = fake_store(&fixture, "honest", FetchLimits::default());
        assert_eq!(healthy.fetch(&main_branch()).unwrap().moved, ["main"], "the next fetch makes good");
    }
}

/// Text that no compression makes small.
fn noise(length: usize) -> String {
    let mut state = 7_u32;
    let next = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + (state >> 24) as u8 % 90)
    });
    next.take(length).collect()
}

#[test]
fn a_repository_behind_ssh_needs_key_and_known_hosts_that_are_there() {
    let fixture = Fixture::new();
    let policy = UrlPolicy { machine_hosts: true, ..UrlPolicy::default() };
    let url = RepositoryUrl::parse("ssh://git@127.0.0.1/fleet.git", policy).unwrap();
    let store = Store::open(&fixture.store_path(), url, StoreOptions::default()).unwrap();
    let error = store.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Unready { .. }), "{error:?}");
    let absent = SshOptions::new(fixture.folder.path().join("absent"), fixture.folder.path().join("absent"));
    let error =
        ssh_store(&fixture, "git@127.0.0.1:fleet.git", absent, quick()).fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Credentials { .. }), "{error:?}");
}

/// A real server on loopback, ended with the value.
struct Sshd {
    process: Child,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sshd {
    fn start(folder: &Path, program: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        keygen(&folder.join("host"));
        keygen(&folder.join("user"));
        let authorized = std::fs::read_to_string(folder.join("user.pub")).unwrap();
        fs_write(&folder.join("authorized"), &authorized);
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes \
             no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin \
             prohibit-password\n",
            at("host"),
            at("authorized")
        );
        fs_write(&folder.join("sshd.conf"), &config);
        let mut command = Command::new(program);
        command.args(["-D", "-e", "-f"]).arg(folder.join("sshd.conf"));
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut server = Self { process, port };
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(server.process.try_wait().unwrap().is_none(), "sshd has ended");
            assert!(begun.elapsed() < PATIENCE, "sshd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

fn keygen(path: &Path) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path);
    assert!(command.status().unwrap().success());
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o77, 0);
}

/// The server of Debian's `openssh-server`. As root it wants a folder that only root can make.
fn sshd() -> Option<PathBuf> {
    let found =
        ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].map(PathBuf::from).into_iter().find(|at| at.exists());
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    let found = found.filter(|_| !is_root || Path::new("/run/sshd").is_dir());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "CI must have sshd");
        eprintln!("left out: no sshd that can be started here");
    }
    found
}

#[test]
fn a_real_ssh_server_is_understood_and_an_unknown_one_is_not_trusted() {
    let Some(program) = sshd() else { return };
    if !has("git", "--version") || !has("ssh", "-V") {
        return;
    }
    let fixture = Fixture::new();
    let folder = fixture.folder.path().join("ssh");
    std::fs::create_dir(&folder).unwrap();
    let server = Sshd::start(&folder, &program);
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap().trim().to_owned();
    let address = format!("ssh://{user}@127.0.0.1:{}{}", server.port, fixture.path().display());
    let known_hosts = folder.join("known_hosts");
    let options = SshOptions::new(folder.join("user"), known_hosts.clone());
    let first = fixture.commit(&[("sluice.yaml", "1"), ("platform/a.yaml", &"content ".repeat(3_000))]);

    fs_write(&known_hosts, "");
    let store = ssh_store(&fixture, &address, options.clone(), FetchLimits::default());
    let error = store.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::HostKey { .. }), "{error:?}");

    let host = std::fs::read_to_string(folder.join("host.pub")).unwrap();
    fs_write(&known_hosts, &format!("[127.0.0.1]:{} {host}", server.port));
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, ["main"], "known hosts are read anew");
    assert_eq!(store.head("main").unwrap(), first);
    fixture.commit(&[("sluice.yaml", "2")]);
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, ["main"]);

    // Another key in the same file: refused; the first one back: taken again.
    let (key, kept) = (folder.join("user"), folder.join("kept"));
    std::fs::rename(&key, &kept).unwrap();
    std::fs::remove_file(folder.join("user.pub")).unwrap();
    keygen(&key);
    // The program offers what lies beside a key as its public half.
    std::fs::remove_file(folder.join("user.pub")).unwrap();
    let error = store.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Denied { .. }), "{error:?}");
    std::fs::rename(&kept, &key).unwrap();
    store.fetch(&main_branch()).unwrap();
}
