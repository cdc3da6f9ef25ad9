//! What is done to a settled app, for every way to roll out: a good release, a bad one, the removal.

/// How the app's workload is rolled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// A Deployment of two components by its own rolling update, with a configuration.
    Rolling,
    /// A StatefulSet, ordinal by ordinal.
    Ordinal,
    /// A Deployment whose old pods go first.
    Recreate,
    /// A DaemonSet.
    Daemon,
    /// A Deployment with data.
    Data,
}

/// What is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A release that goes through.
    Good,
    /// One whose image can't be pulled: it is brought back.
    Bad,
    /// The app's file is removed. It has data, so somebody must agree.
    Gone,
}

/// A change of a settled app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    pub way: Way,
    pub change: Change,
}

impl Course {
    pub const fn new(way: Way, change: Change) -> Self {
        Self { way, change }
    }

    /// The file that settles first.
    pub fn before(self) -> String {
        self.file("1.0.0")
    }

    /// The file that is committed then; none where it is removed.
    pub fn after(self) -> Option<String> {
        match self.change {
            Change::Good => Some(self.file("2.0.0")),
            Change::Bad => Some(self.file("2.0.0-bad")),
            Change::Gone => None,
        }
    }

    /// How many pods there are at the end, where that is not one for each node.
    pub fn pods(self) -> Option<usize> {
        match (self.change, self.way) {
            (Change::Gone, _) => Some(0),
            (_, Way::Rolling) => Some(3),
            (_, Way::Ordinal | Way::Recreate) => Some(2),
            (_, Way::Data) => Some(1),
            (_, Way::Daemon) => None,
        }
    }

    fn file(self, tag: &str) -> String {
        let image = format!("registry.acme.example/shop/web:{tag}");
        let strategy = match self.way {
            Way::Recreate | Way::Data => "recreate",
            Way::Rolling | Way::Ordinal | Way::Daemon => "rolling",
        };
        let components = match self.way {
            Way::Rolling => {
                let front = "      replicas: 2\n      port: 8080\n      health: /healthz\n      env: {GREETING: {config: \
                             words}}\n";
                component("front", &image, front) + &component("back", &image, "      replicas: 1\n")
            }
            Way::Ordinal => component("db", &image, "      workload: StatefulSet\n      replicas: 2\n"),
            Way::Recreate => component("web", &image, "      replicas: 2\n      port: 8080\n"),
            Way::Daemon => component("agent", &image, "      workload: DaemonSet\n"),
            Way::Data => {
                component("store", &image, "      replicas: 1\n      volumes: {data: {claim: {size: 1Gi}}}\n")
            }
        };
        format!(
            "apiVersion: sluice.dev/v1alpha1\nkind: App\nmetadata: {{name: web}}\nspec:\n  grayRelease: quick\n  \
             components:\n{components}---\napiVersion: sluice.dev/v1alpha1\nkind: Config\nmetadata: {{name: \
             words}}\nspec: {{values: {{GREETING: hello from {tag}}}}}\n---\napiVersion: \
             sluice.dev/v1alpha1\nkind: GrayRelease\nmetadata: {{name: quick}}\nspec: {{strategy: {strategy}, \
             timeouts: {{fault: 1s, progress: 40s}}}}\n"
        )
    }
}

fn component(name: &str, image: &str, more: &str) -> String {
    format!("    {name}:\n      image: {image}\n      resources: {{cpu: 10m, memory: 16Mi}}\n{more}")
}
