//! From the text of a setting to its value. Messages say what is expected and do not repeat the
//! text, which may be a secret in the wrong place.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::model::{format_duration, parse_duration};

pub fn text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

pub fn path(text: &str) -> Result<PathBuf, String> {
    self::text(text).map(PathBuf::from)
}

pub fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected `true` or `false`".to_owned()),
    }
}

pub fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let duration =
        parse_duration(text).map_err(|_| "expected a duration, for example `30s` or `5m`".to_owned())?;
    if (least..=most).contains(&duration) {
        return Ok(duration);
    }
    Err(format!("expected between {} and {}", format_duration(least), format_duration(most)))
}

/// An address to listen on, or `off`.
pub fn listener(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "off" {
        return Ok(None);
    }
    let expected = "expected an address and a port, for example `127.0.0.1:9190`, or `off`";
    text.parse().map(Some).map_err(|_| expected.to_owned())
}

/// A URL or a path, without a password: settings are shown, credentials are not.
pub fn repository(text: &str) -> Result<String, String> {
    let authority =
        text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
    let login = authority.and_then(|authority| authority.rsplit_once('@')).map(|(login, _)| login);
    // `ssh://git@host` names a user and no secret; over HTTP a user alone may be a token.
    let is_http = text.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"));
    if login.is_some_and(|login| is_http || login.contains(':')) {
        return Err("it holds credentials: put them into the file of `credentials-file`".to_owned());
    }
    self::text(text)
}
