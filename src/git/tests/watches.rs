use std::time::Duration;

use super::*;

/// Far longer than any machine takes to tell of a change; only a failure waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(start_paused = true)]
async fn the_timer_looks_again_after_the_interval() {
    let mut poll = Poll::new(Duration::from_secs(60), "fleet");
    let (begun, wait) = (tokio::time::Instant::now(), poll.wait());
    poll.next(&Wake::default()).await;
    assert!((54..=66).contains(&wait.as_secs()), "{wait:?}");
    assert!(begun.elapsed() >= wait && begun.elapsed() < wait + Duration::from_secs(1));
    let waits: std::collections::BTreeSet<_> =
        ["a", "b", "c", "d"].map(|seed| Poll::new(Duration::from_secs(60), seed).wait()).into();
    assert!(waits.len() > 1, "repositories are spread over time");
}

#[tokio::test(start_paused = true)]
async fn wake_ups_before_the_look_are_one() {
    let (mut poll, wake) = (Poll::new(Duration::from_secs(60), "fleet"), Wake::default());
    (0..3).for_each(|_| wake.wake());
    let begun = tokio::time::Instant::now();
    poll.next(&wake).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    poll.next(&wake).await;
    assert!(begun.elapsed() > Duration::from_secs(50));
}

#[test]
fn failures_double_the_wait_up_to_a_limit() {
    let mut poll = Poll::new(Duration::from_secs(60), "fleet");
    let before = poll.wait();
    poll.failed();
    assert_eq!(poll.wait(), before * 2);
    (0..100).for_each(|_| poll.failed());
    assert!(poll.wait() <= Duration::from_secs(660));
    poll.succeeded();
    assert_eq!(poll.wait(), before);
}

#[tokio::test]
async fn a_commit_and_a_changed_file_wake() {
    let fixture = Fixture::new();
    let wake = Wake::default();
    let _watch = watch_repository(&fixture.path(), &wake).unwrap();
    fixture.commit(&[("sluice.yaml", "1")]);
    tokio::time::timeout(PATIENCE, wake.woken()).await.unwrap();

    let (folder, wake) = (TempDir::new().unwrap(), Wake::default());
    std::fs::create_dir(folder.path().join("tenants")).unwrap();
    let _watch = watch_directory(folder.path(), &wake).unwrap();
    std::fs::write(folder.path().join("tenants/app.yaml"), "x").unwrap();
    tokio::time::timeout(PATIENCE, wake.woken()).await.unwrap();
    assert!(watch_directory(&folder.path().join("absent"), &wake).is_err());
}

/// Whoever looks reads: a wake-up by reading would never end.
#[test]
fn reading_is_no_change() {
    use notify::event::{AccessKind, AccessMode, CreateKind, Event, EventKind, Flag, ModifyKind, RemoveKind};
    let lost = Event::new(EventKind::Other).set_flag(Flag::Rescan);
    for (event, expected) in [
        (Event::new(EventKind::Access(AccessKind::Open(AccessMode::Any))), false),
        (Event::new(EventKind::Access(AccessKind::Close(AccessMode::Read))), false),
        (Event::new(EventKind::Create(CreateKind::File)), true),
        (Event::new(EventKind::Modify(ModifyKind::Any)), true),
        (Event::new(EventKind::Remove(RemoveKind::File)), true),
        (lost, true),
    ] {
        let shown = format!("{event:?}");
        let seen = Ok(vec![notify_debouncer_full::DebouncedEvent::new(event, std::time::Instant::now())]);
        assert_eq!(crate::git::watch::is_change(&seen), expected, "{shown}");
    }
    assert!(!crate::git::watch::is_change(&Ok(Vec::new())));
    assert!(crate::git::watch::is_change(&Err(vec![notify::Error::generic("lost")])));
}
