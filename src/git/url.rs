//! Addresses of repositories, checked when they are loaded. A checked address never starts a
//! program, never holds a credential and never points where it may not.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use reqwest::Url;

/// The port of ssh.
pub(super) const SSH_PORT: u16 = 22;

/// What addresses are allowed beyond `https` and `ssh` to other hosts.
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
    /// Behind a login.
    Ssh(SshAddress),
}

/// A repository behind a login: every part is of characters that neither a shell nor `ssh` gives a
/// meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SshAddress {
    /// The user, if one is named.
    pub(super) user: Option<String>,
    /// A name or an address, the latter without brackets.
    pub(super) host: String,
    /// The port, 22 unless one is named.
    pub(super) port: u16,
    /// The path there; `~user/...` is below a home.
    pub(super) path: String,
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
    /// Characters that a shell or a program may take for something else.
    #[error("the {0} of the ssh URL begins with `-` or holds a character that is not allowed there")]
    SshPart(&'static str),
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
            None if is_scp_form(text) => Target::Ssh(scp_form(text, policy)?),
            None => local(Path::new(text), policy)?,
            Some(("https" | "http", _)) => Target::Http(remote(text, policy)?),
            Some(("file", rest)) => local(Path::new(file_path(rest)?), policy)?,
            Some(("ssh" | "git+ssh" | "ssh+git", rest)) => Target::Ssh(ssh(rest, policy)?),
            Some((other, _)) => return Err(UrlError::Scheme(other.to_owned())),
        };
        Ok(Self { target, machine_hosts: policy.machine_hosts })
    }

    /// The path of a repository on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        match &self.target {
            Target::Local(path) => Some(path),
            Target::Http(_) | Target::Ssh(_) => None,
        }
    }

    /// The host that is spoken to, if it is not this machine's disk.
    pub fn host(&self) -> Option<&str> {
        match &self.target {
            Target::Local(_) => None,
            Target::Http(url) => url.host_str(),
            Target::Ssh(address) => Some(&address.host),
        }
    }

    /// Whether the repository is behind a login of ssh.
    pub fn is_ssh(&self) -> bool {
        matches!(self.target, Target::Ssh(_))
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
            Target::Ssh(address) => {
                f.write_str("ssh://")?;
                address.user.as_ref().map_or(Ok(()), |user| write!(f, "{user}@"))?;
                let is_v6 = address.host.contains(':');
                if is_v6 {
                    write!(f, "[{}]", address.host)?
                } else {
                    f.write_str(&address.host)?
                }
                if address.port != SSH_PORT {
                    write!(f, ":{}", address.port)?;
                }
                let below_home = address.path.starts_with('~');
                write!(f, "{}{}", if below_home { "/" } else { "" }, address.path)
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

/// `[user@]host[:port]/path` behind `ssh:`.
fn ssh(rest: &str, policy: UrlPolicy) -> Result<SshAddress, UrlError> {
    let malformed = || UrlError::Malformed("an ssh URL is `ssh://[USER@]HOST[:PORT]/PATH`".to_owned());
    let (authority, path) =
        rest.strip_prefix("//").and_then(|rest| rest.split_once('/')).ok_or_else(malformed)?;
    let (user, server) = split_user(authority)?;
    let (host, port) = match server.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']').ok_or_else(malformed)?;
            (host, rest.strip_prefix(':'))
        }
        None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(|port| port.parse::<u16>().map_err(|_| malformed())).transpose()?;
    let below_home = path.starts_with('~');
    let path = if below_home { path.to_owned() } else { format!("/{path}") };
    ssh_address(user, host, port.unwrap_or(SSH_PORT), path, policy)
}

/// `[user@]host:path`, whose path begins at the home.
fn scp_form(text: &str, policy: UrlPolicy) -> Result<SshAddress, UrlError> {
    let (authority, path) = text.split_once(':').unwrap_or((text, ""));
    let (user, host) = split_user(authority)?;
    ssh_address(user, host, SSH_PORT, path.to_owned(), policy)
}

/// A user alone is no secret, with a password it is.
fn split_user(authority: &str) -> Result<(Option<&str>, &str), UrlError> {
    let Some((user, host)) = authority.rsplit_once('@') else { return Ok((None, authority)) };
    if user.contains(':') { Err(UrlError::Credentials) } else { Ok((Some(user), host)) }
}

fn ssh_address(
    user: Option<&str>,
    host: &str,
    port: u16,
    path: String,
    policy: UrlPolicy,
) -> Result<SshAddress, UrlError> {
    let sound = |text: &str, others: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    if user.is_some_and(|user| !sound(user, "._-+")) {
        return Err(UrlError::SshPart("user"));
    }
    if !sound(host, ".-:_") {
        return Err(UrlError::SshPart("host"));
    }
    if !sound(&path, "/._-~+@,=") {
        return Err(UrlError::SshPart("path"));
    }
    if !policy.machine_hosts && is_machine_host(&host.to_ascii_lowercase()) {
        return Err(UrlError::MachineHost(host.to_owned()));
    }
    let path = path.trim_end_matches('/').to_owned();
    if path.is_empty() {
        return Err(UrlError::SshPart("path"));
    }
    Ok(SshAddress { user: user.map(str::to_owned), host: host.to_owned(), port, path })
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
