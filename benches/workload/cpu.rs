//! CPU time and memory as Linux accounts for them. Elsewhere the benchmarks don't run.

use std::fs;
use std::time::Duration;

/// Length of a tick in which the kernel reports the CPU time of processes: `USER_HZ` is 100 on every
/// architecture that Linux runs on here.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of this thread so far, to the nanosecond.
pub fn thread() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux accounts for threads");
    let nanoseconds = text.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first word is a number of nanoseconds"))
}

/// CPU time of all children that have ended and were waited for.
pub fn children() -> Duration {
    let fields = stat("self");
    TICK * (fields[13] + fields[14])
}

/// CPU time of a running process, all its threads.
pub fn process(pid: u32) -> Duration {
    let fields = stat(&pid.to_string());
    TICK * (fields[11] + fields[12])
}

/// The most memory that a running process held at once, in MiB.
pub fn peak_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok());
    kib.unwrap_or(0_u64) / 1024
}

/// The fields of `/proc/PID/stat` that follow the program's name, which may hold blanks itself.
fn stat(pid: &str) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let rest = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    rest.split_whitespace().map(|word| word.parse().unwrap_or_default()).collect()
}

/// CPU time that a call takes on this thread: the least of several, since what disturbs only adds.
pub fn least<T>(times: usize, mut call: impl FnMut() -> T) -> Duration {
    let once = |_| {
        let before = thread();
        std::hint::black_box(call());
        thread() - before
    };
    (0..times).map(once).min().expect("it is called at least once")
}
