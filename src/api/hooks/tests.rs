use std::collections::BTreeMap;

use axum::http::Request;
use futures::FutureExt as _;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::artifact::Keys;
use crate::clock::SystemClock;
use crate::cluster::KubeConnect;
use crate::engine::{Engine, Parts};
use crate::git::{
    Poll, RepositoryUrl, Store, StoreOptions, TenantSources, UrlPolicy, Wake, create_repository,
};
use crate::ledger::MemoryLedger;
use crate::model::Timestamp;

const SECRET: &str = "canary-0123456789";
const FLEET: &str = "ssh://git@git.acme.example:2222/platform/fleet.git";

/// A clock that stands.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }
}

struct World {
    folder: TempDir,
    wake: Wake,
    router: Router,
}

/// The hooks of an engine that never runs.
fn hooks(folder: &TempDir, wake: &Wake) -> Hooks {
    let path = folder.path().join("fleet.git");
    create_repository(&path, "main").unwrap();
    let policy = UrlPolicy { local_paths: true, ..UrlPolicy::default() };
    let url = RepositoryUrl::parse(path.to_str().unwrap(), policy).unwrap();
    let store = Store::open(&folder.path().join("store.git"), url, StoreOptions::default()).unwrap();
    let engine = Engine::new(Parts {
        ledger: Arc::new(MemoryLedger::new()),
        clock: Arc::new(SystemClock),
        connect: Arc::new(KubeConnect { playground: None, kubeconfig: None }),
        keys: Arc::new(Keys::default()),
        repository: Arc::new(store),
        trunk: "main".to_owned(),
        only: None,
        sources: Arc::new(TenantSources {
            stores: folder.path().join("sources"),
            credentials: None,
            known_hosts: None,
            options: StoreOptions::default(),
            policy,
        }),
        signers: None,
        poll: Poll::new(Duration::from_secs(60), "test"),
        wake: wake.clone(),
    });
    for host in HOSTS {
        std::fs::write(folder.path().join(host), format!("{SECRET}\n")).unwrap();
    }
    let secrets = folder.path().to_owned();
    Hooks { handle: engine.handle(), fleet: FLEET.to_owned(), secrets, clock: Arc::new(Stopped) }
}

impl World {
    fn new() -> Self {
        let (folder, wake) = (TempDir::new().unwrap(), Wake::default());
        let router = hooks(&folder, &wake).routes();
        Self { folder, wake, router }
    }

    async fn post(&self, host: &str, headers: &BTreeMap<String, String>, body: Body) -> (u16, String) {
        let mut request = Request::post(format!("/hooks/{host}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let text = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(text.to_vec()).unwrap())
    }

    /// Whether somebody rang since this was last asked.
    fn rang(&self) -> bool {
        self.wake.woken().now_or_never().is_some()
    }
}

fn hmac(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The headers of a delivery as its host signs it with a secret.
fn headers(host: &str, secret: &str, body: &str) -> BTreeMap<String, String> {
    let digits = hmac(secret, body);
    let pairs: Vec<(&str, String)> = match host {
        "github" => {
            vec![("x-github-event", "push".into()), ("x-hub-signature-256", format!("sha256={digits}"))]
        }
        "gitlab" => vec![("x-gitlab-event", "Push Hook".into()), ("x-gitlab-token", secret.into())],
        "gitea" => vec![("x-gitea-event", "push".into()), ("x-gitea-signature", digits)],
        _ => vec![("x-sluice-signature", format!("sha256={digits}"))],
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A push in the shape of a host, to the repository at this path.
fn push(host: &str, path: &str) -> Value {
    let (https, ssh) =
        (format!("https://git.acme.example/{path}.git"), format!("git@git.acme.example:{path}.git"));
    let web = format!("https://git.acme.example/{path}");
    let (before, after) = ("1".repeat(40), "2".repeat(40));
    let commit = json!({"id": after, "message": "change", "url": format!("{web}/commit/{after}"),
        "author": {"name": "Ada", "email": "ada@acme.example"}, "added": [], "removed": [], "modified": ["a"]});
    match host {
        "github" => json!({"ref": "refs/heads/main", "before": before, "after": after, "forced": false,
            "repository": {"id": 7, "name": "fleet", "full_name": path, "private": true, "html_url": web,
                "clone_url": https, "ssh_url": ssh, "git_url": format!("git://git.acme.example/{path}.git"),
                "default_branch": "main"},
            "pusher": {"name": "ada", "email": "ada@acme.example"}, "sender": {"login": "ada", "id": 1},
            "commits": [commit.clone()], "head_commit": commit}),
        "gitlab" => json!({"object_kind": "push", "event_name": "push", "ref": "refs/heads/main",
            "before": before, "after": after, "checkout_sha": after, "user_id": 4, "user_name": "Ada",
            "project_id": 15, "project": {"id": 15, "name": "fleet", "web_url": web, "git_ssh_url": ssh,
                "git_http_url": https, "namespace": "Platform", "path_with_namespace": path},
            "commits": [commit], "total_commits_count": 1,
            "repository": {"name": "fleet", "url": ssh, "git_http_url": https, "git_ssh_url": ssh}}),
        "gitea" => json!({"ref": "refs/heads/main", "before": before, "after": after,
            "compare_url": format!("{web}/compare/{before}...{after}"), "commits": [commit.clone()],
            "total_commits": 1, "head_commit": commit,
            "repository": {"id": 140, "owner": {"login": "platform"}, "name": "fleet", "full_name": path,
                "html_url": web, "ssh_url": ssh, "clone_url": https, "default_branch": "main"},
            "pusher": {"id": 1, "login": "ada"}, "sender": {"id": 1, "login": "ada"}}),
        _ => json!({"repository": https, "sentAt": "2026-11-21T11:59:30Z"}),
    }
}

const HOSTS: [&str; 4] = ["github", "gitlab", "gitea", "generic"];

#[tokio::test]
async fn a_push_of_every_host_is_one_look() {
    for host in HOSTS {
        let world = World::new();
        let body = push(host, "Platform/fleet").to_string();
        let signed = headers(host, SECRET, &body);
        let (status, answer) = world.post(host, &signed, Body::from(body)).await;
        assert_eq!(status, 202, "{host}: {answer}");
        assert!(answer.contains("\"looks\":1") && world.rang(), "{host}: {answer}");
    }
}

#[tokio::test]
async fn f82_what_is_not_signed_as_agreed_is_refused_and_tells_nothing() {
    for host in HOSTS {
        let world = World::new();
        let body = push(host, "platform/fleet").to_string();
        let signed = headers(host, SECRET, &body);
        let other = headers(host, "another-secret-0123", &body);
        let mut answers = Vec::new();
        for wrong in [BTreeMap::new(), other] {
            answers.push(world.post(host, &wrong, Body::from(body.clone())).await);
        }
        if host != "gitlab" {
            let changed = body.replace("fleet", "fleet2");
            answers.push(world.post(host, &signed, Body::from(changed)).await);
            let cut: BTreeMap<_, _> =
                signed.iter().map(|(k, v)| (k.clone(), v[..v.len() - 1].to_owned())).collect();
            answers.push(world.post(host, &cut, Body::from(body.clone())).await);
        }
        std::fs::remove_file(world.folder.path().join(host)).unwrap();
        answers.push(world.post(host, &signed, Body::from(body.clone())).await);
        std::fs::write(world.folder.path().join(host), "short").unwrap();
        answers.push(world.post(host, &headers(host, "short", &body), Body::from(body.clone())).await);
        for answer in &answers {
            assert_eq!(answer, &answers[0], "{host}: every refusal looks the same");
        }
        assert_eq!(answers[0].0, 401);
        assert!(answers[0].1.contains("S0901") && !answers[0].1.contains("canary"));
        assert!(!world.rang(), "{host}");
    }
}

#[tokio::test]
async fn f82_a_delivery_counts_once() {
    for host in HOSTS {
        let world = World::new();
        let body = push(host, "platform/fleet").to_string();
        let signed = headers(host, SECRET, &body);
        assert_eq!(world.post(host, &signed, Body::from(body.clone())).await.0, 202);
        assert!(world.rang());
        assert_eq!(world.post(host, &signed, Body::from(body)).await.0, 401, "{host}");
        assert!(!world.rang());
    }
    let world = World::new();
    for sent in ["2026-11-21T11:50:00Z", "2026-11-21T12:10:00Z"] {
        let body = json!({"repository": FLEET, "sentAt": sent}).to_string();
        let signed = headers("generic", SECRET, &body);
        assert_eq!(world.post("generic", &signed, Body::from(body)).await.0, 401, "{sent}");
    }
}

#[tokio::test]
async fn a_secret_is_replaced_while_both_are_valid() {
    let world = World::new();
    let file = world.folder.path().join("github");
    let deliver = async |secret: &str, path: &str| {
        let body = push("github", path).to_string();
        world.post("github", &headers("github", secret, &body), Body::from(body)).await.0
    };
    std::fs::write(&file, format!("the-next-0123456789\n{SECRET}\n")).unwrap();
    assert_eq!(deliver(SECRET, "platform/a").await, 202);
    assert_eq!(deliver("the-next-0123456789", "platform/b").await, 202);
    std::fs::write(&file, "the-next-0123456789\n").unwrap();
    assert_eq!(deliver(SECRET, "platform/c").await, 401);
    assert_eq!(deliver("the-next-0123456789", "platform/d").await, 202);
}

#[tokio::test]
async fn f81_what_is_no_delivery_is_refused_with_a_reason() {
    let changed = |host: &str, pointer: &str, value: Value| {
        let mut body = push(host, "platform/fleet");
        *body.pointer_mut(pointer).unwrap() = value;
        body.to_string()
    };
    let cases = [
        ("github", String::new(), "no JSON"),
        ("github", "[]".to_owned(), "no JSON object"),
        ("github", "[".repeat(100_000), "no JSON"),
        ("github", changed("github", "/repository", json!([])), "`repository` is no object"),
        ("github", changed("github", "/repository", json!({})), "has none of"),
        ("github", changed("github", "/repository/clone_url", json!(7)), "`repository.clone_url` is no text"),
        ("github", changed("github", "/ref", json!({})), "`ref` is no text"),
        ("gitlab", changed("gitlab", "/project", json!("x")), "`project` is no object"),
        ("gitlab", changed("gitlab", "/project/git_http_url", json!([])), "is no text"),
        ("gitea", changed("gitea", "/repository/ssh_url", json!(false)), "is no text"),
        ("generic", changed("generic", "/repository", json!(null)), "`repository` is no text"),
        ("generic", changed("generic", "/sentAt", json!("now")), "`sentAt` is no time"),
        ("generic", json!({"repository": FLEET}).to_string(), "`sentAt` is no time"),
    ];
    let world = World::new();
    for (host, body, expected) in cases {
        let signed = headers(host, SECRET, &body);
        let (status, answer) = world.post(host, &signed, Body::from(body)).await;
        assert_eq!(status, 400, "{expected}: {answer}");
        assert!(answer.contains(expected) && answer.contains("S0902"), "{expected}: {answer}");
    }
    let body = push("github", "platform/fleet").to_string();
    let mut signed = headers("github", SECRET, &body);
    signed.remove("x-github-event");
    let (status, answer) = world.post("github", &signed, Body::from(body)).await;
    assert!(status == 400 && answer.contains("x-github-event"), "{answer}");
    assert!(!world.rang());
}

#[tokio::test]
async fn f80_a_body_without_an_end_is_cut_at_the_limit() {
    let world = World::new();
    let piece: Result<Bytes, std::io::Error> = Ok(Bytes::from(vec![b' '; 64 << 10]));
    let endless = futures::stream::repeat_with(move || match &piece {
        Ok(bytes) => Ok(bytes.clone()),
        Err(error) => Err(std::io::Error::from(error.kind())),
    });
    let (status, answer) = world.post("github", &BTreeMap::new(), Body::from_stream(endless)).await;
    assert_eq!(status, 413, "{answer}");
    assert!(answer.contains("S0903"));
}

#[tokio::test]
async fn f83_f84_many_are_one_and_others_are_nobodys_business() {
    let world = World::new();
    for number in 0..200 {
        let mut body = push("github", "platform/fleet");
        body["after"] = format!("{number:040}").into();
        let body = body.to_string();
        let signed = headers("github", SECRET, &body);
        assert_eq!(world.post("github", &signed, Body::from(body)).await.0, 202);
    }
    assert!(world.rang() && !world.rang(), "however many came, one look is due");

    let body = push("github", "eve/fleet").to_string();
    let signed = headers("github", SECRET, &body);
    let (status, answer) = world.post("github", &signed, Body::from(body)).await;
    assert!(status == 202 && answer.contains("\"looks\":0"), "{answer}");
    let ping = json!({"zen": "Keep it logically awesome.", "hook_id": 1}).to_string();
    let signed = headers("github", SECRET, &ping);
    assert_eq!(world.post("github", &signed, Body::from(ping)).await.0, 202);
    assert!(!world.rang());
    assert_eq!(world.post("bitbucket", &BTreeMap::new(), Body::empty()).await.0, 404);
    let get = Request::get("/hooks/github").body(Body::empty()).unwrap();
    assert_eq!(world.router.clone().oneshot(get).await.unwrap().status().as_u16(), 405);
}

#[test]
fn a_repository_is_one_however_it_is_reached() {
    let cases = [
        ("https://git.acme.example/platform/fleet", FLEET, true),
        ("git@git.acme.example:Platform/Fleet.git", FLEET, true),
        ("https://git.acme.example:8443/platform/fleet.git/", FLEET, true),
        ("https://git.acme.example/platform/fleet2", FLEET, false),
        ("https://git.evil.example/platform/fleet", FLEET, false),
        ("https://git.acme.example", FLEET, false),
        ("/srv/fleet.git", "/srv/fleet.git", true),
        ("/srv/fleet.git", "/srv/other.git", false),
        ("ftp://git.acme.example/platform/fleet", FLEET, false),
        ("", FLEET, false),
    ];
    for (one, other, expected) in cases {
        assert_eq!(same_repository(one, other), expected, "{one}");
    }
}

#[tokio::test]
async fn hooks_are_served_on_a_listener_of_their_own() {
    let (folder, wake, stop) = (TempDir::new().unwrap(), Wake::default(), CancellationToken::new());
    let hooks = hooks(&folder, &wake);
    let address = hooks.serve("127.0.0.1:0".parse().unwrap(), stop.clone()).await.unwrap();
    drop(rustls::crypto::ring::default_provider().install_default());
    let body = push("generic", "platform/fleet").to_string();
    let mut request = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("http://{address}/hooks/generic"));
    for (name, value) in headers("generic", SECRET, &body) {
        request = request.header(name, value);
    }
    assert_eq!(request.body(body).send().await.unwrap().status().as_u16(), 202);
    assert!(wake.woken().now_or_never().is_some());
    stop.cancel();
}
