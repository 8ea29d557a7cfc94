//! Durable runs that are asked for over HTTP and waited for, against `wasmtime serve` on the same component: as many
//! requests a second as 64 connections make that are kept alive.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use sandclock_host::clock::Clock;
use tokio::runtime::Runtime;

use crate::bar::Bar;
use crate::client::{Connection, answers_per_second, request};
use crate::host::{Ground, listener};
use crate::networked::{Networked, free_address};
use crate::rounds::{Answer, Figure, Question, abba};

/// What `cargo xtask bench` builds for this.
const GREETER: &str = "target/bench/greeter.wasm";
const WASMTIME: &str = "target/tools/bin/wasmtime";
/// The switches with which it answers the most on this component: an instance's memory stays resident, and the kernel is
/// asked which of its pages were touched.
const TUNED: [&str; 4] = [
    "-Opooling-allocator=y",
    "-Opooling-memory-keep-resident=2097152",
    "-Opooling-table-keep-resident=2097152",
    "-Opooling-pagemap-scan=y",
];
/// Connections that are kept alive, each with one request at a time.
const CONNECTIONS: usize = 64;
/// How long a turn takes.
const TURN: Duration = Duration::from_secs(2);

/// Both servers are processes of their own, and run all the time; the one that is not asked does nothing.
pub(crate) fn measure(ground: &Ground, rounds: usize) -> anyhow::Result<Vec<Answer>> {
    ensure!(Path::new(WASMTIME).exists(), "there is no {WASMTIME}; `cargo xtask bench serve` builds it");
    std::fs::copy(GREETER, ground.plugins_folder().join("greeter.wasm")).context(GREETER)?;
    let runtime = listener()?;
    let host = runtime.block_on(Networked::start(ground, "[tasks.greeter]\noverlap = \"allow\"\n"))?;
    let ours = Asked::of(&runtime, host.address, host.request("POST", "/api/v1/tasks/greeter/runs?wait=60s"))?;
    let served = Served::start()?;
    let theirs = Asked::of(&runtime, served.address, request("GET", "/", ""))?;
    let turn = |asked: &RefCell<Asked>| asked.borrow_mut().turn(&runtime, ground.clock);
    let (ours, theirs) = (RefCell::new(ours), RefCell::new(theirs));
    let rounds = abba(rounds, || turn(&ours), || turn(&theirs))?;
    let question = Question {
        what: "durable runs over HTTP, 64 connections",
        unit: "/s",
        a: "POST …/runs?wait",
        bar: Some(Bar::AtLeast(1.0)),
    };
    Ok(vec![Answer::of(question, "wasmtime serve, tuned", &rounds)])
}

/// A server and what it is asked.
struct Asked {
    connections: Vec<Connection>,
    request: Vec<u8>,
}

impl Asked {
    fn of(runtime: &Runtime, address: SocketAddr, request: Vec<u8>) -> anyhow::Result<Self> {
        let connections = runtime.block_on(async {
            // The first answer may take a while: something is compiled for it.
            let first = Connection::once_ready(address, &request).await?;
            let mut connections = vec![first];
            while connections.len() < CONNECTIONS {
                connections.push(Connection::open(address).await?);
            }
            anyhow::Ok(connections)
        })?;
        Ok(Self { connections, request })
    }

    fn turn(&mut self, runtime: &Runtime, clock: Clock) -> anyhow::Result<Figure> {
        runtime.block_on(answers_per_second(clock, &mut self.connections, &self.request, TURN))
    }
}

/// `wasmtime serve`. Dropping it kills it.
struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    fn start() -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut serve = Command::new(WASMTIME);
        // What the standard library imports of WASI, the greeter imports too.
        serve.arg("serve").args(TUNED).args(["-Scli=y", "--addr", &address.to_string(), GREETER]);
        let child = serve.stdin(Stdio::null()).stderr(Stdio::null()).spawn().context("start wasmtime serve")?;
        Ok(Self { child, address })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It has ended by itself if it cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
