//! Through the real kubectl, where there is one.

use std::path::Path;

use tokio::process::Command;

use crate::playground::{Options, Playground};

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "shop/web:1.0", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"#;

/// Runs kubectl: whether it succeeded, and all that it said.
async fn kubectl(home: &Path, arguments: &str) -> (bool, String) {
    let output = Command::new("kubectl")
        .args(arguments.split_whitespace())
        .env("KUBECONFIG", home.join("config"))
        .env("HOME", home)
        .current_dir(home)
        .output()
        .await
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn kubectl_works_against_it() {
    if Command::new("kubectl").args(["version", "--client"]).output().await.is_err() {
        assert!(std::env::var_os("CI").is_none(), "kubectl is needed");
        eprintln!("left out: no kubectl here");
        return;
    }
    let playground = Playground::start(Options::new(["one"])).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config"), playground.cluster("one").unwrap().admin_kubeconfig())
        .unwrap();
    std::fs::write(home.path().join("web.yaml"), WEB).unwrap();
    std::fs::write(home.path().join("bad.yaml"), WEB.replace("replicas", "replicass")).unwrap();
    let steps = [
        ("get nodes", true, "node-1"),
        ("apply -f bad.yaml", false, "unknown field \"spec.replicass\""),
        ("apply -f web.yaml", true, "deployment.apps/web created"),
        ("rollout status deployment/web --timeout=30s", true, "successfully rolled out"),
        ("apply -f web.yaml", true, "deployment.apps/web unchanged"),
        ("get deployment web", true, "2/2"),
        ("diff -f web.yaml", true, ""),
        ("scale deployment/web --replicas=3", true, "scaled"),
        ("wait --for=condition=Available deployment/web --timeout=30s", true, "condition met"),
        ("set image deployment/web web=shop/web:1.1", true, "image updated"),
        ("rollout status deployment/web --timeout=30s", true, "successfully rolled out"),
        ("rollout history deployment/web", true, "REVISION"),
        ("describe deployment web", true, "shop/web:1.1"),
        ("apply -f web.yaml --server-side", false, "conflicts with \"kubectl-set\" using apps/v1"),
        ("apply -f web.yaml --server-side --force-conflicts", true, "serverside-applied"),
        ("label deployment web tier=front", true, "labeled"),
        ("get pods -l app=web -o wide", true, "Running"),
        ("explain deployment.spec.replicas", true, "replicas"),
        ("get pods --as nobody", false, "pods is forbidden: User \"nobody\" cannot list resource"),
        ("auth can-i create deployments", true, "yes"),
        ("create namespace shop", true, "namespace/shop created"),
        ("create configmap c -n shop --from-literal=a=b", true, "configmap/c created"),
        ("create deployment x -n shop --image=shop/x:1 --port=80", true, "deployment.apps/x created"),
        ("create job j -n shop --image=shop/x:1", true, "job.batch/j created"),
        ("rollout status deployment/x -n shop --timeout=30s", true, "successfully rolled out"),
        ("rollout restart deployment/x -n shop", true, "restarted"),
        ("rollout undo deployment/x -n shop", true, "rolled back"),
        ("wait --for=condition=complete job/j -n shop --timeout=30s", true, "condition met"),
        ("delete namespace shop --timeout=30s", true, "namespace \"shop\" deleted"),
        ("delete -f web.yaml --timeout=30s", true, "deployment.apps \"web\" deleted"),
        ("get deployments", true, "No resources found"),
    ];
    for (arguments, success, expected) in steps {
        let (succeeded, said) = kubectl(home.path(), arguments).await;
        assert!(succeeded == success && said.contains(expected), "kubectl {arguments}\n{said}");
    }
    playground.shutdown().await;
}
