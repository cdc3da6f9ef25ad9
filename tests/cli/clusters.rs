//! `cluster`, and the manifests by which the engine runs inside one.

use serde_json::Value;

use super::Place;

fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n").map(|document| serde_yaml::from_str(document).unwrap()).collect()
}

fn deploy(file: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_new_cluster_is_defined_and_checked() {
    let place = Place::with_fleet();
    let add = "cluster add --fleet fleet";
    place.check(&format!("{add} local -e dev"), 1, &[], &["there is a cluster local already"]);
    place.check(&format!("{add} far -e dve"), 2, &[], &["did you mean `dev`?"]);
    place.check(
        &format!("{add} far -e dev --context local"),
        0,
        &["fleet/platform/clusters/far.yaml"],
        &["sluice cluster rights | kubectl apply", "sluice cluster check far --fleet fleet"],
    );
    place.check("validate fleet", 0, &["2 clusters"], &[]);
    assert_eq!(place.check("cluster rights", 0, &["kind: ClusterRole"], &[]), deploy("rights.yaml"));

    place.check("cluster check lcoal --fleet fleet", 2, &[], &["did you mean `local`?"]);
    place.check("cluster check local --fleet fleet", 3, &[], &["can't be asked", "sluice playground"]);
    place.check("cluster check far --fleet fleet", 3, &[], &["can't be asked", "--kubeconfig"]);
    let _playground = place.start("playground --clusters local", false, "kubectl --kubeconfig");
    let out = place.check("cluster check local --fleet fleet", 0, &["version", "rights", "all "], &[]);
    assert!(out.lines().skip(1).all(|line| line.starts_with("ok ")), "{out}");
    let own = "--kubeconfig .sluice/playground/local.kubeconfig";
    place.check(&format!("cluster check far --fleet fleet {own}"), 0, &["rights"], &[]);

    // What is asked for and is not there is named, with what to do.
    let gateway = "playground: {}\n  traffic: {provider: gatewayApi, gateway: edge/none}";
    place.edit("fleet/platform/clusters.yaml", "playground: {}", gateway);
    place.check(
        "cluster check local --fleet fleet",
        1,
        &["no", "traffic", "edge/none is not there"],
        &["help: make it, or correct `spec.traffic`"],
    );
    // Somebody without rights learns which are missing.
    let powerless =
        std::fs::read_to_string(place.path().join(".sluice/playground/local.kubeconfig")).unwrap();
    place.write("none.kubeconfig", &powerless.replace("\"token\": \"", "\"as\": \"nobody\", \"token\": \""));
    place.check(
        "cluster check far --fleet fleet --kubeconfig none.kubeconfig",
        1,
        &["no", "rights", "lacks ", "..."],
        &["sluice cluster rights | kubectl apply"],
    );
}

#[test]
fn the_manifests_of_deploy_belong_together() {
    let place = Place::new();
    let kustomization: Value = serde_yaml::from_str(&deploy("kustomization.yaml")).unwrap();
    let files = kustomization["resources"].as_array().unwrap();
    let objects: Vec<Value> =
        files.iter().flat_map(|file| documents(&deploy(file.as_str().unwrap()))).collect();
    let find = |kind: &str, name: &str| {
        let found = objects.iter().find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    };
    let pod = &find("Deployment", "sluice-engine")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    find("ServiceAccount", pod["serviceAccountName"].as_str().unwrap());
    for volume in pod["volumes"].as_array().unwrap() {
        if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
            find("PersistentVolumeClaim", claim);
        }
        if let Some(name) = volume["projected"]["sources"][0]["configMap"]["name"].as_str() {
            // The settings in it are settings: the engine that they mean is the one that is asked.
            let text = find("ConfigMap", name)["data"]["sluice.yaml"].as_str().unwrap();
            place.write("sluice.yaml", text);
            place.check(
                "status --config sluice.yaml",
                3,
                &[],
                &["no engine answers at /var/lib/sluice/sluice.sock"],
            );
        }
    }
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"][0], "ALL");
    let image = format!("sluice:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(container["image"], image.as_str());
    assert!(deploy("Containerfile").contains(&image), "the container file builds another version");
    let labels = &find("Deployment", "sluice-engine")["spec"]["template"]["metadata"]["labels"];
    assert_eq!(&find("Service", "sluice-engine")["spec"]["selector"], labels);
    assert_eq!(&find("NetworkPolicy", "sluice-engine")["spec"]["podSelector"]["matchLabels"], labels);
}
