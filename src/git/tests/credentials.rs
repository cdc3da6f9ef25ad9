//! Credentials: read anew, for one host, and never to be seen.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use tracing_subscriber::fmt::MakeWriter;

use super::server::{Manner, Server};
use super::*;
use crate::port::{FetchError, Repository, Sources};

const CANARY: &str = "canary-98f0a1";

fn main_branch() -> Vec<String> {
    vec!["main".to_owned()]
}

fn lax() -> UrlPolicy {
    UrlPolicy { machine_hosts: true, plain_http: true, local_paths: false }
}

fn store(fixture: &Fixture, server: &Server, tenant_credentials: bool) -> Store {
    let url = RepositoryUrl::parse(&format!("http://{}/fleet.git", server.address), lax()).unwrap();
    let credentials = Some(fixture.folder.path().join("credentials"));
    let options = StoreOptions { credentials, tenant_credentials, ..StoreOptions::default() };
    Store::open(&fixture.store_path(), url, options).unwrap()
}

fn write(fixture: &Fixture, text: &str) {
    std::fs::write(fixture.folder.path().join("credentials"), text).unwrap();
}

/// What a request was sent with.
fn sent(server: &Server) -> Option<String> {
    let requests = server.requests();
    let line = requests.last()?.lines().find(|line| line.to_lowercase().starts_with("authorization: basic "));
    let text = line?.split(' ').nth(2)?.trim().to_owned();
    Some(String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap())
}

#[test]
fn a_token_that_is_replaced_is_used_at_the_next_fetch() {
    let fixture = Fixture::new();
    fixture.commit(&[("sluice.yaml", "1")]);
    let server = Server::start(&fixture.path(), Manner::Honest);
    let store = store(&fixture, &server, false);
    for token in ["first", "second"] {
        write(&fixture, &format!("token={token}\n"));
        store.fetch(&main_branch()).unwrap();
        assert_eq!(sent(&server), Some(format!("x-access-token:{token}")));
    }
    std::fs::remove_file(fixture.folder.path().join("credentials")).unwrap();
    let error = store.fetch(&main_branch()).unwrap_err();
    assert!(matches!(error, FetchError::Credentials { .. }), "{error:?}");
}

#[test]
fn a_tenants_credentials_go_to_the_host_that_they_name_alone() {
    let fixture = Fixture::new();
    fixture.commit(&[("sluice.yaml", "1")]);
    let server = Server::start(&fixture.path(), Manner::Honest);
    let of_tenant = store(&fixture, &server, true);
    of_tenant.fetch(&main_branch()).unwrap();
    assert_eq!(sent(&server), None, "what needs none works without");
    for text in [format!("token={CANARY}"), format!("token={CANARY}\nhost=git.acme.example")] {
        write(&fixture, &text);
        let seen = server.requests().len();
        let error = of_tenant.fetch(&main_branch()).unwrap_err();
        assert!(matches!(&error, FetchError::Unready { needs, .. } if needs.contains("host=127.0.0.1")));
        assert!(!format!("{error} {error:?}").contains(CANARY));
        assert_eq!(server.requests().len(), seen, "nothing was sent");
    }
    write(&fixture, &format!("token={CANARY}\nhost=127.0.0.1"));
    of_tenant.fetch(&main_branch()).unwrap();
    assert_eq!(sent(&server), Some(format!("x-access-token:{CANARY}")));
}

#[test]
fn a_tenants_repository_is_opened_with_its_own_credentials_below_its_own_folder() {
    let fixture = Fixture::new();
    let commit = fixture.commit(&[("sluice.yaml", "1"), ("apps/web.yaml", "2"), (".github/x.yaml", "3")]);
    let server = Server::start(&fixture.path(), Manner::Honest);
    let credentials = fixture.folder.path().join("tenants");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::write(credentials.join("shop"), format!("token={CANARY}\nhost=127.0.0.1")).unwrap();
    let sources = TenantSources {
        stores: fixture.folder.path().join("sources"),
        credentials: Some(credentials),
        known_hosts: None,
        options: StoreOptions::default(),
        policy: lax(),
    };
    let url = format!("http://{}/fleet.git", server.address);
    let shop = sources.open(&"shop".parse().unwrap(), &url).unwrap();
    shop.fetch(&main_branch()).unwrap();
    assert_eq!(sent(&server), Some(format!("x-access-token:{CANARY}")));
    let read = shop.read_tree(&commit).unwrap();
    let paths: Vec<&String> = read.tree.files.keys().collect();
    assert_eq!(paths, ["tenants/shop/apps/web.yaml", "tenants/shop/sluice.yaml"]);

    let bank = sources.open(&"bank".parse().unwrap(), &url).unwrap();
    bank.fetch(&main_branch()).unwrap();
    assert_eq!(sent(&server), None, "another tenant's are not used");
    for refused in ["file:///srv/a.git", "/srv/a.git", "ext::sh -c id", "-uid"] {
        assert!(sources.open(&"bank".parse().unwrap(), refused).is_err(), "{refused}");
    }
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn f39_no_log_line_holds_a_credential_not_even_at_trace_level() {
    let fixture = Fixture::new();
    fixture.commit(&[("sluice.yaml", "1")]);
    write(&fixture, &format!("username=ci\npassword={CANARY}\n"));
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("ci:{CANARY}"));
    for manner in [Manner::Honest, Manner::Status(401), Manner::Status(500), Manner::CutList] {
        let server = Server::start(&fixture.path(), manner);
        let kept = Kept::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(kept.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let told = store(&fixture, &server, false).fetch(&main_branch());
            tracing::trace!(?told, "fetched");
        });
        assert_eq!(sent(&server), Some(format!("ci:{CANARY}")), "it was sent");
        let logged = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(logged.contains("fetched"), "what is logged is seen");
        assert!(!logged.contains(CANARY) && !logged.contains(&encoded), "{logged}");
    }
}
