//! The files of the project, as the rules look at them.

use std::collections::BTreeSet;
use std::path::Path;

/// Folders at any depth that hold nothing of ours.
const SKIPPED_FOLDERS: [&str; 2] = [".git", "target"];

/// Every text file of the project.
pub(super) struct Tree {
    /// Sorted by path.
    pub(super) sources: Vec<Source>,
}

/// One text file.
pub(super) struct Source {
    /// The path from the project's root.
    pub(super) path: String,
    /// What stands in it.
    pub(super) text: String,
    /// Of Rust: the same without comments and contents of strings; else nothing.
    pub(super) code: String,
    /// Of Rust: compiled into tests alone.
    pub(super) is_test: bool,
}

impl Tree {
    /// Reads the project that this test was built from.
    pub(super) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        walk(root, root, &mut files);
        let tree = Self::of(files);
        assert!(tree.find("src/lib.rs").is_some(), "the project is not at {}", root.display());
        tree
    }

    /// The tree of files given as path and text.
    pub(super) fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut sources: Vec<_> = files.into_iter().map(|(path, text)| Source::of(path, text)).collect();
        sources.sort_by(|a, b| a.path.cmp(&b.path));
        let of_tests: BTreeSet<_> = sources.iter().flat_map(test_modules).collect();
        for source in &mut sources {
            let inside = |module: &String| {
                source.path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            source.is_test = source.path.starts_with("tests/") || of_tests.iter().any(inside);
        }
        Self { sources }
    }

    pub(super) fn find(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    /// The files of the library and the program.
    pub(super) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.path.ends_with(".rs"))
    }
}

impl Source {
    fn of(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { super::code::of(&text) } else { String::new() };
        Self { path, text, code, is_test: false }
    }

    /// The module's path: `["a", "b"]` for `src/a/b.rs` and `src/a/b/mod.rs`; none outside `src`.
    pub(super) fn module(&self) -> Vec<&str> {
        let Some(path) = self.path.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
            return Vec::new();
        };
        let mut module: Vec<_> = path.split('/').collect();
        if module.last() == Some(&"mod") {
            module.pop();
        }
        module
    }

    /// The code that is not in an inline module of tests, which by custom ends its file.
    pub(super) fn code_outside_tests(&self) -> &str {
        if self.is_test {
            return "";
        }
        let inline = self.code.match_indices("#[cfg(test)]\nmod ").find(|(at, found)| {
            self.code[at + found.len()..].lines().next().is_some_and(|line| line.ends_with('{'))
        });
        inline.map_or(&self.code, |(at, _)| &self.code[..at])
    }
}

/// The paths, without `.rs`, of the modules that `source` declares for tests alone.
fn test_modules(source: &Source) -> Vec<String> {
    let Some(folder) = source.path.strip_suffix("mod.rs").or_else(|| source.path.strip_suffix("lib.rs"))
    else {
        return Vec::new();
    };
    let mut modules = Vec::new();
    let mut for_tests = false;
    for line in source.code.lines() {
        let declared = line.trim_start_matches("pub ").trim_start_matches("pub(crate) ");
        let name = declared.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        if let Some(name) = name.filter(|_| for_tests) {
            modules.push(format!("{folder}{name}"));
        }
        for_tests = line == "#[cfg(test)]" || (for_tests && line.starts_with("#["));
    }
    modules
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !SKIPPED_FOLDERS.iter().any(|skipped| name == *skipped) {
            walk(root, &entry.path(), files);
        }
        // In a worktree `.git` is a file with the path of the repository.
        if kind.is_file() && name != ".git" {
            // What is not UTF-8 holds no words of ours.
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                let path = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
                files.push((path, text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn tests_are_told_from_what_they_test() {
        let files = [
            ("src/lib.rs", "pub mod a;\n#[cfg(test)]\nmod tidy;\n"),
            ("src/tidy/mod.rs", ""),
            ("src/tidy/words.rs", ""),
            ("src/a/mod.rs", "#[cfg(test)]\n#[rustfmt::skip]\nmod tests;\nmod b;\n"),
            ("src/a/tests.rs", ""),
            ("src/a/b.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n"),
        ];
        let tree = Tree::of(files.map(|(path, text)| (path.to_owned(), text.to_owned())));
        let tests: Vec<_> = tree.sources.iter().filter(|s| s.is_test).map(|s| s.path.as_str()).collect();
        assert_eq!(tests, ["src/a/tests.rs", "src/tidy/mod.rs", "src/tidy/words.rs"]);
        assert_eq!(tree.find("src/a/b.rs").unwrap().code_outside_tests(), "fn f() {}\n");
        assert_eq!(tree.find("src/a/mod.rs").unwrap().module(), ["a"]);
        assert_eq!(tree.find("src/a/b.rs").unwrap().module(), ["a", "b"]);
    }
}
