//! Ten thousand peers that accept a connection and then keep whoever opened it waiting.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{Span, Timestamp};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sandclock_host::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use super::footprint::Footprint;
use crate::project::Project;

const TASKS: usize = 24;
/// Of each task, in flight.
const CONCURRENT: usize = 64;
/// Of each task, in all: half as many again as there are peers, since one that is not met in time on a busy machine is not
/// met again.
const REQUESTS: usize = 630;
const PEERS: usize = 10_000;
/// Idle connections that a host keeps at the most.
const IDLE: usize = 256;
/// What the host's memory may come to be more than before, in bytes.
const MORE: u64 = 64 << 20;

#[test]
fn ten_thousand_peers_that_keep_guests_waiting_cost_no_more_than_is_configured() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // The peers are in this process.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let crowd = Crowd::start();
    let at = Clock::system().now() + Span::new().seconds(2);
    let tasks: String = (0..TASKS).map(|number| crowd.task(number, at)).collect();
    let project = Project::new(&format!("{HEAD}{tasks}"), &["asker"]);
    let serving = project.serve();
    let before = Footprint::of(serving.id());
    let (descriptors, memory) = (Cell::new(0), Cell::new(0));
    serving.until("guests have met them all", || {
        let now = Footprint::of(serving.id());
        descriptors.set(descriptors.get().max(now.descriptors));
        memory.set(memory.get().max(now.memory));
        crowd.met.load(Ordering::Relaxed) >= PEERS
    });
    let (descriptors, memory) = (descriptors.get(), memory.get());
    let allowed = before.descriptors + (TASKS * CONCURRENT + IDLE) as u64;
    assert!(descriptors > before.descriptors + CONCURRENT as u64, "requests were in flight: {descriptors}");
    assert!(descriptors <= allowed, "{descriptors} descriptors where {allowed} are configured");
    assert!(memory <= before.memory + MORE, "{} MiB, before {} MiB", memory >> 20, before.memory >> 20);
    for number in 0..TASKS {
        let run = serving.until_run(&format!("crowd-{number}"), "is over", |run| run["state"] == "final");
        assert_eq!(run["outcome"]["class"], "succeeded", "{run}");
    }
    serving.until("descriptors have come back", || Footprint::of(serving.id()).descriptors <= before.descriptors + 16);
    let after = Footprint::of(serving.id());
    assert!(after.memory <= before.memory + MORE, "memory does not come back: {before:?}, then {after:?}");
}

const HEAD: &str = r#"[host]
listen = "127.0.0.1:0"
max-concurrent-runs = 24

[defaults]
retry = { attempts = 1 }

[defaults.limits]
http-requests = 1000
http-concurrent = 64
http-tls = "300ms"
http-first-byte = "300ms"
http-total = "500ms"
"#;

/// Peers that keep whoever connects waiting, until this is dropped.
struct Crowd {
    silent: SocketAddr,
    slow: SocketAddr,
    met: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Crowd {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let met: Arc<AtomicUsize> = Arc::default();
        let start = |answer: &'static [u8]| {
            let listener = runtime.block_on(async { listen() }).unwrap();
            let address = listener.local_addr().unwrap();
            let met = Arc::clone(&met);
            runtime.spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    met.fetch_add(1, Ordering::Relaxed);
                    // A guest that goes away is nothing to report.
                    tokio::spawn(async move { drop(keep_waiting(stream, answer).await) });
                }
            });
            address
        };
        let silent = start(b"");
        let slow = start(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
        Self { silent, slow, met, _runtime: runtime }
    }

    /// A task that asks peers of all three kinds by turns: silent, never done with TLS, and slow.
    fn task(&self, number: usize, at: Timestamp) -> String {
        let Self { silent, slow, .. } = self;
        let urls = [format!("http://{silent}/"), format!("https://{silent}/"), format!("http://{slow}/")];
        let lines: String = urls.iter().cycle().take(REQUESTS).map(|url| format!("{url}\\n")).collect();
        format!(
            "\n[tasks.crowd-{number}]\nplugin = \"asker\"\nschedule = {{ at = \"{at}\" }}\npayload = \"{CONCURRENT}\\n{lines}\"\n\
             grants.http = [\"http://{silent}\", \"https://{silent}\", \"http://{slow}\"]\n"
        )
    }
}

/// With room for all that come before they are accepted.
fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.listen(4096)
}

/// Once it is asked, says this, and then a byte a second, until the other side has had enough.
async fn keep_waiting(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    if stream.read(&mut bytes).await? == 0 {
        return Ok(());
    }
    stream.write_all(answer).await?;
    let mut second = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            read = stream.read(&mut bytes) => if read? == 0 { return Ok(()) },
            _ = second.tick(), if !answer.is_empty() => stream.write_all(b"x").await?,
        }
    }
}
