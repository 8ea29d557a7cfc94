//! Attempts that are stopped or dropped at any moment: nothing panics, and whatever they held comes back.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::model::limits::{Fuel, Limits, Metering};
use crate::model::outcome::{AttemptOutcome, CancelledBy, Stop};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::sandbox::testing::{command, run, task, typed};
use crate::sandbox::{AttemptRequest, Prepared, Sandbox, Settings, compile};

/// How many attempts are cut off; `SANDCLOCK_CANCELS` asks for more.
const CANCELS: usize = 400;
/// Places in the pool: as many attempts go on at once.
const PLACES: usize = 4;

/// Guests that are busy in different ways: computing, growing, asking the host, waiting, writing, sending.
fn guests(sandbox: &Sandbox, silent: &str) -> Vec<(Prepared, Arc<Run>)> {
    let preview1 = r#"
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 3)"#;
    let programs = [
        "(loop (br 0))",
        "(loop (drop (memory.grow (i32.const 1))) (br 0))",
        "(loop (drop (call $random (i32.const 4096) (i32.const 60000))) (br 0))",
        "(loop (i32.store (i32.const 4) (i32.const 50000)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))",
        "(i64.store (i32.const 24) (i64.const -1)) (i32.store8 (i32.const 16) (i32.const 1)) (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 8)))",
        "",
    ];
    let mut guests = Vec::new();
    for body in programs {
        let component = command(&format!("{preview1} (func (export \"_start\") {body})"));
        for fuel in [Limits::default().fuel, Fuel::Unmetered] {
            let mut task = task("cut-off");
            task.limits = Limits { fuel, memory: 1 << 20, ..Limits::default() }.into();
            guests.push((load(sandbox, &component, fuel.metering()), Arc::new(run(task))));
        }
    }
    // A request to a server that never answers; its URL is the payload.
    let send = r#"
        (import "sandclock:task/http@0.1.0" "send"
            (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32)))
        (data (i32.const 16) "GET")
        (func (export "run") (param $info i32) (result i32)
            (call $send (i32.const 16) (i32.const 3)
                (i32.load offset=108 (local.get $info)) (i32.load offset=112 (local.get $info))
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 2048))
            (i32.store (i32.const 1000) (i32.const 0)) (i32.store (i32.const 1008) (i32.const 0))
            (i32.const 1000))
        (memory (export "memory") 4)
        (global $top (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
            (global.set $top (i32.add (local.get $at) (local.get 3)))
            (local.get $at))"#;
    let mut sending = run(task("cut-off"));
    let url = format!("http://{silent}/");
    Arc::get_mut(&mut sending.task).unwrap().grants.http = vec![url.parse().unwrap()];
    sending.payload = Some(Arc::new(Blob { content_type: Blob::TEXT.to_owned(), bytes: url.into_bytes() }));
    guests.push((load(sandbox, &typed(send), Metering::Fuel), Arc::new(sending)));
    guests
}

fn load(sandbox: &Sandbox, component: &[u8], metering: Metering) -> Prepared {
    let compiled = compile(component, metering).unwrap();
    sandbox.load(&compiled.into_image()).unwrap()
}

/// Connections that are open to a port of this machine.
fn connections(port: u16) -> usize {
    let established = format!(":{port:04X} 01 ");
    std::fs::read_to_string("/proc/self/net/tcp").unwrap().lines().filter(|line| line.contains(&established)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attempts_can_be_cut_off_at_any_moment() {
    let cancels = std::env::var("SANDCLOCK_CANCELS").map_or(CANCELS, |asked| asked.parse().unwrap());
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let sandbox = Sandbox::new(Settings::for_limits(PLACES, []), Clock::system());
    let address = server.local_addr().unwrap();
    let guests = Arc::new(guests(&sandbox, &address.to_string()));
    let workers: Vec<_> = (0..PLACES)
        .map(|worker| {
            let guests = Arc::clone(&guests);
            tokio::spawn(async move {
                let mut random = fastrand::Rng::with_seed(worker as u64);
                for _ in 0..cancels / PLACES {
                    let (prepared, run) = &guests[random.usize(..guests.len())];
                    cut_off(prepared, run, Duration::from_micros(random.u64(0..3000)), random.bool()).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("no panic");
    }
    // Every place of the pool is free again: as many attempts as there are places get to their ends side by side.
    let (quick, run) = &guests[10];
    let ends = futures_util::future::join_all((0..PLACES).map(|_| {
        let (_stop, stop) = watch::channel(None);
        quick.attempt(AttemptRequest { run: Arc::clone(run), attempt: 1, stop })
    }));
    for report in ends.await {
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    }
    let metrics = |prepared: &Prepared| prepared.instance_pre().engine().pooling_allocator_metrics().unwrap();
    for (prepared, _) in guests.iter() {
        let metrics = metrics(prepared);
        assert_eq!((metrics.component_instances(), metrics.memories(), metrics.stacks()), (0, 0, 0));
    }
    assert_eq!(connections(address.port()), 0, "connections stay open");
}

/// Runs a guest for so long, then stops it or drops it.
async fn cut_off(prepared: &Prepared, run: &Arc<Run>, after: Duration, politely: bool) {
    let (stop, stopped) = watch::channel(None);
    let attempt = prepared.attempt(AttemptRequest { run: Arc::clone(run), attempt: 1, stop: stopped });
    if !politely {
        // Dropping it is all that a timeout does.
        drop(tokio::time::timeout(after, attempt).await);
        return;
    }
    let stopping = async {
        tokio::time::sleep(after).await;
        stop.send_replace(Some(Stop::Cancel(CancelledBy::Operator)));
    };
    let (report, ()) = tokio::join!(attempt, stopping);
    assert!(!matches!(report.outcome, AttemptOutcome::Broken { .. }), "{:?}", report.outcome);
}
