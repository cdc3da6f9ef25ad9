//! What a delivery says, in the form of each Git host: which repository it is about.

use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderMap;
use serde_json::Value;

use crate::model::Timestamp;

/// How far the time of a delivery may be from ours: clocks differ, and hosts try again.
const RECENT: Duration = Duration::from_secs(300);

/// Whose form a delivery has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GitHost {
    /// GitHub.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
    /// Whatever can send JSON with an HMAC.
    Generic,
}

impl GitHost {
    /// Its name in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            GitHost::GitHub => "github",
            GitHost::GitLab => "gitlab",
            GitHost::Gitea => "gitea",
            GitHost::Generic => "generic",
        }
    }
}

impl FromStr for GitHost {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [GitHost::GitHub, GitHost::GitLab, GitHost::Gitea, GitHost::Generic];
        all.into_iter().find(|host| host.as_str() == text).ok_or(())
    }
}

/// What is used of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    /// The addresses of the repository, in every form that the host gives.
    pub(super) urls: Vec<String>,
    /// When it was sent, where the form says so.
    sent: Option<Timestamp>,
}

impl Delivery {
    /// Reads a delivery. What it says beyond is passed over, since hosts add to it.
    ///
    /// # Errors
    /// It is no JSON of that form, in words.
    pub(super) fn read(host: GitHost, headers: &HeaderMap, body: &[u8]) -> Result<Self, String> {
        let event = match host {
            GitHost::GitHub => Some("x-github-event"),
            GitHost::GitLab => Some("x-gitlab-event"),
            GitHost::Gitea => Some("x-gitea-event"),
            GitHost::Generic => None,
        };
        if let Some(name) = event.filter(|name| !headers.contains_key(*name)) {
            return Err(format!("the header `{name}` is missing"));
        }
        let value: Value = serde_json::from_slice(body).map_err(|_| "the body is no JSON".to_owned())?;
        let value = value.as_object().ok_or("the body is no JSON object")?;
        if value.get("ref").is_some_and(|reference| !reference.is_string() && !reference.is_null()) {
            return Err("`ref` is no text".to_owned());
        }
        if host == GitHost::Generic {
            let url = value.get("repository").and_then(Value::as_str).ok_or("`repository` is no text")?;
            let sent = value.get("sentAt").and_then(Value::as_str).ok_or("`sentAt` is no time")?;
            let sent =
                sent.parse().map_err(|_| "`sentAt` is no time as `2026-01-31T23:59:00Z`".to_owned())?;
            return Ok(Self { urls: vec![url.to_owned()], sent: Some(sent) });
        }
        let (field, names): (&str, &[&str]) = match host {
            GitHost::GitLab => ("project", &["git_http_url", "git_ssh_url", "web_url"]),
            _ => ("repository", &["clone_url", "ssh_url", "html_url"]),
        };
        let Some(repository) = value.get(field) else {
            // An event of an organisation or of the host itself is about no repository.
            return Ok(Self { urls: Vec::new(), sent: None });
        };
        let repository = repository.as_object().ok_or_else(|| format!("`{field}` is no object"))?;
        let mut urls = Vec::new();
        for name in names {
            match repository.get(*name) {
                Some(Value::String(url)) => urls.push(url.clone()),
                Some(Value::Null) | None => {}
                Some(_) => return Err(format!("`{field}.{name}` is no text")),
            }
        }
        if urls.is_empty() {
            return Err(format!("`{field}` has none of {}", names.join(", ")));
        }
        Ok(Self { urls, sent: None })
    }

    /// Whether it was sent just now, as far as its form says when.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        self.sent.is_none_or(|sent| now.duration_since(sent).unsigned_abs() <= RECENT)
    }
}

/// Whether two addresses mean one repository: the same host and path, however they are reached.
pub fn same_repository(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (place(one), place(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Host and path of an address, in lower case, without user, port and `.git`; none for one on disk,
/// which no Git host knows of.
fn place(url: &str) -> Option<(String, String)> {
    let lower = url.trim().to_lowercase();
    let (authority, path) = match lower.split_once("://") {
        Some(("https" | "http" | "ssh" | "git+ssh" | "ssh+git", rest)) => rest.split_once('/')?,
        Some(_) => return None,
        None => lower.split_once(':').filter(|(authority, _)| !authority.contains('/'))?,
    };
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    let host = match server.strip_prefix('[') {
        Some(v6) => v6.split_once(']')?.0,
        None => server.split(':').next().unwrap_or(server),
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    (!host.is_empty() && !path.is_empty()).then(|| (host.to_owned(), path.to_owned()))
}
