//! Where results and talk go: results on standard output, talk on standard error.
//!
//! Nothing else of the program prints. Colour is for terminals, unless `NO_COLOR` says otherwise.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::args::Machine;
use super::failure::{Exit, Failure};
use super::table::Table;

/// The two streams.
pub struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    colour: bool,
    err_colour: bool,
    progress: bool,
    width: Option<usize>,
}

/// How a word is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// As it should be.
    Good,
    /// On its way, or worth a look.
    Attention,
    /// Failed.
    Bad,
    /// Of less interest.
    Faint,
    /// A heading.
    Strong,
}

impl Paint {
    fn style(self) -> Style {
        match self {
            Paint::Good => AnsiColor::Green.on_default(),
            Paint::Attention => AnsiColor::Yellow.on_default(),
            Paint::Bad => AnsiColor::Red.on_default(),
            Paint::Faint => Style::new().dimmed(),
            Paint::Strong => Style::new().bold(),
        }
    }
}

/// The columns of the terminal that results go to; none if they go elsewhere. `COLUMNS` wins.
fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let said =
        std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|width| *width > 0);
    said.or_else(|| terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0)))
}

impl Console {
    /// The process's own streams.
    pub fn standard() -> Self {
        let colours = |choice| choice != anstream::ColorChoice::Never;
        Self {
            colour: colours(anstream::AutoStream::choice(&io::stdout())),
            err_colour: colours(anstream::AutoStream::choice(&io::stderr())),
            progress: io::stderr().is_terminal(),
            width: width(),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
        }
    }

    /// A table with these headings, as wide as the terminal at most.
    pub fn table(&self, headings: &[&str]) -> Table {
        Table::new(headings, self.width)
    }

    /// Whether results are coloured.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Whether talk is coloured.
    pub fn err_colour(&self) -> bool {
        self.err_colour
    }

    /// A word of a result, painted where colour is wanted.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = paint.style();
        format!("{style}{text}{style:#}")
    }

    /// Prints a result as it is.
    ///
    /// # Errors
    /// The stream can't be written.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Prints a line of a result.
    ///
    /// # Errors
    /// The stream can't be written.
    pub fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        self.print(&format!("{}\n", text.as_ref()))
    }

    /// Prints a result for machines, as JSON.
    ///
    /// # Errors
    /// The stream can't be written.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::world("the result is no JSON").because(error))?;
        self.line(text)
    }

    /// Prints a result for machines.
    ///
    /// # Errors
    /// The stream can't be written.
    pub fn machine(&mut self, form: Machine, value: &impl Serialize) -> Result<(), Failure> {
        match form {
            Machine::Json => self.json(value),
            Machine::Yaml => self.yaml(value),
        }
    }

    /// Prints a result for machines, as YAML.
    ///
    /// # Errors
    /// The stream can't be written.
    pub fn yaml(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_yaml::to_string(value)
            .map_err(|error| Failure::world("the result is no YAML").because(error))?;
        self.line(text.trim_end())
    }

    /// Says something beside the result.
    pub fn say(&mut self, text: impl AsRef<str>) {
        // Talk that nobody can read is lost, and the command goes on.
        let _ = writeln!(self.err, "{}", text.as_ref());
    }

    /// Says how far things are; on a terminal only.
    pub fn progress(&mut self, text: impl AsRef<str>) {
        if self.progress {
            self.say(text);
        }
    }

    /// Says why a command failed; gives what the program ends with.
    pub fn fail(&mut self, failure: &Failure) -> Exit {
        let mut text = failure.text();
        if self.err_colour {
            let (error, help) = (Paint::Bad.style().bold(), AnsiColor::Cyan.on_default().bold());
            text = text.replacen("error:", &format!("{error}error:{error:#}"), 1);
            text = text.replacen("\nhelp:", &format!("\n{help}help:{help:#}"), 1);
        }
        let _ = self.err.write_all(text.as_bytes());
        failure.exit
    }
}
