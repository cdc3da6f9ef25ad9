use proptest::prelude::*;

use super::{Definition, Kind, parse};

const APP: &str = "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {name: web}\nspec: {image: a:1}\n";

fn read(text: &str) -> (Vec<Definition>, Vec<String>, bool) {
    let (definitions, diagnostics, readable) = parse("tenants/acme/a.yaml", text.as_bytes());
    let line = |fault: &crate::diagnostic::Diagnostic| {
        format!("{}:{} {} {}", fault.place.line, fault.place.column, fault.code, fault.message)
    };
    (definitions, diagnostics.iter().map(line).collect(), readable)
}

/// One change of a sound App, and the faults that come of it.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(APP.contains(from), "{from}");
    let (definitions, faults, readable) = read(&APP.replace(from, to));
    assert_eq!(faults, expected, "{}", crate::diagnostic::shorten(to));
    assert_eq!(definitions.is_empty(), !expected.is_empty(), "{}", crate::diagnostic::shorten(to));
    assert!(readable, "{}", crate::diagnostic::shorten(to));
}

#[test]
fn a_definition_knows_its_name_place_and_text() {
    let text =
        format!("# head\n---\n{APP}---\napiVersion: v1\nkind: ConfigMap\n---\n{}", APP.replace("web", "api"));
    let (definitions, faults, readable) = read(&text);
    assert_eq!(faults, [""; 0]);
    assert!(readable);
    let found: Vec<_> =
        definitions.iter().map(|d| (d.kind, d.name.as_str(), d.line, d.place().line)).collect();
    assert_eq!(found, [(Kind::App, "web", 3, 5), (Kind::App, "api", 11, 13)]);
    assert_eq!(definitions[0].raw, format!("---\n{APP}"));
    assert_eq!(definitions[0].spec().get("image").and_then(super::yaml::Node::as_str), Some("a:1"));
}

#[test]
fn f24_the_envelope_is_strict() {
    check("kind: App", "kind: Ap", &["2:7 S0302 there is no kind `Ap`"]);
    check("kind: App", "kind: Notifier", &["2:7 S0309 the kind `Notifier` is not supported yet"]);
    check("kind: App\n", "", &["1:1 S0303 the field `kind` is missing"]);
    check("v1alpha1", "v1", &["1:13 S0302 there is no version `sluice.dev/v1`"]);
    check("sluice.dev", "slucie.dev", &["1:13 S0302 there is no version `slucie.dev/v1alpha1`"]);
    check("spec:", "spce:", &["1:1 S0303 the field `spec` is missing", "4:1 S0301 unknown field `spce`"]);
    check("spec: {image: a:1}", "spec: []", &["4:7 S0305 a list where a mapping is wanted"]);
    check("metadata: {name: web}", "sops: {}\nmetadata: {name: web}", &["3:1 S0301 unknown field `sops`"]);
    check(
        "{name: web}",
        "{nmae: web}",
        &["3:11 S0303 the field `name` is missing", "3:12 S0301 unknown field `nmae`"],
    );
    check("{name: web}", "{name: 1.0}", &["3:18 S0305 `1.0` is an integer, where a text is wanted"]);
    check(
        "{name: web}",
        "{name: Web}",
        &[
            "3:18 S0310 `Web` is no app name: use lower-case letters, digits and `-`, beginning and ending with a letter or digit",
        ],
    );
    let secret = APP.replace("App", "Secret").replace("spec:", "sops: {}\nspec:");
    assert_eq!(read(&secret).1, [""; 0]);
}

#[test]
fn f25_one_bad_definition_does_not_refuse_its_neighbours() {
    let text = format!("{APP}---\n{}---\n{}", APP.replace("web", "WEB"), APP.replace("web", "api"));
    let (definitions, faults, readable) = read(&text);
    assert_eq!(definitions.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["web", "api"]);
    assert_eq!((faults.len(), readable), (1, true));
}

#[test]
fn f26_malformed_labels_and_annotations_are_refused() {
    check("{name: web}", "{name: web, labels: {/a: b}}", &["3:32 S0310 `/a` is no label's name"]);
    check("{name: web}", "{name: web, labels: {a/b/c: b}}", &["3:32 S0310 `a/b/c` is no label's name"]);
    check(
        "{name: web}",
        "{name: web, labels: {a: 'b c'}}",
        &["3:35 S0310 this is no label's value: at most 63 letters, digits, `-`, `_` and `.`"],
    );
    check("{name: web}", "{name: web, annotations: {'': b}}", &["3:37 S0310 `` is no annotation's name"]);
    let large = format!("{{name: web, annotations: {{a: {}}}}}", "x".repeat(300 * 1024));
    check(
        "{name: web}",
        &large,
        &["3:36 S0310 the annotations have 307201 bytes; at most 262144 are allowed"],
    );
    check("{name: web}", "{name: web, labels: {a.b/c_d: ''}, annotations: {x: ''}}", &[]);
}

#[test]
fn f27_a_value_can_not_add_a_definition() {
    let text = APP.replace("a:1", "\"a:1\\n---\\nkind: ClusterRoleBinding\"");
    assert_eq!(read(&text).0.len(), 1);
}

#[test]
fn files_of_others_are_no_concern() {
    for text in ["{{ template }}: [", "a: 1\na: 2", "\u{0}", "just text", ""] {
        assert_eq!(read(text), (Vec::new(), Vec::new(), true), "{text}");
    }
    let utf16: Vec<u8> =
        std::iter::once(0xFEFF).chain(APP.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let (definitions, faults, readable) = parse("a.yaml", &utf16);
    assert_eq!((definitions.len(), faults.len(), readable), (0, 1, false));
}

#[test]
fn a_file_that_breaks_off_is_not_readable() {
    let (definitions, faults, readable) = read(&format!("{APP}---\na: [\n"));
    assert_eq!((definitions.len(), faults.len(), readable), (1, 1, false));
    let (definitions, faults, readable) = read(&APP.replace("name: web", "name: web, name: api"));
    assert_eq!((definitions.len(), faults.len(), readable), (0, 1, true));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(head in "(apiVersion: sluice.dev/v1alpha1\n)?", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        parse("a.yaml", &[head.as_bytes(), &bytes].concat());
    }

    #[test]
    fn no_change_of_a_definition_makes_it_panic(at in 0..APP.len(), with in "[\\[\\]{}:,a0\\-\n ]{0,4}") {
        let mut text = APP.to_owned();
        text.replace_range(at..(at + 2).min(APP.len()), &with);
        let (definitions, _, _) = parse("a.yaml", text.as_bytes());
        for definition in definitions {
            let mut spec = definition.spec().clone();
            super::lift(&mut spec, &definition.name, "a.yaml");
            let _ = super::typed::<super::App>(&spec, "a.yaml", "");
        }
    }
}
