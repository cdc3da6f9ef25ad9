//! `sluice demo --once` from beginning to end: the line that everything hangs on.

use std::process::Command;

#[test]
fn the_demo_goes_as_told() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("demo");
    let output = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(["demo", "--once", "--directory"])
        .arg(&folder)
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let talk = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}\n{talk}");
    for line in [
        "3 tenants, 8 apps, 2 environments, 4 clusters",
        "8 apps Synced and Healthy on 4 clusters",
        "changed deployments campus/web in dev-east, dev-west, prod-east, prod-west",
        "RolledBack in",
        "ImagePullBackOff",
        "prod-east: never fewer than 4 of 4 pods available",
        "prod-west: never fewer than 4 of 4 pods available",
        "byte for byte those of before",
        "Git still asks for",
        "the release is held",
        "production runs 1.2.1",
    ] {
        assert!(told.contains(line), "no `{line}` in\n{told}\n{talk}");
    }
    assert!(!folder.exists(), "the folder stayed behind");
}
