use super::*;

#[test]
fn metrics_are_told_with_their_labels() {
    let metrics = Metrics::default();
    metrics.wrote(&Write { cluster: "eu".to_owned(), verb: "apply", result: "done" });
    metrics.rollout_ended("dev", "RolledBack");
    metrics.source(3, true);
    metrics.source(2, false);
    metrics.cluster("dev", "eu", true);
    metrics.app("dev", "Synced");
    metrics.app("dev", "Synced");
    metrics.open_rollouts("dev", 2);
    let text = metrics.text();
    for line in [
        r#"sluice_cluster_writes_total{cluster="eu",verb="apply",result="done"} 1"#,
        r#"sluice_rollouts_ended_total{environment="dev",outcome="RolledBack"} 1"#,
        "sluice_source_looks_total 3",
        "sluice_source_failing 0",
        r#"sluice_cluster_reachable{environment="dev",cluster="eu"} 1"#,
        r#"sluice_apps{environment="dev",sync="Synced"} 2"#,
        r#"sluice_rollouts_open{environment="dev"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    metrics.clear();
    assert!(!metrics.text().contains("sluice_apps{"));
}
