//! Why a command did not do what it was asked, and the exit code that says so.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

/// What the program ends with. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, and the answer is yes.
    Done = 0,
    /// The answer is no: invalid, differs, rolled back, refused.
    No = 1,
    /// The command or a setting is wrong.
    Usage = 2,
    /// The world failed: a file, a cluster, the engine.
    World = 3,
    /// A person stopped it.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        // Every number fits a byte.
        std::process::ExitCode::from(exit as u8)
    }
}

/// The cause of a failure.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a command ends early.
#[derive(Debug)]
pub struct Failure {
    /// What the program ends with.
    pub exit: Exit,
    /// What went wrong, in lower case, without a full stop; empty = everything is said already.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Why.
    pub cause: Option<Cause>,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, cause: None }
    }

    /// The answer is no.
    pub fn no(message: impl Into<String>) -> Self {
        Self::new(Exit::No, message)
    }

    /// The command or a setting is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The world failed.
    pub fn world(message: impl Into<String>) -> Self {
        Self::new(Exit::World, message)
    }

    /// Everything is said already.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// The same with a next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with a "did you mean", if there is one.
    #[must_use]
    pub fn did_you_mean(self, nearest: Option<&str>) -> Self {
        match nearest {
            Some(nearest) => self.help(format!("did you mean `{nearest}`?")),
            None => self,
        }
    }

    /// The same with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What a person reads: the error, its causes indented, the next step.
    pub fn text(&self) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        let mut text = format!("error: {}\n", self.message);
        let mut next: Option<&dyn Error> = self.cause.as_ref().map(|cause| &**cause as &dyn Error);
        let mut depth = 1;
        while let Some(cause) = next {
            let _ = writeln!(text, "{:indent$}{cause}", "", indent = depth * 2);
            next = cause.source();
            depth += 1;
        }
        if let Some(help) = &self.help {
            let _ = writeln!(text, "help: {help}");
        }
        text
    }
}

impl From<io::Error> for Failure {
    /// Output that can't be written. A reader that has gone away (`| head`) is no failure.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(Exit::Done),
            _ => Self::world("can't write the output").because(error),
        }
    }
}
