//! How long files and functions may be, and how a module opens.
//!
//! Formatted source is assumed (another gate sees to it): a function ends at the first line that
//! closes a brace as far in as it began.

use super::{Fault, Source, Tree};

/// A file has fewer lines than this; longer, it holds more than one thing.
const FILE_LINES: usize = 500;
/// A file of tests has fewer lines than this: tables of cases grow.
const TEST_FILE_LINES: usize = 1000;
/// A function has fewer lines than this, blank ones and comments left out, as clippy counts.
const FUNCTION_LINES: usize = 70;

/// Files and functions that are too long, and modules that don't say what they do.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    tree.rust().flat_map(of).collect()
}

fn of(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    let lines = source.text.lines().count();
    let limit = if source.is_test { TEST_FILE_LINES } else { FILE_LINES };
    if lines >= limit {
        faults.push(Fault::new(source, 0, format!("{lines} lines: split it (fewer than {limit})")));
    }
    let opens = source.text.lines().next().is_some_and(|line| line.starts_with("//! "));
    if !opens && !source.is_test {
        faults.push(Fault::new(source, 1, "open with `//!`: what the module does and what not"));
    }
    for (line, name, lines) in functions(&source.code) {
        if lines >= FUNCTION_LINES {
            let message = format!("`{name}` has {lines} lines: split it (fewer than {FUNCTION_LINES})");
            faults.push(Fault::new(source, line, message));
        }
    }
    faults
}

/// The functions with a body: line, name, and lines of code between the braces.
fn functions(code: &str) -> Vec<(usize, &str, usize)> {
    let lines: Vec<_> = code.lines().collect();
    let mut functions = Vec::new();
    for (first, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let is_end = |line: &&str| line.len() - line.trim_start().len() == indent && line.trim() == "}";
        let signature = lines[first..].iter().position(|line| line.ends_with('{') || line.ends_with(';'));
        let Some(body) = signature.map(|length| first + length) else { continue };
        if !lines[body].ends_with('{') {
            continue;
        }
        let inside = lines[body + 1..].iter().take_while(|line| !is_end(line));
        functions.push((first + 1, name, inside.filter(|line| !line.trim().is_empty()).count()));
    }
    functions
}

/// The name of the function that begins on a line.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let is_qualifier = |word: &str| {
        matches!(word, "pub" | "const" | "async" | "unsafe" | "extern" | "default")
            || word.starts_with("pub(")
    };
    let name = &after[..after.find(|c: char| !c.is_alphanumeric() && c != '_')?];
    (before.split_whitespace().all(is_qualifier) && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::Tree;

    #[track_caller]
    fn check(path: &str, text: String, expected: &[(usize, &str)]) {
        let lib = "//! The library.\n#[cfg(test)]\nmod tests;\n".to_owned();
        let tree = Tree::of([("src/lib.rs".to_owned(), lib), (path.to_owned(), text)]);
        let faults = super::faults(&tree);
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
        assert_eq!(found, expected);
    }

    fn function(lines: usize) -> String {
        format!(
            "//! A.\n    pub(super) async fn f(\n        a: u8,\n    ) {{\n{}    }}\n",
            "        g();\n".repeat(lines)
        )
    }

    #[test]
    fn a_module_says_what_it_does() {
        check("src/a.rs", "//! A.\n".to_owned(), &[]);
        check(
            "src/a.rs",
            "use b;\n".to_owned(),
            &[(1, "open with `//!`: what the module does and what not")],
        );
        check("src/tests.rs", "use b;\n".to_owned(), &[]);
    }

    #[test]
    fn a_file_is_short() {
        check("src/a.rs", "//! A.\n".repeat(499), &[]);
        check("src/a.rs", "//! A.\n".repeat(500), &[(0, "500 lines: split it (fewer than 500)")]);
        check("src/tests.rs", "\n".repeat(999), &[]);
        check("src/tests.rs", "\n".repeat(1000), &[(0, "1000 lines: split it (fewer than 1000)")]);
    }

    #[test]
    fn a_function_is_short() {
        check("src/a.rs", function(69), &[]);
        check("src/a.rs", function(70), &[(2, "`f` has 70 lines: split it (fewer than 70)")]);
        let commented = function(69).replace("        g();\n", "        g();\n        // Why.\n\n");
        check("src/a.rs", commented, &[]);
    }

    #[test]
    fn a_function_without_a_body_has_no_length() {
        let text = "//! A.\ntrait T {\n    fn f();\n}\nfn g() {}\nimpl Fn for A {}\n".to_owned();
        check("src/a.rs", text, &[]);
    }
}
