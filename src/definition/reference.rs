//! The fields of every kind for people to look up, taken from the published schemas: what stands
//! here can't differ from what is read.

use std::fmt::Write as _;

use serde_json::Value;

use super::{API_VERSION, Kind, schema};

/// A type of a definition: a `spec`, or what stands in a field of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name; that of the kind for the `spec` itself.
    pub name: String,
    /// What it is.
    pub meaning: String,
    /// Its fields, sorted by name; of a choice of one, its alternatives.
    pub fields: Vec<Field>,
    /// The words that it may be, each with its meaning.
    pub words: Vec<(String, String)>,
}

/// A field of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name; a field of a field with both names, `a.b`.
    pub name: String,
    /// Its type in a word or two.
    pub type_name: String,
    /// The [`Entry`] of its type, or of its members' type, if that has one.
    pub entry: Option<String>,
    /// Whether it must be there.
    pub needed: bool,
    /// Its value where it is not there, if that says anything.
    pub default: Option<String>,
    /// What it means.
    pub meaning: String,
}

/// The types of a kind: its `spec` first, then every type in the order in which it is met.
pub fn reference(kind: Kind) -> Vec<Entry> {
    let schema = schema(kind);
    let mut entries = vec![entry(kind.as_str(), &schema["properties"]["spec"])];
    let mut next = 0;
    while let Some(known) = entries.get(next) {
        let met: Vec<String> = known.fields.iter().filter_map(|field| field.entry.clone()).collect();
        for name in met {
            if !entries.iter().any(|entry| entry.name == name) {
                entries.push(entry(&name, &schema["$defs"][&name]));
            }
        }
        next += 1;
    }
    entries
}

/// All kinds as Markdown, a table for each type.
pub fn reference_markdown() -> String {
    let mut text = format!(
        "# Definitions\n\nEvery field of every kind of `{API_VERSION}`. Generated from the code: `make schemas`. The \
         same stands in `sluice explain KIND` and, for editors, in `sluice schema KIND`.\n\nA field that is not \
         marked *needed* may be left out. Where a number, a truth value or a duration is wanted, a text with a \
         variable in it (`${{cluster.vars.X}}`) may stand too.\n"
    );
    for kind in Kind::ALL {
        for (index, entry) in reference(*kind).iter().enumerate() {
            let level = if index == 0 { "##" } else { "###" };
            let of = if index == 0 { String::new() } else { format!(" ({kind})") };
            let _ = write!(text, "\n{level} {}{of}\n\n{}\n", entry.name, one_line(&entry.meaning));
            push_tables(&mut text, entry);
        }
    }
    text
}

fn push_tables(text: &mut String, entry: &Entry) {
    if !entry.fields.is_empty() {
        text.push_str("\n| field | type | |\n| --- | --- | --- |\n");
    }
    for field in &entry.fields {
        let needed = if field.needed { "*needed* " } else { "" };
        let default = field.default.as_ref().map(|value| format!(" Default `{value}`.")).unwrap_or_default();
        let meaning = cell(&format!("{needed}{}{default}", field.meaning));
        let _ = writeln!(text, "| `{}` | {} | {meaning} |", field.name, cell(&field.type_name));
    }
    if !entry.words.is_empty() {
        text.push_str("\n| word | |\n| --- | --- |\n");
    }
    for (word, meaning) in &entry.words {
        let _ = writeln!(text, "| `{word}` | {} |", cell(meaning));
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}

fn entry(name: &str, schema: &Value) -> Entry {
    let mut entry = Entry {
        name: name.to_owned(),
        meaning: description(schema),
        fields: fields(schema, ""),
        words: Vec::new(),
    };
    let mut forms = 0;
    for one in alternatives(schema) {
        if let Some(word) = one["const"].as_str() {
            entry.words.push((word.to_owned(), description(one)));
        }
        entry.words.extend(plain_words(one));
        forms += 1;
        let is_choice = one["required"].as_array().is_some_and(|required| required.len() == 1);
        entry.fields.extend(fields(one, "").into_iter().map(|field| {
            let meaning =
                if field.meaning.is_empty() && is_choice { description(one) } else { field.meaning };
            Field { needed: field.needed && !is_choice, meaning, ..field }
        }));
    }
    entry.words.extend(plain_words(schema));
    if forms > 0 {
        entry.fields = merged(std::mem::take(&mut entry.fields), forms);
    }
    entry
}

/// The fields of several forms of one type, each once: needed if it is in every form.
fn merged(fields: Vec<Field>, forms: usize) -> Vec<Field> {
    let mut merged: Vec<(Field, usize)> = Vec::new();
    for field in fields {
        match merged.iter_mut().find(|(known, _)| known.name == field.name) {
            Some((known, count)) => {
                *count += usize::from(field.needed);
                if !known.type_name.split(" or ").any(|name| name == field.type_name) {
                    known.type_name = format!("{} or {}", known.type_name, field.type_name);
                }
            }
            None => merged.push((field.clone(), usize::from(field.needed))),
        }
    }
    merged.into_iter().map(|(field, count)| Field { needed: count == forms, ..field }).collect()
}

fn plain_words(schema: &Value) -> impl Iterator<Item = (String, String)> {
    let words = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    words.map(|word| (word.to_owned(), String::new()))
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().flat_map(|several| schema[several].as_array().into_iter().flatten())
}

/// The fields of an object, those of objects without a name of their own right behind their field.
fn fields(schema: &Value, before: &str) -> Vec<Field> {
    let needed = |name: &String| {
        schema["required"].as_array().is_some_and(|list| list.iter().any(|one| one.as_str() == Some(name)))
    };
    let mut found = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let full = format!("{before}{name}");
        found.push(Field {
            type_name: type_name(field),
            entry: entry_of(field),
            needed: needed(name),
            default: default(field),
            meaning: description(field),
            name: full.clone(),
        });
        found.extend(fields(field, &format!("{full}.")));
    }
    found
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// A default that says more than that nothing is there.
fn default(field: &Value) -> Option<String> {
    match &field["default"] {
        Value::Null | Value::Object(_) => None,
        Value::Array(items) if items.is_empty() => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The named type that a field or its members have.
fn entry_of(field: &Value) -> Option<String> {
    let named = |schema: &Value| {
        let name = schema["$ref"].as_str()?.rsplit('/').next()?;
        (name != "Variable").then(|| name.to_owned())
    };
    let inner = [field, &field["items"], &field["additionalProperties"]];
    inner.into_iter().find_map(|schema| named(schema).or_else(|| alternatives(schema).find_map(named)))
}

/// The type of a field, in a word or two.
fn type_name(field: &Value) -> String {
    if let Some(reference) = field["$ref"].as_str() {
        return reference.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let mut names: Vec<String> = alternatives(field).map(type_name).collect();
    if !names.is_empty() {
        names.retain(|name| !matches!(name.as_str(), "null" | "Variable" | ""));
        names.dedup();
        return names.join(" or ");
    }
    if let Some(words) = field["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ");
    }
    if let Some(word) = field["const"].as_str() {
        return format!("`{word}`");
    }
    let types: Vec<&str> = match &field["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
        }
        _ => Vec::new(),
    };
    let or_any = |name: String| if name.is_empty() { "any".to_owned() } else { name };
    match types.as_slice() {
        ["array"] if field["prefixItems"].is_array() => "pair".to_owned(),
        ["array"] => format!("list of {}", or_any(type_name(&field["items"]))),
        ["object"] if field["additionalProperties"].is_object() => {
            format!("map of {}", or_any(type_name(&field["additionalProperties"])))
        }
        _ => or_any(types.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(entries: &'a [Entry], entry: &str, field: &str) -> &'a Field {
        let entry = entries.iter().find(|one| one.name == entry).unwrap();
        entry.fields.iter().find(|one| one.name == field).unwrap()
    }

    #[test]
    fn fields_are_told_with_type_default_and_need() {
        let fleet = reference(Kind::Fleet);
        let branch = find(&fleet, "Environment", "branch");
        assert!(branch.needed && branch.type_name == "string" && branch.default.is_none(), "{branch:?}");
        let environments = find(&fleet, "Fleet", "environments");
        assert_eq!(environments.type_name, "list of Environment");
        assert_eq!(environments.entry.as_deref(), Some("Environment"));
        let cluster = reference(Kind::Cluster);
        let policy = find(&cluster, "Cluster", "networkPolicy");
        assert_eq!((policy.type_name.as_str(), policy.default.as_deref()), ("boolean", Some("true")));
        assert!(find(&cluster, "Access", "kubeconfig.file").meaning.contains("kubeconfig"));
        assert!(!find(&cluster, "Access", "playground").needed);
        let zone = cluster.iter().find(|entry| entry.name == "Zone").unwrap();
        assert!(zone.words.iter().any(|(word, meaning)| word == "dmz" && !meaning.is_empty()));
        let app = reference(Kind::App);
        assert_eq!(find(&app, "App", "components").entry.as_deref(), Some("Component"));
    }

    #[test]
    fn every_type_of_every_kind_has_its_table() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/README.md");
        let text = reference_markdown();
        if std::env::var_os("SLUICE_BLESS").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        let found = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(found == text, "schemas/README.md is stale: run `make schemas` and look at the change");
        for kind in Kind::ALL {
            for entry in reference(*kind) {
                assert!(!entry.meaning.is_empty(), "{kind}: {} has no description", entry.name);
                for field in &entry.fields {
                    // Of words the type says it all.
                    let plain = field.name.contains('.') || field.type_name.contains('`');
                    let known = !field.type_name.is_empty() && (!field.meaning.is_empty() || plain);
                    assert!(known, "{kind}: {}.{} says nothing: {field:?}", entry.name, field.name);
                }
            }
        }
    }
}
