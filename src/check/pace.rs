//! The time that pods need against the time that a release gives them.

use crate::definition::{App, GrayRelease};
use crate::diagnostic::{Code, Fault};
use crate::model::{Span, format_duration};
use crate::render;

/// Warns where a pod may take longer to get ready than the release waits for progress.
pub fn pace(app: &App, gray_release: &GrayRelease) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, component) in &app.components {
        let needs =
            Span::from_secs(render::start_secs(component)).0 + component.min_ready.unwrap_or_default().0;
        let given = gray_release.timeouts.progress.0;
        if needs >= given {
            let message = format!(
                "a pod of `{name}` may take {} to get ready; the release gives up after {} without progress",
                format_duration(needs),
                format_duration(given)
            );
            let fault = Fault::warning(Code::S0523, &["components", name.as_str()], message);
            faults.push(fault.help("shorten the probes, or enlarge `timeouts.progress` of the GrayRelease"));
        }
    }
    faults
}
