//! The program with an engine: `apply`, `run`, and what is asked of a running one.

use super::{APP, Place};
use crate::playground::edit;

/// Makes an empty repository.
fn found(place: &Place) {
    sluice::git::create_repository(&place.path().join("repository"), "main").unwrap();
}

/// Commits what the folder `fleet` holds.
fn commit(place: &Place, message: &str) {
    let files = ["sluice.yaml", "platform/clusters.yaml", "platform/tenants/shop.yaml", APP];
    let files: std::collections::BTreeMap<String, Option<Vec<u8>>> = files
        .iter()
        .map(|path| {
            let bytes = std::fs::read(place.path().join("fleet").join(path)).unwrap();
            ((*path).to_owned(), Some(bytes))
        })
        .collect();
    let author = sluice::git::Author {
        name: "Ada".to_owned(),
        email: "ada@acme.example".to_owned(),
        time: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    sluice::git::commit_files(&place.path().join("repository"), "main", &files, message, &author).unwrap();
}

#[test]
fn a_folder_is_applied_and_an_engine_takes_over() {
    let place = Place::with_fleet();
    let playground = place.start("playground fleet", false, "kubectl --kubeconfig");
    place.check("apply fleet --timeout 60s --log off", 0, &["dev shop/web Synced"], &[]);
    place.check("playground fleet", 1, &[], &["a playground runs here already", "--state-folder"]);
    // A second pass finds nothing to do, and starts no rollout.
    place.check("apply fleet --timeout 60s --log off", 0, &["dev shop/web Synced"], &[]);
    let history = place.json("history shop/web -o json", 0);
    let events: Vec<&str> =
        history.as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["settings", "rolloutStarted", "rolloutEnded"]);
    place.check("history shop/wbe", 1, &[], &["did you mean `shop/web`?"]);
    place.check("release list", 0, &["registry.example.com/shop/web:1.0.0"], &[]);
    let state = place.check("state export", 0, &["\"accepted\""], &[]);
    place.write("state.json", &state);
    place.check("plan fleet --state state.json", 0, &["nothing changes"], &[]);
    place.edit(&format!("fleet/{APP}"), "web:1.0.0", "web:1.0.1");
    place.check("plan fleet --state state.json -o diff", 0, &["-", "web:1.0.0", "+", "web:1.0.1"], &[]);

    found(&place);
    commit(&place, "one");
    let engine = place.start("run --repository repository --listen off", true, "the engine runs");
    place.check("sync", 0, &["main "], &[]);
    place.check(
        "rollout status shop/web --timeout 60s",
        0,
        &["shop/web successfully rolled out (dev-2)"],
        &[],
    );
    place.check("rollout list shop/web", 0, &["dev-2", "dev-1", "Succeeded"], &[]);
    place.check("rollout show dev-2", 0, &["strategy     rolling"], &[]);
    place.check("rollout abort dev-2", 1, &[], &["the rollout dev-2 has ended: Succeeded"]);
    place.check("rollout show dev-9", 1, &[], &["there is no such rollout", "sluice rollout list"]);
    place.check("status", 0, &["shop/web", "dev"], &[]);
    assert_eq!(place.json("status -o json", 0)["environments"]["dev"]["environment"], "dev");
    place.check("plan", 0, &["nothing changes"], &[]);
    place.check("plan approve prune:shop/web", 1, &[], &["has no part prune:shop/web"]);
    place.check("suspend shop/wbe", 1, &[], &["did you mean `shop/web`?"]);
    place.check("suspend shop/web", 0, &["shop/web is suspended"], &[]);
    place.check("status shop/web", 0, &["Suspended"], &[]);
    place.check("resume shop/web", 0, &["shop/web goes on"], &[]);
    place.check("resume shop/web", 1, &[], &["shop/web is not suspended"]);
    let held = format!("process {} holds the ledger", engine.0.id());
    place.check("apply fleet --log off", 1, &[], &[&held, "sluice sync"]);
    place.check("run --repository repository --listen off --log off", 1, &[], &[&held]);
    engine.tell("-TERM");
    assert_eq!(engine.end(), Some(0));
    assert!(!place.path().join(".sluice/sluice.sock").exists());
    playground.tell("-INT");
    assert_eq!(playground.end(), Some(0));
    assert!(!place.path().join(".sluice/playground/local.kubeconfig").exists());
}

#[test]
fn a_running_engine_tells_every_field_that_changes_and_that_differs() {
    let place = Place::with_fleet();
    found(&place);
    commit(&place, "one");
    let _playground = place.start("playground fleet", false, "kubectl --kubeconfig");
    let _engine = place.start("run --repository repository --listen off", true, "the engine runs");
    place.until("status shop/web", "Synced");
    place.check("diff", 0, &[], &[]);
    place.check("diff shop/wbe", 1, &[], &["did you mean `shop/web`?"]);
    place.check("diff --cluster locla", 1, &[], &["did you mean `local`?"]);
    place.check("diff -e dve", 2, &[], &["did you mean `dev`?"]);

    // Suspended, so that nothing moves while it is looked at.
    place.check("suspend shop/web", 0, &["shop/web is suspended"], &[]);
    place.edit(&format!("fleet/{APP}"), "web:1.0.0", "web:1.0.1");
    commit(&place, "two");
    place.check("sync", 0, &["main "], &[]);
    place.check("plan", 0, &["release:shop/web", "~1", "rolling"], &[]);
    let out = place.check("plan -o diff", 0, &["-", "web:1.0.0", "+", "web:1.0.1", "local/shop"], &[]);
    assert!(!out.contains("kind: Namespace"), "only what changes: {out}");
    place.check("plan -o markdown", 0, &["```diff", "web:1.0.1"], &[]);
    let plan = place.json("plan -o json", 0);
    assert_eq!(plan["parts"][0]["key"], "release:shop/web");
    place.check("plan -o yaml", 0, &["key: release:shop/web"], &[]);

    let image = serde_json::json!({"spec": {"replicas": 5, "template": {"spec": {
        "containers": [{"name": "web", "image": "registry.example.com/shop/web:hand"}]}}}});
    edit(&place, "apps/v1", "Deployment", "web", &image);
    let out = place.check(
        "diff shop/web",
        0,
        &["dev local/shop shop/web: Deployment.apps shop/web", "/spec/replicas: 5 -> 2", "web:hand"],
        &[],
    );
    assert!(out.contains("web:1.0.0\""), "what was accepted, not what Git asks for: {out}");
    place.check("diff --exit-code", 1, &["web:hand"], &[]);
    place.check("diff --exit-code --ignore /spec", 0, &[], &[]);
    let found = place.json("diff -o json", 0);
    assert_eq!(found["dev"]["objects"][0]["object"]["name"], "web", "{found}");
}

#[test]
fn one_of_several_environments_is_applied() {
    let place = Place::with_fleet();
    place.edit(
        "fleet/sluice.yaml",
        "    # The branch",
        "    - {name: production, branch: production, vars: {domain: example.com}}\n    # The branch",
    );
    place.edit(
        "fleet/platform/clusters.yaml",
        "apiVersion",
        "apiVersion: sluice.dev/v1alpha1\nkind: Cluster\nmetadata: {name: far}\nspec: {environment: production, \
         access: {playground: {}}}\n---\napiVersion",
    );
    let _playground = place.start("playground fleet", false, "kubectl --kubeconfig");
    place.check(
        "apply fleet --log off",
        2,
        &[],
        &["there are several environments", "help: name one with --environment: production, dev"],
    );
    place.check("apply fleet -e prodution --log off", 2, &[], &["did you mean `production`?"]);
    let apply = "apply fleet --timeout 60s --log off -e";
    let out = place.check(&format!("{apply} production"), 0, &["production shop/web Synced"], &[]);
    assert!(!out.contains("dev"), "{out}");
    // The other has a history of its own, and the first is left as it is.
    let out = place.check(&format!("{apply} dev"), 0, &["dev shop/web Synced"], &[]);
    assert!(!out.contains("production"), "{out}");
    let releases = place.json("release list -o json", 0);
    let of: Vec<&str> =
        releases.as_array().unwrap().iter().map(|one| one["environment"].as_str().unwrap()).collect();
    assert_eq!(of, ["dev", "production"]);
}

#[test]
fn clusters_without_a_file_are_those_of_the_engine_s_kubeconfig() {
    let place = Place::with_fleet();
    let _playground = place.start("playground --clusters local", false, "kubectl --kubeconfig");
    let clusters = "fleet/platform/clusters.yaml";
    let apply = "apply fleet --timeout 60s --log off";
    let own = "--kubeconfig .sluice/playground/local.kubeconfig";
    place.edit(clusters, "playground: {}", "kubeconfig: {context: local}");
    place.check(apply, 3, &["dev shop/web Waiting"], &["names no kubeconfig file", "--kubeconfig"]);
    place.check(&format!("{apply} {own}"), 0, &["dev shop/web Synced"], &[]);
    place.edit(clusters, "context: local", "context: lokal");
    let words = ["no context `lokal`, but local"];
    place.check(&format!("{apply} {own}"), 3, &["dev shop/web"], &words);
    // A relative file lies beside the engine's own.
    place.edit(clusters, "context: lokal", "file: local.kubeconfig");
    place.check(&format!("{apply} {own}"), 0, &["dev shop/web Synced"], &[]);
    place.check(apply, 3, &["dev shop/web"], &["local.kubeconfig", "No such file"]);
    place.edit(clusters, "file: local.kubeconfig", "");
    place.check(
        "validate fleet",
        1,
        &["S0303", "neither `file` nor `context`", "--> ", "clusters.yaml"],
        &[],
    );
}

#[test]
fn a_source_that_can_t_be_read_ends_a_pass_at_once_and_says_why() {
    let place = Place::with_fleet();
    found(&place);
    let apply = "apply --log off --timeout 60s --repository";
    let unread = "error: the repository can't be read";
    place.check(&format!("{apply} repository"), 3, &[], &[unread, "main"]);
    commit(&place, "one");
    place.check(&format!("{apply} repository --branch trunk"), 3, &[], &[unread, "trunk"]);
    place.check(&format!("{apply} nowhere"), 3, &[], &[unread, "nowhere"]);
    place.check(&format!("{apply} https://127.0.0.1:1/fleet.git"), 2, &[], &["127.0.0.1"]);
    let refused = format!("{apply} https://127.0.0.1:1/fleet.git --allow-loopback");
    place.check(&refused, 3, &[], &[unread, "127.0.0.1"]);
    place.check(&format!("{apply} repository -e prod"), 3, &[], &[unread, "no environment `prod`, but dev"]);
    // And a cluster that nobody serves is told with what to do.
    place.check(
        &format!("{apply} repository"),
        3,
        &["dev shop/web Waiting the cluster local does not answer"],
        &["sluice playground --clusters local"],
    );
}

#[test]
fn what_is_in_the_way_of_an_engine_is_named_with_a_way_out() {
    let place = Place::with_fleet();
    found(&place);
    commit(&place, "one");
    let run = "run --log off --repository repository";
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    place.check(
        &format!("{run} --listen {address}"),
        3,
        &[],
        &[&format!("can't listen on {address}"), "in use", "help: name another address with --listen"],
    );
    place.write("file", "");
    place.check(
        &format!("{run} --state-folder file"),
        3,
        &[],
        &["can't be opened", "help: the state folder must"],
    );
    place.check(&format!("{run} --socket file/x"), 3, &[], &["can't listen on the socket", "--socket"]);
    place.check(&format!("{run} --age-key-file none"), 2, &[], &["the keys in `none` can't be used"]);
}
