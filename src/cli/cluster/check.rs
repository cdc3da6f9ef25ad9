//! `cluster check`: whether a cluster has what the engine needs of it, a line for each question.
//! Nothing is written.

use std::collections::BTreeSet;

use futures::StreamExt as _;

use super::{lacking, rights};
use crate::cli::args;
use crate::cli::client::runtime;
use crate::cli::console::{Console, Paint};
use crate::cli::failure::Failure;
use crate::cli::fleet::Fleet;
use crate::cli::settings;
use crate::cluster::{KubeCluster, KubeConnect};
use crate::definition::{Cluster as Definition, Traffic, TrafficProvider, nearest};
use crate::model::{ClusterFacts, ClusterName, ObjectKey, Right};
use crate::port::cluster::{Cluster as _, ClusterError, Discovery};

/// So many rights are asked for at once.
const QUESTIONS_AT_ONCE: usize = 8;

/// So many missing rights are named; the rest is counted.
const NAMED: usize = 5;

/// The answer to one question.
struct Answer {
    question: &'static str,
    good: bool,
    found: String,
    help: Option<String>,
}

impl Answer {
    fn good(question: &'static str, found: impl Into<String>) -> Self {
        Self { question, good: true, found: found.into(), help: None }
    }

    fn bad(question: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { question, good: false, found: found.into(), help: Some(help.into()) }
    }
}

/// Runs the command.
///
/// # Errors
/// There is no such cluster in the fleet, it does not answer, or it lacks something.
pub fn run(args: &args::ClusterCheck, console: &mut Console) -> Result<(), Failure> {
    let settings = settings::of_check(args)?;
    let fleet = Fleet::read(&args.fleet)?;
    let definition = definition(&fleet, &args.cluster)?;
    let connect = KubeConnect {
        playground: Some(settings.playground_folder()),
        kubeconfig: settings.kubeconfig.value.clone(),
    };
    let cannot = |error: ClusterError| {
        let failure = Failure::world(format!("the cluster {} can't be asked", args.cluster)).because(error);
        failure.help("see `spec.access` of its definition, and --kubeconfig")
    };
    let answers = runtime()?.block_on(async {
        let cluster = connect.open(&args.cluster, &definition.access).map_err(cannot)?;
        let discovery = cluster.discover().await.map_err(cannot)?;
        let mut answers = vec![version(&discovery), groups(&discovery)];
        answers.push(may(&cluster).await.map_err(cannot)?);
        answers.push(namespace(&cluster, &discovery.facts).await.map_err(cannot)?);
        answers.extend(traffic(&cluster, &discovery.facts, &definition.traffic).await.map_err(cannot)?);
        Ok::<_, Failure>(answers)
    })?;
    let mut table = console.table(&["", "WHAT", "FOUND"]);
    for answer in &answers {
        let (paint, mark) = if answer.good { (Paint::Good, "ok") } else { (Paint::Bad, "no") };
        table.row([console.paint(paint, mark).as_str(), answer.question, &answer.found]);
    }
    console.print(&table.text())?;
    for help in answers.iter().filter_map(|answer| answer.help.as_ref()) {
        console.say(format!("help: {help}"));
    }
    if answers.iter().all(|answer| answer.good) { Ok(()) } else { Err(lacking()) }
}

fn definition(fleet: &Fleet, name: &ClusterName) -> Result<Definition, Failure> {
    let Some(definition) = fleet.definitions.clusters.get(name) else {
        let known = fleet.definitions.clusters.keys().map(ClusterName::as_str);
        let failure = Failure::usage(format!("there is no cluster `{name}`"));
        return Err(failure.did_you_mean(nearest(name.as_str(), known)));
    };
    definition.typed::<Definition>().map_err(|_| {
        let failure = Failure::no(format!("the definition of the cluster {name} has faults"));
        failure.help("`sluice validate` shows them")
    })
}

fn version(discovery: &Discovery) -> Answer {
    Answer::good("version", &discovery.facts.version)
}

fn groups(discovery: &Discovery) -> Answer {
    if discovery.unanswered.is_empty() {
        return Answer::good("API groups", "all answer");
    }
    let words = format!("no answer from {}", discovery.unanswered.join(", "));
    Answer::bad("API groups", words, "see the APIServices: kubectl get apiservices")
}

async fn may(cluster: &KubeCluster) -> Result<Answer, ClusterError> {
    let needed: BTreeSet<Right> = rights().iter().flat_map(Right::granted_by).collect();
    let count = needed.len();
    let asking =
        needed.into_iter().map(|right| async move { cluster.may(&right).await.map(|may| (right, may)) });
    let answers: Vec<_> = futures::stream::iter(asking).buffered(QUESTIONS_AT_ONCE).collect().await;
    let mut missing = Vec::new();
    for answer in answers {
        let (right, may) = answer?;
        if !may {
            missing.push(right.to_string());
        }
    }
    if missing.is_empty() {
        return Ok(Answer::good("rights", format!("all {count}")));
    }
    let mut words =
        format!("lacks {} of {count}: {}", missing.len(), missing[..missing.len().min(NAMED)].join(", "));
    if missing.len() > NAMED {
        words.push_str(", ...");
    }
    let help = "as the cluster's administrator: sluice cluster rights | kubectl apply --filename -";
    Ok(Answer::bad("rights", words, help))
}

async fn namespace(cluster: &KubeCluster, facts: &ClusterFacts) -> Result<Answer, ClusterError> {
    let key = ObjectKey::cluster_scoped("", "Namespace", "sluice-system");
    let found = match facts.find("", "Namespace") {
        Some(resource) => cluster.get(resource, &key).await,
        None => Ok(None),
    };
    Ok(match found {
        Ok(Some(_)) => Answer::good("namespace", "sluice-system is there"),
        Ok(None) => Answer::good("namespace", "sluice-system is made when it is needed"),
        Err(ClusterError::Forbidden(words)) => {
            Answer::bad("namespace", words, "the rights to namespaces come first")
        }
        Err(error) => return Err(error),
    })
}

/// What the definition says of traffic, looked up.
async fn traffic(
    cluster: &KubeCluster,
    facts: &ClusterFacts,
    traffic: &Traffic,
) -> Result<Option<Answer>, ClusterError> {
    let (group, kind, key) = match (traffic.provider, &traffic.gateway, &traffic.ingress_class) {
        (TrafficProvider::GatewayApi, Some(gateway), _) => {
            let (namespace, name) = gateway.split_once('/').unwrap_or(("default", gateway));
            let group = "gateway.networking.k8s.io";
            (group, "Gateway", ObjectKey::namespaced(group, "Gateway", namespace, name))
        }
        (TrafficProvider::Nginx, _, Some(class)) => {
            let group = "networking.k8s.io";
            (group, "IngressClass", ObjectKey::cluster_scoped(group, "IngressClass", class.as_str()))
        }
        _ => return Ok(None),
    };
    let Some(resource) = facts.find(group, kind) else {
        let help = "install the Gateway API, or write another `traffic` into the definition";
        return Ok(Some(Answer::bad("traffic", format!("{kind} is not served"), help)));
    };
    Ok(Some(match cluster.get(resource, &key).await {
        Ok(Some(_)) => Answer::good("traffic", format!("{key} is there")),
        Ok(None) => Answer::bad(
            "traffic",
            format!("{key} is not there"),
            "make it, or correct `spec.traffic` of the definition",
        ),
        Err(ClusterError::Forbidden(words)) => Answer::bad("traffic", words, "the rights come first"),
        Err(error) => return Err(error),
    }))
}
