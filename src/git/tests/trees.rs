use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::diagnostic::Code;
use crate::port::{ReadTree, Repository, RepositoryError};

/// Reads a raw tree and compares: whether all is refused, the files, what is hidden, and the codes
/// with their places.
fn check(root: &[Raw], refused: bool, files: &[&str], unread: &[&str], found: &[(Code, &str)]) -> ReadTree {
    let fixture = Fixture::new();
    let commit = fixture.raw_commit(root);
    let read = Fixture::read(&fixture, &commit, TreeLimits::default());
    assert_eq!(read.refused, refused, "{:?}", read.diagnostics);
    assert_eq!(read.tree.files.keys().map(String::as_str).collect::<Vec<_>>(), files);
    assert_eq!(read.tree.unread.iter().map(String::as_str).collect::<Vec<_>>(), unread);
    let places: Vec<_> = read.diagnostics.iter().map(|d| (d.code, d.place.path.as_str())).collect();
    assert_eq!(places, found);
    read
}

impl Fixture {
    fn read(&self, commit: &CommitId, limits: TreeLimits) -> ReadTree {
        super::super::objects::read_tree(&self.git(), commit, limits, None).unwrap()
    }
}

fn tenant(below: Vec<Raw>) -> Vec<Raw> {
    vec![Raw::File(b"sluice.yaml", b"fleet"), Raw::Folder(b"tenants", vec![Raw::Folder(b"shop", below)])]
}

#[test]
fn f01_a_forbidden_name_refuses_the_whole_commit() {
    let cases: [(&'static [u8], &str); 9] = [
        (b"..", "tenants/shop/.."),
        (b".", "tenants/shop/."),
        (b".git", "tenants/shop/.git"),
        (b".GIT ", "tenants/shop/.GIT "),
        (b"git~1", "tenants/shop/git~1"),
        (".g\u{200c}it".as_bytes(), "tenants/shop/.g\u{200c}it"),
        (b"a/b", "tenants/shop/a/b"),
        (b"a\\b", "tenants/shop/a\\b"),
        (b"a\nb", "tenants/shop/a\\nb"),
    ];
    for (name, place) in cases {
        check(&tenant(vec![Raw::File(name, b"x")]), true, &[], &[], &[(Code::S0101, place)]);
    }
    let twice = vec![Raw::File(b"a", b"1"), Raw::File(b"a", b"2")];
    check(&tenant(twice), true, &[], &[], &[(Code::S0101, "tenants/shop/a")]);
    check(&tenant(vec![Raw::File(b"\xff", b"1")]), true, &[], &[], &[(Code::S0101, "tenants/shop/\u{fffd}")]);
}

#[test]
fn f01_a_name_cut_by_a_nul_is_no_tree() {
    let fixture = Fixture::new();
    let commit = fixture.raw_commit(&tenant(vec![Raw::File(b"a\0b", b"x")]));
    let error =
        super::super::objects::read_tree(&fixture.git(), &commit, TreeLimits::default(), None).unwrap_err();
    assert!(
        matches!(error, RepositoryError::Unreadable { ref what, .. } if what == "tenants/shop"),
        "{error:?}"
    );
}

#[test]
fn f02_f03_a_link_is_refused_where_it_stands_and_never_followed() {
    for target in [&b"/etc/passwd"[..], b"../../../etc/passwd", b"../payments/app.yaml"] {
        let below = vec![Raw::File(b"app.yaml", b"good"), Raw::Link(b"link.yaml", target)];
        let read = check(
            &tenant(below),
            false,
            &["sluice.yaml", "tenants/shop/app.yaml"],
            &["tenants/shop/link.yaml"],
            &[(Code::S0102, "tenants/shop/link.yaml")],
        );
        let shown = format!("{read:?}");
        assert!(!shown.contains("passwd") && !shown.contains("payments"), "{shown}");
    }
}

#[test]
fn f04_a_link_to_itself_or_in_place_of_a_folder_is_refused() {
    let hidden = &["tenants/shop/a"][..];
    let found = &[(Code::S0102, "tenants/shop/a")][..];
    check(&tenant(vec![Raw::Link(b"a", b"a")]), false, &["sluice.yaml"], hidden, found);
    let root = vec![Raw::File(b"sluice.yaml", b"fleet"), Raw::Link(b"tenants", b"tenants")];
    check(&root, true, &[], &[], &[(Code::S0102, "tenants")]);
}

#[test]
fn f05_twins_are_both_hidden_whatever_their_order() {
    let pairs: [(&'static [u8], &'static [u8]); 2] =
        [(b"App.yaml", b"app.yaml"), ("caf\u{e9}".as_bytes(), "cafe\u{301}".as_bytes())];
    for (one, other) in pairs {
        for (first, second) in [(one, other), (other, one)] {
            let fixture = Fixture::new();
            let below = vec![Raw::File(first, b"1"), Raw::File(second, b"2"), Raw::File(b"z", b"3")];
            let read = fixture.read(&fixture.raw_commit(&tenant(below)), TreeLimits::default());
            assert_eq!(read.tree.files.keys().collect::<Vec<_>>(), ["sluice.yaml", "tenants/shop/z"]);
            assert_eq!(read.tree.unread.len(), 2);
            assert!(read.diagnostics.iter().all(|d| d.code == Code::S0105) && read.diagnostics.len() == 2);
        }
    }
    let root = vec![Raw::Folder(b"Tenants", vec![]), Raw::Folder(b"tenants", vec![])];
    check(&root, true, &[], &[], &[(Code::S0105, "tenants")]);
}

#[test]
fn f06_submodules_are_never_fetched() {
    let modules = b"[submodule \"a\"]\n\tpath = a\r\n\turl = ext::sh -c touch% /tmp/owned\n";
    let mut root = tenant(vec![Raw::File(b"app.yaml", b"good"), Raw::Submodule(b"charts")]);
    root.insert(0, Raw::File(b".gitmodules", modules));
    check(
        &root,
        false,
        &["sluice.yaml", "tenants/shop/app.yaml"],
        &["tenants/shop/charts"],
        &[(Code::S0103, "tenants/shop/charts")],
    );
}

#[test]
fn an_entry_of_an_unknown_mode_is_hidden() {
    let below = vec![Raw::Mode(b"100600", b"a"), Raw::Mode(b"100755", b"b")];
    let found = &[(Code::S0101, "tenants/shop/a")];
    check(&tenant(below), false, &["sluice.yaml", "tenants/shop/b"], &["tenants/shop/a"], found);
}

#[test]
fn only_the_used_places_are_read() {
    let root = vec![
        Raw::File(b"README.md", b"x"),
        Raw::Folder(b"docs", vec![Raw::Link(b"a", b"/")]),
        Raw::Folder(b"platform", vec![Raw::File(b"c.yaml", b"x")]),
        Raw::File(b"sluice.yaml", b"x"),
        Raw::Folder(b"templates", vec![Raw::File(b"t.yaml", b"x")]),
    ];
    check(&root, false, &["platform/c.yaml", "sluice.yaml", "templates/t.yaml"], &[], &[]);
}

#[test]
fn f13_limits_hide_a_file_or_refuse_the_whole() {
    let deep = Raw::Folder(b"a", vec![Raw::Folder(b"b", vec![Raw::File(b"c", b"x")])]);
    let cases = [
        (vec![Raw::File(b"big", b"123456789"), Raw::File(b"ok", b"12345678")], false, "tenants/shop/big"),
        (vec![deep], false, "tenants/shop/a/b"),
        (
            vec![Raw::File(b"1", b"12345678"), Raw::File(b"2", b"12345678"), Raw::File(b"3", b"12345678")],
            true,
            "tenants/shop/3",
        ),
        (
            (0..12)
                .map(|n| {
                    Raw::File(
                        [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9", b"a", b"b"][n],
                        b"",
                    )
                })
                .collect(),
            true,
            "tenants/shop",
        ),
    ];
    for (below, refused, place) in cases {
        let fixture = Fixture::new();
        let read = fixture.read(&fixture.raw_commit(&tenant(below)), small_limits());
        assert_eq!(read.refused, refused, "{place}");
        assert_eq!(read.tree.files.is_empty(), refused);
        let found: Vec<_> = read.diagnostics.iter().map(|d| (d.code, d.place.path.as_str())).collect();
        assert_eq!(found, [(Code::S0104, place)]);
    }
}

#[test]
fn f11_a_damaged_object_fails_and_is_no_empty_file() {
    let fixture = Fixture::new();
    let commit = fixture.commit(&[("sluice.yaml", "fleet"), ("platform/a.yaml", "content")]);
    let id = fixture.read(&commit, TreeLimits::default()).tree.files["platform/a.yaml"].id.clone();
    fixture.break_objects(&id, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let error =
        super::super::objects::read_tree(&fixture.git(), &commit, TreeLimits::default(), None).unwrap_err();
    assert!(
        matches!(error, RepositoryError::Unreadable { ref what, .. } if what == "platform/a.yaml"),
        "{error:?}"
    );
}

#[test]
fn a_folder_is_read_as_its_commit_is() {
    let fixture = Fixture::new();
    let files = [("sluice.yaml", "fleet"), ("tenants/shop/app.yaml", "app"), ("docs/a", "x")];
    let commit = fixture.commit(&files);
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
        fs::write(folder.path().join(path), text).unwrap();
    }
    fs::create_dir(folder.path().join(".git")).unwrap();
    let read = read_directory(folder.path(), TreeLimits::default()).unwrap();
    assert_eq!(read, fixture.read(&commit, TreeLimits::default()));

    symlink("/etc/passwd", folder.path().join("tenants/shop/link")).unwrap();
    fs::write(folder.path().join("tenants/shop/big"), "123456789").unwrap();
    let read = read_directory(folder.path(), small_limits()).unwrap();
    assert!(!read.refused);
    assert_eq!(read.tree.unread.iter().collect::<Vec<_>>(), ["tenants/shop/big", "tenants/shop/link"]);
    assert!(!format!("{read:?}").contains("root:"));
}

#[test]
fn a_commit_tells_who_made_it() {
    let fixture = Fixture::new();
    let first = fixture.commit(&[("sluice.yaml", "1")]);
    let second = fixture.commit(&[("sluice.yaml", "2")]);
    let store = fixture.store(StoreOptions::default());
    store.fetch(&["main".to_owned()]).unwrap();
    let info = store.commit(&second).unwrap();
    assert_eq!(
        (info.author.as_str(), info.email.as_str(), info.summary()),
        ("Ada", "ada@example.org", "change")
    );
    assert_eq!((info.message.as_str(), info.time.as_second()), ("change\n\nbecause", 1_000));
    assert_eq!((info.id, info.parents), (second, vec![first]));
}

#[test]
fn a_change_with_a_forbidden_path_is_not_committed() {
    let fixture = Fixture::new();
    for path in ["../a", "a/.git/b", "/a", "a//b", ""] {
        let changes = BTreeMap::from([(path.to_owned(), Some(vec![]))]);
        let error = commit_files(&fixture.path(), "main", &changes, "m", &author()).unwrap_err();
        assert!(matches!(error, WriteError::Path { .. }), "{path}: {error:?}");
    }
    let gone = BTreeMap::from([("sluice.yaml".to_owned(), None)]);
    fixture.commit(&[("sluice.yaml", "1"), ("platform/a", "2")]);
    let commit = commit_files(&fixture.path(), "main", &gone, "m", &author()).unwrap();
    let read = fixture.read(&commit, TreeLimits::default());
    assert_eq!(read.tree.files.keys().collect::<Vec<_>>(), ["platform/a"]);
}
