//! Words that must stand nowhere.
//!
//! The words are put together from pieces here, or this file would break its own rule.

use std::path::Path;

use super::{Fault, Source, Tree};

/// What ends in a release by mistake, or hides a gap.
const MACROS: [&str; 3] = [concat!("todo", "!"), concat!("unimplemented", "!"), concat!("dbg", "!")];

/// Written by cargo.
const LOCK_FILE: &str = "Cargo.lock";

/// What nobody else has: folders of this machine.
fn machine_paths() -> Vec<String> {
    let homes = ["HOME", "CARGO_HOME", "RUSTUP_HOME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let checkout = env!("CARGO_MANIFEST_DIR").to_owned();
    let paths = homes.chain([checkout]).filter(|path| Path::new(path).parent().is_some());
    paths.map(|path| format!("{path}/")).collect()
}

/// Forbidden words in any file, and in code macros and attributes that hide something.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let paths = machine_paths();
    let mut faults = Vec::new();
    for source in tree.sources.iter().filter(|source| source.path != LOCK_FILE) {
        in_text(source, &paths, &mut faults);
        in_code(source, &mut faults);
    }
    faults
}

fn in_text(source: &Source, paths: &[String], faults: &mut Vec<Fault>) {
    for (number, line) in source.text.lines().enumerate() {
        if let Some(path) = paths.iter().find(|path| line.contains(path.as_str())) {
            faults.push(Fault::new(source, number + 1, format!("`{path}` is a path of this machine alone")));
        }
    }
}

fn in_code(source: &Source, faults: &mut Vec<Fault>) {
    for (number, line) in source.code.lines().enumerate() {
        let line_number = number + 1;
        for name in MACROS.iter().filter(|name| line.contains(**name)) {
            faults.push(Fault::new(source, line_number, format!("`{name}` is no code to land")));
        }
        if line.contains("#[ignore]") {
            faults.push(Fault::new(source, line_number, "say why: `#[ignore = \"...\"]`"));
        }
        if let Some(at) = line.find("[expect(").or_else(|| line.find("[allow(")) {
            let from: usize = source.code.lines().take(number).map(|line| line.len() + 1).sum();
            let attribute = &source.code[from + at..];
            if !attribute[..attribute.find(")]").unwrap_or(attribute.len())].contains("reason = ") {
                faults.push(Fault::new(source, line_number, "give the lint's silence a `reason`"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tree;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
        let faults = super::faults(&Tree::of([(path.to_owned(), text.to_owned())]));
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for ((line, message), (expected_line, part)) in found.iter().zip(expected) {
            assert_eq!(line, expected_line, "{text}");
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn what_this_machine_alone_has_is_found() {
        let here = env!("CARGO_MANIFEST_DIR");
        check("README.md", &format!("a\n`cd {here}/src`\n"), &[(2, "path of this machine")]);
        check("Cargo.lock", &format!("source = {here}/src\n"), &[]);
        check("README.md", "run /usr/bin/env in src/\n", &[]);
    }

    #[test]
    fn what_hides_a_gap_is_found() {
        check("src/a.rs", &format!("{}()\n", super::MACROS[0]), &[(1, "no code to land")]);
        check("src/a.rs", &format!("// {}()\n", super::MACROS[0]), &[]);
        check("src/a.rs", "#[ignore]\n", &[(1, "say why")]);
        check("src/a.rs", "#[ignore = \"slow\"]\n", &[]);
        check("src/a.rs", "\n#[allow(dead_code)]\n", &[(2, "reason")]);
        check("src/a.rs", "#[expect(\n    dead_code,\n    reason = \"r\"\n)]\n", &[]);
    }
}
