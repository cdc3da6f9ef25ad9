//! `schema`, `explain`, `completions`, `version`: what the program knows of itself.

use clap::CommandFactory;
use serde_json::json;

use super::args::{self, Arguments};
use super::console::{Console, Paint};
use super::failure::Failure;
use crate::definition::{API_VERSION, Entry, Field, Kind, nearest, reference};
use crate::diagnostic::Code;

/// Prints the schema of a kind.
///
/// # Errors
/// There is no such kind.
pub fn schema(args: &args::Schema, console: &mut Console) -> Result<(), Failure> {
    let Some(text) = &args.kind else {
        for kind in Kind::ALL {
            console.line(kind.as_str())?;
        }
        return Ok(());
    };
    let kind = find(text).ok_or_else(|| unknown_kind(text))?;
    console.json(&crate::definition::schema(kind))
}

/// The kind that a person means: case and the plural do not matter.
fn find(text: &str) -> Option<Kind> {
    let plain = text.to_ascii_lowercase();
    let alike = |kind: &&Kind| {
        let name = kind.as_str().to_ascii_lowercase();
        plain == name || plain.strip_suffix('s') == Some(name.as_str())
    };
    Kind::ALL.iter().find(alike).copied()
}

fn unknown_kind(text: &str) -> Failure {
    let error = text.parse::<Kind>().err().map(|error| error.to_string()).unwrap_or_default();
    Failure::usage(error).did_you_mean(Kind::nearest(text))
}

/// Explains a code or a kind.
///
/// # Errors
/// There is neither such a code nor such a kind.
pub fn explain(args: &args::Explain, console: &mut Console) -> Result<(), Failure> {
    let Some(subject) = &args.subject else {
        let mut table = console.table(&["CODE", "MEANING"]);
        for code in Code::ALL {
            table.row([code.as_str(), code.title()]);
        }
        return console.print(&table.text());
    };
    if let Ok(code) = subject.parse::<Code>() {
        let title = console.paint(Paint::Strong, &format!("{code}: {}", code.title()));
        return console.line(format!("{title}\n\n{}", code.explanation()));
    }
    let path: Vec<&str> = subject.split('.').collect();
    if let Some(kind) = find(path[0]) {
        return explain_fields(kind, &path[1..], console);
    }
    let words = Code::ALL.iter().map(|code| code.as_str()).chain(Kind::ALL.iter().map(|kind| kind.as_str()));
    let failure = Failure::usage(format!("there is no code and no kind `{subject}`"));
    Err(match nearest(subject, words) {
        Some(word) => failure.did_you_mean(Some(word)),
        None => failure.help("`sluice explain` lists the codes, `sluice schema` the kinds"),
    })
}

/// What a person means by `App.components.replicas`: a type to tell of, or a single field.
fn explain_fields(kind: Kind, path: &[&str], console: &mut Console) -> Result<(), Failure> {
    let entries = reference(kind);
    let named = |name: &str| entries.iter().find(|entry| entry.name == name);
    let mut at = kind.to_string();
    let mut entry = named(kind.as_str());
    let mut last = None;
    for part in path {
        let fields = entry.map(|entry| entry.fields.as_slice()).unwrap_or_default();
        let Some(field) = fields.iter().find(|field| field.name == *part) else {
            let failure = Failure::usage(format!("{at} has no field `{part}`"));
            return Err(failure.did_you_mean(nearest(part, fields.iter().map(|field| field.name.as_str()))));
        };
        at = format!("{at}.{part}");
        entry = field.entry.as_deref().and_then(named);
        last = Some(field);
    }
    let title = match last {
        Some(field) => format!("{at} ({})", field.type_name),
        None => format!("{kind} ({API_VERSION})"),
    };
    console.line(console.paint(Paint::Strong, &title))?;
    let meaning = last.map_or_else(String::new, explained);
    let meaning = entry.map_or(meaning.clone(), |entry| {
        if last.is_some() { format!("{meaning}\n{}", entry.meaning) } else { entry.meaning.clone() }
    });
    console.line(format!("\n{}", meaning.trim()))?;
    if let Some(entry) = entry {
        tables(entry, console)?;
    }
    let more = match entry.is_some_and(|entry| !entry.fields.is_empty()) {
        true => format!("A field of it: sluice explain {at}.FIELD; the whole schema: sluice schema {kind}"),
        false => format!("The whole schema: sluice schema {kind}"),
    };
    console.line(format!("\n{more}"))
}

fn tables(entry: &Entry, console: &mut Console) -> Result<(), Failure> {
    let mut table = console.table(&["FIELD", "TYPE", "MEANING"]);
    for field in &entry.fields {
        table.row([field.name.as_str(), &field.type_name, &explained(field)]);
    }
    if !entry.fields.is_empty() {
        console.print(&format!("\n{}", table.text()))?;
    }
    let mut table = console.table(&["WORD", "MEANING"]);
    for (word, meaning) in &entry.words {
        table.row([word.as_str(), meaning]);
    }
    if entry.words.is_empty() { Ok(()) } else { console.print(&format!("\n{}", table.text())) }
}

/// What a field means, whether it is needed, and what it is without a word.
fn explained(field: &Field) -> String {
    let needed = if field.needed { " (needed)" } else { "" };
    let default = field.default.as_ref().map(|value| format!(" [default: {value}]")).unwrap_or_default();
    format!("{}{needed}{default}", field.meaning)
}

/// Prints the completions of a shell.
///
/// # Errors
/// The output can't be written.
pub fn completions(args: &args::Completions, console: &mut Console) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Arguments::command(), "sluice", &mut text);
    console.print(&String::from_utf8_lossy(&text))
}

/// Prints the version.
///
/// # Errors
/// The output can't be written.
pub fn version(args: &args::Version, console: &mut Console) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    match args.output.machine() {
        None => console.line(format!("sluice {version}")),
        Some(form) => console.machine(form, &json!({ "version": version, "apiVersion": API_VERSION })),
    }
}
