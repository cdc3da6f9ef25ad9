//! The columns of each kind.

use serde_json::{Value, json};

use super::{Column, age};
use crate::model::Timestamp;
use crate::playground::kinds::Kind;

/// The columns of a kind between its name and its age, and those after it that only the wide form
/// has. An event has neither name nor age.
const COLUMNS: &[(&str, &[&str], &[&str])] = &[
    ("Pod", &["Ready", "Status", "Restarts"], &["IP", "Node", "Nominated Node", "Readiness Gates"]),
    ("Deployment", &["Ready", "Up-to-date", "Available"], &["Containers", "Images", "Selector"]),
    ("ReplicaSet", &["Desired", "Current", "Ready"], &["Containers", "Images", "Selector"]),
    ("StatefulSet", &["Ready"], &["Containers", "Images"]),
    (
        "DaemonSet",
        &["Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector"],
        &["Containers", "Images", "Selector"],
    ),
    ("Service", &["Type", "Cluster-IP", "External-IP", "Port(s)"], &["Selector"]),
    (EVENT, &["Last Seen", "Type", "Reason", "Object", "Message"], &[]),
    ("Job", &["Status", "Completions", "Duration"], &[]),
    ("CronJob", &["Schedule", "Timezone", "Suspend", "Active", "Last Schedule"], &[]),
    ("Namespace", &["Status"], &[]),
    (NODE, &["Status", "Roles"], &[]),
    ("ConfigMap", &["Data"], &[]),
    ("Secret", &["Type", "Data"], &[]),
    ("PersistentVolumeClaim", &["Status", "Volume", "Capacity", "Access Modes", "StorageClass"], &[]),
    ("ResourceQuota", &["Request", "Limit"], &[]),
    ("HorizontalPodAutoscaler", &["Reference", "Targets", "MinPods", "MaxPods", "Replicas"], &[]),
    ("PodDisruptionBudget", &["Min Available", "Max Unavailable", "Allowed Disruptions"], &[]),
    ("RoleBinding", &["Role"], &[]),
    ("ClusterRoleBinding", &["Role"], &[]),
    ("Ingress", &["Class", "Hosts", "Address", "Ports"], &[]),
    ("NetworkPolicy", &["Pod-Selector"], &[]),
    ("Endpoints", &["Endpoints"], &[]),
    ("EndpointSlice", &["AddressType", "Ports", "Endpoints"], &[]),
    ("HTTPRoute", &["Hostnames"], &[]),
    ("Gateway", &["Class", "Address", "Programmed"], &[]),
    ("GatewayClass", &["Controller", "Accepted"], &[]),
    ("StorageClass", &["Provisioner", "ReclaimPolicy", "VolumeBindingMode"], &[]),
    ("Lease", &["Holder"], &[]),
];

const EVENT: &str = "Event";
const NODE: &str = "Node";

/// The columns of a kind.
pub(super) fn columns(kind: &Kind) -> Vec<Column> {
    let known = COLUMNS.iter().find(|(name, _, _)| *name == kind.kind);
    let (_, narrow, wide) = known.copied().unwrap_or((kind.kind, &[], &[]));
    let mut columns: Vec<Column> = narrow.iter().map(|title| (*title, false)).collect();
    if kind.kind == EVENT {
        return columns;
    }
    columns.insert(0, ("Name", false));
    columns.push(("Age", false));
    if kind.kind == NODE {
        columns.push(("Version", false));
    }
    columns.extend(wide.iter().map(|title| (*title, true)));
    columns
}

/// Access to an object's fields for printing.
struct Row<'a>(&'a Value);

impl Row<'_> {
    fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    fn text(&self, pointer: &str) -> Value {
        match self.at(pointer) {
            Value::Null => json!(""),
            Value::String(text) => json!(text),
            other => json!(other.to_string()),
        }
    }

    fn or_none(&self, pointer: &str) -> Value {
        match self.at(pointer) {
            Value::Null => json!("<none>"),
            Value::String(text) if text.is_empty() => json!("<none>"),
            Value::String(text) => json!(text),
            other => json!(other.to_string()),
        }
    }

    fn count(&self, pointer: &str) -> i64 {
        self.at(pointer).as_i64().unwrap_or(0)
    }

    fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    fn size(&self, pointer: &str) -> usize {
        self.at(pointer).as_object().map_or(0, serde_json::Map::len)
    }

    fn joined(&self, pointer: &str, field: &str) -> Value {
        let texts: Vec<&str> = self.list(pointer).iter().filter_map(|item| item[field].as_str()).collect();
        json!(texts.join(","))
    }

    fn labels(&self, pointer: &str) -> Value {
        let labels = self.at(pointer).as_object();
        let texts: Vec<String> = labels
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        json!(if texts.is_empty() { "<none>".to_owned() } else { texts.join(",") })
    }

    fn condition(&self, kind: &str) -> Value {
        let held = self.list("/status/conditions").iter().find(|condition| condition["type"] == kind);
        held.map_or(json!("Unknown"), |condition| condition["status"].clone())
    }
}

/// The cells of an object's row.
pub(super) fn cells(kind: &Kind, object: &Value, now: Timestamp) -> Vec<Value> {
    let row = Row(object);
    let name = row.text("/metadata/name");
    let created = json!(age(row.at("/metadata/creationTimestamp").as_str().unwrap_or(""), now));
    let mut cells = vec![name];
    match kind.kind {
        "Pod" => {
            let (ready, status, restarts) = pod_summary(object);
            cells.extend([json!(ready), json!(status), json!(restarts.to_string()), created]);
            cells.extend(["/status/podIP", "/spec/nodeName"].map(|pointer| row.or_none(pointer)));
            cells.extend([json!("<none>"), json!("<none>")]);
        }
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => {
            workload(kind, &row, created, &mut cells)
        }
        "Service" => {
            cells.push(row.text("/spec/type"));
            cells.push(row.or_none("/spec/clusterIP"));
            cells.push(external_address(&row));
            cells.extend([service_ports(&row), created, row.labels("/spec/selector")]);
        }
        "Event" => {
            let seen = row.at("/lastTimestamp").as_str().or(row.at("/eventTime").as_str()).unwrap_or("");
            let about = if kind.group.is_empty() { "involvedObject" } else { "regarding" };
            let involved = &object[about];
            let named = format!(
                "{}/{}",
                involved["kind"].as_str().unwrap_or_default().to_lowercase(),
                involved["name"].as_str().unwrap_or_default()
            );
            let message = if kind.group.is_empty() { "/message" } else { "/note" };
            return vec![
                json!(age(seen, now)),
                row.text("/type"),
                row.text("/reason"),
                json!(named),
                row.text(message),
            ];
        }
        _ => {
            cells.extend(other_cells(kind, &row, now));
            cells.push(created);
            if kind.kind == "Node" {
                cells.push(row.text("/status/nodeInfo/kubeletVersion"));
            }
        }
    }
    cells
}

fn workload(kind: &Kind, row: &Row<'_>, created: Value, cells: &mut Vec<Value>) {
    let status = |field: &str| row.count(&format!("/status/{field}"));
    let ready = json!(format!("{}/{}", status("readyReplicas"), row.count("/spec/replicas")));
    match kind.kind {
        "Deployment" => {
            cells.extend([ready, json!(status("updatedReplicas")), json!(status("availableReplicas"))]);
        }
        "ReplicaSet" => {
            let counts = [row.count("/spec/replicas"), status("replicas"), status("readyReplicas")];
            cells.extend(counts.map(|count| json!(count)));
        }
        "StatefulSet" => cells.push(ready),
        _ => {
            for field in [
                "desiredNumberScheduled",
                "currentNumberScheduled",
                "numberReady",
                "updatedNumberScheduled",
                "numberAvailable",
            ] {
                cells.push(json!(status(field)));
            }
            cells.push(row.labels("/spec/template/spec/nodeSelector"));
        }
    }
    cells.push(created);
    cells.push(row.joined("/spec/template/spec/containers", "name"));
    cells.push(row.joined("/spec/template/spec/containers", "image"));
    if kind.kind != "StatefulSet" {
        cells.push(row.labels("/spec/selector/matchLabels"));
    }
}

/// Ready containers, the status in a word, and restarts, as kubectl shows a pod.
fn pod_summary(pod: &Value) -> (String, String, i64) {
    let row = Row(pod);
    let statuses = row.list("/status/containerStatuses");
    let total = row.list("/spec/containers").len();
    let ready = statuses.iter().filter(|status| status["ready"] == true).count();
    let restarts = statuses.iter().filter_map(|status| status["restartCount"].as_i64()).sum();
    let phase = row.at("/status/phase").as_str().unwrap_or("Unknown");
    let mut reason = row.at("/status/reason").as_str().unwrap_or(phase).to_owned();
    let mut initializing = false;
    for (index, status) in row.list("/status/initContainerStatuses").iter().enumerate() {
        let state = &status["state"];
        if state["terminated"]["exitCode"] == 0 || status["started"] == true {
            continue;
        }
        let why = state["terminated"]["reason"].as_str().or(state["waiting"]["reason"].as_str());
        reason = match why {
            Some(why) if why != "PodInitializing" => format!("Init:{why}"),
            _ => format!("Init:{index}/{}", row.list("/spec/initContainers").len()),
        };
        initializing = true;
        break;
    }
    if !initializing {
        for status in statuses.iter().rev() {
            let state = &status["state"];
            if let Some(why) = state["waiting"]["reason"].as_str().or(state["terminated"]["reason"].as_str())
            {
                reason = why.to_owned();
            } else if let Some(code) = state["terminated"]["exitCode"].as_i64() {
                reason = format!("ExitCode:{code}");
            }
        }
    }
    if row.at("/metadata/deletionTimestamp").is_string() {
        reason = "Terminating".into();
    }
    (format!("{ready}/{total}"), reason, restarts)
}

fn external_address(row: &Row<'_>) -> Value {
    let ingress = row.list("/status/loadBalancer/ingress");
    let address = ingress.first().and_then(|held| held["ip"].as_str().or(held["hostname"].as_str()));
    match (row.at("/spec/type").as_str(), address) {
        (_, Some(address)) => json!(address),
        (Some("LoadBalancer"), None) => json!("<pending>"),
        (Some("ExternalName"), None) => row.text("/spec/externalName"),
        _ => json!("<none>"),
    }
}

fn service_ports(row: &Row<'_>) -> Value {
    let ports: Vec<String> = row
        .list("/spec/ports")
        .iter()
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            match port["nodePort"].as_i64() {
                Some(node_port) => format!("{}:{node_port}/{protocol}", port["port"]),
                None => format!("{}/{protocol}", port["port"]),
            }
        })
        .collect();
    json!(if ports.is_empty() { "<none>".to_owned() } else { ports.join(",") })
}

/// What stands between name and age for the simpler kinds.
fn other_cells(kind: &Kind, row: &Row<'_>, now: Timestamp) -> Vec<Value> {
    let since = |pointer: &str| match row.at(pointer).as_str() {
        Some(moment) => json!(age(moment, now)),
        None => json!("<none>"),
    };
    match kind.kind {
        "Job" => job_cells(row, now),
        "CronJob" => vec![
            row.text("/spec/schedule"),
            row.or_none("/spec/timeZone"),
            json!(if row.at("/spec/suspend") == &json!(true) { "True" } else { "False" }),
            json!(row.list("/status/active").len()),
            since("/status/lastScheduleTime"),
        ],
        "Namespace" => vec![row.text("/status/phase")],
        "Node" => {
            let ready = row.condition("Ready") == "True";
            vec![json!(if ready { "Ready" } else { "NotReady" }), json!("<none>")]
        }
        "ConfigMap" => vec![json!(row.size("/data") + row.size("/binaryData"))],
        "Secret" => vec![row.text("/type"), json!(row.size("/data"))],
        "PersistentVolumeClaim" => vec![
            row.text("/status/phase"),
            row.text("/spec/volumeName"),
            row.text("/status/capacity/storage"),
            row.text("/status/accessModes/0"),
            row.text("/spec/storageClassName"),
        ],
        "ResourceQuota" => {
            let hard = row.at("/status/hard").as_object();
            let used = row.at("/status/used");
            let lines: Vec<String> = hard
                .into_iter()
                .flatten()
                .map(|(key, value)| {
                    format!("{key}: {}/{}", used[key].as_str().unwrap_or("0"), value.as_str().unwrap_or("0"))
                })
                .collect();
            vec![json!(lines.join(", ")), json!("")]
        }
        "HorizontalPodAutoscaler" => vec![
            json!(format!(
                "{}/{}",
                row.at("/spec/scaleTargetRef/kind").as_str().unwrap_or_default(),
                row.at("/spec/scaleTargetRef/name").as_str().unwrap_or_default()
            )),
            json!("<unknown>"),
            row.text("/spec/minReplicas"),
            row.text("/spec/maxReplicas"),
            json!(row.count("/status/currentReplicas")),
        ],
        "PodDisruptionBudget" => {
            let bound = |pointer: &str| match row.at(pointer) {
                Value::Null => json!("N/A"),
                _ => row.text(pointer),
            };
            let allowed = json!(row.count("/status/disruptionsAllowed"));
            vec![bound("/spec/minAvailable"), bound("/spec/maxUnavailable"), allowed]
        }
        _ => network_cells(kind, row),
    }
}

fn job_cells(row: &Row<'_>, now: Timestamp) -> Vec<Value> {
    let has = |kind: &str| row.condition(kind) == "True";
    let status = if has("Complete") {
        "Complete"
    } else if has("Failed") {
        "Failed"
    } else if has("Suspended") {
        "Suspended"
    } else {
        "Running"
    };
    let done = row.count("/status/succeeded");
    let completions = row.at("/spec/completions").as_i64().unwrap_or(1);
    let start = row.at("/status/startTime").as_str();
    let end = row.at("/status/completionTime").as_str().and_then(|end| end.parse().ok()).unwrap_or(now);
    let duration = start.map_or(String::new(), |start| age(start, end));
    vec![json!(status), json!(format!("{done}/{completions}")), json!(duration)]
}

fn network_cells(kind: &Kind, row: &Row<'_>) -> Vec<Value> {
    let first = |pointer: &str| row.or_none(pointer);
    match kind.kind {
        "RoleBinding" | "ClusterRoleBinding" => vec![json!(format!(
            "{}/{}",
            row.at("/roleRef/kind").as_str().unwrap_or_default(),
            row.at("/roleRef/name").as_str().unwrap_or_default()
        ))],
        "Ingress" => {
            let ports = if row.list("/spec/tls").is_empty() { "80" } else { "80, 443" };
            vec![
                first("/spec/ingressClassName"),
                row.joined("/spec/rules", "host"),
                row.joined("/status/loadBalancer/ingress", "ip"),
                json!(ports),
            ]
        }
        "NetworkPolicy" => vec![row.labels("/spec/podSelector/matchLabels")],
        "Endpoints" => {
            let subsets = row.list("/subsets");
            let addresses: Vec<&str> = subsets
                .iter()
                .flat_map(|subset| subset["addresses"].as_array().into_iter().flatten())
                .filter_map(|address| address["ip"].as_str())
                .collect();
            vec![json!(if addresses.is_empty() { "<none>".to_owned() } else { addresses.join(",") })]
        }
        "EndpointSlice" => {
            let ports: Vec<String> = row.list("/ports").iter().map(|port| port["port"].to_string()).collect();
            let addresses: Vec<&str> = row
                .list("/endpoints")
                .iter()
                .filter_map(|endpoint| endpoint["addresses"][0].as_str())
                .collect();
            vec![row.text("/addressType"), json!(ports.join(",")), json!(addresses.join(","))]
        }
        "HTTPRoute" => vec![json!(row.at("/spec/hostnames").to_string())],
        "Gateway" => vec![
            row.text("/spec/gatewayClassName"),
            row.text("/status/addresses/0/value"),
            row.condition("Programmed"),
        ],
        "GatewayClass" => vec![row.text("/spec/controllerName"), row.condition("Accepted")],
        "StorageClass" => {
            vec![row.text("/provisioner"), row.text("/reclaimPolicy"), row.text("/volumeBindingMode")]
        }
        "Lease" => vec![row.text("/spec/holderIdentity")],
        _ => Vec::new(),
    }
}
