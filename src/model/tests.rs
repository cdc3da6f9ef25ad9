use serde_json::json;

use super::*;

#[test]
fn names_are_dns_labels_within_their_limit() {
    for good in ["a", "shop", "a-1", "1a"] {
        assert!(AppName::new(good).is_ok(), "{good}");
    }
    for bad in ["", "-a", "a-", "A", "a.b", "a/b", "ä", "a\n", &"a".repeat(58)] {
        assert!(AppName::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_folder_is_told_from_a_commit() {
    let folder = CommitId::of_folder(&sha256(b"content"));
    assert!(folder.is_of_folder());
    assert_eq!(CommitId::new(folder.as_str()), Ok(folder));
    assert!(!CommitId::new("3c7e2d4d3c7e2d4d3c7e2d4d3c7e2d4d3c7e2d4d").unwrap().is_of_folder());
}

#[test]
fn pairs_are_written_with_a_slash() {
    let key: AppKey = "shop/web".parse().unwrap();
    assert_eq!(key.to_string(), "shop/web");
    assert!("shop".parse::<AppKey>().is_err());
    assert!("shop/web/x".parse::<AppKey>().is_err());
}

#[test]
fn durations_are_read_back_as_written() {
    for (text, millis) in
        [("30s", 30_000), ("5m", 300_000), ("1h30m", 5_400_000), ("250ms", 250), ("1d", 86_400_000)]
    {
        let duration = parse_duration(text).unwrap();
        assert_eq!(duration.as_millis(), millis, "{text}");
        assert_eq!(parse_duration(&format_duration(duration)).unwrap(), duration);
    }
    for bad in ["", "-1s", "1", "s", "1.5s", "NaN", "1e9h", "99999999999999999999s", "400d", "1 s"] {
        assert!(parse_duration(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn canonical_json_sorts_keys() {
    let value: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":{"d":1,"c":2}}"#).unwrap();
    assert_eq!(canonical_json(&value), br#"{"a":{"c":2,"d":1},"b":1}"#);
}

#[test]
fn a_digest_is_read_back_as_written() {
    let digest = ContentDigest::of_json(&json!({"a": 1}));
    assert_eq!(digest.to_string().parse::<ContentDigest>().unwrap(), digest);
    assert!("sha256:12".parse::<ContentDigest>().is_err());
}

#[test]
fn the_merkle_root_tells_one_leaf_from_two() {
    let leaf = sha256(b"x");
    assert_ne!(merkle_root([&leaf]), merkle_root([&leaf, &leaf]));
    assert_ne!(merkle_root([]), merkle_root([&leaf]));
}

#[test]
fn a_manifest_needs_kind_and_name() {
    let manifest = Manifest::new(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}
    }))
    .unwrap();
    assert_eq!(manifest.key().to_string(), "Deployment.apps shop/web");
    assert_eq!((manifest.group(), manifest.version()), ("apps", "v1"));
    for bad in
        [json!([]), json!({"kind": "X"}), json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": ""}})]
    {
        assert!(Manifest::new(bad).is_err());
    }
}

#[test]
fn quantities_are_written_in_their_canonical_form() {
    for (text, canonical) in [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("100m", "100m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("512", "512"),
        ("2000", "2k"),
        ("1e3", "1e3"),
        ("0", "0"),
        ("-1", "-1"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("12E", "12E"),
    ] {
        assert_eq!(text.parse::<Quantity>().unwrap().to_string(), canonical, "{text}");
    }
    assert_eq!("1000m".parse::<Quantity>().unwrap(), Quantity::from_int(1));
    for bad in ["", "GB", "1GB", "1 Gi", "1.2.3", "--1", "1e", "512MB", ".", "1e99"] {
        assert!(bad.parse::<Quantity>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_folder_of_a_tree_ends_at_its_own_name() {
    let file = FileEntry { id: "0".repeat(40), bytes: b"secret"[..].into() };
    let files =
        ["tenants/shop/app.yaml", "tenants/shop/web/app.yaml", "tenants/shopping/app.yaml", "sluice.yaml"]
            .map(|path| (path.to_owned(), file.clone()));
    let tree = SourceTree { files: files.into(), ..SourceTree::default() };
    let below: Vec<&str> = tree.below("tenants/shop").map(|(path, _)| path).collect();
    assert_eq!(below, ["tenants/shop/app.yaml", "tenants/shop/web/app.yaml"]);
    assert_eq!(tree.bytes("sluice.yaml"), Some(&b"secret"[..]));
    assert_eq!(tree.bytes("tenants"), None);
    assert!(!format!("{tree:?}").contains("secret"), "content must not show in logs");
}
