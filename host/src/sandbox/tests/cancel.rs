//! Attempts that are stopped or dropped at any moment: nothing panics, and whatever they held comes back.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::model::grants::{FolderAccess, KeyValueGrant};
use crate::model::keyvalue::{Found, Quota, Refused, Store, Write};
use crate::model::limits::{Fuel, Limits};
use crate::model::outcome::{AttemptOutcome, CancelledBy, Stop};
use crate::model::payload::Blob;
use crate::model::run::Run;
use crate::model::task::Task;
use crate::sandbox::testing::{command, folder_grant, run, task, typed};
use crate::sandbox::tests::blocked::{self, asker_03, asks_03};
use crate::sandbox::tests::early_answers;
use crate::sandbox::{Answer, AttemptRequest, KeyValue, Memory, Prepared, Sandbox, Settings, compile};

/// How many attempts are cut off; `SANDCLOCK_CANCELS` asks for more.
const CANCELS: usize = 400;
/// Places in the pool: as many attempts go on at once.
const PLACES: usize = 4;
/// What the threads of this test's runtime are called, and no others.
const THREADS: &str = "cut-off";

/// What guests meet outside.
struct World {
    sandbox: Sandbox,
    /// A server that never accepts, one that answers and then keeps whoever asked waiting, and one that answers before it
    /// has read.
    silent: SocketAddr,
    slow: SocketAddr,
    early: SocketAddr,
    folder: tempfile::TempDir,
}

impl World {
    fn load(&self, component: impl AsRef<[u8]>, task: Task) -> (Prepared, Arc<Run>) {
        let compiled = compile(&wat::parse_bytes(component.as_ref()).unwrap(), task.limits.fuel.metering()).unwrap();
        let prepared = self.sandbox.load(&compiled.into_image()).unwrap();
        (prepared, Arc::new(run(task)))
    }
}

/// A task that may do everything that there is to do.
fn granted(world: &World) -> Task {
    let mut task = task("cut-off");
    task.limits = Limits { memory: 1 << 20, kv_writes: u32::MAX, ..Limits::default() }.into();
    let url = |server: SocketAddr| format!("http://{server}").parse().unwrap();
    task.grants.http = vec![url(world.silent), url(world.slow), url(world.early)];
    task.grants.folders = vec![folder_grant(world.folder.path(), FolderAccess::ReadWrite)];
    task.grants.kv = Some(KeyValueGrant::default());
    task
}

/// Guests that are busy in different ways: computing, growing, asking the host, waiting, writing, sending, receiving, with
/// files and with stores, of WASI 0.2 and 0.3. The first of them is none of that, and ends at once.
fn guests(world: &World) -> Vec<(Prepared, Arc<Run>)> {
    let preview1 = r#"
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 3)"#;
    let programs = [
        "",
        "(loop (br 0))",
        "(loop (drop (memory.grow (i32.const 1))) (br 0))",
        "(loop (drop (call $random (i32.const 4096) (i32.const 60000))) (br 0))",
        "(loop (i32.store (i32.const 4) (i32.const 50000)) (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))",
        "(i64.store (i32.const 24) (i64.const -1)) (i32.store8 (i32.const 16) (i32.const 1)) (drop (call $poll (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 8)))",
    ];
    let mut guests = Vec::new();
    for body in programs {
        let component = command(&format!("{preview1} (func (export \"_start\") {body})"));
        for fuel in [Limits::default().fuel, Fuel::Unmetered] {
            let mut task = granted(world);
            task.limits.fuel = fuel;
            guests.push(world.load(&component, task));
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
    let url = format!("http://{}/", world.silent);
    let (prepared, mut sending) = world.load(typed(send), granted(world));
    let payload = Blob { content_type: Blob::TEXT.to_owned(), bytes: url.into_bytes() };
    Arc::get_mut(&mut sending).unwrap().payload = Some(Arc::new(payload));
    guests.push((prepared, sending));
    // What else a guest can wait in.
    for (name, body) in blocked::WAITS {
        let server = if name.contains("body") { world.slow } else { world.silent };
        guests.push(world.load(blocked::guest(body, &format!("http://{server}/")), granted(world)));
    }
    for server in [world.silent, world.slow] {
        guests.push(world.load(asks_03(&server.to_string()), granted(world)));
    }
    let early = world.early.to_string();
    guests.push(world.load(asker_03("upload", &early, &["/sink"]), granted(world)));
    guests.push(world.load(asker_03("relay", &early, &["/endless", "/sink"]), granted(world)));
    let files = r#"
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (memory (export "memory") 3) (data (i32.const 16) "file")
        (func (export "_start") (i32.store (i32.const 4) (i32.const 4096)) (loop
            (drop (call $open (i32.const 3) (i32.const 1) (i32.const 16) (i32.const 4) (i32.const 9)
                (i64.const 0x42) (i64.const 0) (i32.const 0) (i32.const 8)))
            (drop (call $write (i32.load (i32.const 8)) (i32.const 0) (i32.const 1) (i32.const 12)))
            (drop (call $close (i32.load (i32.const 8))))
            (drop (call $list (i32.const 3) (i32.const 1024) (i32.const 1024) (i64.const 0) (i32.const 12)))
            (br 0)))"#;
    guests.push(world.load(command(files), granted(world)));
    for component in [
        blocked::WAITS_03,
        blocked::READS_03,
        include_str!("../../../../tests/guests/fs-times-of-wasi-03.wat"),
        include_str!("../../../../tests/guests/kv-flood.wat"),
        include_str!("../../../../tests/guests/kv-bucket-flood.wat"),
    ] {
        guests.push(world.load(component, granted(world)));
    }
    guests
}

/// A keeper that takes its time.
#[derive(Debug, Default)]
struct Slow(Memory);

/// What will be answered is known at once, and said later.
fn later<T: Send + 'static>(answer: Answer<T>) -> Answer<T> {
    async {
        tokio::time::sleep(Duration::from_micros(300)).await;
        answer.await
    }
    .boxed()
}

impl KeyValue for Slow {
    fn find(&self, store: &Store, key: &str) -> Answer<Found> {
        later(self.0.find(store, key))
    }

    fn keys(&self, store: &Store, after: Option<&str>, limit: usize) -> Answer<Vec<String>> {
        later(self.0.keys(store, after, limit))
    }

    fn write(&self, store: &Store, quota: Quota, write: Write) -> Answer<Result<Option<i64>, Refused>> {
        later(self.0.write(store, quota, write))
    }
}

/// A server that answers with the beginning of a response, and then reads whatever comes, slowly.
fn slow() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serve = |mut stream: TcpStream| {
        let mut bytes = [0; 4096];
        let _ = stream.read(&mut bytes);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
        while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
    };
    std::thread::spawn(move || {
        listener.incoming().for_each(|stream| drop(std::thread::spawn(move || serve(stream.unwrap()))))
    });
    address
}

/// Connections that are open to a port of this machine.
pub(super) fn connections(port: u16) -> usize {
    let established = format!(":{port:04X} 01 ");
    std::fs::read_to_string("/proc/self/net/tcp").unwrap().lines().filter(|line| line.contains(&established)).count()
}

/// Descriptors of this process, and those of them that are open in a folder.
fn descriptors(folder: &Path) -> (usize, usize) {
    let open: Vec<_> = std::fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().path()).collect();
    let within = open.iter().filter(|path| std::fs::read_link(path).is_ok_and(|file| file.starts_with(folder)));
    (open.len(), within.count())
}

/// Has the host panic, which it catches.
const PANICS: &str = r#"(component
    (import "sandclock:test/faults" (instance $faults (export "panic" (func))))
    (core func $panic (canon lower (func $faults "panic")))
    (core module $main (import "" "panic" (func $panic))
        (func (export "run") (result i32) (call $panic) (i32.const 0)))
    (core instance $main (instantiate $main (with "" (instance (export "panic" (func $panic))))))
    (func $run (result (result)) (canon lift (core func $main "run")))
    (instance $exports (export "run" (func $run)))
    (export "wasi:cli/run@0.2.3" (instance $exports)))"#;

/// Counts the panics on the threads of this test, caught ones among them.
fn count_panics() -> Arc<AtomicUsize> {
    let count: Arc<AtomicUsize> = Arc::default();
    let (counted, before) = (Arc::clone(&count), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() == Some(THREADS) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        before(panic);
    }));
    count
}

#[test]
fn attempts_can_be_cut_off_at_any_moment() {
    let panics = count_panics();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World {
        sandbox: Sandbox::with_stores(Settings::for_limits(PLACES, []), Clock::system(), Arc::new(Slow::default())),
        silent: silent.local_addr().unwrap(),
        slow: slow(),
        early: early_answers::server(),
        folder: tempfile::tempdir().unwrap(),
    };
    std::fs::write(world.folder.path().join("old.txt"), "").unwrap();
    let guests = Arc::new(guests(&world));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).thread_name(THREADS).enable_all().build().unwrap();
    // That the count sees what the host catches.
    let (faulty, run) = world.load(PANICS, task("cut-off"));
    let (_stop, stop) = watch::channel(None);
    let attempt = runtime.spawn(async move { faulty.attempt(AttemptRequest { run, attempt: 1, stop }).await });
    assert!(matches!(runtime.block_on(attempt).unwrap().outcome, AttemptOutcome::Broken { .. }));
    assert_eq!(panics.swap(0, Ordering::Relaxed), 1);
    let held = || {
        let servers = [world.silent, world.slow, world.early];
        let connections: usize = servers.iter().map(|server| connections(server.port())).sum();
        (connections, descriptors(world.folder.path()).1, runtime.metrics().num_alive_tasks())
    };
    // The engine keeps an image of the memory of each, from its first attempt on.
    for (prepared, run) in guests.iter() {
        runtime.block_on(cut_off(prepared, run, Duration::from_millis(20), true));
    }
    settles(&runtime, || held() == (0, 0, 0));
    let (before, _) = descriptors(world.folder.path());
    runtime.block_on(cut_off_at_random(&guests));
    runtime.block_on(every_place_is_free(&guests[0]));
    settles(&runtime, || held() == (0, 0, 0));
    assert_eq!(held(), (0, 0, 0), "connections, files or tasks stay");
    // Who asks for many runs this test alone; otherwise others open and close files meanwhile.
    if std::env::var_os("SANDCLOCK_CANCELS").is_some() {
        settles(&runtime, || descriptors(world.folder.path()).0 <= before);
        let (after, _) = descriptors(world.folder.path());
        println!("descriptors, before and after      {before}, {after}");
        assert!(after <= before, "descriptors stay: {before} before, {after} after");
    }
    let metrics = |prepared: &Prepared| prepared.instance_pre().engine().pooling_allocator_metrics().unwrap();
    for (prepared, _) in guests.iter() {
        let metrics = metrics(prepared);
        assert_eq!((metrics.component_instances(), metrics.memories(), metrics.stacks()), (0, 0, 0));
    }
    assert_eq!(panics.load(Ordering::Relaxed), 0, "the host panicked, and somebody caught it");
}

/// Waits for what was told to end: that takes a moment.
pub(super) fn settles(runtime: &tokio::runtime::Runtime, is_settled: impl Fn() -> bool) {
    for _ in 0..1000 {
        if is_settled() {
            break;
        }
        runtime.block_on(async { tokio::time::sleep(Duration::from_millis(10)).await });
    }
}

async fn cut_off_at_random(guests: &Arc<Vec<(Prepared, Arc<Run>)>>) {
    let cancels = std::env::var("SANDCLOCK_CANCELS").map_or(CANCELS, |asked| asked.parse().unwrap());
    let workers: Vec<_> = (0..PLACES)
        .map(|worker| {
            let guests = Arc::clone(guests);
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
}

/// As many attempts as there are places get to their ends side by side.
async fn every_place_is_free((quick, run): &(Prepared, Arc<Run>)) {
    let ends = futures_util::future::join_all((0..PLACES).map(|_| {
        let (_stop, stop) = watch::channel(None);
        quick.attempt(AttemptRequest { run: Arc::clone(run), attempt: 1, stop })
    }));
    for report in ends.await {
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None });
    }
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
