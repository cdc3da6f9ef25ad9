//! The program beside a playground: started, told to stop, and its clusters edited by hand.

use std::process::Command;

use super::Place;

/// A child that is told to stop when the test ends, however it ends.
pub struct Running(pub std::process::Child);

impl Running {
    pub fn tell(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Waits for the end; gives the exit code.
    pub fn end(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    /// Asks again and again until the output has a word; a minute is long for all that is asked here.
    pub fn until(&self, args: &str, word: &str) {
        let begun = std::time::Instant::now();
        loop {
            let output = self.run(args);
            if String::from_utf8_lossy(&output.stdout).contains(word) {
                return;
            }
            assert!(begun.elapsed().as_secs() < 60, "sluice {args} never said `{word}`: {output:?}");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// Starts the program and waits for the line that says that it is up.
    pub fn start(&self, args: &str, talk: bool, up: &str) -> Running {
        use std::io::{BufRead, BufReader};
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args(args.split_whitespace()).current_dir(self.path()).env_clear();
        let mut child = match talk {
            true => command.stderr(std::process::Stdio::piped()).spawn().unwrap(),
            false => command.stdout(std::process::Stdio::piped()).spawn().unwrap(),
        };
        let lines: Box<dyn std::io::Read + Send> = match talk {
            true => Box::new(child.stderr.take().unwrap()),
            false => Box::new(child.stdout.take().unwrap()),
        };
        let child = Running(child);
        let mut lines = BufReader::new(lines).lines();
        let mut seen = Vec::new();
        let found = lines.by_ref().map_while(Result::ok).any(|line| {
            seen.push(line.clone());
            line.contains(up)
        });
        assert!(found, "`sluice {args}` ended without `{up}`: {seen:?}");
        // Read on, so that the child never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        child
    }
}

/// Changes an object of the playground by hand, as an administrator.
pub fn edit(place: &Place, api: &str, kind: &str, name: &str, change: &serde_json::Value) {
    use kube::api::{Api, DynamicObject, Patch, PatchParams};
    use kube::core::{ApiResource, GroupVersionKind};
    let (group, version) = api.rsplit_once('/').unwrap_or(("", api));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    let file = place.path().join(".sluice/playground/local.admin.kubeconfig");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let file = kube::config::Kubeconfig::read_from(file).unwrap();
        let current = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &current).await.unwrap();
        let client = kube::Client::try_from(config).unwrap();
        let objects: Api<DynamicObject> = Api::namespaced_with(client, "shop", &resource);
        objects.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    });
}
