//! A guest that waits in a call of the host is gone at its deadline, whichever call it is; and no call goes on at the
//! host's expense when the guest is gone.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::clock::Clock;
use crate::model::grants::{FolderAccess, KeyValueGrant};
use crate::model::limits::Limit;
use crate::model::log::LogSource;
use crate::model::outcome::{AttemptOutcome, Exceeded};
use crate::model::task::Task;
use crate::sandbox::testing::{attempt, command, folder_grant, load, load_with_stores, run, task};
use crate::sandbox::tests::keyvalue::{ADD, Broken, LIST, TELL, keeper, set};
use crate::sandbox::{AttemptRequest, Prepared, bounds};

/// The deadline of each guest.
const TIMEOUT: Duration = Duration::from_millis(150);
/// How much later than its deadline a guest may be gone, on however busy a machine. `SANDCLOCK_LATE` asks for less, in
/// milliseconds: the bar is 100.
const SLACK: Duration = Duration::from_secs(2);

/// Guests of WASI 0.2 in a call that does not end, or only to be made again: its name, and the body of `run`.
/// `$request` is a request to the server, `$future` what became of it.
pub(super) const WAITS: &[(&str, &str)] = &[
    ("a timer, alone", "(call $block (call $after (i64.const 36000000000000)))"),
    ("a timer at the end of time", "(call $block (call $at (i64.const -1)))"),
    (
        "one of two timers",
        "(i32.store (i32.const 16) (call $after (i64.const 36000000000000)))
         (i32.store (i32.const 20) (call $at (i64.const 0x7fffffffffffffff)))
         (call $poll (i32.const 16) (i32.const 2) (i32.const 32))",
    ),
    (
        "an input that is at its end",
        "(local.set $i (call $stdin)) (loop (call $read (local.get $i) (i64.const 1) (i32.const 32)) (br 0))",
    ),
    (
        "an output that takes everything",
        "(local.set $i (call $stdout)) (loop (call $write (local.get $i) (i32.const 0) (i32.const 4096) (i32.const 32)) (br 0))",
    ),
    ("a response", "(call $block (call $subscribe (call $send-it (call $request))))"),
    (
        "the body of a response",
        "(local.set $i (call $send-it (call $request)))
         (call $block (call $subscribe (local.get $i)))
         (call $get (local.get $i) (i32.const 32))
         (call $consume (i32.load (i32.const 56)) (i32.const 64))
         (call $stream (i32.load (i32.const 68)) (i32.const 64))
         (local.set $i (i32.load (i32.const 68)))
         (loop (call $read (local.get $i) (i64.const 4096) (i32.const 64)) (br 0))",
    ),
    (
        "the body of a request",
        "(local.set $i (call $request))
         (drop (call $set-method (local.get $i) (i32.const 2) (i32.const 0) (i32.const 0)))
         (call $body (local.get $i) (i32.const 32))
         (drop (call $send-it (local.get $i)))
         (call $body-stream (i32.load (i32.const 36)) (i32.const 32))
         (local.set $i (i32.load (i32.const 36)))
         (loop (call $write (local.get $i) (i32.const 4096) (i32.const 4096) (i32.const 32)) (br 0))",
    ),
    (
        "the task's own HTTP",
        "(call $fetch (i32.const 100) (i32.const 3) (i32.const 200) (i32.const {url}) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i32.const 2048))",
    ),
];

/// A guest of WASI 0.2 with this body. Its own HTTP asks for a URL, which it is given here.
pub(super) fn guest(body: &str, url: &str) -> Vec<u8> {
    let server = url.split('/').nth(2).unwrap();
    let core = format!(
        r#"(module
        (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
        (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
        (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
        (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
            (func $write (param i32 i32 i32 i32)))
        (import "wasi:cli/stdin@0.2.12" "get-stdin" (func $stdin (result i32)))
        (import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
        (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
        (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-instant" (func $at (param i64) (result i32)))
        (import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
        (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $new (param i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.body" (func $body (param i32 i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method"
            (func $set-method (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
            (func $set-scheme (param i32 i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
            (func $set-authority (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
            (func $set-path (param i32 i32 i32 i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $body-stream (param i32 i32)))
        (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
            (func $subscribe (param i32) (result i32)))
        (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
        (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume (param i32 i32)))
        (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $stream (param i32 i32)))
        (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
        (import "sandclock:task/http@0.1.0" "send"
            (func $fetch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32)))
        (memory (export "memory") 4)
        (data (i32.const 100) "GET") (data (i32.const 200) "{url}") (data (i32.const 300) "{server}")
        (global $top (mut i32) (i32.const 65536))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            ;; What the host hands over is never looked at: it may lie anywhere.
            (i32.const 131072))
        (func $request (result i32) (local $request i32)
            (local.set $request (call $new (call $fields)))
            (drop (call $set-scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
            (drop (call $set-authority (local.get $request) (i32.const 1) (i32.const 300) (i32.const {})))
            (drop (call $set-path (local.get $request) (i32.const 1) (i32.const 206) (i32.const 1)))
            (local.get $request))
        (func $send-it (param $request i32) (result i32)
            (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 400))
            (if (i32.load8_u (i32.const 400)) (then (unreachable)))
            (i32.load (i32.const 408)))
        (func (export "wasi:cli/run@0.2.12#run") (result i32) (local $i i32)
            {}
            (i32.const 0)))"#,
        server.len(),
        body.replace("{url}", &url.len().to_string()),
    );
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    let package = resolve.push_str("blocked.wit", include_str!("blocked.wit")).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(core).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// Calls of a folder that need its disk, over WASI preview 1: its name, and the call with descriptor 3.
const FILE_CALLS: &[(&str, &str)] = &[
    (
        "path_open",
        "(i32.const 3) (i32.const 1) (i32.const 16) (i32.const 4) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)",
    ),
    ("path_filestat_get", "(i32.const 3) (i32.const 1) (i32.const 16) (i32.const 4) (i32.const 64)"),
    ("path_create_directory", "(i32.const 3) (i32.const 32) (i32.const 3)"),
    ("path_unlink_file", "(i32.const 3) (i32.const 16) (i32.const 4)"),
    ("path_rename", "(i32.const 3) (i32.const 16) (i32.const 4) (i32.const 3) (i32.const 32) (i32.const 3)"),
    ("fd_filestat_get", "(i32.const 3) (i32.const 64)"),
    ("fd_readdir", "(i32.const 3) (i32.const 1024) (i32.const 1024) (i64.const 0) (i32.const 64)"),
];

/// A plain program over WASI preview 1 that makes one of these calls.
fn file_call(name: &str, arguments: &str) -> Vec<u8> {
    let types: Vec<&str> = arguments.split('(').filter_map(|argument| argument.split('.').next()).collect();
    command(&format!(
        r#"(import "wasi_snapshot_preview1" "{name}" (func $call (param {}) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "file") (data (i32.const 32) "new")
        (func (export "_start") (drop (call $call {arguments})))"#,
        types.join(" "),
    ))
}

/// A program of WASI 0.3 that asks for this over HTTP.
pub(super) fn asks_03(server: &str) -> Vec<u8> {
    asker_03("ask", server, &["/"])
}

/// A program of WASI 0.3 that calls a function of the asker with a server and paths there.
pub(super) fn asker_03(function: &str, server: &str, paths: &[&str]) -> Vec<u8> {
    let (mut text, mut call) = (String::new(), format!("(call ${function}"));
    for part in [server].iter().chain(paths) {
        call += &format!(" (i32.const {}) (i32.const {})", 2048 + text.len(), part.len());
        text += part;
    }
    let asker = include_str!("../../../../tests/integration/egress/asker-03.wat");
    asker
        .replace("SCHEME", "0")
        .replace("CALLS", &format!("{call})"))
        .replace("TEXT\"", &format!("{text}\""))
        .into_bytes()
}

/// A plain program over WASI preview 1 that sleeps.
const SLEEPS: &str = r#"
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
        (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
        (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512))))"#;

/// A program of WASI 0.3 that waits for a timer.
pub(super) const WAITS_03: &str = r#"(component
    (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
        (export "wait-for" (func async (param "how-long" u64)))))
    (core func $wait (canon lower (func $clock "wait-for")))
    (core module $main (import "" "wait" (func $wait (param i64)))
        (func (export "run") (result i32) (call $wait (i64.const 36000000000000)) (i32.const 0)))
    (core instance $main (instantiate $main (with "" (instance (export "wait" (func $wait))))))
    (func $run async (result (result)) (canon lift (core func $main "run")))
    (instance $exports (export "run" (func $run)))
    (export "wasi:cli/run@0.3.0" (instance $exports)))"#;

/// A program of WASI 0.3 that reads from a stream whose other end it holds itself.
pub(super) const READS_03: &str = r#"(component
    (type $bytes (stream u8))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $new (canon stream.new $bytes))
    (core func $read (canon stream.read $bytes async (memory $libc "memory")))
    (core func $set (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $wait (canon waitable-set.wait (memory $libc "memory")))
    (core module $main
        (import "" "new" (func $new (result i64)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "set" (func $set (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (func (export "run") (result i32) (local $stream i32) (local $set i32)
            (local.set $stream (i32.wrap_i64 (call $new)))
            (drop (call $read (local.get $stream) (i32.const 0) (i32.const 1)))
            (local.set $set (call $set))
            (call $join (local.get $stream) (local.get $set))
            (drop (call $wait (local.get $set) (i32.const 16)))
            (i32.const 0)))
    (core instance $main (instantiate $main (with "" (instance
        (export "new" (func $new)) (export "read" (func $read)) (export "set" (func $set))
        (export "join" (func $join)) (export "wait" (func $wait))))))
    (func $run async (result (result)) (canon lift (core func $main "run")))
    (instance $exports (export "run" (func $run)))
    (export "wasi:cli/run@0.3.0" (instance $exports)))"#;

/// A server that answers a GET with the beginning of a response, another request with nothing, and reads no bodies.
async fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4];
            let _ = stream.read_exact(&mut request).await;
            if request == *b"GET " {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
            }
            open.push(stream);
        }
    });
    address
}

/// A server that accepts and says nothing.
async fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A task with a deadline that may reach a server.
fn waiting(url: &str) -> Task {
    let mut task = task("waiting");
    task.limits.timeout = TIMEOUT;
    task.grants.http = vec![url.trim_end_matches('/').parse().unwrap()];
    task
}

/// Runs a guest that waits, and sees that it is gone at its deadline. How much later, is printed and returned.
async fn late(name: &str, prepared: Prepared, task: Task) -> Duration {
    let allowed = std::env::var("SANDCLOCK_LATE").map_or(SLACK, |asked| Duration::from_millis(asked.parse().unwrap()));
    let clock = Clock::system();
    let (_stop, stop) = watch::channel(None);
    let request = AttemptRequest { run: Arc::new(run(task)), attempt: 1, stop };
    let deadline = clock.monotonic() + TIMEOUT;
    let report = tokio::time::timeout(TIMEOUT + SLACK, prepared.attempt(request)).await;
    let late = clock.monotonic().saturating_duration_since(deadline);
    let report = report.unwrap_or_else(|_| panic!("{name}: the guest is not gone"));
    let AttemptOutcome::Exceeded(Exceeded { limit: Limit::Timeout, .. }) = report.outcome else {
        panic!("{name}: {report:?}")
    };
    println!("{name}: gone {} us after its deadline", late.as_micros());
    assert!(late <= allowed, "{name}: gone {late:?} after its deadline");
    late
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_in_any_call_is_gone_at_its_deadline() {
    let (answering, (_silent, silent)) = (server().await, silent().await);
    let plain = |server: &str| format!("http://{server}/");
    let mut guests: Vec<(&str, Vec<u8>, String)> = WAITS
        .iter()
        .map(|(name, body)| {
            let url = plain(if name.contains("body") { &answering } else { &silent });
            (*name, guest(body, &url), url)
        })
        .collect();
    let (_, fetch) = WAITS.last().unwrap();
    let encrypted = format!("https://{silent}/");
    guests.push(("a TLS handshake", guest(fetch, &encrypted), encrypted));
    guests.push(("a response of WASI 0.3", asks_03(&silent), plain(&silent)));
    guests.push(("the body of a response of WASI 0.3", asks_03(&answering), plain(&answering)));
    guests.push(("a sleep of WASI preview 1", command(SLEEPS), plain(&silent)));
    guests.push(("a timer of WASI 0.3", WAITS_03.into(), plain(&silent)));
    guests.push(("a stream of WASI 0.3", READS_03.into(), plain(&silent)));
    let mut latest = Duration::ZERO;
    for (name, component, url) in guests {
        latest = latest.max(late(name, load(component).unwrap(), waiting(&url)).await);
    }
    let stores = [
        ("a look into a store", TELL.to_owned()),
        ("a write to a store", set(310)),
        ("the keys of a store", LIST.to_owned()),
        ("a number of a store", ADD.to_owned()),
    ];
    for (name, body) in stores {
        let mut task = waiting("http://localhost");
        task.grants.kv = Some(KeyValueGrant::default());
        let prepared = load_with_stores(keeper("", &format!("{body} unreachable")), Arc::new(Broken { silent: true }));
        latest = latest.max(late(name, prepared, task).await);
    }
    println!("the latest, p100: {} us", latest.as_micros());
}

/// Files and name lookups wait for a thread that may wait. Here there is one, and it waits for something else, as one
/// whose disk does not answer would.
#[test]
fn a_guest_that_waits_for_a_disk_or_a_name_is_gone_at_its_deadline() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).max_blocking_threads(1).enable_all().build().unwrap();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    runtime.block_on(async {
        let (started, begun) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let _ = started.send(());
            let _ = held.recv();
        });
        begun.await.unwrap();
        for (name, arguments) in FILE_CALLS {
            let mut task = waiting("http://localhost");
            task.grants.folders = vec![folder_grant(folder.path(), FolderAccess::ReadWrite)];
            late(name, load(file_call(name, arguments)).unwrap(), task).await;
        }
        let (_, fetch) = WAITS.last().unwrap();
        let (_silent, address) = silent().await;
        let url = format!("http://localhost:{}/", address.rsplit_once(':').unwrap().1);
        late("the lookup of a name", load(guest(fetch, &url)).unwrap(), waiting(&url)).await;
    });
    drop(hold);
}

/// What is to be done with files is done in the order in which it was asked for, here by one thread, so that it shows how
/// much of a guest is before anybody else's.
#[test]
fn a_guest_with_many_calls_to_files_lets_others_to_theirs() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
    let (hold, held) = std::sync::mpsc::channel::<()>();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let made = move || std::fs::read_dir(&path).unwrap().count();
    runtime.block_on(async {
        tokio::task::spawn_blocking(move || held.recv());
        let mut task = task("files");
        task.grants.folders = vec![folder_grant(folder.path(), FolderAccess::ReadWrite)];
        let mut attempt = pin!(attempt(include_str!("../../../../tests/guests/fs-call-flood.wat"), run(task)));
        // It goes on until it waits for all of its calls.
        for _ in 0..1000 {
            assert!(poll_fn(|context| Poll::Ready(attempt.as_mut().poll(context))).await.is_pending());
            tokio::task::yield_now().await;
        }
        let anothers = tokio::task::spawn_blocking(made.clone());
        drop(hold);
        let (report, made_before) = tokio::join!(attempt, anothers);
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None }, "{:?}", report.log);
        assert_eq!((made_before.unwrap(), made()), (bounds::FILE_CALLS, 300));
    });
}

#[tokio::test]
async fn what_is_no_file_and_no_folder_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    std::os::unix::fs::symlink("pipe", folder.path().join("link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    // Opens something with these rights, following links, and exits with the error number.
    let program = |name: &str, rights: u64| {
        format!(
            r#"(import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi:cli/exit@0.2.12" "exit-with-code" (func $exit (param i32)))
            (memory (export "memory") 1) (data (i32.const 16) "{name}")
            (func (export "_start") (call $exit (call $open (i32.const 3) (i32.const 1) (i32.const 16)
                (i32.const {}) (i32.const 0) (i64.const {rights}) (i64.const 0) (i32.const 0) (i32.const 8))))"#,
            name.len()
        )
    };
    const READ: u64 = 2;
    const WRITE: u64 = 64;
    const NOT_PERMITTED: u8 = 63;
    for (name, rights, expected) in [
        ("file", READ, 0),
        ("file", WRITE, 0),
        ("folder", READ, 0),
        ("pipe", READ, NOT_PERMITTED),
        ("pipe", WRITE, NOT_PERMITTED),
        ("link", READ, NOT_PERMITTED),
        ("socket", READ, NOT_PERMITTED),
        ("folder/../pipe", READ, NOT_PERMITTED),
    ] {
        let mut task = task("files");
        task.grants.folders = vec![folder_grant(folder.path(), FolderAccess::ReadWrite)];
        task.exit_codes.success = vec![expected];
        let report = attempt(command(&program(name, rights)), run(task)).await;
        assert_eq!(report.outcome, AttemptOutcome::Succeeded { output: None }, "{name} {rights}");
        let told = report.log.iter().any(|line| line.source == LogSource::Host && line.message.contains(name));
        assert_eq!(told, expected == NOT_PERMITTED, "{name}: {:?}", report.log);
    }
}
