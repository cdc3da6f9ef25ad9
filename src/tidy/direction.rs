//! Which module may use which, and what the core may not touch.
//!
//! The order is that of `src/lib.rs`. Tests beside a module keep to it too, but may read files.

use super::{Fault, Source, Tree};

/// The pure part of the line, ends included.
const CORE: (&str, &str) = ("model", "port");
/// The module in between that logs and counts, and so is not pure.
const NOT_PURE: &str = "telemetry";

/// What only the shell may touch: the world, the clock, chance.
const IMPURE: [&str; 24] = [
    "tokio",
    "tokio_util",
    "kube",
    "reqwest",
    "hyper",
    "hyper_util",
    "axum",
    "tower",
    "git2",
    "notify",
    "notify_debouncer_full",
    "std::fs",
    "std::env",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::new_v4",
    "rand",
];

/// The names of the modules in reading order, without those for tests.
fn order(tree: &Tree) -> Vec<&str> {
    let Some(lib) = tree.find("src/lib.rs") else { return Vec::new() };
    let declared = lib.code.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    declared.collect()
}

/// Uses of a module that stands later in the line.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let order = order(tree);
    let position = |name: &str| order.iter().position(|module| *module == name);
    let mut faults = Vec::new();
    for source in tree.rust() {
        let module = source.module();
        let Some(own) = module.first().and_then(|name| position(name)) else { continue };
        for (line, used) in uses(source, &module) {
            if position(used).is_some_and(|used| used > own) {
                let own = order[own];
                faults.push(Fault::new(
                    source,
                    line,
                    format!("`{own}` uses `{used}`, which stands after it in src/lib.rs"),
                ));
            }
        }
    }
    faults
}

/// Uses of the world in modules that must be pure.
pub(super) fn impurities(tree: &Tree) -> Vec<Fault> {
    let order = order(tree);
    let position = |name: &str| order.iter().position(|module| *module == name);
    let (Some(first), Some(last)) = (position(CORE.0), position(CORE.1)) else {
        panic!("src/lib.rs declares no `{}` or no `{}`", CORE.0, CORE.1);
    };
    let pure: Vec<_> = order[first..=last].iter().filter(|module| **module != NOT_PURE).collect();
    let mut faults = Vec::new();
    for source in tree.rust() {
        let module = source.module();
        if !module.first().is_some_and(|name| pure.contains(&name)) {
            continue;
        }
        for (number, line) in source.code_outside_tests().lines().enumerate() {
            for path in IMPURE.iter().filter(|path| names(line, path)) {
                faults.push(Fault::new(
                    source,
                    number + 1,
                    format!("`{}` is pure and must not use `{path}`: take it as an argument", module[0]),
                ));
            }
        }
    }
    faults
}

/// Whether a line uses a path. A lone word must be the head of a path or of a `use`.
fn names(line: &str, path: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(path).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + path.len()..]);
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        let is_crate = !path.contains("::") && path.starts_with(char::is_lowercase);
        let is_head =
            !before.ends_with("::") && (after.starts_with("::") || before.trim_end().ends_with("use"));
        whole && (!is_crate || is_head)
    })
}

/// The top modules that a file names through `crate::` or enough `super::`, each with its line.
fn uses<'a>(source: &'a Source, module: &[&str]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    let to_root = "super::".repeat(module.len());
    for start in ["crate::", to_root.as_str()] {
        for (at, _) in source.code.match_indices(start) {
            let before = &source.code[..at];
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
            found.extend(heads(&source.code[at + start.len()..]).into_iter().map(|head| (line, head)));
        }
    }
    found
}

/// The first segments of what follows `crate::`: one name, or those of a group in braces.
fn heads(rest: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let word = |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
    let Some(group) = rest.strip_prefix('{') else { return vec![&rest[..word(rest)]] };
    let mut heads = Vec::new();
    let (mut depth, mut at_head) = (0, true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && is_word(c) => {
                heads.push(&group[at..at + word(&group[at..])]);
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

#[cfg(test)]
mod tests {
    use super::super::Tree;

    fn tree(path: &str, text: &str) -> Tree {
        let lib = "pub mod model;\npub mod render;\npub mod port;\npub mod engine;\n";
        Tree::of([("src/lib.rs", lib), (path, text)].map(|(path, text)| (path.to_owned(), text.to_owned())))
    }

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let tree = tree(path, text);
        let mut faults = super::faults(&tree);
        faults.extend(super::impurities(&tree));
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for ((line, message), (expected_line, part)) in found.iter().zip(expected) {
            assert_eq!(line, expected_line, "{text}");
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn later_modules_are_not_used() {
        check("src/render/app.rs", "use crate::model::Name;\nuse crate::render::x;\n", &[]);
        check("src/render/app.rs", "\n\nuse crate::engine::X;\n", &[(3, "`render` uses `engine`")]);
        check("src/render/app.rs", "use crate::{model::{A, B}, port};\n", &[(1, "`render` uses `port`")]);
        check("src/render/app.rs", "use super::super::port;\n", &[(1, "`render` uses `port`")]);
        check("src/render/app.rs", "use super::port;\n", &[]);
        check("src/render/app.rs", "// crate::engine\nlet a = \"crate::engine\";\n", &[]);
        check("src/engine/mod.rs", "use crate::{render, port};\nuse super::model;\n", &[]);
    }

    #[test]
    fn the_core_touches_no_world() {
        check("src/render/app.rs", "let now = Timestamp::now();\n", &[(1, "Timestamp::now")]);
        check("src/render/app.rs", "use tokio::fs;\nuse kube;\n", &[(1, "tokio"), (2, "kube")]);
        check("src/render/app.rs", "let kube = 1;\nlet a = x::kube::y;\n", &[]);
        check("src/render/app.rs", "use std::fs::{self};\n", &[(1, "std::fs")]);
        check("src/render/app.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", &[]);
        check("src/engine/mod.rs", "use tokio::fs;\n", &[]);
    }
}
