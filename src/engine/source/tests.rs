//! Looks at real repositories on disk, with the real store between.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::fleet::FleetLoop;
use super::mount::mount;
use super::*;
use crate::git::{
    Author, FetchLimits, RepositoryUrl, Store, StoreOptions, TenantSources, UrlPolicy, commit_files,
    create_repository,
};
use crate::model::{FileEntry, SourceTree, Timestamp};

/// A clock that stands until it is moved.
#[derive(Default)]
struct Stopped(Mutex<i64>);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + *self.0.lock().unwrap()).unwrap()
    }
}

struct World {
    folder: TempDir,
    clock: Arc<Stopped>,
    bells: Arc<Bells>,
    signers: Option<PathBuf>,
    seconds: i64,
}

/// How long a host may be silent here: far longer than a look at the fleet repository takes.
const HANGS: Duration = Duration::from_secs(10);

const FLEET: &str = "apiVersion: sluice.dev/v1alpha1\nkind: Fleet\nmetadata: {name: acme}\nspec:\n  environments:\n    \
                     - {name: dev, branch: main}\n";

impl World {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        create_repository(&folder.path().join("fleet.git"), "main").unwrap();
        let (clock, bells) = (Arc::default(), Arc::new(Bells::default()));
        Self { folder, clock, bells, signers: None, seconds: 0 }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("fleet.git")
    }

    fn git(&self) -> git2::Repository {
        git2::Repository::open_bare(self.path()).unwrap()
    }

    fn commit(&mut self, files: &[(&str, Option<&str>)]) -> CommitId {
        self.seconds += 1;
        let changes: BTreeMap<String, Option<Vec<u8>>> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.map(|it| it.as_bytes().to_vec())))
            .collect();
        let author = Author {
            name: "Ada".to_owned(),
            email: "ada@acme.example".to_owned(),
            time: Timestamp::from_second(self.seconds).unwrap(),
        };
        commit_files(&self.path(), "main", &changes, "change", &author).unwrap()
    }

    /// Moves `main` as `git push --force` does.
    fn force(&self, commit: &CommitId) {
        let id = git2::Oid::from_str(commit.as_str()).unwrap();
        self.git().reference("refs/heads/main", id, true, "force").unwrap();
    }

    fn parts(&self) -> SourceParts {
        let policy = UrlPolicy { local_paths: true, machine_hosts: true, plain_http: true };
        let url = RepositoryUrl::parse(self.path().to_str().unwrap(), policy).unwrap();
        let store = Store::open(&self.folder.path().join("store.git"), url, StoreOptions::default()).unwrap();
        SourceParts {
            repository: Arc::new(store),
            trunk: "main".to_owned(),
            only: None,
            sources: Arc::new(TenantSources {
                stores: self.folder.path().join("sources"),
                credentials: None,
                known_hosts: None,
                options: StoreOptions {
                    fetch: FetchLimits { stall: HANGS, ..FetchLimits::default() },
                    ..StoreOptions::default()
                },
                policy,
            }),
            signers: self.signers.clone(),
            clock: self.clock.clone(),
            poll: Poll::new(Duration::from_secs(60), "test"),
            anchors: BTreeMap::new(),
        }
    }

    /// A process that starts, on the store as it is.
    fn start(&self) -> FleetLoop {
        FleetLoop::new(&self.parts(), self.bells.clone())
    }
}

/// Looks; then the trunk in force and the kinds of problems must be these.
#[track_caller]
fn check(fleet: &mut FleetLoop, expected: &CommitId, problems: &[ProblemKind]) {
    fleet.look();
    let kinds: Vec<ProblemKind> = fleet.problems.iter().map(|problem| problem.kind).collect();
    assert_eq!(kinds, problems, "{:?}", fleet.problems);
    assert_eq!(fleet.follower.branches()["main"].commit, *expected);
}

#[test]
fn f09_rewritten_history_is_held_until_a_person_accepts_it_by_name() {
    let mut world = World::new();
    let first = world.commit(&[("sluice.yaml", Some(FLEET)), ("tenants/shop/a.yaml", Some("# 1"))]);
    let second = world.commit(&[("tenants/shop/a.yaml", Some("# 2"))]);
    let mut fleet = world.start();
    check(&mut fleet, &second, &[]);

    world.force(&first);
    check(&mut fleet, &second, &[ProblemKind::Rewritten]);
    let since = fleet.problems[0].since;
    *world.clock.0.lock().unwrap() += 60;
    check(&mut fleet, &second, &[ProblemKind::Rewritten]);
    assert_eq!(fleet.problems[0].since, since, "it says since when");
    assert_eq!(fleet.problems[0].commit, Some(first.clone()));
    assert!(fleet.problems[0].message.contains("sluice sync --accept"), "and what to do");

    // A restart changes nothing of it.
    let mut fleet = world.start();
    check(&mut fleet, &second, &[ProblemKind::Rewritten]);

    // Another rewrite is another commit: what was accepted is not this one.
    world.bells.accept(&first);
    let third = world.commit(&[("tenants/shop/a.yaml", Some("# 3"))]);
    check(&mut fleet, &second, &[ProblemKind::Rewritten]);
    world.bells.accept(&third);
    check(&mut fleet, &third, &[]);
    check(&mut world.start(), &third, &[]);
}

#[test]
fn f09_a_branch_that_may_be_rewritten_is_followed() {
    let mut world = World::new();
    let lax = FLEET.replace("branch: main", "branch: main, forcePush: follow");
    let first = world.commit(&[("sluice.yaml", Some(&lax)), ("tenants/shop/a.yaml", Some("# 1"))]);
    let second = world.commit(&[("tenants/shop/a.yaml", Some("# 2"))]);
    let mut fleet = world.start();
    check(&mut fleet, &second, &[]);
    world.force(&first);
    check(&mut fleet, &first, &[]);
}

#[test]
fn f10_what_is_gone_is_missing_and_what_was_read_stays() {
    let mut world = World::new();
    let first = world.commit(&[("sluice.yaml", Some(FLEET)), ("tenants/shop/a.yaml", Some("# 1"))]);
    let mut fleet = world.start();
    check(&mut fleet, &first, &[]);

    world.git().find_reference("refs/heads/main").unwrap().delete().unwrap();
    check(&mut fleet, &first, &[ProblemKind::SourceMissing]);
    check(&mut world.start(), &first, &[ProblemKind::SourceMissing]);
    world.force(&first);
    check(&mut fleet, &first, &[]);

    let renamed = world.commit(&[("tenants/shop/a.yaml", None), ("tenant/shop/a.yaml", Some("# 1"))]);
    check(&mut fleet, &first, &[ProblemKind::SourceMissing]);
    assert_eq!(fleet.problems[0].commit, Some(renamed.clone()));
    world.bells.accept(&renamed);
    check(&mut fleet, &renamed, &[]);

    let gone = world.commit(&[("sluice.yaml", None)]);
    check(&mut fleet, &renamed, &[ProblemKind::SourceMissing]);
    assert_eq!(fleet.problems[0].commit, Some(gone));
    let back = world.commit(&[("sluice.yaml", Some(FLEET))]);
    check(&mut fleet, &back, &[]);
    world.commit(&[("sluice.yaml", Some("kind: Fleet\n"))]);
    check(&mut fleet, &back, &[ProblemKind::Refused]);
}

#[test]
fn a_restart_without_the_remote_stands_where_it_stood() {
    let mut world = World::new();
    let first = world.commit(&[("sluice.yaml", Some(FLEET)), ("tenants/shop/a.yaml", Some("# 1"))]);
    check(&mut world.start(), &first, &[]);
    std::fs::rename(world.path(), world.folder.path().join("away")).unwrap();
    let mut fleet = world.start();
    check(&mut fleet, &first, &[ProblemKind::Unreachable]);
    std::fs::rename(world.folder.path().join("away"), world.path()).unwrap();
    check(&mut fleet, &first, &[]);
}

#[test]
fn a_store_that_was_lost_takes_the_ledgers_word() {
    let mut world = World::new();
    let first = world.commit(&[("sluice.yaml", Some(FLEET))]);
    let second = world.commit(&[("tenants/shop/a.yaml", Some("# 2"))]);
    let anchored = |world: &World, commit: &CommitId| {
        let (trunk, branch) = (commit.clone(), commit.clone());
        let revision = Revision { trunk, branch, sources: BTreeMap::new() };
        let anchors = BTreeMap::from([("dev".parse().unwrap(), revision)]);
        FleetLoop::new(&SourceParts { anchors, ..world.parts() }, world.bells.clone())
    };
    world.force(&first);
    let mut fleet = anchored(&world, &second);
    fleet.look();
    assert_eq!(fleet.problems[0].kind, ProblemKind::Rewritten, "an older commit is no news");
    assert!(fleet.follower.branches().is_empty());
    world.force(&second);
    check(&mut fleet, &second, &[]);
}

#[test]
fn f16_many_commits_are_one_look_at_the_last() {
    let mut world = World::new();
    let mut last = world.commit(&[("sluice.yaml", Some(FLEET))]);
    let mut fleet = world.start();
    check(&mut fleet, &last, &[]);
    for number in 0..100 {
        last = world.commit(&[("tenants/shop/a.yaml", Some(&format!("# {number}")))]);
    }
    check(&mut fleet, &last, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_host_that_hangs_holds_up_its_own_tenant_alone() {
    let mut world = World::new();
    // Connections are taken by the system and nobody answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fleet.git", silent.local_addr().unwrap());
    let fleet = format!("{FLEET}  sources: [{{tenant: slow, url: '{url}'}}]\n");
    let first = world.commit(&[("sluice.yaml", Some(&fleet)), ("tenants/shop/a.yaml", Some("# 1"))]);
    let (status, mut seen) = watch::channel(SourceStatus::default());
    let (told, mut revisions) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();
    let source = Source::new(world.parts(), world.bells.clone(), status);
    let running = tokio::spawn(source.run(stop.clone(), move |_, revision| told.send(revision).unwrap()));

    let slow: TenantName = "slow".parse().unwrap();
    let revision = revisions.recv().await.unwrap();
    assert_eq!(revision.revision.branch, first);
    assert!(revision.definitions.hidden.tenants.contains(&slow), "nothing of it may be removed");
    let second = world.commit(&[("tenants/shop/a.yaml", Some("# 2"))]);
    world.bells.ring_fleet();
    assert_eq!(revisions.recv().await.unwrap().revision.branch, second);
    assert_eq!(seen.borrow().tenants[&slow].looks, 0, "the other hangs all the while");
    let failed = seen.wait_for(|status| !status.tenants[&slow].problems.is_empty()).await.unwrap().clone();
    assert_eq!(failed.tenants[&slow].problems[0].kind, ProblemKind::Unreachable);
    assert!(failed.tenants[&slow].next_look > Some(world.clock.now()), "it says when it tries again");
    assert_eq!(failed.fleet.problems, []);
    stop.cancel();
    running.await.unwrap();
}

fn tree(files: &[&str]) -> ReadTree {
    let mut tree = SourceTree::default();
    for path in files {
        let entry = FileEntry { id: "1".repeat(40), bytes: Arc::from(path.as_bytes()) };
        tree.files.insert((*path).to_owned(), entry);
    }
    ReadTree { tree, diagnostics: Vec::new(), refused: false }
}

#[test]
fn a_tenants_own_repository_takes_the_place_of_its_folder_and_reaches_no_other() {
    let fleet = tree(&["sluice.yaml", "tenants/shop/old.yaml", "tenants/bank/a.yaml"]);
    let own = tree(&["tenants/shop/new.yaml", "tenants/bank/stolen.yaml", "sluice.yaml"]);
    let shop: TenantName = "shop".parse().unwrap();
    let mounted = mount(&fleet, &BTreeMap::from([(shop.clone(), Some(&own))]));
    let paths: Vec<&String> = mounted.tree.files.keys().collect();
    assert_eq!(paths, ["sluice.yaml", "tenants/bank/a.yaml", "tenants/shop/new.yaml"]);
    assert_eq!(mounted.tree.bytes("sluice.yaml"), Some(&b"sluice.yaml"[..]));
    assert_eq!(mounted.diagnostics.len(), 1, "what lies in the old place is told of");

    let unread = mount(&fleet, &BTreeMap::from([(shop.clone(), None)]));
    let (definitions, _) = compile::read(&unread.tree);
    assert!(definitions.hidden.tenants.contains(&shop), "nothing of it may be removed");
}

/// The program `git`, which signs as people do.
struct Signing {
    folder: TempDir,
    /// Kept from the one who runs the tests.
    home: TempDir,
}

impl Signing {
    fn new(world: &World) -> Option<Self> {
        for (program, argument) in [("git", "--version"), ("ssh-keygen", "-?")] {
            if Command::new(program).arg(argument).output().is_err() {
                assert!(std::env::var_os("CI").is_none(), "CI must have {program}");
                eprintln!("left out: no program {program} here");
                return None;
            }
        }
        let signing = Self { folder: TempDir::new().unwrap(), home: TempDir::new().unwrap() };
        for name in ["ada", "eve"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(signing.key(name));
            assert!(keygen.status().unwrap().success());
        }
        signing.git(&["init", "--quiet", "--initial-branch", "main"]);
        signing.git(&["remote", "add", "origin", world.path().to_str().unwrap()]);
        Some(signing)
    }

    fn key(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn public(&self, name: &str) -> String {
        std::fs::read_to_string(self.key(name).with_extension("pub")).unwrap().trim().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(self.folder.path()).env_clear().env("HOME", self.home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("GIT_CONFIG_NOSYSTEM", "1");
        command.args(["-c", "user.name=Ada", "-c", "user.email=ada@acme.example", "-c", "gpg.format=ssh"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits all, signed by somebody or nobody, and pushes.
    fn commit(&self, text: &str, by: Option<&str>) -> CommitId {
        self.write("tenants/shop/a.yaml", &format!("# {text}"));
        self.git(&["add", "--all"]);
        self.finish(&["commit", "--quiet", "--message", text], by)
    }

    fn finish(&self, arguments: &[&str], by: Option<&str>) -> CommitId {
        match by {
            Some(name) => {
                let key = format!("user.signingkey={}", self.key(name).display());
                self.git(&[&["-c", key.as_str()], arguments, &["-S"]].concat());
            }
            None => drop(self.git(arguments)),
        }
        self.push()
    }

    fn push(&self) -> CommitId {
        self.git(&["push", "--quiet", "--force", "--tags", "origin", "main"]);
        CommitId::new(self.git(&["rev-parse", "main"])).unwrap()
    }

    fn fleet(&self, mode: &str, key: &str) -> String {
        format!(
            "{FLEET}  users: {{ada: {{signingKeys: ['{key}']}}}}\n  policy: {{commitSignatures: {mode}}}\n"
        )
    }
}

#[track_caller]
fn check_unsigned(fleet: &mut FleetLoop, stays: &CommitId, commit: &CommitId, says: &[&str]) {
    check(fleet, stays, &[ProblemKind::Unsigned]);
    let problem = &fleet.problems[0];
    assert_eq!(problem.commit.as_ref(), Some(commit));
    for part in says {
        assert!(problem.message.contains(part), "{part}: {}", problem.message);
    }
}

#[test]
fn f14_a_commit_without_a_signers_signature_is_not_followed() {
    let world = World::new();
    let Some(git) = Signing::new(&world) else { return };
    git.write("sluice.yaml", &git.fleet("merge", &git.public("ada")));
    let first = git.commit("first", Some("ada"));
    let mut fleet = world.start();
    check(&mut fleet, &first, &[]);

    let unsigned = git.commit("unsigned", None);
    git.git(&["-c", &format!("user.signingkey={}", git.key("ada").display()), "tag", "-s", "-m", "1", "v1"]);
    git.push();
    check_unsigned(&mut fleet, &first, &unsigned, &["is not signed", "stays in force", unsigned.short()]);
    check_unsigned(&mut world.start(), &first, &unsigned, &["is not signed"]);
    // One good commit on top does not wash it clean.
    git.commit("signed", Some("ada"));
    check_unsigned(&mut fleet, &first, &unsigned, &["is not signed"]);

    git.git(&["reset", "--quiet", "--hard", first.as_str()]);
    let wrong = git.commit("by eve", Some("eve"));
    check_unsigned(&mut fleet, &first, &wrong, &["SHA256:", "no signer's key"]);
    git.git(&["reset", "--quiet", "--hard", first.as_str()]);
    let good = git.commit("by ada", Some("ada"));
    check(&mut fleet, &good, &[]);
}

#[test]
fn f14_what_a_merge_brings_in_must_be_signed_under_every_alone() {
    for (mode, followed) in [("merge", true), ("every", false)] {
        let world = World::new();
        let Some(git) = Signing::new(&world) else { return };
        git.write("sluice.yaml", &git.fleet(mode, &git.public("ada")));
        let first = git.commit("first", Some("ada"));
        let mut fleet = world.start();
        check(&mut fleet, &first, &[]);
        git.git(&["checkout", "--quiet", "-b", "feature"]);
        git.write("tenants/shop/b.yaml", "# feature");
        git.git(&["add", "--all"]);
        git.git(&["commit", "--quiet", "--message", "feature"]);
        let feature = CommitId::new(git.git(&["rev-parse", "feature"])).unwrap();
        git.git(&["checkout", "--quiet", "main"]);
        let merge =
            git.finish(&["merge", "--quiet", "--no-ff", "feature", "--message", "merge"], Some("ada"));
        match followed {
            true => check(&mut fleet, &merge, &[]),
            false => check_unsigned(&mut fleet, &first, &feature, &["is not signed"]),
        }
    }
}

#[test]
fn f14_a_key_counts_while_it_is_valid() {
    for (option, followed) in [("valid-after=\"20240101\"", true), ("valid-before=\"20240101\"", false)] {
        let world = World::new();
        let Some(git) = Signing::new(&world) else { return };
        git.write("sluice.yaml", FLEET);
        let first = git.commit("before there were rules", None);
        let mut fleet = world.start();
        check(&mut fleet, &first, &[]);
        git.write("sluice.yaml", &git.fleet("merge", &format!("{option} {}", git.public("ada"))));
        let rules = git.commit("rules", None);
        check(&mut fleet, &rules, &[]);
        let next = git.commit("next", Some("ada"));
        match followed {
            true => check(&mut fleet, &next, &[]),
            false => check_unsigned(&mut fleet, &rules, &next, &["expired", "ada"]),
        }
    }
}

#[test]
fn f15_a_commit_is_judged_by_the_signers_before_it() {
    let world = World::new();
    let Some(git) = Signing::new(&world) else { return };
    git.write("sluice.yaml", &git.fleet("every", &git.public("ada")));
    let first = git.commit("first", Some("ada"));
    let mut fleet = world.start();
    check(&mut fleet, &first, &[]);
    git.write("sluice.yaml", &git.fleet("every", &git.public("eve")));
    let coup = git.commit("eve makes herself the signer", Some("eve"));
    check_unsigned(&mut fleet, &first, &coup, &["no signer's key"]);
    check_unsigned(&mut world.start(), &first, &coup, &["no signer's key"]);
    git.git(&["reset", "--quiet", "--hard", first.as_str()]);
    git.write("sluice.yaml", &git.fleet("every", &git.public("eve")));
    let handed = git.commit("ada hands over", Some("ada"));
    check(&mut fleet, &handed, &[]);
    let by_eve = git.commit("eve's first", Some("eve"));
    check(&mut fleet, &by_eve, &[]);
}

#[test]
fn f15_keys_that_the_operator_holds_come_before_those_in_git() {
    let mut world = World::new();
    let Some(git) = Signing::new(&world) else { return };
    let signers: &Path = &git.home.path().join("signers");
    std::fs::write(signers, format!("ada {}\n", git.public("ada"))).unwrap();
    world.signers = Some(signers.to_owned());
    git.write("sluice.yaml", &git.fleet("off", &git.public("eve")));
    let by_eve = git.commit("by eve", Some("eve"));
    let mut fleet = world.start();
    fleet.look();
    assert_eq!(fleet.problems[0].kind, ProblemKind::Unsigned, "the very first commit too");
    assert_eq!(fleet.problems[0].commit, Some(by_eve));
    let good = git.commit("by ada", Some("ada"));
    check(&mut fleet, &good, &[]);
    std::fs::write(signers, "").unwrap();
    let after = git.commit("nobody may sign", Some("ada"));
    check_unsigned(&mut fleet, &good, &after, &["no signer's key"]);
}
