//! The forms in which answers are given.

use clap::ValueEnum;

/// The form of an answer without columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
}

/// The form of objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum YamlOrJson {
    /// YAML documents
    #[default]
    Yaml,
    /// A JSON list, each object with its cluster and owner
    Json,
}

/// The form of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TableOrJson {
    /// For people
    #[default]
    Table,
    /// For machines
    Json,
}

/// The form of a status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum StatusForm {
    /// A line per app
    #[default]
    Table,
    /// A line per app and cluster
    Wide,
    /// For machines
    Json,
    /// For machines
    Yaml,
}

/// The form of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanForm {
    /// A line per part
    #[default]
    Table,
    /// Every field that changes
    Diff,
    /// For machines
    Json,
    /// For pull requests
    Markdown,
}
