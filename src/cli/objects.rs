//! Kubernetes objects from files: YAML or JSON, one or several documents, Lists.

use std::fs;
use std::io::Read;

use serde_json::Value;

use super::console::Console;
use super::failure::{Exit, Failure};
use crate::definition::yaml::{self, Limits};
use crate::diagnostic::{self, Diagnostic};

/// What `kubectl get -o json` prints of a large namespace still fits.
const BYTES: usize = 64 << 20;

/// Limits for what a person hands in: a whole cluster's objects, not one definition.
fn limits() -> Limits {
    Limits {
        bytes: BYTES,
        documents: 100_000,
        depth: 128,
        nodes: 10_000_000,
        scalar_bytes: 4 << 20,
        text_bytes: BYTES,
    }
}

/// The objects in a file, in order; `-` is standard input. Members of Lists stand for the List.
///
/// # Errors
/// The file can't be read, or is neither YAML nor JSON.
pub fn read(path: &str, console: &mut Console) -> Result<Vec<Value>, Failure> {
    let bytes = read_bytes(path, BYTES as u64)?;
    // JSON is not always YAML (escapes, tabs), and is read faster.
    if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
        return Ok(flatten(value));
    }
    let stream = yaml::load(&bytes, path, &limits());
    if stream.diagnostics.iter().any(Diagnostic::is_error) {
        let text = String::from_utf8_lossy(&bytes);
        let drawn = diagnostic::draw(&stream.diagnostics, |_| Some(&text), console.err_colour());
        console.say(drawn.trim_end());
        return Err(Failure::silent(Exit::Usage));
    }
    Ok(stream.documents.iter().flat_map(|document| flatten(document.root.to_json())).collect())
}

/// The bytes of a file, or of standard input for `-`.
///
/// # Errors
/// The file is not there, can't be read or is longer than `limit`.
pub fn read_bytes(path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::Usage } else { Exit::World };
        let failure = Failure::world(format!("can't read `{path}`")).because(error);
        Failure { exit, ..failure }
    };
    let mut bytes = Vec::new();
    let reader: Box<dyn Read> = match path {
        "-" => Box::new(std::io::stdin().lock()),
        _ => Box::new(fs::File::open(path).map_err(failed)?),
    };
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::usage(format!("`{path}` has more than {limit} bytes")));
    }
    Ok(bytes)
}

fn flatten(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.into_iter().flat_map(flatten).collect(),
        Value::Object(mut fields) => {
            let kind = fields.get("kind").and_then(Value::as_str).unwrap_or_default();
            let is_list = kind == "List" || (kind.ends_with("List") && !fields.contains_key("spec"));
            match fields.get_mut("items").filter(|_| is_list) {
                Some(Value::Array(items)) => std::mem::take(items).into_iter().flat_map(flatten).collect(),
                _ => vec![Value::Object(fields)],
            }
        }
        other => vec![other],
    }
}
