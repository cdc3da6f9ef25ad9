//! Where settings come from, and which of the places wins.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// Bytes of a settings file: there are a dozen settings.
const FILE_LIMIT: usize = 64 * 1024;

/// The prefix of variables.
const PREFIX: &str = "SLUICE_";

/// A variable that names the file and is no setting of it.
const CONFIG_VARIABLE: &str = "SLUICE_CONFIG";

/// What was said, and where.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The path of the settings file, for messages, and its text.
    pub file: Option<(String, String)>,
    /// Variables of the environment; those without `SLUICE_` are passed over.
    pub environment: BTreeMap<String, String>,
    /// Flags that were given, by their name without `--`.
    pub flags: BTreeMap<String, String>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was said.
    Default,
    /// The settings file.
    File {
        /// Its path.
        path: String,
    },
    /// A variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag.
    Flag {
        /// Its name, with `--`.
        flag: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path } => f.write_str(path),
            Origin::Environment { variable } => f.write_str(variable),
            Origin::Flag { flag } => f.write_str(flag),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it was said.
    pub origin: Origin,
    /// The setting; empty = the place as a whole.
    pub setting: String,
    /// What is wrong with it.
    pub message: String,
}

/// What is wrong with the settings; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(pub Vec<Fault>);

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            match fault.setting.as_str() {
                "" => write!(f, "{separator}{}: {}", fault.origin, fault.message)?,
                setting => write!(f, "{separator}`{setting}` ({}): {}", fault.origin, fault.message)?,
            }
        }
        Ok(())
    }
}

/// Reads settings one by one and remembers which names there are.
pub struct Reader<'a> {
    layers: &'a Layers,
    file: BTreeMap<String, Value>,
    known: BTreeSet<&'static str>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub fn new(layers: &'a Layers) -> Self {
        let mut reader = Self { layers, file: BTreeMap::new(), known: BTreeSet::new(), faults: Vec::new() };
        if let Some((path, text)) = &layers.file {
            match read_file(text) {
                Ok(file) => reader.file = file,
                Err(message) => {
                    let origin = Origin::File { path: path.clone() };
                    reader.faults.push(Fault { origin, setting: String::new(), message });
                }
            }
        }
        reader
    }

    /// The setting with this name (in the form of a flag).
    pub fn read<T>(
        &mut self,
        name: &'static str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Sourced<T> {
        self.known.insert(name);
        let Some((origin, said)) = self.said(name) else {
            return Sourced { value: default, origin: Origin::Default };
        };
        match said.and_then(|text| parse(&text)) {
            Ok(value) => Sourced { value, origin },
            Err(message) => {
                self.faults.push(Fault { origin: origin.clone(), setting: name.to_owned(), message });
                Sourced { value: default, origin }
            }
        }
    }

    /// The strongest place that says something of a setting, and what.
    fn said(&self, name: &str) -> Option<(Origin, Result<String, String>)> {
        if let Some(text) = self.layers.flags.get(name) {
            return Some((Origin::Flag { flag: format!("--{name}") }, Ok(text.clone())));
        }
        let variable = variable(name);
        if let Some(text) = self.layers.environment.get(&variable) {
            return Some((Origin::Environment { variable }, Ok(text.clone())));
        }
        let (path, _) = self.layers.file.as_ref()?;
        let text = match self.file.get(&field(name))? {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Null => return None,
            Value::Array(_) | Value::Object(_) => Err("expected one value".to_owned()),
        };
        Some((Origin::File { path: path.clone() }, text))
    }

    /// Looks for names that no setting has; gives the variables among them.
    pub fn finish(mut self) -> Result<Vec<String>, SettingsError> {
        let fields: BTreeSet<String> = self.known.iter().map(|name| field(name)).collect();
        for name in self.file.keys().filter(|name| !fields.contains(*name)) {
            let path = self.layers.file.as_ref().map(|(path, _)| path.clone()).unwrap_or_default();
            let message = unknown(name, fields.iter().map(String::as_str));
            self.faults.push(Fault { origin: Origin::File { path }, setting: name.clone(), message });
        }
        for name in self.layers.flags.keys().filter(|name| !self.known.contains(name.as_str())) {
            let message = unknown(name, self.known.iter().copied());
            let origin = Origin::Flag { flag: format!("--{name}") };
            self.faults.push(Fault { origin, setting: name.clone(), message });
        }
        if !self.faults.is_empty() {
            return Err(SettingsError(self.faults));
        }
        let variables: BTreeSet<String> = self.known.iter().map(|name| variable(name)).collect();
        let unread = self.layers.environment.keys().filter(|name| {
            name.starts_with(PREFIX) && *name != CONFIG_VARIABLE && !variables.contains(*name)
        });
        Ok(unread.cloned().collect())
    }
}

/// `poll-interval` as a variable: `SLUICE_POLL_INTERVAL`.
fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// `poll-interval` as a field: `pollInterval`.
fn field(name: &str) -> String {
    let mut parts = name.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |field, part| {
        let (head, tail) = part.split_at(part.len().min(1));
        field + &head.to_ascii_uppercase() + tail
    })
}

fn read_file(text: &str) -> Result<BTreeMap<String, Value>, String> {
    if text.len() > FILE_LIMIT {
        return Err(format!("the file has more than {FILE_LIMIT} bytes"));
    }
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Ok(BTreeMap::new());
    }
    // The reader's own words may quote the file.
    serde_yaml::from_str(text).map_err(|_| "it is no YAML mapping of settings".to_owned())
}

/// Says that there is no such name, and which one may have been meant.
fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let similar = known
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .min()
        .filter(|(distance, other)| *distance <= other.len().max(3) / 3);
    match similar {
        Some((_, other)) => format!("there is no such setting; did you mean `{other}`?"),
        None => "there is no such setting".to_owned(),
    }
}
