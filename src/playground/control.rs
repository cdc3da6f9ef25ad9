//! Runs a cluster's controllers: at once when something changed, and when they asked to be woken.

use std::sync::Arc;
use std::time::Duration;

use super::controllers::{Controllers, PodBehaviour, SLICE};
use super::server::ApiServer;

/// The shortest wait between two runs. Clients write in bursts; one run then serves them all.
const PAUSE: Duration = Duration::from_millis(2);

/// The longest wait, in case a wake-up was lost.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Runs until the server is stopped.
pub(super) async fn run(server: Arc<ApiServer>, pods: PodBehaviour) {
    let mut controllers = Controllers::new(pods);
    let mut notice = server.store().subscribe();
    while !server.is_stopped() {
        let now = server.now();
        let wake = {
            let mut store = server.store();
            let changed = store.take_changed();
            let wake = controllers.run_some(&mut *store, &changed, now, SLICE);
            // Its own writes are known to it.
            store.take_changed();
            notice.borrow_and_update();
            wake
        };
        if wake.is_some_and(|wake| wake <= now) {
            // Requests come in between.
            tokio::task::yield_now().await;
            continue;
        }
        let wait = wake
            .and_then(|wake| Duration::try_from(wake.duration_since(now)).ok())
            .unwrap_or(LONGEST_WAIT)
            .clamp(PAUSE, LONGEST_WAIT);
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            changed = notice.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(wait.saturating_sub(PAUSE)) => {}
            () = server.stopped() => return,
        }
    }
}
