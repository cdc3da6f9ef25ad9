//! The workload W(T x A): T tenants of A apps, each six objects: Deployment, Service, ConfigMap,
//! Ingress, autoscaler and disruption budget. And for the engine's latency one app of plain manifests.

use std::collections::BTreeMap;
use std::path::Path;

/// How large a workload is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub tenants: usize,
    pub apps: usize,
}

impl Size {
    /// Objects of its apps.
    pub fn objects(self) -> usize {
        self.tenants * self.apps * 6
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tenants, apps) = text.split_once('x').ok_or("two numbers with an x between")?;
        let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
        Ok(Self { tenants: number(tenants)?, apps: number(apps)? })
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "W({}x{})", self.tenants, self.apps)
    }
}

/// The files of a fleet with one environment and one cluster.
///
/// `more` is added to the spec of every app, such as `state: stopped`.
pub fn files(size: Size, kubeconfig: &Path, more: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    files.insert("sluice.yaml".to_owned(), FLEET.to_owned());
    files.insert(
        "platform/cluster.yaml".to_owned(),
        format!(
            "apiVersion: sluice.dev/v1alpha1\nkind: Cluster\nmetadata: {{name: one}}\nspec:\n  environment: dev\n  access: {{kubeconfig: {{file: {}}}}}\n  traffic: {{provider: nginx}}\n",
            kubeconfig.display()
        ),
    );
    for tenant in 0..size.tenants {
        let tenant = tenant_name(tenant);
        files.insert(
            format!("platform/tenants/{tenant}.yaml"),
            definition("Tenant", &tenant, "spec: {namespaces: {default: {}}}\n"),
        );
        for app in 0..size.apps {
            let name = app_name(app);
            files.insert(format!("tenants/{tenant}/{name}/app.yaml"), app_text(&tenant, &name, more));
            files.insert(format!("tenants/{tenant}/{name}/settings.yaml"), settings(&tenant, &name));
        }
    }
    files
}

pub fn tenant_name(number: usize) -> String {
    format!("t{number:02}")
}

pub fn app_name(number: usize) -> String {
    format!("a{number:02}")
}

/// An app of six objects.
pub fn app_text(tenant: &str, name: &str, more: &str) -> String {
    let spec = format!(
        "spec:\n  image: registry.acme.example/{tenant}/{name}:1.0.0\n  port: 8080\n  health: /healthz\n  \
         resources: {{cpu: 1m, memory: 1Mi}}\n  files: {{/etc/{name}/settings.yaml: settings.yaml}}\n  host: \
         {name}.{tenant}.acme.example\n  autoscale: {{min: 1, max: 4, cpuPercent: 80}}\n  disruption: \
         {{maxUnavailable: 1}}\n  env: {{TENANT: {tenant}, LOG_LEVEL: info}}\n{more}"
    );
    definition("App", name, &spec)
}

fn settings(tenant: &str, name: &str) -> String {
    format!("listen: 8080\nname: {tenant}-{name}\nlog:\n  level: info\n  format: json\n")
}

fn definition(kind: &str, name: &str, rest: &str) -> String {
    format!("apiVersion: sluice.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n{rest}")
}

/// Writes files below a folder.
pub fn write(folder: &Path, files: &BTreeMap<String, String>) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
}

const FLEET: &str = "\
apiVersion: sluice.dev/v1alpha1
kind: Fleet
metadata: {name: workload}
spec:
  environments: [{name: dev, branch: main}]
";
