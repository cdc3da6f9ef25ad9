//! Log lines, on standard error: standard output is for results.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::TryInitError;

use crate::settings::LogFormat;

/// Why no log can be written.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The filter is none.
    #[error("`{0}` is no filter of log lines; write `info` or `warn,sluice=debug`")]
    Filter(String, #[source] tracing_subscriber::filter::ParseError),
    /// A log is written already.
    #[error("a log is written already")]
    Twice(#[source] TryInitError),
}

/// Writes log lines from now on, for the whole process.
///
/// # Errors
/// The filter can't be read, or a log is written already.
pub fn start_log(format: LogFormat, filter: &str, colour: bool) -> Result<(), FilterError> {
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = EnvFilter::try_new(filter).map_err(|error| FilterError::Filter(filter.to_owned(), error))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(colour).finish().try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    }
    .map_err(FilterError::Twice)
}
