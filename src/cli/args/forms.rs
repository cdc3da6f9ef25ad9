//! The forms in which answers are given.

use clap::ValueEnum;

/// A form for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// JSON, indented.
    Json,
    /// One YAML document.
    Yaml,
}

/// The form of an answer without columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TextForm {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// For machines
    Yaml,
}

/// The form of objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ObjectForm {
    /// YAML documents
    #[default]
    Yaml,
    /// A JSON list, each object with its cluster and owner
    Json,
}

/// The form of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TableForm {
    /// For people
    #[default]
    Table,
    /// For machines
    Json,
    /// For machines
    Yaml,
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
    /// For machines
    Yaml,
    /// For pull requests
    Markdown,
}

macro_rules! for_machines {
    ($($form:ident)*) => {
        $(
            impl $form {
                /// The form for machines that it is, if it is one.
                pub fn machine(self) -> Option<Machine> {
                    match self {
                        Self::Json => Some(Machine::Json),
                        Self::Yaml => Some(Machine::Yaml),
                        _ => None,
                    }
                }
            }
        )*
    };
}

for_machines! { TextForm TableForm StatusForm PlanForm }
