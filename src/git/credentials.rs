//! User and password for a Git server, from a file. They never show in an error, a log or `Debug`.

use std::fmt;
use std::path::Path;

use base64::Engine as _;

use crate::port::FetchError;

/// The user that goes with a mere token. Git hosts look at the token alone.
const TOKEN_USER: &str = "x-access-token";

/// User and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
    /// The only host that they are for, in lower case.
    host: Option<String>,
}

/// Why credentials can't be read. No message holds what stands in the file.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file can't be read.
    #[error("the file can't be read")]
    Unreadable(#[source] std::io::Error),
    /// A line has another form.
    #[error("line {0} is none of `username=`, `password=`, `token=`, `host=`")]
    Line(usize),
    /// Neither is there.
    #[error("the file needs `token=`, or `username=` and `password=`")]
    Incomplete,
}

impl Credentials {
    /// Reads a file of `token=...`, or of `username=...` and `password=...`, a line each, and
    /// `host=...` where they are for that host alone.
    ///
    /// # Errors
    /// The file can't be read or has another form.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        Self::parse(&std::fs::read_to_string(path).map_err(CredentialsError::Unreadable)?)
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// It has another form.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let (mut user, mut password, mut token, mut host) = (None, None, None, None);
        for (index, line) in text.lines().enumerate() {
            match line.trim_end_matches('\r').split_once('=') {
                Some(("username", value)) => user = Some(value),
                Some(("password", value)) => password = Some(value),
                Some(("token", value)) => token = Some(value),
                Some(("host", value)) => host = Some(value.to_ascii_lowercase()),
                None if line.trim().is_empty() => {}
                _ => return Err(CredentialsError::Line(index + 1)),
            }
        }
        let (user, password) = match (user, password, token) {
            (user, None, Some(token)) => (user.unwrap_or(TOKEN_USER), token),
            (Some(user), Some(password), None) => (user, password),
            _ => return Err(CredentialsError::Incomplete),
        };
        Ok(Self { user: user.to_owned(), password: password.to_owned(), host })
    }

    /// Whether they may be sent to a host. Those of a tenant must say which host they are for.
    pub(super) fn is_for(&self, host: &str, of_tenant: bool) -> bool {
        match &self.host {
            Some(own) => own.eq_ignore_ascii_case(host),
            None => !of_tenant,
        }
    }

    /// The same, with the failure of a fetch.
    ///
    /// # Errors
    /// The file can't be read or has another form.
    pub(super) fn read_for_fetch(path: &Path) -> Result<Self, FetchError> {
        Self::read(path).map_err(|source| FetchError::Credentials {
            path: path.display().to_string(),
            source: source.into(),
        })
    }

    /// The value of the header, marked so that no log shows it.
    pub(super) fn header(&self) -> http::HeaderValue {
        let pair = format!("{}:{}", self.user, self.password);
        let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        #[expect(clippy::expect_used, reason = "base64 has only characters that a header takes")]
        let mut value = http::HeaderValue::from_str(&text).expect("base64 is a header's value");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}
