//! `make bench`: the workload W(tenants x apps), six objects an app, each figure beside a named peer
//! that does the same in the same run.
//!
//! Outputs are compared before anything is timed. What is printed also goes into the file that
//! `--write` names. `--size 2x5` is for trying the benchmark itself.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers"
)]

#[path = "../../tests/controlplane/mod.rs"]
mod controlplane;
mod cpu;
mod engine;
mod fleet;
mod flood;
mod offline;
mod plane;
mod report;

use fleet::Size;
use report::Report;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let after = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let size: Size = after("--size").map_or("20x50", String::as_str).parse().expect("--size TENANTSxAPPS");
    let sizes = [5, 10, 20].map(|tenants| Size { tenants: tenants * size.tenants / 20, ..size });
    let sizes: Vec<Size> = sizes.into_iter().filter(|size| size.tenants > 0).collect();
    let mut report = Report::default();
    let plane = controlplane::or_left_out(controlplane::ControlPlane::start("bench", &plane::options()));
    let kubectl = plane.as_ref().map(controlplane::ControlPlane::kubectl_path);
    if !has("--plane") {
        offline::run(&sizes, kubectl.as_deref(), &mut report);
    }
    match &plane {
        Some(plane) if !has("--offline") => plane::run(size, plane, &mut report),
        Some(_) => {}
        None => report.left_out("everything on a real control plane: it can't be built here"),
    }
    println!("{}", report.markdown());
    if let Some(file) = after("--write") {
        std::fs::write(file, report.markdown()).expect("the file can be written");
    }
}
