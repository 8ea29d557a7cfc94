//! One attempt of a guest in the real sandbox, with what must hold of every such attempt.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use sandclock_host::clock::Clock;
use sandclock_host::fuzzing;
use sandclock_host::model::cause::Cause;
use sandclock_host::model::grants::{FolderAccess, FolderGrant, Grants, KeyValueGrant};
use sandclock_host::model::id::RunId;
use sandclock_host::model::limits::{Fuel, Limits};
use sandclock_host::model::outcome::AttemptOutcome;
use sandclock_host::model::payload::Blob;
use sandclock_host::model::run::Run;
use sandclock_host::model::task::Task;
use sandclock_host::sandbox::{AttemptReport, AttemptRequest, Prepared, Sandbox, Settings};
use tempfile::TempDir;
use tokio::sync::watch;

/// Small, so that every limit is within reach of a script.
const LIMITS: fn() -> Limits = || Limits {
    timeout: Duration::from_millis(250),
    fuel: Fuel::Metered(3_000_000),
    memory: 4 << 20,
    handles: 64,
    resources: 64,
    hostcall: 64 << 10,
    log: 16 << 10,
    output: 1 << 10,
    ..Limits::default()
};

/// What guests can reach, beside themselves: a folder, and a server that answers.
pub(crate) struct Ground {
    root: TempDir,
    pub(crate) peer: SocketAddr,
}

pub(crate) static GROUND: LazyLock<Ground> =
    LazyLock::new(|| Ground { root: tempfile::tempdir().expect("a folder"), peer: peer() });

impl Ground {
    /// The folder.
    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// The folder as every guest finds it, whatever the last one did in it.
    fn as_at_first(&self) -> PathBuf {
        let folder = self.folder();
        let entries = || fs::read_dir(&folder).map_or(0, Iterator::count);
        // A file may have come to be of any size, which nobody reads then.
        let as_long = || {
            let metadata = fs::symlink_metadata(folder.join("file"));
            metadata.is_ok_and(|it| it.is_file() && it.len() == CONTENT.len() as u64)
        };
        let untouched = || as_long() && fs::read(folder.join("file")).is_ok_and(|content| content == CONTENT);
        if entries() != 1 || !untouched() {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).expect("the folder was removed");
            fs::write(folder.join("file"), CONTENT).expect("a file in a folder of our own");
        }
        folder
    }
}

const CONTENT: &[u8] = b"content";

/// A server that answers whoever asks for something, once.
fn peer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it listens");
    let serve = |mut stream: TcpStream| -> io::Result<()> {
        stream.set_read_timeout(Some(LIMITS().timeout))?;
        let mut asked = [0; 4096];
        let _ = stream.read(&mut asked)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nanswer")
    };
    // A guest that goes away is nothing to report.
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(serve(stream))));
    address
}

/// Where all guests run.
pub(crate) static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(Settings::for_limits(1, [&LIMITS()]), Clock::system()));

/// Runs a guest once. Whatever it does, the host is not at fault, and no limit is overrun.
pub(crate) fn run(prepared: &Prepared, stdin: &[u8]) -> AttemptReport {
    let task = fuzzing::task("fuzzed".parse().expect("a name"), "fuzzed".parse().expect("a name"));
    let grants = Grants {
        http: vec![format!("http://{}", GROUND.peer).parse().expect("a grant")],
        folders: vec![FolderGrant {
            real: GROUND.as_at_first().canonicalize().expect("a folder"),
            host: GROUND.as_at_first(),
            guest: "/data".to_owned(),
            access: FolderAccess::ReadWrite,
        }],
        kv: Some(KeyValueGrant { shared: vec!["file".parse().expect("a name")], ..KeyValueGrant::default() }),
        ..Grants::default()
    };
    let payload = Blob { content_type: Blob::BYTES.to_owned(), bytes: stdin.to_vec() };
    let run = Run {
        id: RunId::next(0, 0, None),
        task: Arc::new(Task { limits: LIMITS().into(), grants: grants.into(), ..task }),
        cause: Cause::Manual,
        slot: None,
        payload: Some(Arc::new(payload)),
        trace: None,
        admitted_at: Timestamp::UNIX_EPOCH,
    };
    let (_stop, stop) = watch::channel(None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let request = AttemptRequest { run: Arc::new(run), attempt: 1, stop };
    let report = runtime.block_on(prepared.attempt(request));
    assert!(!matches!(report.outcome, AttemptOutcome::Broken { .. }), "the host is at fault: {:?}", report.outcome);
    let Limits { memory, log, .. } = LIMITS();
    assert!(report.usage.peak_memory <= memory && report.usage.log.bytes <= log, "{:?}", report.usage);
    report
}
