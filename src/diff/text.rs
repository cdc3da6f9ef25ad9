//! Differences for people: a unified diff of two YAML texts, and one line per field.

use std::fmt::Write as _;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{Difference, DifferenceKind, canonical, mask_secret};
use crate::model::Manifest;

/// Lines of context around a change, as `diff -u` has them.
const CONTEXT_LINES: usize = 3;

/// How much of a value stands in a line of [`render_differences`].
const VALUE_CHARS: usize = 80;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const RESET: &str = "\u{1b}[0m";

/// A unified diff of two objects as canonical YAML, from `live` to `wanted`; empty if they are
/// equal. Values of Secrets are masked.
pub fn render_text(wanted: Option<&Manifest>, live: Option<&Manifest>, colour: bool) -> String {
    let (wanted, live) = (wanted.map(canonical), live.map(canonical));
    let (wanted, live) = mask_secret(wanted.as_ref(), live.as_ref());
    let name = wanted.as_ref().or(live.as_ref()).map(|object| object.key().to_string()).unwrap_or_default();
    let (old, new) = (yaml(live.as_ref()), yaml(wanted.as_ref()));
    let diff = TextDiff::from_lines(&old, &new);
    let mut text = String::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT_LINES).iter_hunks() {
        if text.is_empty() {
            text = format!("--- live {name}\n+++ wanted {name}\n");
        }
        push_line(&mut text, &hunk.header().to_string(), colour.then_some(CYAN));
        for change in hunk.iter_changes() {
            let (sign, paint) = match change.tag() {
                ChangeTag::Delete => ('-', Some(RED)),
                ChangeTag::Insert => ('+', Some(GREEN)),
                ChangeTag::Equal => (' ', None),
            };
            let line = format!("{sign}{}", change.value().trim_end_matches('\n'));
            push_line(&mut text, &line, paint.filter(|_| colour));
        }
    }
    text
}

fn push_line(text: &mut String, line: &str, paint: Option<&str>) {
    match paint {
        Some(paint) => text.extend([paint, line, RESET, "\n"]),
        None => text.extend([line, "\n"]),
    }
}

/// YAML, or JSON if the value can't be written so; nothing for no object.
fn yaml(object: Option<&Manifest>) -> String {
    let Some(object) = object else { return String::new() };
    let value = object.as_value();
    serde_yaml::to_string(value).unwrap_or_else(|_| format!("{value:#}\n"))
}

/// One line per difference: sign, pointer, from what to what, and who wrote it.
///
/// `+` is missing, `~` is changed, `-` is no longer wanted, `!` was added by someone else.
pub fn render_differences(differences: &[Difference], colour: bool) -> String {
    let mut text = String::new();
    for difference in differences {
        let (sign, paint) = match difference.kind {
            DifferenceKind::Missing => ('+', GREEN),
            DifferenceKind::Changed => ('~', CYAN),
            DifferenceKind::Removed => ('-', RED),
            DifferenceKind::Foreign => ('!', RED),
        };
        let pointer = if difference.pointer.is_empty() { "/" } else { &difference.pointer };
        let mut line = format!("{sign} {pointer}: ");
        line.push_str(&match (&difference.live, &difference.wanted) {
            (Some(live), Some(wanted)) => format!("{} -> {}", brief(live), brief(wanted)),
            (None, Some(value)) | (Some(value), None) => brief(value),
            (None, None) => String::new(),
        });
        if let Some(manager) = &difference.manager {
            let time = difference.time.as_ref().map(|time| format!(" at {time}")).unwrap_or_default();
            let _ = write!(line, " (by {manager}{time})");
        }
        push_line(&mut text, &line, colour.then_some(paint));
    }
    text
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
