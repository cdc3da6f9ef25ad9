use std::error::Error;
use std::time::{Duration, Instant};

use super::server::{Manner, Server};
use super::*;
use crate::port::{FetchError, HeadChange, Repository, RepositoryError};

const CANARY: &str = "canary-d41d8cd9";

fn main_branch() -> Vec<String> {
    vec!["main".to_owned()]
}

fn quick() -> FetchLimits {
    FetchLimits { stall: Duration::from_millis(300), ..FetchLimits::default() }
}

fn http_store(fixture: &Fixture, server: &Server, fetch: FetchLimits) -> Store {
    let credentials = fixture.folder.path().join("credentials");
    std::fs::write(&credentials, format!("username=ci\npassword={CANARY}\n")).unwrap();
    let policy = UrlPolicy { machine_hosts: true, plain_http: true, local_paths: false };
    let url = RepositoryUrl::parse(&format!("http://{}/fleet.git", server.address), policy).unwrap();
    let options = StoreOptions { credentials: Some(credentials), fetch, ..StoreOptions::default() };
    Store::open(&fixture.store_path(), url, options).unwrap()
}

/// All that an error says, with its causes and its `Debug` form.
fn told(error: &FetchError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(next) = cause {
        text += &format!(" {next} {next:?}");
        cause = next.source();
    }
    text
}

/// A store with one good fetch behind it, then a fetch from a server of this manner: it must fail as
/// expected, leave the head and say nothing of the credentials.
fn check_fails(manner: Manner, limits: FetchLimits, expected: fn(&FetchError) -> bool) {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1")]);
    let honest = Server::start(&fixture.path(), Manner::Honest);
    let store = http_store(&fixture, &honest, FetchLimits::default());
    store.fetch(&main_branch()).unwrap();
    fixture.commit(&[("sluice.yaml", "2"), ("platform/a.yaml", &"long ".repeat(2_000))]);
    drop(store);

    let server = Server::start(&fixture.path(), manner);
    let store = http_store(&fixture, &server, limits);
    let error = store.fetch(&main_branch()).unwrap_err();
    assert!(expected(&error), "{error:?}");
    assert!(!told(&error).contains(CANARY), "{}", told(&error));
    assert_eq!(store.head("main").unwrap(), first, "a failed fetch moves no head");
    assert!(store.read_tree(&first).is_ok());
    drop(store);

    let store = http_store(&fixture, &honest, FetchLimits::default());
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, ["main"], "the next fetch makes good");
}

#[test]
fn a_local_repository_is_fetched_and_its_head_followed() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1")]);
    let store = fixture.store(StoreOptions::default());
    let outcome = store.fetch(&main_branch()).unwrap();
    assert_eq!((outcome.moved, outcome.missing), (main_branch(), vec![]));
    assert!(outcome.received_bytes > 0);
    assert_eq!(store.head_change("main", &first).unwrap(), HeadChange::Same);
    assert_eq!(store.fetch(&main_branch()).unwrap(), crate::port::FetchOutcome::default());

    let second = fixture.commit(&[("sluice.yaml", "2")]);
    store.fetch(&main_branch()).unwrap();
    assert_eq!(store.head_change("main", &first).unwrap(), HeadChange::FastForward(second.clone()));
    assert_eq!(store.read_tree(&second).unwrap().tree.bytes("sluice.yaml"), Some(&b"2"[..]));
}

#[test]
fn f09_rewritten_history_is_told_as_such() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1")]);
    let second = fixture.commit(&[("sluice.yaml", "2")]);
    let store = fixture.store(StoreOptions::default());
    store.fetch(&main_branch()).unwrap();
    let unrelated = fixture.raw_commit(&[Raw::File(b"sluice.yaml", b"3")]);
    for head in [&first, &unrelated] {
        let id = Oid::from_str(head.as_str()).unwrap();
        fixture.git().reference("refs/heads/main", id, true, "force").unwrap();
        store.fetch(&main_branch()).unwrap();
        assert_eq!(store.head_change("main", &second).unwrap(), HeadChange::Diverged(head.clone()));
    }
    let never_seen = CommitId::new("1".repeat(40)).unwrap();
    assert_eq!(store.head_change("main", &never_seen).unwrap(), HeadChange::Diverged(unrelated));
}

#[test]
fn f10_a_branch_that_is_gone_is_missing_and_not_empty() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1")]);
    let server = Server::start(&fixture.path(), Manner::Honest);
    for store in [fixture.store(StoreOptions::default()), http_store(&fixture, &server, quick())] {
        fixture.git().reference("refs/heads/main", Oid::from_str(first.as_str()).unwrap(), true, "").unwrap();
        store.fetch(&main_branch()).unwrap();
        fixture.git().find_reference("refs/heads/main").unwrap().delete().unwrap();
        assert_eq!(store.fetch(&main_branch()).unwrap().missing, ["main"]);
        assert_eq!(store.head_change("main", &first).unwrap(), HeadChange::Gone);
        let error = store.head("main").unwrap_err();
        assert!(matches!(error, RepositoryError::SourceMissing { .. }), "{error:?}");
        assert!(store.read_tree(&first).is_ok(), "what was accepted can still be read");
    }
}

#[test]
fn a_server_is_asked_only_for_what_is_new() {
    let fixture = Fixture::new();
    fixture.commit(&[("sluice.yaml", "1"), ("platform/a.yaml", &"content ".repeat(3_000))]);
    let server = Server::start(&fixture.path(), Manner::Honest);
    let store = http_store(&fixture, &server, quick());
    store.fetch(&main_branch()).unwrap();
    let second = fixture.commit(&[("sluice.yaml", "2")]);
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, ["main"]);
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, Vec::<String>::new());
    assert_eq!(store.read_tree(&second).unwrap().tree.files.len(), 2);
    let requests = server.requests();
    let posts = requests.iter().filter(|head| head.starts_with("POST /fleet.git/git-upload-pack ")).count();
    assert_eq!((requests.len(), posts), (5, 2), "three looks, two packs");
    assert!(requests.iter().all(|head| head.contains("authorization: Basic ")));
}

#[test]
fn a_real_git_server_is_understood() {
    if std::process::Command::new("git").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI must have git");
        eprintln!("left out: no git program here");
        return;
    }
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1"), ("platform/a.yaml", &"content ".repeat(3_000))]);
    let server = Server::start(&fixture.path(), Manner::RealGit);
    let store = http_store(&fixture, &server, FetchLimits::default());
    store.fetch(&main_branch()).unwrap();
    let second = fixture.commit(&[("sluice.yaml", "2")]);
    assert_eq!(store.fetch(&main_branch()).unwrap().moved, ["main"]);
    assert_eq!(store.read_tree(&second).unwrap().tree.bytes("sluice.yaml"), Some(&b"2"[..]));

    // Back to an older commit: the server has nothing to send, and says so with an empty pack.
    fixture.git().reference("refs/heads/main", Oid::from_str(first.as_str()).unwrap(), true, "").unwrap();
    store.fetch(&main_branch()).unwrap();
    assert_eq!(store.head_change("main", &second).unwrap(), HeadChange::Diverged(first));
}

#[test]
fn https_is_spoken_with_servers_whose_certificate_is_trusted_and_no_others() {
    let fixture = Fixture::new();
    let commit = fixture.commit(&[("sluice.yaml", "1")]);
    let server = Server::start_tls(&fixture.path(), Manner::Honest);
    let policy = UrlPolicy { machine_hosts: true, ..UrlPolicy::default() };
    let url = RepositoryUrl::parse(&format!("https://{}/fleet.git", server.address), policy).unwrap();
    let distrusting = Store::open(&fixture.store_path(), url.clone(), StoreOptions::default()).unwrap();
    let error = distrusting.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error:?}");
    assert_eq!(server.requests(), Vec::<String>::new(), "no request, so no credential, before trust");

    let certificates = fixture.folder.path().join("certificates.pem");
    std::fs::write(&certificates, include_bytes!("tls/certificate.pem")).unwrap();
    let options = StoreOptions { certificates: Some(certificates), ..StoreOptions::default() };
    let store = Store::open(&fixture.store_path(), url, options).unwrap();
    store.fetch(&main_branch()).unwrap();
    assert_eq!(store.head("main").unwrap(), commit);
}

#[test]
fn f11_a_damaged_pack_counts_for_nothing() {
    let damaged = |error: &FetchError| matches!(error, FetchError::Damaged { .. });
    check_fails(Manner::Pack(|pack| pack.truncate(pack.len() - 25)), quick(), damaged);
    check_fails(Manner::Pack(|pack| pack.truncate(7)), quick(), damaged);
    check_fails(Manner::Pack(|pack| pack.clear()), quick(), damaged);
    check_fails(Manner::Pack(|pack| pack[20] ^= 0x40), quick(), damaged);
    check_fails(Manner::Gap, quick(), damaged);
    check_fails(Manner::Pack(|pack| *pack.last_mut().unwrap() ^= 1), quick(), damaged);
}

#[test]
fn f11_a_list_of_references_cut_off_deletes_no_branch() {
    check_fails(Manner::CutList, quick(), |error| matches!(error, FetchError::Protocol { .. }));
}

#[test]
fn f12_silence_and_trickle_end_at_the_deadline() {
    for manner in [Manner::Silent, Manner::Trickle] {
        let begun = Instant::now();
        check_fails(manner, quick(), |error| matches!(error, FetchError::TooSlow { .. }));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn f13_too_much_is_refused_before_it_is_taken() {
    let objects = FetchLimits { objects: 2, ..quick() };
    check_fails(Manner::Honest, objects, |e| matches!(e, FetchError::TooBig { what: "objects", .. }));
    let bytes = FetchLimits { bytes: 100, ..quick() };
    check_fails(Manner::Honest, bytes, |e| matches!(e, FetchError::TooBig { what: "bytes", .. }));
    let references = FetchLimits { references: 10, ..quick() };
    let many = Manner::ManyReferences(20);
    check_fails(many, references, |e| matches!(e, FetchError::TooBig { what: "references", .. }));
}

#[test]
fn f08_a_redirect_is_never_followed() {
    let other = Server::start(std::path::Path::new("/"), Manner::Status(200));
    let fixture = Fixture::new();
    let server = Server::start(&fixture.path(), Manner::Redirect(other.address));
    let error = http_store(&fixture, &server, quick()).fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Redirected { ref host, .. } if host == "127.0.0.1"), "{error:?}");
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[test]
fn f39_a_refusal_says_nothing_of_the_credentials() {
    for status in [401, 403] {
        check_fails(Manner::Status(status), quick(), |error| matches!(error, FetchError::Denied { .. }));
    }
    for status in [404, 500] {
        check_fails(Manner::Status(status), quick(), |error| matches!(error, FetchError::Protocol { .. }));
    }
}

#[test]
fn a_damaged_local_repository_moves_no_head() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1")]);
    let store = fixture.store(StoreOptions::default());
    store.fetch(&main_branch()).unwrap();
    let second = fixture.commit(&[("sluice.yaml", "2")]);
    let git = fixture.git();
    let blob = git.find_commit(Oid::from_str(second.as_str()).unwrap()).unwrap();
    let blob = blob.tree().unwrap().get_name("sluice.yaml").unwrap().id().to_string();
    fixture.break_objects(&blob, |bytes| bytes.truncate(3));
    let error = store.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Damaged { .. }), "{error:?}");
    assert_eq!(store.head("main").unwrap(), first);
}

#[test]
fn nothing_lies_where_a_repository_should_be() {
    let fixture = Fixture::new();
    let store = fixture.store(StoreOptions::default());
    std::fs::remove_dir_all(fixture.path()).unwrap();
    let error = store.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error:?}");
}
