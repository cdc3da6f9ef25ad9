//! `init`: a small fleet in an empty folder, with comments, to begin with.

use std::fs;
use std::path::Path;

use super::args;
use super::console::Console;
use super::failure::Failure;

/// The files, by their paths.
pub const FILES: &[(&str, &str)] = &[
    ("sluice.yaml", include_str!("init/sluice.yaml")),
    ("platform/clusters.yaml", include_str!("init/clusters.yaml")),
    ("platform/tenants/shop.yaml", include_str!("init/shop.yaml")),
    ("tenants/shop/web/app.yaml", include_str!("init/app.yaml")),
];

/// Runs the command.
///
/// # Errors
/// The folder holds something already, or can't be written.
pub fn run(args: &args::Init, console: &mut Console) -> Result<(), Failure> {
    let folder = &args.directory;
    let shown = folder.display().to_string();
    let failed = |error| Failure::world(format!("can't write into `{shown}`")).because(error);
    fs::create_dir_all(folder).map_err(failed)?;
    // A repository that was just made is as good as empty.
    let mut entries = fs::read_dir(folder).map_err(failed)?.filter_map(Result::ok);
    if entries.any(|entry| entry.file_name() != ".git") {
        let failure = Failure::usage(format!("the folder `{shown}` is not empty"));
        return Err(failure.help("name an empty one: `sluice init fleet`"));
    }
    for (path, text) in FILES {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        fs::write(&path, text).map_err(failed)?;
        console.line(path.display().to_string())?;
    }
    console.say(format!("next: sluice validate {shown}"));
    Ok(())
}
