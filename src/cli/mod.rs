//! The command line: what was said becomes what is meant, and answers are printed.
//!
//! This is the edge of the program: the only place that prints, and that chooses exit codes. It
//! decides nothing about fleets and clusters; it calls the modules that do.

mod args;
mod client;
mod cluster;
mod command;
mod console;
mod demo;
mod diff;
mod engine;
mod failure;
mod fleet;
mod folder;
mod health;
mod init;
mod objects;
mod plan;
mod playground;
mod record;
mod render;
mod rollout;
mod schema;
mod settings;
mod status;
mod table;
mod validate;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use command::Verb;
use console::Console;
use failure::{Exit, Failure};

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let mut console = Console::standard();
    let done = match Arguments::try_parse() {
        Ok(arguments) => run(&arguments.command, &mut console),
        Err(error) => usage(&error, &mut console),
    };
    match done {
        Ok(()) => Exit::Done.into(),
        Err(failure) => console.fail(&failure).into(),
    }
}

/// What clap says of the arguments: help is an answer, a fault is talk.
fn usage(error: &clap::Error, console: &mut Console) -> Result<(), Failure> {
    let styled = error.render();
    if error.use_stderr() {
        let text = if console.err_colour() { styled.ansi().to_string() } else { styled.to_string() };
        console.say(text.trim_end());
        return Err(Failure::silent(Exit::Usage));
    }
    let text = if console.colour() { styled.ansi().to_string() } else { styled.to_string() };
    console.print(&text)
}

fn run(command: &Command, console: &mut Console) -> Result<(), Failure> {
    match command {
        Command::Diff(args) => diff::run(args, console),
        Command::Explain(args) => schema::explain(args, console),
        Command::Health(args) => health::run(args, console),
        Command::Schema(args) => schema::schema(args, console),
        Command::Completions(args) => schema::completions(args, console),
        Command::Version(args) => schema::version(args, console),
        Command::Init(args) => init::run(args, console),
        Command::Validate(args) => validate::run(args, console),
        Command::Render(args) => render::run(args, console),
        Command::Plan(args) => plan::run(args, console),
        Command::Sync(args) => command::sync(args, console),
        Command::Suspend(args) => command::on_app(Verb::Suspend, args, console),
        Command::Resume(args) => command::on_app(Verb::Resume, args, console),
        Command::Apply(args) => engine::apply(args, console),
        Command::Run(args) => engine::run(args, console),
        Command::Status(args) => status::run(args, console),
        Command::Rollout(command) => rollout::run(command, console),
        Command::Release(args::Release::List(args)) => record::releases(args, console),
        Command::Release(args::Release::Hold(args)) => command::on_app(Verb::Hold, args, console),
        Command::Release(args::Release::Unhold(args)) => command::on_app(Verb::Unhold, args, console),
        Command::History(args) => record::tell(args, console),
        Command::State(args::State::Export(args)) => record::export(args, console),
        Command::Cluster(command) => cluster::run(command, console),
        Command::Playground(args) => playground::run(args, console),
        Command::Demo(args) => demo::run(args, console),
    }
}
