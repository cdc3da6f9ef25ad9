//! Addresses of repositories, checked when they are loaded. A checked address never starts a
//! program, never holds a credential and never points where it may not.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use reqwest::Url;

/// What addresses are allowed beyond `https` to other hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UrlPolicy {
    /// Plain paths and `file://`.
    pub local_paths: bool,
    /// Hosts on this machine or its link, where also the metadata services of clouds are.
    pub machine_hosts: bool,
    /// `http`, which shows credentials and definitions to everyone on the way.
    pub plain_http: bool,
}

/// The checked address of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryUrl {
    pub(super) target: Target,
    pub(super) machine_hosts: bool,
}

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// On this machine.
    Local(PathBuf),
    /// Behind a server.
    Http(Url),
}

/// Why an address is refused. No message holds the address: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing there, or characters that no address has.
    #[error("the repository's URL is empty or holds a blank or control character; write it on one line")]
    Characters,
    /// It would be read as an option.
    #[error("the repository's URL begins with `-`; write `https://HOST/PATH`")]
    Option,
    /// A scheme that starts a program or that nobody knows.
    #[error("the scheme `{0}` is not allowed for a repository; write `https://HOST/PATH`")]
    Scheme(String),
    /// SSH.
    #[error("repositories over ssh are not supported yet; write `https://HOST/PATH`")]
    SshNotSupportedYet,
    /// A local path where none is allowed.
    #[error(
        "a repository on this machine is not allowed here; write `https://HOST/PATH`, or allow local paths"
    )]
    Local,
    /// `http` where it is not allowed.
    #[error("plain http is not allowed for a repository; write `https://` instead of `http://`")]
    PlainHttp,
    /// User or password in the address.
    #[error("the repository's URL holds a user or password; put them into a credentials file")]
    Credentials,
    /// A host that only this machine sees.
    #[error("the host `{0}` is this machine or its link; allow it in the settings if that is meant")]
    MachineHost(String),
    /// Not readable as a URL.
    #[error("the repository's URL can't be read: {0}; write `https://HOST/PATH`")]
    Malformed(String),
}

impl RepositoryUrl {
    /// Checks an address.
    ///
    /// # Errors
    /// It is malformed, holds a credential, or is not allowed by the policy.
    pub fn parse(text: &str, policy: UrlPolicy) -> Result<Self, UrlError> {
        if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(UrlError::Characters);
        }
        if text.starts_with('-') {
            return Err(UrlError::Option);
        }
        let target = match scheme(text) {
            None if is_scp_form(text) => return Err(UrlError::SshNotSupportedYet),
            None => local(Path::new(text), policy)?,
            Some(("https" | "http", _)) => Target::Http(remote(text, policy)?),
            Some(("file", rest)) => local(Path::new(file_path(rest)?), policy)?,
            Some(("ssh" | "git+ssh" | "ssh+git", _)) => return Err(UrlError::SshNotSupportedYet),
            Some((other, _)) => return Err(UrlError::Scheme(other.to_owned())),
        };
        Ok(Self { target, machine_hosts: policy.machine_hosts })
    }

    /// The path of a repository on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match &self.target {
            Target::Local(path) => Some(path),
            Target::Http(_) => None,
        }
    }
}

impl fmt::Display for RepositoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Local(path) => write!(f, "{}", path.display()),
            // Without the query, where some hosts take tokens.
            Target::Http(url) => {
                write!(f, "{}://{}", url.scheme(), url.host_str().unwrap_or_default())?;
                url.port().map_or(Ok(()), |port| write!(f, ":{port}"))?;
                f.write_str(url.path())
            }
        }
    }
}

/// The scheme in lower case and what follows `:`, also of Git's `helper::address` form.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (named && (rest.starts_with("//") || rest.starts_with(':'))).then_some((scheme, rest))
}

/// `user@host:path`, which Git takes for ssh: a colon before the first slash.
fn is_scp_form(text: &str) -> bool {
    text.split('/').next().is_some_and(|first| first.contains(':'))
}

fn local(path: &Path, policy: UrlPolicy) -> Result<Target, UrlError> {
    if policy.local_paths { Ok(Target::Local(path.to_owned())) } else { Err(UrlError::Local) }
}

/// The path in `file://[localhost]/PATH`.
fn file_path(rest: &str) -> Result<&str, UrlError> {
    let path = rest.trim_start_matches("//");
    let path = rest.strip_prefix("//localhost").or_else(|| rest.strip_prefix("//")).unwrap_or(path);
    if path.starts_with('/') {
        Ok(path)
    } else {
        Err(UrlError::Malformed("a file URL needs a path from the root".to_owned()))
    }
}

fn remote(text: &str, policy: UrlPolicy) -> Result<Url, UrlError> {
    let mut url = Url::parse(text).map_err(|error| UrlError::Malformed(error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    if url.scheme() == "http" && !policy.plain_http {
        return Err(UrlError::PlainHttp);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::Malformed("a query or fragment has no meaning there".to_owned()));
    }
    let host = url.host_str().unwrap_or_default();
    if !policy.machine_hosts && is_machine_host(host) {
        return Err(UrlError::MachineHost(host.to_owned()));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Whether a host, as the URL standard writes it, is this machine or its link by its mere name.
fn is_machine_host(host: &str) -> bool {
    let name = host.trim_matches(['[', ']']).trim_end_matches('.');
    if let Ok(address) = name.parse::<IpAddr>() {
        return is_machine_address(address);
    }
    name == "localhost" || name.ends_with(".localhost") || name == "metadata" || name.starts_with("metadata.")
}

/// Whether an address is this machine, its link, or a metadata service (169.254.169.254 and
/// fd00:ec2::254).
pub(super) fn is_machine_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_machine_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_machine_v4(v4),
            None => {
                v6.is_loopback()
                    || v6.is_unspecified()
                    || v6.is_unicast_link_local()
                    || v6.is_multicast()
                    || v6 == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254)
            }
        },
    }
}

fn is_machine_v4(address: Ipv4Addr) -> bool {
    address.is_loopback()
        || address.octets()[0] == 0
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
}
