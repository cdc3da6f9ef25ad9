//! `schema`, `explain`, `completions`, `version`: what the program knows of itself.

use clap::CommandFactory;
use serde_json::{Value, json};

use super::args::{self, Arguments, TextOrJson};
use super::console::{Console, Paint};
use super::failure::Failure;
use super::table::Table;
use crate::definition::{API_VERSION, Kind, nearest};
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
        let mut table = Table::new(&["CODE", "MEANING"]);
        for code in Code::ALL {
            table.row([code.as_str(), code.title()]);
        }
        return console.print(&table.text());
    };
    if let Ok(code) = subject.parse::<Code>() {
        let title = console.paint(Paint::Strong, &format!("{code}: {}", code.title()));
        return console.line(format!("{title}\n\n{}", code.explanation()));
    }
    if let Some(kind) = find(subject) {
        return explain_kind(kind, console);
    }
    let words = Code::ALL.iter().map(|code| code.as_str()).chain(Kind::ALL.iter().map(|kind| kind.as_str()));
    let failure = Failure::usage(format!("there is no code and no kind `{subject}`"));
    Err(match nearest(subject, words) {
        Some(word) => failure.did_you_mean(Some(word)),
        None => failure.help("`sluice explain` lists the codes, `sluice schema` the kinds"),
    })
}

fn explain_kind(kind: Kind, console: &mut Console) -> Result<(), Failure> {
    let schema = crate::definition::schema(kind);
    let spec = &schema["properties"]["spec"];
    let title = console.paint(Paint::Strong, &format!("{kind} ({API_VERSION})"));
    console.line(title)?;
    if let Some(text) = spec["description"].as_str() {
        console.line(format!("\n{text}"))?;
    }
    console.line("\nFields of `spec`:")?;
    let required: Vec<&str> =
        spec["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut table = Table::new(&["FIELD", "TYPE", "MEANING"]);
    for (name, field) in spec["properties"].as_object().into_iter().flatten() {
        let mark = if required.contains(&name.as_str()) { " (needed)" } else { "" };
        let meaning = format!("{}{mark}", field["description"].as_str().unwrap_or_default());
        table.row([name.as_str(), &type_of(field), &meaning]);
    }
    console.print(&table.text())?;
    console.line(format!("\nThe whole schema: sluice schema {kind}"))
}

/// The type of a field, in a word or two.
fn type_of(field: &Value) -> String {
    if let Some(reference) = field["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        if let Some(list) = field[several].as_array() {
            let mut names: Vec<String> = list.iter().map(type_of).collect();
            names.retain(|name| !matches!(name.as_str(), "null" | "Variable" | ""));
            names.dedup();
            return names.join(" or ");
        }
    }
    if let Some(words) = field["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ");
    }
    let name = match &field["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect::<Vec<_>>()
            .join(" or "),
        _ => String::new(),
    };
    match name.as_str() {
        "array" => format!("list of {}", or_any(type_of(&field["items"]))),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", or_any(type_of(&field["additionalProperties"])))
        }
        _ => name,
    }
}

fn or_any(name: String) -> String {
    if name.is_empty() { "any".to_owned() } else { name }
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
    match args.output {
        TextOrJson::Text => console.line(format!("sluice {version}")),
        TextOrJson::Json => console.json(&json!({ "version": version, "apiVersion": API_VERSION })),
    }
}
