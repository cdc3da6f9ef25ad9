//! What was measured, as a table; beside it what is aimed at.

use std::fmt::Write as _;
use std::time::Duration;

/// One thing that was measured.
pub struct Line {
    what: String,
    value: String,
    aim: String,
    /// Whether the aim is reached; none where there is none.
    reached: Option<bool>,
    number: f64,
}

impl Line {
    /// A time, `of` what: CPU or wall.
    pub fn new(what: impl Into<String>, of: &str, took: Duration) -> Self {
        let number = took.as_secs_f64() * 1000.0;
        let value = if number < 10_000.0 {
            format!("{number:.1} ms {of}")
        } else {
            format!("{:.1} s {of}", number / 1000.0)
        };
        Self { what: what.into(), value, aim: String::new(), reached: None, number }
    }

    /// How many of something.
    pub fn count(what: impl Into<String>, count: u64, unit: &str) -> Self {
        let value = format!("{count} {unit}");
        Self { what: what.into(), value, aim: String::new(), reached: None, number: count as f64 }
    }

    /// How one compares with the other.
    pub fn ratio(what: impl Into<String>, ratio: f64) -> Self {
        Self {
            what: what.into(),
            value: format!("{ratio:.2}"),
            aim: String::new(),
            reached: None,
            number: ratio,
        }
    }

    /// What it is to be at most; times in milliseconds.
    pub fn at_most(mut self, aim: f64) -> Self {
        self.aim = format!("at most {aim}");
        self.reached = Some(self.number <= aim);
        self
    }

    /// What it is to be at least.
    pub fn at_least(mut self, aim: f64) -> Self {
        self.aim = format!("at least {aim}");
        self.reached = Some(self.number >= aim);
        self
    }
}

/// All that was measured, in order.
#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
    left_out: Vec<String>,
}

impl Report {
    /// Prints a line at once, and keeps it.
    pub fn add(&mut self, line: Line) {
        let verdict = match line.reached {
            Some(true) => "reached",
            Some(false) => "MISSED",
            None => "",
        };
        eprintln!("{}: {} {} {verdict}", line.what, line.value, line.aim);
        self.lines.push(line);
    }

    /// What could not be measured here.
    pub fn left_out(&mut self, what: &str) {
        eprintln!("left out: {what}");
        self.left_out.push(what.to_owned());
    }

    /// The table in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = "| what | measured | aim | reached |\n| --- | --- | --- | --- |\n".to_owned();
        for Line { what, value, aim, reached, .. } in &self.lines {
            let reached = reached.map_or("", |reached| if reached { "yes" } else { "no" });
            let _ = writeln!(text, "| {what} | {value} | {aim} | {reached} |");
        }
        for what in &self.left_out {
            let _ = writeln!(text, "\nLeft out: {what}.");
        }
        text
    }
}
