//! Counts the writes to clusters, between the workers and the clients.

use std::sync::Arc;

use crate::definition::Access;
use crate::model::ClusterName;
use crate::port::cluster::{Answer, Cluster, ClusterError, Connect};
use crate::port::interpose::{Interpose, Interposed, Verb, Write};
use crate::telemetry::{self, Metrics};

/// Makes clients whose writes are counted.
pub struct Metered<C> {
    inner: C,
    metrics: Arc<Metrics>,
}

impl<C: Connect> Metered<C> {
    /// The same clients, counted.
    pub fn new(inner: C, metrics: Arc<Metrics>) -> Self {
        Self { inner, metrics }
    }
}

impl<C: Connect> Connect for Metered<C> {
    fn connect(&self, name: &ClusterName, access: &Access) -> Result<Arc<dyn Cluster>, ClusterError> {
        let inner = self.inner.connect(name, access)?;
        let meter = Meter { name: name.clone(), metrics: self.metrics.clone() };
        Ok(Arc::new(Interposed::new(meter, inner)))
    }
}

struct Meter {
    name: ClusterName,
    metrics: Arc<Metrics>,
}

impl Interpose for Meter {
    fn around<'a, T: Send + 'a>(&'a self, write: Write<'a>, call: Answer<'a, T>) -> Answer<'a, T> {
        let verb = match write.verb {
            Verb::Apply => "apply",
            Verb::DryRun => "dry-run",
            Verb::Patch => "patch",
            Verb::Create | Verb::Update => "put",
            Verb::Delete => "delete",
        };
        Box::pin(async move {
            let answer = call.await;
            let result = match &answer {
                Ok(_) => "done",
                Err(ClusterError::Unreachable(_) | ClusterError::Busy { .. }) => "unanswered",
                Err(_) => "refused",
            };
            self.metrics.wrote(&telemetry::Write { cluster: self.name.to_string(), verb, result });
            answer
        })
    }
}
