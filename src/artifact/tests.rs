use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Keys, Recipient, SopsError, generate_identity, open, seal, unseal};
use crate::definition::secret::{is_encrypted, sealed_marker};
use crate::model::{Manifest, Timestamp};

/// Written by SOPS 3.11.0 itself, for the key beside it, which opens nothing else.
const BY_SOPS: &str = include_str!("testdata/by-sops.yaml");
const BY_SOPS_MAC_ONLY: &str = include_str!("testdata/by-sops-mac-only-encrypted.yaml");
const KEYS: &str = include_str!("testdata/keys.txt");

/// Part of every secret value here; it must not be in anything that is printed.
const CANARY: &str = "canary-7d1f";

const PLAIN: &str = r#"
apiVersion: sluice.dev/v1alpha1
kind: Secret
metadata:
  name: db
  labels: {on: off, "yes": "no", size: 1.50}
spec:
  environments: [dev, "2024"]
  values:
    password: canary-7d1f-plain
    unicode: "canary-7d1f-ключ-🔑"
    lines: |
      canary-7d1f first
        second

      # no comment
    empty: ""
    port: 5432
    ratio: 2.50
    enabled: true
    on: canary-7d1f-on
    quoted: "0644"
"#;

fn keys_and_recipient() -> (Keys, Recipient) {
    let (identity, recipient) = generate_identity();
    (Keys::parse(std::str::from_utf8(identity.expose()).unwrap()).unwrap(), recipient)
}

fn sealed() -> (String, Keys) {
    let (keys, recipient) = keys_and_recipient();
    (seal(PLAIN, &[recipient], Timestamp::UNIX_EPOCH).unwrap(), keys)
}

fn expected() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        ("password", "canary-7d1f-plain"),
        ("unicode", "canary-7d1f-ключ-🔑"),
        ("lines", "canary-7d1f first\n  second\n\n# no comment\n"),
        ("empty", ""),
        ("port", "5432"),
        ("ratio", "2.5"),
        ("enabled", "true"),
        ("on", "canary-7d1f-on"),
        ("quoted", "0644"),
    ])
}

fn check_opens(document: &str, keys: &Keys) {
    let opened = open(document, keys).unwrap();
    let found: BTreeMap<&str, &str> = opened
        .keys()
        .map(|key| (key, std::str::from_utf8(opened.value(key).unwrap().expose()).unwrap()))
        .collect();
    assert_eq!(found, expected());
    assert!(!format!("{opened:?}").contains(CANARY));
}

/// The error and all its causes as they could be printed anywhere.
fn printed(error: &SopsError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    text
}

fn check_refused(document: &str, keys: &Keys, expected: &str) {
    let error = open(document, keys).unwrap_err();
    let text = printed(&error);
    assert!(text.contains(expected), "`{expected}` is not in `{text}`");
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn what_is_sealed_is_opened() {
    let (document, keys) = sealed();
    assert!(!document.contains(CANARY) && !document.contains("5432"), "{document}");
    assert!(document.contains("name: db"), "{document}");
    check_opens(&document, &keys);
}

#[test]
fn what_sops_wrote_is_opened() {
    let keys = Keys::parse(KEYS).unwrap();
    check_opens(BY_SOPS, &keys);
    check_opens(BY_SOPS_MAC_ONLY, &keys);
}

#[test]
fn any_of_the_recipients_opens_with_any_of_its_keys() {
    let ((first, to_first), (second, to_second)) = (keys_and_recipient(), keys_and_recipient());
    let document = seal(PLAIN, &[to_first, to_second], Timestamp::UNIX_EPOCH).unwrap();
    check_opens(&document, &first);
    check_opens(&document, &second);
    let (other, _) = generate_identity();
    let several = format!(
        "# a comment\n\n{}\n{}",
        std::str::from_utf8(other.expose()).unwrap(),
        KEYS.lines().last().unwrap()
    );
    let several = Keys::parse(&several).unwrap();
    assert_eq!((several.len(), format!("{several:?}").as_str()), (2, "Keys(2)"));
    check_opens(BY_SOPS, &several);
}

#[test]
fn without_the_key_it_stays_shut_and_says_for_whom_it_is() {
    let (document, keys) = sealed();
    let (wrong, _) = keys_and_recipient();
    check_refused(&document, &wrong, &keys.recipients()[0].to_string());
    check_refused(&document, &Keys::default(), "none of the 0 age keys");
}

/// The line of the document that begins so.
fn line<'a>(document: &'a str, start: &str) -> &'a str {
    document.lines().find(|line| line.trim_start().starts_with(start)).unwrap()
}

/// The text of a key of `spec.values`.
fn text_of(document: &str, key: &str) -> String {
    let root = super::document::load(document).unwrap();
    let field = super::document::field;
    let values = field(field(&root, "spec").unwrap(), "values").unwrap();
    field(values, key).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn every_change_is_found() {
    let (document, keys) = sealed();
    let again = seal(PLAIN, &keys.recipients(), Timestamp::UNIX_EPOCH).unwrap();
    let (password, unicode) = (line(&document, "password:"), line(&document, "unicode:"));
    let value = |line: &str| line.split_once(": ").unwrap().1.to_owned();
    let flipped = |line: &str| {
        let data = line.find("data:").unwrap() + 5;
        let other = if &line[data..=data] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &line[..data], &line[data + 1..])
    };
    let mac = line(&document, "mac:");
    let changed_lastmodified = document.replace("1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z");
    for (changed, expected) in [
        (document.replace(password, &flipped(password)), "spec.values.password"),
        (document.replace(password, &password.replace(&value(password), &value(unicode))), "Tampered"),
        (document.replace(password, line(&again, "password:")), "spec.values.password"),
        (document.replace(password, "    password: canary-7d1f"), "is not encrypted"),
        (document.replace(password, "    password: 12"), "is not encrypted"),
        (document.replace(password, "    password: [\"\"]"), "Authenticity"),
        (document.replace(password, "    password: ~"), "Authenticity"),
        (document.replace(&format!("{password}\n"), ""), "Authenticity"),
        (document.replace("password:", "secret:"), "spec.values.secret"),
        (document.replace("name: db", "name: other"), "Authenticity"),
        (document.replace("empty: ''", "empty: x").replace("empty: \"\"", "empty: x"), "is not encrypted"),
        (document.replace(mac, &flipped(mac)), "Authenticity"),
        (document.replace(mac, line(&again, "mac:")), "Authenticity"),
        (document.replace(mac, ""), "sops.mac"),
        (changed_lastmodified, "Authenticity"),
        (document.replace("encrypted_regex: ^values$", "encrypted_regex: ^nothing$"), "Authenticity"),
        (document.replace("encrypted_regex: ^values$", "encrypted_regex: '('"), "sops.encrypted_regex"),
        (document.replace("encrypted_regex", "encrypted_comment_regex"), "comments"),
        (document.replace("sops:", "soaps:"), "`sops`"),
        (PLAIN.to_owned(), "`sops`"),
        (format!("{document}\n---\na: canary-7d1f\n"), "one sound YAML document"),
        ("a: [canary-7d1f".to_owned(), "one sound YAML document"),
        ("canary-7d1f".to_owned(), "one sound YAML document"),
    ] {
        assert_ne!(changed, document, "{expected}: the case changes nothing");
        check_refused(&changed, &keys, expected);
    }
}

#[test]
fn a_document_that_names_a_rule_that_spares_its_values_is_refused() {
    // The code covers encrypted values only, of which there are none: it fits, and yet a value
    // stands in the open.
    let (keys, recipient) = keys_and_recipient();
    let nothing = "spec:\n  values: {}\n";
    let sealed = seal(nothing, &[recipient], Timestamp::UNIX_EPOCH).unwrap();
    open(&sealed, &keys).unwrap();
    let in_the_open = sealed.replace("values: {}", "values: {a: \"\"}");
    open(&in_the_open, &keys).unwrap();
    let spared = in_the_open.replace("^values$", "^none$");
    check_refused(&spared, &keys, "`spec.values.a` is not encrypted");
    check_refused(&sealed.replace("values: {}", "values: {a: ['']}"), &keys, "`spec.values.a` is no text");
}

fn rendered(document: &str) -> Manifest {
    let mut data = json!({});
    for key in expected().keys() {
        data[*key] = sealed_marker(&text_of(document, key)).into();
    }
    Manifest::new(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
        "metadata": {"name": "db-abc", "namespace": "shop"},
        "data": data, "sealed": {"document": document},
    }))
    .unwrap()
}

#[test]
fn a_rendered_secret_becomes_a_plain_one() {
    let (document, keys) = sealed();
    let mut sealed = rendered(&document);
    sealed.as_value_mut()["data"].as_object_mut().unwrap().remove("lines");
    let plain = unseal(&sealed, &keys).unwrap();
    assert_eq!(plain.at("/sealed"), None);
    assert_eq!(plain.at("/data/password"), Some(&json!("Y2FuYXJ5LTdkMWYtcGxhaW4=")));
    assert_eq!((plain.at("/data/empty"), plain.at("/data/lines")), (Some(&json!("")), None));
    assert_eq!(plain.at("/data/port"), Some(&json!("NTQzMg==")));
    for field in ["apiVersion", "kind", "type", "immutable", "metadata"] {
        assert_eq!(plain.fields()[field], sealed.fields()[field]);
    }
}

#[test]
fn a_rendered_secret_that_does_not_fit_its_document_stays_shut() {
    let (document, keys) = sealed();
    let check = |change: &dyn Fn(&mut Value), expected: &str| {
        let mut manifest = rendered(&document);
        change(manifest.as_value_mut());
        let text = printed(&unseal(&manifest, &keys).unwrap_err());
        assert!(text.contains(expected) && !text.contains(CANARY), "{text}");
    };
    check(&|object| object["data"]["other"] = json!("sealed:sha256:0"), "no value for the key `other`");
    check(&|object| object["data"]["port"] = object["data"]["ratio"].clone(), "`port`");
    check(&|object| object["data"]["port"] = json!("MTIz"), "another ciphertext for the key `port`");
    check(&|object| object["data"] = json!("x"), "NotSealed");
    check(&|object| object["sealed"] = json!({}), "NotSealed");
}

#[test]
fn sealing_refuses_what_can_not_be_sealed() {
    let (keys, recipient) = keys_and_recipient();
    let (document, _) = sealed();
    let check = |plain: &str, recipients: &[Recipient], expected: &str| {
        let text = printed(&seal(plain, recipients, Timestamp::UNIX_EPOCH).unwrap_err());
        assert!(text.contains(expected) && !text.contains(CANARY), "{text}");
    };
    check(PLAIN, &[], "no recipient");
    check(&document, &keys.recipients(), "twice");
    check("spec: {values: {a: ~}}", std::slice::from_ref(&recipient), "spec.values.a");
    check("a: 'canary-7d1f", std::slice::from_ref(&recipient), "YAML");
}

#[test]
fn key_files_and_recipients_never_come_back_in_errors() {
    let (identity, _) = generate_identity();
    let text = std::str::from_utf8(identity.expose()).unwrap();
    let broken = format!("# comment\n{text}x\n");
    let error = Keys::parse(&broken).unwrap_err();
    assert!(matches!(error, SopsError::Identity { line: 2 }));
    assert!(!printed(&error).contains("AGE-SECRET-KEY-1Q") && !printed(&error).contains(&text[20..]));
    let error = text.parse::<Recipient>().unwrap_err();
    assert!(!printed(&error).contains(&text[20..]), "{error}");
    assert_eq!(format!("{identity:?} {identity}"), "*** ***");
    let missing = Keys::read(std::path::Path::new("/nowhere/keys.txt")).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/keys.txt"), "{missing}");
}

#[test]
fn the_values_that_are_written_are_what_the_check_of_definitions_takes_for_encrypted() {
    let (document, _) = sealed();
    for key in expected().keys() {
        let text = text_of(&document, key);
        assert!(is_encrypted(&text), "{key}: {text}");
    }
}
