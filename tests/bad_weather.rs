//! The engine behind API servers that have bad days: slow, busy, failing after the write took
//! effect, cut off, with watches that stand still or lose events, old lists, hidden groups.

#![allow(clippy::unwrap_used, reason = "what a test asserts about its own data may unwrap")]

mod controlplane;
mod suite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use controlplane::{ADMIN, ControlPlane, ENGINE};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use sluice::engine::environment::Sync;
use sluice::model::CommitId;
use sluice::playground::controllers::PodBehaviour;
use suite::course::{Change, Course, Way};
use suite::ending::{self, Ending};
use suite::stage::Stage;
use suite::weather::{Harm, Rule, Weather, Which};
use suite::{Site, SiteCluster, World, app, text};

const GOOD: &str = "registry.acme.example/shop/web:1.0.0";
const BETTER: &str = "registry.acme.example/shop/web:1.1.0";
const IMAGE: &str = "/spec/template/spec/containers/0/image";

/// Clusters whose first is reached through weather.
async fn clusters(names: &[&str], seed: u64) -> (Site, Arc<Weather>) {
    let pods = PodBehaviour {
        ready_after: Duration::from_millis(50),
        terminate_after: Duration::from_millis(50),
        ..PodBehaviour::default()
    };
    let mut site = Site::playground_with(names, pods).await;
    let weather = Arc::new(Weather::before(site.engine_client(names[0]), seed).await);
    site.reach_through(names[0], &weather);
    (site, weather)
}

/// The app `web`, whose releases outlast bad weather.
fn web(image: &str) -> String {
    suite::web(image, "").replace("grayRelease: quick", "grayRelease: patient")
}

fn commit_web(world: &mut World, image: &str) -> CommitId {
    world.commit(image, &[("tenants/shop/web.yaml", Some(&web(image)))])
}

/// A world with the app `web` settled, behind fair weather.
async fn settled(names: &[&str]) -> (World, Arc<Weather>) {
    let (site, weather) = clusters(names, 1).await;
    let mut world = World::new(site, "shop");
    world.commit_platform();
    let first = commit_web(&mut world, GOOD);
    world.start();
    world.until_synced(&first).await;
    (world, weather)
}

/// Within so long after bad weather everything stands as after fair weather: two lists anew.
const MENDED_WITHIN: Duration = Duration::from_secs(20);

/// Runs a course whose change is made in bad weather, and says how everything stands at the end, and
/// what still differs from `wanted` when that has had its time.
async fn end_of(
    place: (Site, Arc<Weather>),
    tenant: &str,
    course: Course,
    rules: &[Rule],
    wanted: Option<&Ending>,
) -> (Ending, Vec<String>) {
    let (site, weather) = place;
    let mut stage = Stage::settled(site, tenant, course, false).await;
    weather.becomes(rules);
    let commit = stage.change();
    stage.until_there(&commit).await;
    assert!(rules.is_empty() || weather.struck() > 0, "the weather was fair");
    weather.becomes(&[]);
    let fair_since = Instant::now();
    let found = loop {
        stage.settle(course).await;
        let end = stage.end().await;
        let differences = wanted.map(|wanted| ending::differences(&end, wanted)).unwrap_or_default();
        if differences.is_empty() || fair_since.elapsed() > MENDED_WITHIN {
            break (end, differences);
        }
    };
    stage.world.stop().await;
    found
}

/// So many seeds of each weather.
fn seeds() -> u64 {
    if std::env::var_os("SLUICE_SOAK").is_some() { 25 } else { 1 }
}

/// A good release, a bad one and a removal end in bad weather as they end in fair weather.
async fn weathers(rules: &[Rule]) {
    for (way, change) in [
        (Way::Rolling, Change::Good),
        (Way::Rolling, Change::Bad),
        (Way::Ordinal, Change::Bad),
        (Way::Data, Change::Gone),
    ] {
        let course = Course::new(way, change);
        let (fair, _) = end_of(clusters(&["east"], 0).await, "shop", course, &[], None).await;
        for seed in 1..=seeds() {
            let place = clusters(&["east"], seed).await;
            let (_, found) = end_of(place, "shop", course, rules, Some(&fair)).await;
            assert!(found.is_empty(), "{course:?} of seed {seed}:\n{}", found.join("\n"));
        }
    }
}

macro_rules! weathers {
    ($($name:ident: $($which:ident $share:literal $harm:expr),+;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                weathers(&[$(Rule::new(Which::$which, $share, $harm)),+]).await;
            }
        )*
    };
}

weathers! {
    slow_answers_make_it_slow: All 100 Harm::Delay(Duration::from_millis(250));
    lost_requests_are_made_again: All 5 Harm::Cut;
    busy_answers_are_waited_out: All 15 Harm::Busy(1);
    writes_that_failed_after_they_took_effect_are_not_doubled:
        Writes 20 Harm::LoseAnswer(500), Writes 20 Harm::LoseAnswer(503), Writes 20 Harm::CutAfter;
    writes_that_are_refused_for_a_while_are_made_again:
        Writes 20 Harm::Refuse(500), Writes 20 Harm::Refuse(503), Writes 10 Harm::Cut;
    writes_that_arrive_twice_do_no_harm: Writes 40 Harm::Duplicate;
    watches_that_lose_every_second_event_are_made_good: Watches 100 Harm::Thin;
    watches_that_are_cut_begin_anew: Watches 50 Harm::Cut, Watches 50 Harm::Refuse(410);
}

/// Told to wait, the engine waits: the same thing is not asked again before its time.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_asks_for_patience_is_not_pressed() {
    const AFTER: Duration = Duration::from_secs(3);
    let (mut world, weather) = settled(&["east"]).await;
    weather.becomes(&[Rule::new(Which::Writes, 100, Harm::Busy(AFTER.as_secs()))]);
    let begun = Instant::now();
    let second = commit_web(&mut world, BETTER);
    let refused = || {
        let mut times: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
        let late = weather.asked().into_iter().filter(|asked| asked.at > begun && asked.harm.is_some());
        for asked in late {
            times.entry(format!("{} {}", asked.method, asked.path)).or_default().push(asked.at);
        }
        times
    };
    world.until("it was asked four times", |_| refused().values().any(|times| times.len() >= 4)).await;
    for (what, times) in refused() {
        for pair in times.windows(2) {
            let waited = pair[1] - pair[0];
            assert!(waited > AFTER - Duration::from_millis(100), "{what} was asked again after {waited:?}");
        }
    }
    weather.becomes(&[]);
    world.until_synced(&second).await;
    world.stop().await;
}

/// A watch that stands still though its connection is open is noticed and begun anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_watch_is_noticed() {
    let (mut world, weather) = settled(&["east"]).await;
    weather.freeze();
    let scale = json!({"spec": {"replicas": 1}});
    world.cluster("east").edit("apps/v1", "Deployment", Some("shop"), "web", scale).await;
    world.cluster("east").delete("v1", "Service", Some("shop"), "web").await;
    world
        .until_true("both are healed", || async {
            let replicas = world.deployment("east").await.at("/spec/replicas").and_then(|it| it.as_u64());
            replicas == Some(3) && world.live("east", "v1", "Service", "web").await.is_some()
        })
        .await;
    world.stop().await;
}

/// Lists from before a release, told by an API server that lags behind after a restart: nothing is
/// taken back or away by what they say.
#[tokio::test(flavor = "multi_thread")]
async fn old_lists_destroy_nothing() {
    let (mut world, weather) = settled(&["east"]).await;
    weather
        .remember(&[
            "/apis/apps/v1/deployments",
            "/apis/apps/v1/replicasets",
            "/api/v1/pods",
            "/api/v1/services",
            "/api/v1/configmaps",
        ])
        .await;
    let second = commit_web(&mut world, BETTER);
    world.until_synced(&second).await;
    let extra = "  grayRelease: quick\n  components:\n    late:\n      image: registry.acme.example/shop/web:1.0.0\n      \
                 resources: {cpu: 10m, memory: 16Mi}\n      replicas: 1\n      port: 8080\n";
    let third = world.commit_app("late", extra);
    world.until_app("late", &third, Sync::Synced).await;
    let rollouts = world.rollouts().len();
    let uid = |world: &World| {
        let cluster = world.cluster("east").clone();
        async move {
            let mut uids = Vec::new();
            for (api, kind, name) in [
                ("apps/v1", "Deployment", "web"),
                ("apps/v1", "Deployment", "late"),
                ("v1", "Service", "late"),
            ] {
                let object = cluster.get(api, kind, Some("shop"), name).await.unwrap();
                uids.push((object.uid().map(str::to_owned), object.at("/spec/template").cloned()));
            }
            uids
        }
    };
    let before = uid(&world).await;
    world.stop().await;
    let writes = world.cluster("east").count_writes();
    weather.becomes(&[
        Rule::new(Which::Lists, 100, Harm::Stale),
        Rule::new(Which::Watches, 100, Harm::Refuse(503)),
    ]);
    world.start();
    world.until("the engine has begun", |_| true).await;
    for _ in 0..3 {
        world.look().await;
    }
    weather.becomes(&[]);
    world.until_synced(&third).await;
    world.until_app("late", &third, Sync::Synced).await;
    world.look().await;
    assert_eq!(uid(&world).await, before, "the same objects, as they were");
    let all = (world.cluster("east").writes)();
    let deleted: Vec<&String> = all[writes..].iter().filter(|write| write.starts_with("delete")).collect();
    assert_eq!(deleted, Vec::<&String>::new(), "nothing is deleted");
    assert_eq!(world.rollouts().len(), rollouts, "nothing is rolled out");
    world.stop().await;
}

/// A cluster whose writes hang holds up nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_hangs_holds_up_no_other() {
    let (site, weather) = clusters(&["east", "west"], 1).await;
    let mut world = World::new(site, "shop");
    world.commit_platform();
    let on = |cluster: &str, image: &str| {
        format!(
            "  grayRelease: patient\n  placement: {{clusters: {{name: {cluster}}}}}\n  image: {image}\n  replicas: 2\n  \
             resources: {{cpu: 10m, memory: 16Mi}}\n"
        )
    };
    world.commit_app("slow", &on("east", GOOD));
    let first = world.commit_app("web", &on("west", GOOD));
    world.start();
    world.until_synced(&first).await;
    world.until_app("slow", &first, Sync::Synced).await;
    let fair = {
        let commit = world.commit_app("web", &on("west", BETTER));
        world.until_synced(&commit).await
    };
    weather.becomes(&[Rule::new(Which::Writes, 100, Harm::Delay(Duration::from_secs(30)))]);
    let before = weather.struck();
    world.commit_app("slow", &on("east", BETTER));
    world.until("the east hangs", |_| weather.struck() > before).await;
    let commit = world.commit_app("web", &on("west", GOOD));
    let foul = world.until_synced(&commit).await;
    assert!(
        foul < fair * 3 + Duration::from_secs(3),
        "{fair:?} in fair weather, {foul:?} beside one that hangs"
    );
    weather.becomes(&[]);
    world.until_app("slow", &commit, Sync::Synced).await;
    world.stop().await;
}

/// Credentials that are refused are read anew, and what was under way goes on.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_expire_are_read_anew() {
    let (mut world, weather) = settled(&["east"]).await;
    let connected = weather.connected();
    weather.becomes(&[Rule::new(Which::All, 100, Harm::Refuse(401))]);
    let second = commit_web(&mut world, BETTER);
    world
        .until("it is said that the credentials are refused", |status| {
            let east = &status.clusters["east"];
            !east.reachable && east.message.as_deref().is_some_and(|it| it.contains("credentials"))
        })
        .await;
    world.until("they are read anew", |_| weather.connected() > connected).await;
    weather.becomes(&[]);
    world.until_synced(&second).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
    world.stop().await;
}

/// A cluster that is cut off in the middle of a release, for longer than a fault may last, is asked
/// again; once it answers, the release goes on. The others go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_cut_off_in_mid_release_goes_on_later() {
    let (mut world, weather) = settled(&["east"]).await;
    let writes = world.cluster("east").count_writes();
    let second = commit_web(&mut world, BETTER);
    let cluster = world.cluster("east").clone();
    world.until("the release moves", |_| cluster.count_writes() > writes).await;
    weather.freeze();
    weather.becomes(&[Rule::new(Which::All, 100, Harm::Cut)]);
    world.until("it is said to be away", |status| !status.clusters["east"].reachable).await;
    let struck = weather.struck();
    world.until("it is asked again and again", |_| weather.struck() > struck + 2).await;
    weather.becomes(&[]);
    world.until_synced(&second).await;
    assert_eq!(text(&world.deployment("east").await, IMAGE), BETTER);
    world.stop().await;
}

/// An API group that discovery does not tell is no reason to forget what is in it: nothing of an app
/// that is removed meanwhile is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_group_is_not_forgotten() {
    let (site, weather) = clusters(&["east"], 1).await;
    let mut world = World::new(site, "shop");
    world.commit_platform();
    let routed = "  grayRelease: quick\n  image: registry.acme.example/shop/web:1.0.0\n  port: 8080\n  health: /healthz\n  \
                  host: shop.acme.example\n  replicas: 1\n  resources: {cpu: 10m, memory: 16Mi}\n";
    let stays = "  grayRelease: quick\n  image: registry.acme.example/shop/web:1.0.0\n  replicas: 1\n  resources: {cpu: \
                 10m, memory: 16Mi}\n";
    let first = world.commit(
        "apps",
        &[
            ("tenants/shop/web.yaml", Some(&app("web", routed))),
            ("tenants/shop/stays.yaml", Some(&app("stays", stays))),
        ],
    );
    world.start();
    world.until_synced(&first).await;
    let routes = |world: &World| {
        let cluster = world.cluster("east").clone();
        async move { cluster.list("networking.k8s.io/v1", "Ingress", "shop").await.len() }
    };
    assert_eq!(routes(&world).await, 1);
    weather.hide(&["networking.k8s.io"]);
    world.look().await;
    world.look().await;
    assert_eq!(routes(&world).await, 1, "what is not seen is not removed");
    assert!(world.live("east", "apps/v1", "Deployment", "web").await.is_some());
    world.remove_app("web");
    world
        .until_true("what is seen goes", || async {
            world.live("east", "apps/v1", "Deployment", "web").await.is_none()
        })
        .await;
    assert_eq!(routes(&world).await, 1);
    weather.hide(&[]);
    world.command(sluice::engine::command::Command::Sync {}).await;
    world.until_true("the rest goes once it is seen", || async { routes(&world).await == 0 }).await;
    world.stop().await;
}

async fn client(plane: &ControlPlane, user: &str) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(user)).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The shared control plane as the cluster `east`, reached through weather.
async fn on_a_control_plane(plane: &'static ControlPlane, tenant: &str, seed: u64) -> (Site, Arc<Weather>) {
    let of = tenant.to_owned();
    let weather = Arc::new(Weather::before(client(plane, ENGINE).await, seed).await);
    let cluster = SiteCluster {
        away: Arc::default(),
        admin: client(plane, ADMIN).await,
        connect: Arc::new(|| unreachable!("it is reached through weather")),
        writes: Arc::new(move || plane.writes_about(&of, ENGINE)),
    };
    let mut site = Site::of(BTreeMap::from([("east".to_owned(), cluster)]));
    site.reach_through("east", &weather);
    (site, weather)
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_end_alike_in_bad_weather_on_a_control_plane() {
    const LOST: [Rule; 3] = [
        Rule::new(Which::Writes, 35, Harm::LoseAnswer(500)),
        Rule::new(Which::Writes, 35, Harm::CutAfter),
        Rule::new(Which::All, 3, Harm::Cut),
    ];
    const BUSY: [Rule; 2] =
        [Rule::new(Which::All, 10, Harm::Busy(1)), Rule::new(Which::Watches, 100, Harm::Thin)];
    let plane = tokio::task::spawn_blocking(controlplane::shared).await.unwrap();
    let Some(plane) = plane else { return };
    for change in [Change::Good, Change::Bad] {
        let course = Course::new(Way::Rolling, change);
        let name = |weather: &str| format!("weather-{change:?}-{weather}").to_lowercase();
        let place = on_a_control_plane(plane, &name("fair"), 0).await;
        let (fair, _) = end_of(place, &name("fair"), course, &[], None).await;
        for (weather, rules) in [("lost", LOST.as_slice()), ("busy", BUSY.as_slice())] {
            let place = on_a_control_plane(plane, &name(weather), 1).await;
            let (_, found) = end_of(place, &name(weather), course, rules, Some(&fair)).await;
            assert!(found.is_empty(), "{change:?}, {weather}:\n{}", found.join("\n"));
        }
    }
}
