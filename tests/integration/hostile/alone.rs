//! What one run takes of the host's memory: each guest alone in a process, with the most that the process ever held.
//!
//! The bound is the task's memory limit and 32 MiB, for all that the host copies, buffers and keeps for a guest.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sandclock_host::clock::Clock;
use sandclock_host::config::{self, Surroundings};
use sandclock_host::model::cause::Cause;
use sandclock_host::model::id::RunId;
use sandclock_host::model::limits::Limits;
use sandclock_host::model::run::Run;
use sandclock_host::plugins::{Plugins, Quiet};
use sandclock_host::sandbox::{AttemptRequest, Sandbox};
use tokio::sync::watch;

use super::footprint::{Footprint, forget_peak, peak};
use super::guests::GUESTS;
use super::peers::Peers;
use super::{GOOD, HEAD, hostile_tasks, project};
use crate::project::Finished;

/// What the host may take for a run beside the guest's memory, in bytes.
const BESIDE: u64 = 32 << 20;
/// Nothing here takes this long, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// The guests that have the host hold much. `cargo xtask hostile` takes all of them.
const GREEDY: &str = "memory-growth growth-in-many-memories memory-fill-loop table-growth log-huge-string log-huge-list \
    log-many-fields log-empty-fields log-flood log-call-flood stdout-flood endless-line random-huge random-flood pollable-flood \
    stream-flood poll-many deep-recursion http-endless-body http-header-bomb http-many-headers http-parallel kv-flood \
     kv-huge-value kv-bucket-flood fields-flood request-flood fs-open-flood fs-path-flood fs-call-flood fs-read-flood \
     fs-write-flood waiting-calls string-carrying output-huge failure-huge environment-flood";

/// One that would go on for minutes with the fuel that there is by default.
const TIRELESS: &str = "memory-fill-loop ";

#[test]
fn greedy_guests_take_no_more_of_the_host_than_they_may() {
    let measured = measured(HEAD, GREEDY);
    assert_eq!(measured.len(), GREEDY.split_ascii_whitespace().count());
    assert_bounded(&measured);
}

#[test]
fn greedy_guests_take_no_more_than_they_may_by_default_either() {
    let head: String = HEAD.lines().filter(|line| !line.starts_with("limits")).flat_map(|line| [line, "\n"]).collect();
    let greedy = GREEDY.replace(TIRELESS, "");
    let measured = measured(&head, &greedy);
    assert_eq!(measured.len(), greedy.split_ascii_whitespace().count());
    assert!(measured.iter().all(|run| run.limit == Limits::default().memory), "{measured:?}");
    assert_bounded(&measured);
}

#[test]
#[ignore = "takes a minute: `cargo xtask hostile` runs it"]
fn long_no_guest_takes_more_of_the_host_than_it_may() {
    let names: Vec<&str> = GUESTS.iter().filter(|guest| guest.class != "skipped").map(|guest| guest.name).collect();
    let measured = measured(HEAD, &names.join(" "));
    assert_eq!(measured.len(), names.len());
    println!("runs one after another             {}", measured.len());
    let most = |run: &Measured| format!("{} KiB of {} KiB: {}", run.taken >> 10, (run.limit + BESIDE) >> 10, run.name);
    let largest = measured.iter().max_by_key(|run| run.taken).expect("there are guests");
    println!("most that one took of the host     {}", most(largest));
    assert_bounded(&measured);
}

/// What one run took.
#[derive(Debug)]
struct Measured {
    name: String,
    /// How much more memory the host held at its peak than before, in bytes.
    taken: u64,
    /// The run's own limit.
    limit: u64,
}

#[track_caller]
fn assert_bounded(measured: &[Measured]) {
    let beyond: Vec<&Measured> = measured.iter().filter(|run| run.taken > run.limit + BESIDE).collect();
    assert!(beyond.is_empty(), "{beyond:?}");
}

/// Runs these guests in a process of their own, one after another.
fn measured(head: &str, guests: &str) -> Vec<Measured> {
    let peers = Peers::start();
    let project = project(&format!("{head}{GOOD}{}", hostile_tasks(&peers, "1h")));
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "hostile::alone::guests_one_after_another", "--ignored", "--nocapture"]);
    process.env(FOLDER, project.path(".")).env(NAMES, guests);
    // Memory that was freed goes back to the system at once: otherwise the next guest would be given it unseen.
    process.envs([("MALLOC_TRIM_THRESHOLD_", "0"), ("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_ARENA_MAX", "1")]);
    let finished = Finished::of(&mut process);
    assert!(finished.status.success(), "{finished:?}");
    let lines = finished.stdout.lines().filter_map(|line| line.split_once(MARK));
    let mut measured = lines.map(|(_, line)| {
        let [name, taken, limit] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        Measured { name: name.to_owned(), taken: taken.parse().unwrap(), limit: limit.parse().unwrap() }
    });
    let known = measured.next().expect("what is known to be taken comes first");
    assert!(known.taken >= known.limit, "the measurement does not see all: {known:?}");
    measured.collect()
}

const FOLDER: &str = "SANDCLOCK_ALONE_FOLDER";
const NAMES: &str = "SANDCLOCK_ALONE_GUESTS";
/// Bytes that are taken for the measurement to be measured: at least half of them have to be seen.
const KNOWN: usize = 16 << 20;
/// How lines with a measurement begin.
const MARK: &str = "took: ";

#[test]
#[ignore = "the process that the other tests start"]
fn guests_one_after_another() {
    let (Ok(folder), Ok(names)) = (std::env::var(FOLDER), std::env::var(NAMES)) else { return };
    let clock = Clock::system();
    let loaded = config::load(&Path::new(&folder).join("sandclock.toml"), &Surroundings::of_process(clock.now()));
    let config = loaded.unwrap_or_else(|report| panic!("{report}")).config;
    let mut settings = config.plugins_settings();
    settings.compile.program = env!("CARGO_BIN_EXE_sandclock").into();
    let plugins = Plugins::open(settings, Sandbox::new(config.sandbox_settings(), clock), clock).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    forget_peak();
    let before = Footprint::of(std::process::id()).memory;
    drop(std::hint::black_box(vec![1u8; KNOWN]));
    println!("{MARK}known {} {}", peak().saturating_sub(before), KNOWN / 2);
    // The first is a good one: what every run needs of the host's code is then in memory.
    for name in std::iter::once("tick").chain(names.split(' ')) {
        let task = config.tasks.iter().find(|task| task.name.as_str() == name).expect("a task of this name");
        let run = Arc::new(Run {
            id: RunId::next(clock.now().as_millisecond(), 0, None),
            task: Arc::clone(task),
            cause: Cause::Manual,
            slot: None,
            payload: task.payload.clone(),
            trace: None,
            admitted_at: clock.now(),
        });
        let plugin = runtime.block_on(plugins.prepare(&task.build(), &Quiet)).unwrap();
        let (_stop, stop) = watch::channel(None);
        let attempt = async move { plugin.prepared.attempt(AttemptRequest { run, attempt: 1, stop }).await };
        let before = Footprint::of(std::process::id()).memory;
        forget_peak();
        let report = runtime.block_on(async { tokio::time::timeout(PATIENCE, tokio::spawn(attempt)).await });
        let taken = peak().saturating_sub(before);
        drop(report.expect("it ends").unwrap());
        if name != "tick" {
            println!("{MARK}{name} {taken} {}", task.limits.memory);
        }
    }
}
