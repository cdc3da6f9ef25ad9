//! Which names an entry of a tree may have, and which two names are one on some machine.

use unicode_normalization::UnicodeNormalization;

/// The folders and the file where definitions may stand.
pub(super) const USED_FILE: &str = "sluice.yaml";

/// The folders where definitions, and what they refer to, may stand.
pub(super) const USED_FOLDERS: [&str; 3] = ["platform", "templates", "tenants"];

/// Why a name is not allowed; nothing if it is.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("an entry without a name");
    }
    if name == "." || name == ".." {
        return Some("the name reaches out of its folder");
    }
    if name.contains(['/', '\\']) {
        return Some("the name holds a path separator");
    }
    if name.chars().any(char::is_control) {
        return Some("the name holds a control character");
    }
    is_git_folder(name).then_some("the name stands for Git's own folder")
}

/// Whether some file system takes the name for `.git`: in any case, in its short form of NTFS, with
/// trailing dots and spaces that Windows drops, with a stream, or with the code points that HFS+
/// ignores.
fn is_git_folder(name: &str) -> bool {
    let seen: String = name.chars().filter(|c| !is_ignored_by_hfs(*c)).collect::<String>().to_lowercase();
    let stem = seen.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    stem == ".git" || stem == "git~1"
}

/// The code points that HFS+ leaves out when it compares names (Git's `utf8.c` lists the same).
fn is_ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Names with one key are one file where case or the Unicode form does not count.
pub(super) fn twin_key(name: &str) -> String {
    name.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// A name as it may be shown: control characters and what is no text are escaped.
pub(super) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name)
        .chars()
        .flat_map(|c| {
            let escaped: Vec<char> = if c.is_control() { c.escape_default().collect() } else { vec![c] };
            escaped
        })
        .collect()
}
