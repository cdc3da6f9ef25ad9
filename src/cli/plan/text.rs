//! A plan for people: as a table, as field diffs, as Markdown for pull requests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::short;
use crate::cli::console::{Console, Paint};
use crate::diff::render_text;
use crate::model::{ApprovalNeed, Part, PartKey, Plan, TargetKey, Work};
use crate::plan::{Admission, Change, Changes, Counts};

/// A plan and what is known about it.
pub struct View<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What each part changes, where that is known.
    pub changes: BTreeMap<PartKey, Changes>,
    /// What becomes of each part, where an engine says so.
    pub admissions: &'a [Admission],
}

impl View<'_> {
    /// A line per part.
    pub fn table(&self, console: &Console) -> String {
        if self.plan.parts.is_empty() {
            return "nothing changes\n".to_owned();
        }
        let mut table = console.table(&["PART", "CHANGES", "STRATEGY", "WHERE", "STATE", "DIGEST"]);
        for part in &self.plan.parts {
            let state = self.state(part);
            let paint = if part.approvals.is_empty() { Paint::Faint } else { Paint::Attention };
            table.row([
                part.key.to_string().as_str(),
                &self.counted(part),
                strategy(part),
                &places(part),
                &console.paint(paint, &state),
                &short(&part.digest.to_string()),
            ]);
        }
        let digest = short(&self.plan.digest.to_string());
        format!("{}\nplan {digest} for {}\n", table.text(), self.plan.environment)
    }

    /// Every field that changes.
    pub fn diff(&self, colour: bool) -> String {
        let mut text = String::new();
        for part in &self.plan.parts {
            let Some(changes) = self.changes.get(&part.key) else { continue };
            let _ = writeln!(text, "# {} ({})", part.key, short(&part.digest.to_string()));
            for line in &changes.settings {
                let _ = writeln!(text, "{line}");
            }
            for change in &changes.objects {
                let _ = writeln!(text, "## {}", change.target);
                text.push_str(&object_diff(change, colour));
            }
            text.push('\n');
        }
        if text.is_empty() { "nothing changes\n".to_owned() } else { text }
    }

    /// For pull requests.
    pub fn markdown(&self) -> String {
        let mut text = format!("## Plan for `{}`\n\n", self.plan.environment);
        if self.plan.parts.is_empty() {
            text.push_str("Nothing changes.\n");
            return text;
        }
        text.push_str("| part | changes | strategy | where | needs |\n| --- | --- | --- | --- | --- |\n");
        for part in &self.plan.parts {
            let needs = needs(part).unwrap_or_default();
            let row =
                [part.key.to_string(), self.counted(part), strategy(part).to_owned(), places(part), needs];
            let _ = writeln!(text, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
        for part in &self.plan.parts {
            let Some(changes) = self.changes.get(&part.key) else { continue };
            if changes.objects.is_empty() && changes.settings.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n<details><summary>{}</summary>\n", part.key);
            let mut body: String = changes.settings.iter().map(|line| format!("{line}\n")).collect();
            for change in &changes.objects {
                let _ = writeln!(body, "# {}", change.target);
                body.push_str(&object_diff(change, false));
            }
            let fence = fence(&body);
            let _ = writeln!(text, "{fence}diff\n{body}{fence}\n\n</details>");
        }
        let _ = writeln!(text, "\nPlan digest: `{}`", self.plan.digest);
        text
    }

    /// How many objects come, change and go; where only the plan is at hand, what it says of that.
    fn counted(&self, part: &Part) -> String {
        if let Some(changes) = self.changes.get(&part.key) {
            let mut words = count_words(changes.counts());
            if !changes.settings.is_empty() {
                words.push(format!("{} settings", changes.settings.len()));
            }
            return if words.is_empty() { "none".to_owned() } else { words.join(" ") };
        }
        match &part.work {
            Work::Platform { objects } => format!("{} objects", objects.len()),
            Work::Settings { settings, .. } => format!("settings of {}", settings.len()),
            Work::Release(program) => {
                let sum = |sets: &BTreeMap<_, BTreeSet<_>>| sets.values().map(BTreeSet::len).sum::<usize>();
                format!("+{} -{}", sum(&program.added), sum(&program.removed))
            }
            Work::Prune { targets } => format!("-{}", targets.values().map(BTreeSet::len).sum::<usize>()),
        }
    }

    fn state(&self, part: &Part) -> String {
        let said = self.admissions.iter().find_map(|admission| match admission {
            Admission::Start(key) if *key == part.key => Some("starts".to_owned()),
            Admission::Supersede(id, key, _) if *key == part.key => Some(format!("supersedes {id}")),
            Admission::Running(key, id) if *key == part.key => Some(format!("running as {id}")),
            Admission::Wait(key, reason) if *key == part.key => Some(reason.to_string()),
            Admission::Refuse(key, reason) if *key == part.key => Some(reason.to_string()),
            _ => None,
        });
        said.or_else(|| needs(part)).unwrap_or_default()
    }
}

fn count_words(counts: Counts) -> Vec<String> {
    let words = [('+', counts.created), ('~', counts.changed), ('-', counts.deleted)];
    words.iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!("{sign}{count}")).collect()
}

fn object_diff(change: &Change, colour: bool) -> String {
    if change.before.is_none() && change.after.is_none() {
        return format!("- {}\n", change.key);
    }
    render_text(change.after.as_ref(), change.before.as_ref(), colour)
}

/// What somebody must agree to.
fn needs(part: &Part) -> Option<String> {
    let words: Vec<String> = part
        .approvals
        .iter()
        .map(|need| match need {
            ApprovalNeed::Deletions { emptied: true, .. } => "approval: leaves nothing".to_owned(),
            ApprovalNeed::Deletions { allowed, counted, protected, .. } if protected.is_empty() => {
                format!("approval: deletes {counted}, {allowed} allowed")
            }
            ApprovalNeed::Deletions { protected, .. } => {
                let keys: Vec<String> = protected.iter().map(ToString::to_string).collect();
                format!("approval: deletes {}", keys.join(", "))
            }
        })
        .collect();
    (!words.is_empty()).then(|| words.join("; "))
}

fn strategy(part: &Part) -> &'static str {
    match &part.work {
        Work::Release(program) => program.rules.strategy.as_str(),
        _ => "",
    }
}

fn places(part: &Part) -> String {
    let targets: BTreeSet<&TargetKey> = match &part.work {
        Work::Platform { .. } => match &part.key {
            PartKey::Platform(target) => BTreeSet::from([target]),
            _ => BTreeSet::new(),
        },
        Work::Settings { settings, .. } => settings.keys().collect(),
        Work::Release(program) => program.to.keys().map(|key| &key.target).collect(),
        Work::Prune { targets } => targets.keys().collect(),
    };
    let clusters: BTreeSet<&str> = targets.iter().map(|target| target.cluster.as_str()).collect();
    clusters.into_iter().collect::<Vec<_>>().join(",")
}

/// A fence longer than any in the text: what users wrote can't end the block.
fn fence(text: &str) -> String {
    let longest = text
        .lines()
        .map(|line| line.trim_start_matches(['+', '-', ' ']).bytes().take_while(|b| *b == b'`').count());
    "`".repeat(longest.max().unwrap_or(0).max(2) + 1)
}
