//! The rules that the source itself must keep, as tests over its files.
//!
//! What a lint of the compiler or clippy says already is not said again here. A rule is measured on
//! code alone: comments and the contents of strings don't count, except where words are sought.

mod code;
mod dependencies;
mod direction;
mod shape;
mod source;
mod words;

use source::{Source, Tree};

/// One broken rule, at a line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    /// The path from the project's root.
    path: String,
    /// The line, counted from 1; 0 = the file as a whole.
    line: usize,
    /// Which rule, and what to do.
    message: String,
}

impl Fault {
    fn new(source: &Source, line: usize, message: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line, message: message.into() }
    }
}

/// Fails with one line a fault, as compilers print them.
#[track_caller]
fn assert_none(faults: Vec<Fault>) {
    let lines: Vec<_> = faults.iter().map(|f| format!("{}:{}: {}", f.path, f.line, f.message)).collect();
    assert!(lines.is_empty(), "the source breaks its own rules:\n{}", lines.join("\n"));
}

#[test]
fn a_module_uses_only_what_stands_before_it() {
    assert_none(direction::faults(&Tree::read()));
}

#[test]
fn the_core_is_pure() {
    assert_none(direction::impurities(&Tree::read()));
}

#[test]
fn files_and_functions_are_short_and_modules_say_what_they_do() {
    assert_none(shape::faults(&Tree::read()));
}

#[test]
fn no_word_stands_that_must_not() {
    assert_none(words::faults(&Tree::read()));
}

#[test]
fn every_dependency_is_used() {
    assert_none(dependencies::faults(&Tree::read()));
}
