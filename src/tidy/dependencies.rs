//! Every dependency is one that the code uses.

use super::{Fault, Tree};

/// Dependencies that no line of code names.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let Some(manifest) = tree.find("Cargo.toml") else { return Vec::new() };
    let mut faults = Vec::new();
    for (line, name) in declared(&manifest.text) {
        let used = tree.rust().any(|source| uses(&source.code, &name.replace('-', "_")));
        if !used {
            faults.push(Fault::new(manifest, line, format!("nothing uses `{name}`: remove it")));
        }
    }
    faults
}

/// The names under `[dependencies]` and its kin, each with its line.
fn declared(manifest: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    let mut inside = false;
    for (number, line) in manifest.lines().enumerate() {
        if let Some(table) = line.strip_prefix('[') {
            inside = table.trim_end().ends_with("dependencies]");
        } else if let Some((name, _)) = line.split_once('=').filter(|_| inside && !line.starts_with('#')) {
            names.push((number + 1, name.trim()));
        }
    }
    names
}

/// Whether code names the crate: as the head of a path, or whole in a `use` or attribute.
fn uses(code: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        let is_used = after.starts_with("::") || before.trim_end().ends_with("use");
        whole && !before.ends_with(':') && is_used
    })
}

#[cfg(test)]
mod tests {
    use super::super::Tree;

    #[test]
    fn what_no_code_names_is_found() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na-b = \"1\"\n# Why.\nc = \"1\"\nd = \"1\"\n\
            [dev-dependencies]\ne = \"1\"\n[profile.dev]\ndebug = 1\n";
        let code = "use a_b::X;\nfn f() { x::c::d(); }\n// d::e\nuse e;\n";
        let files = [("Cargo.toml", manifest), ("src/lib.rs", code)];
        let tree = Tree::of(files.map(|(path, text)| (path.to_owned(), text.to_owned())));
        let faults = super::faults(&tree);
        let found: Vec<_> = faults.iter().map(|fault| (fault.line, fault.message.as_str())).collect();
        assert_eq!(found, [(6, "nothing uses `c`: remove it"), (7, "nothing uses `d`: remove it")]);
    }
}
