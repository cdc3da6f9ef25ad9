use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Stream {
    load(text.as_bytes(), "a.yaml", &Limits::default())
}

/// The only document of `text`.
fn value(text: &str) -> Value {
    let stream = read(text);
    assert_eq!(stream.diagnostics, [], "{text:?}");
    assert_eq!(stream.documents.len(), 1, "{text:?}");
    stream.documents[0].root.to_json()
}

/// `line:column code message` of every fault.
fn faults(bytes: &[u8]) -> Vec<String> {
    let stream = load(bytes, "a.yaml", &Limits::default());
    let faults = stream.diagnostics.iter();
    faults.map(|d| format!("{}:{} {} {}", d.place.line, d.place.column, d.code, d.message)).collect()
}

/// The only fault begins with `start`, and the time that it took is bounded: what it takes as the
/// program is shipped is a hundredth of this; tests run unoptimised, many at once.
fn refused(bytes: &[u8], start: &str) {
    let begin = Instant::now();
    let found = faults(bytes);
    assert!(begin.elapsed() < Duration::from_secs(60), "took {:?}", begin.elapsed());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with(start), "{found:?} should begin with {start:?}");
}

#[test]
fn f17_aliases_that_multiply_are_over_the_budget() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{items}]").unwrap();
    }
    refused(bomb.as_bytes(), "6:10 S0203");
    assert!(faults(bomb.as_bytes())[0].contains("S0203"));

    let mut merges = "a0: &a0 {k0: v, l0: v}\n".to_owned();
    for level in 1..40 {
        let below = level - 1;
        writeln!(merges, "a{level}: &a{level} {{k{level}: {{<<: *a{below}}}, l{level}: {{<<: *a{below}}}}}")
            .unwrap();
    }
    assert!(faults(merges.as_bytes())[0].contains("S0203"));

    let long = "x".repeat(900_000);
    let text = format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 100].join(","));
    assert!(faults(text.as_bytes())[0].contains("bytes of text"));
    refused(b"a: &a [1, *a]\n", "1:11 S0201 this alias stands inside what it repeats");
}

/// What the budget lets through at most: every node in a collection that has grown to twice what it
/// holds, all the text, and the file itself.
#[test]
fn f17_the_budget_itself_is_under_fifty_megabytes() {
    let limits = Limits::default();
    // A field counts as two: its key and its value.
    let field = std::mem::size_of::<(Key, Node)>();
    let nodes = limits.nodes / 2 * field;
    assert!(nodes + limits.text_bytes + limits.bytes < 50_000_000, "{field} bytes a field");
}

#[test]
fn f18_depth_size_and_count_are_bounded() {
    for bracket in ["[", "{", "{a: ", "- ", "? "] {
        let found = faults(bracket.repeat(100_000).as_bytes());
        assert_eq!(found.len(), 1, "{bracket}: {found:?}");
        assert!(found[0].starts_with("1:") && found[0].contains("S0203"), "{bracket}: {found:?}");
    }
    let mut deep = String::new();
    for depth in 0..2000 {
        writeln!(deep, "{}a:", " ".repeat(depth)).unwrap();
    }
    refused(deep.as_bytes(), "65:");
    refused(format!("a: {}\n", "x".repeat(2 << 20)).as_bytes(), "1:4 S0203 this value has 2097152 bytes");
    refused(&vec![b'x'; 10 << 20], "0:0 S0203 the file has 10485760 bytes");
    let mut keys = String::new();
    for key in 0..500_000 {
        writeln!(keys, "k{key}: 1").unwrap();
    }
    refused(keys.as_bytes(), "100000:9 S0203 the file has more than 200000 nodes");
    refused("---\na: 1\n".repeat(1025).as_bytes(), "2049:1 S0203 the file has more than 1024 documents");
    assert!(read(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).diagnostics.is_empty());
}

#[test]
fn f21_what_is_no_utf8_or_no_yaml_has_a_place() {
    refused(b"a: 1\nb: 2\na: 3\n", "3:1 S0202 the key `a` stands twice: first in line 1, column 1");
    refused(b"{x: {z: 1, \"z\": 2}}", "1:12 S0202 the key `z` stands twice: first in line 1, column 6");
    refused(b"a:\n\tb: 1\n", "2:");
    refused(b"\xFF\xFEa\0:\0", "0:0 S0205 the file is in UTF-16");
    refused(b"a: 1\nb: \xC3\x28\n", "2:4 S0205");
    refused(b"a: 1\0\n", "1:5 S0205 here is a NUL byte");
    refused(b"a: [1, 2\nb: 3\n", "2:");
    assert_eq!(value("\u{FEFF}a: 1\n"), json!({"a": 1}));
    let stream = read("a:\n\tb: 1\n");
    assert_eq!(stream.diagnostics[0].help.as_deref(), Some("indent with spaces"));
}

#[test]
fn f22_plain_scalars_are_what_kubernetes_makes_of_them() {
    let cases: &[(&str, Value)] = &[
        ("no", json!(false)),
        ("on", json!(true)),
        ("y", json!(true)),
        ("Off", json!(false)),
        ("yEs", json!("yEs")),
        ("~", Value::Null),
        ("0o14", json!(12)),
        ("012", json!(10)),
        ("0644", json!(420)),
        ("089", json!(89)),
        ("0b101", json!(5)),
        ("0x1F", json!(31)),
        ("-0x1F", json!(-31)),
        ("+7", json!(7)),
        ("1e3", json!(1000)),
        ("1_000", json!(1000)),
        ("_1", json!("_1")),
        ("1.0", json!(1)),
        ("-1.50", json!(-1.5)),
        (".5", json!(0.5)),
        ("1.", json!(1)),
        ("0.1", json!(0.1)),
        ("12:30:45", json!("12:30:45")),
        ("2001-12-14", json!("2001-12-14")),
        ("1.2.3", json!("1.2.3")),
        ("1e9h", json!("1e9h")),
        ("9223372036854775808", json!(9_223_372_036_854_775_808_u64)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("\"1.0\"", json!("1.0")),
        ("'on'", json!("on")),
        ("!!str 12", json!("12")),
        ("!!int 12", json!(12)),
        ("500m", json!("500m")),
        ("0x", json!("0x")),
    ];
    for (text, expected) in cases {
        assert_eq!(value(&format!("a: {text}\n")), json!({ "a": expected }), "{text}");
    }
    refused(b"a: 18446744073709551616", "1:4 S0204 the integer `18446744073709551616` does not fit");
    refused(b"a: -9223372036854775809", "1:4 S0204");
    refused(b"a: 3.14159265358979323846", "1:4 S0204 the number");
    refused(b"a: 1e400", "1:4 S0204");
    refused(b"a: -.inf", "1:4 S0204");
    refused(b"a: .NaN", "1:4 S0204");
}

#[test]
fn f22_texts_that_look_like_something_else_come_back_as_texts() {
    let looks = [
        "no",
        "on",
        "y",
        "N",
        "~",
        "null",
        "",
        "0o14",
        "012",
        "1e3",
        "1_000",
        "12:30:45",
        "0x1F",
        "1.0",
        ".5",
        ".inf",
        ".nan",
        "-1",
        "+1",
        "0b1",
        "2001-12-14",
        "<<",
        "- a",
        "a: b",
        "#a",
        " a",
        "a ",
        "a\nb",
        "\ta",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a",
        "{a",
        "[a",
        "|",
        ">",
        "'a",
        "\"a",
        "---",
        "...",
        "a\n---\nb",
        "\u{FEFF}a",
        "a\r\nb",
        "a #b",
        "?",
        "? a",
        "=",
        "89e1",
        "0.",
    ];
    for text in looks {
        let wanted = json!({ "key": text, "list": [text], text: "key" });
        let written = serde_yaml::to_string(&wanted).unwrap();
        assert_eq!(value(&written), wanted, "{written}");
    }
}

#[test]
fn f23_tags_are_refused() {
    for tag in
        ["!!binary", "!!python/object:os.system", "!local", "!!set", "!<tag:example.com,2000:x>", "!!int"]
    {
        refused(format!("a: {tag} x\n").as_bytes(), "1:");
        assert!(faults(format!("a: {tag} x\n").as_bytes())[0].contains("S0204 the tag"), "{tag}");
    }
    refused(b"a: !!omap [x]\n", "1:");
}

#[test]
fn f27_a_separator_inside_a_value_starts_no_document() {
    let text = "a: \"x\\n---\\nkind: ClusterRoleBinding\"\nb: |\n  ---\n  kind: ClusterRoleBinding\n";
    let stream = read(text);
    assert_eq!(stream.documents.len(), 1);
    assert_eq!(
        stream.documents[0].root.get("a").and_then(Node::as_str),
        Some("x\n---\nkind: ClusterRoleBinding")
    );
}

#[test]
fn merge_keys_merge_and_written_keys_stay() {
    let text = "base: &b {x: 1, v: 2}\nmore: &m {v: 3, z: 4}\nall:\n  <<: [*b, *m]\n  x: 9\n";
    assert_eq!(value(text)["all"], json!({"x": 9, "v": 2, "z": 4}));
    assert_eq!(value("a: {\"<<\": 1}")["a"], json!({"<<": 1}));
    refused(b"a: {<<: 1}", "1:9 S0201 `<<` merges");
}

#[test]
fn keys_are_texts_and_remember_what_was_written() {
    let stream = read("on: 1\n0644: 2\n8080: 3\n");
    let keys: Vec<_> = stream.documents[0].root.as_mapping().unwrap().iter().map(|(key, _)| key).collect();
    let keys: Vec<_> = keys.iter().map(|key| (key.text.as_str(), key.written.as_deref())).collect();
    assert_eq!(keys, [("true", Some("on")), ("420", Some("0644")), ("8080", None)]);
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let text = "a: 1\n---\nb: [1\n---\nc: 1\nc: 2\n---\n# nothing\n---\nd: 4\n";
    let stream = read(text);
    let trees: Vec<_> =
        stream.documents.iter().map(|document| (document.root.to_json(), document.sound)).collect();
    assert_eq!(trees, [(json!({"a": 1}), true), (json!({"c": 1}), false), (json!({"d": 4}), true)]);
    let codes: Vec<_> =
        stream.diagnostics.iter().map(|diagnostic| (diagnostic.code, diagnostic.place.line)).collect();
    assert_eq!(codes.len(), 2);
    assert_eq!(codes[1], (Code::S0202, 6));
    assert!(!stream.complete);
    assert!(read("a: 1\na: 2\n").complete);
}

#[test]
fn the_raw_text_of_a_document_is_its_own() {
    let stream = read("# first\na: 1\n---\n# second\nb: |\n  x\n--- {c: 1}\n...\n");
    let raw: Vec<_> = stream.documents.iter().map(|document| value(&document.raw)).collect();
    assert_eq!(raw, [json!({"a": 1}), json!({"b": "x\n"}), json!({"c": 1})]);
}

#[test]
fn places_are_found_by_pointer() {
    let stream = read("a:\n  - b: 1\n    c/d: 2\n");
    let root = &stream.documents[0].root;
    let place = |pointer: &str| (root.find(pointer).line, root.find(pointer).column);
    assert_eq!(place("/a/0/b"), (2, 8));
    assert_eq!(place("/a/0/c~1d"), (3, 10));
    assert_eq!(place("/a/0/missing/deep"), (2, 5));
    assert_eq!(place(""), (1, 1));
    assert_eq!(root.pointer("/a/7"), None);
}

#[test]
fn a_merge_patch_changes_the_tree_and_keeps_places() {
    let stream = read("a: {x: 1, y: 2}\nl: [1]\n---\na: {y: null, z: {q: 3, r: null}}\nl: [2, 3]\n");
    let mut tree = stream.documents[0].root.clone();
    tree.merge(&stream.documents[1].root);
    assert_eq!(tree.to_json(), json!({"a": {"x": 1, "z": {"q": 3}}, "l": [2, 3]}));
    assert_eq!((tree.find("/a/x").line, tree.find("/a/z/q").line), (1, 4));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        load(&bytes, "a.yaml", &Limits::default());
    }

    #[test]
    fn no_yaml_like_text_makes_the_reader_panic(text in "([a-c]|[-?:,\\[\\]{}#&*!|>'\"%@` \n\t]|<<: |\\*a|&a |---\n|0x|\\.|é){0,80}") {
        let stream = load(text.as_bytes(), "a.yaml", &Limits::default());
        prop_assert!(stream.documents.iter().all(|document| document.sound) || !stream.diagnostics.is_empty());
    }

    #[test]
    fn texts_come_back_as_texts(text in "\\PC{0,40}", other in any::<String>()) {
        for text in [text, other.replace('\0', "")] {
            let written = serde_yaml::to_string(&json!({ "key": text })).unwrap();
            let stream = load(written.as_bytes(), "a.yaml", &Limits::default());
            prop_assert_eq!(&stream.diagnostics, &[], "{}", written);
            let read = stream.documents[0].root.get("key").and_then(Node::as_str);
            prop_assert_eq!(read, Some(text.as_str()), "{}", written);
        }
    }
}
