use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{Layers, LogFormat, Origin, ProcessSettings};

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn layers(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Layers {
    let file = (!file.is_empty()).then(|| ("sluice.conf".to_owned(), file.to_owned()));
    Layers { file, environment: map(environment), flags: map(flags) }
}

fn poll(layers: &Layers) -> (u64, Origin) {
    let interval = ProcessSettings::resolve(layers).unwrap().poll_interval;
    (interval.value.as_secs(), interval.origin)
}

#[test]
fn the_nearest_word_wins_and_says_where_it_stands() {
    let (file, variable, flag) =
        ("pollInterval: 2m", [("SLUICE_POLL_INTERVAL", "3m")], [("poll-interval", "4m")]);
    let from_file = Origin::File { path: "sluice.conf".into() };
    let from_variable = Origin::Environment { variable: "SLUICE_POLL_INTERVAL".into() };
    let from_flag = Origin::Flag { flag: "--poll-interval".into() };
    assert_eq!(poll(&layers("", &[], &[])), (60, Origin::Default));
    assert_eq!(poll(&layers("# nothing\n", &[], &[])), (60, Origin::Default));
    assert_eq!(poll(&layers(file, &[], &[])), (120, from_file));
    assert_eq!(poll(&layers(file, &variable, &[])), (180, from_variable));
    assert_eq!(poll(&layers(file, &variable, &flag)), (240, from_flag));
}

#[test]
fn every_setting_is_read() {
    let file = "
repository: https://git.example.com/fleet.git
branch: trunk
credentialsFile: git.yaml
sshKeyFile: key
knownHostsFile: known_hosts
certificatesFile: ca.pem
gitTimeout: 10s
tenantCredentials: tenants
signersFile: signers
pollInterval: 30s
stateFolder: state
ageKeyFile: /keys.txt
kubeconfig: kubeconfig
socket: api.sock
listen: 0.0.0.0:8080
hooksListen: 0.0.0.0:8081
hookSecrets: hooks
allowLoopback: true
logFormat: json
log: sluice=debug
";
    let mut said = layers(file, &[], &[]);
    said.file.as_mut().unwrap().0 = "/srv/sluice.yaml".to_owned();
    let settings = ProcessSettings::resolve(&said).unwrap();
    assert_eq!(settings.repository.value.as_deref(), Some("https://git.example.com/fleet.git"));
    assert_eq!((settings.branch.value.as_str(), settings.log.value.as_str()), ("trunk", "sluice=debug"));
    assert_eq!(settings.credentials_file.value, Some(PathBuf::from("/srv/git.yaml")));
    assert_eq!(settings.ssh_key_file.value, Some(PathBuf::from("/srv/key")));
    assert_eq!(settings.known_hosts_file.value, Some(PathBuf::from("/srv/known_hosts")));
    assert_eq!(settings.certificates_file.value, Some(PathBuf::from("/srv/ca.pem")));
    assert_eq!(settings.tenant_credentials.value, Some(PathBuf::from("/srv/tenants")));
    assert_eq!(settings.signers_file.value, Some(PathBuf::from("/srv/signers")));
    assert_eq!(settings.git_timeout.value, Duration::from_secs(10));
    assert_eq!(settings.poll_interval.value, Duration::from_secs(30));
    assert_eq!(settings.age_key_file.value, Some(PathBuf::from("/keys.txt")));
    assert_eq!(settings.kubeconfig.value, Some(PathBuf::from("/srv/kubeconfig")));
    assert_eq!(settings.socket_path(), PathBuf::from("/srv/api.sock"));
    assert_eq!(settings.ledger_folder(), PathBuf::from("/srv/state/ledger"));
    assert_eq!(settings.listen.value.unwrap().to_string(), "0.0.0.0:8080");
    assert_eq!(settings.hooks_listen.value.unwrap().to_string(), "0.0.0.0:8081");
    assert_eq!(settings.hook_secrets.value, Some(PathBuf::from("/srv/hooks")));
    assert!(settings.allow_loopback.value);
    assert_eq!(settings.log_format.value, LogFormat::Json);
}

#[test]
fn defaults_keep_to_this_machine() {
    let settings = ProcessSettings::resolve(&Layers::default()).unwrap();
    assert!(settings.listen.value.unwrap().ip().is_loopback());
    assert_eq!(settings.socket_path(), PathBuf::from(".sluice/sluice.sock"));
    assert!(!settings.allow_loopback.value);
    let off = ProcessSettings::resolve(&layers("", &[], &[("listen", "off")])).unwrap();
    assert_eq!(off.listen.value, None);
    assert_eq!(settings.hooks_listen.value, None);
}

#[test]
fn variables_that_nothing_reads_are_told() {
    let environment = [("SLUICE_POLL_INTERVALL", "1m"), ("SLUICE_CONFIG", "x"), ("HOME", "/root")];
    let settings = ProcessSettings::resolve(&layers("", &environment, &[])).unwrap();
    assert_eq!(settings.unread_variables, ["SLUICE_POLL_INTERVALL"]);
}

#[test]
fn faults_are_told_all_at_once_and_repeat_no_value() {
    let file = "
pollIntervall: 1m
listen: canary-7d1f
logFormat: [canary-7d1f]
repository: https://canary-7d1f@git.example.com/fleet.git
";
    let error = ProcessSettings::resolve(&layers(
        file,
        &[("SLUICE_ALLOW_LOOPBACK", "canary-7d1f")],
        &[("poll-interval", "10ms"), ("state-folder", " "), ("nonsense", "canary-7d1f")],
    ))
    .unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    for expected in [
        "`pollIntervall` (sluice.conf): there is no such setting; did you mean `pollInterval`?",
        "`listen` (sluice.conf): expected an address",
        "`log-format` (sluice.conf): expected one value",
        "`repository` (sluice.conf): it holds credentials",
        "`allow-loopback` (SLUICE_ALLOW_LOOPBACK): expected `true` or `false`",
        "`poll-interval` (--poll-interval): expected between 1s and 24h",
        "`state-folder` (--state-folder): it is empty",
        "`nonsense` (--nonsense): there is no such setting",
    ] {
        assert!(text.contains(expected), "`{expected}` is not in {text}");
    }
    assert_eq!(error.0.len(), 8, "{text}");
}

#[test]
fn a_file_of_another_form_is_refused() {
    for text in ["- a", "canary-7d1f", "a: [", "log: info\nlog: debug"] {
        let error = ProcessSettings::resolve(&layers(text, &[], &[])).unwrap_err();
        assert_eq!(error.to_string(), "sluice.conf: it is no YAML mapping of settings", "{text}");
    }
}

#[test]
fn a_user_without_a_secret_is_no_credential() {
    for (repository, accepted) in [
        ("ssh://git@git.example.com/fleet.git", true),
        ("git@git.example.com:fleet.git", true),
        ("/srv/fleet@home", true),
        ("https://git.example.com/a@b", true),
        ("https://user:secret@git.example.com/fleet.git", false),
        ("HTTPS://token@git.example.com/fleet.git", false),
        ("ssh://user:secret@git.example.com/fleet.git", false),
    ] {
        let resolved = ProcessSettings::resolve(&layers("", &[], &[("repository", repository)]));
        assert_eq!(resolved.is_ok(), accepted, "{repository}");
    }
}
