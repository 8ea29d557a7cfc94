//! The demo: builds all that it needs, then runs the host on `demo/sandclock.toml`, beside a small HTTP service for
//! the tasks to talk to.

mod api;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::command::{self, say};
use crate::project::{cargo, root, shown, target};
use crate::wasm;

/// Where the host listens, as `demo/sandclock.toml` says.
const HOST: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7390);
/// Where our own service listens, as `demo/sandclock.toml` says.
const API: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7391);

const NOTE: &str = "
The demo is on. What you will see, again and again:

  hello     every 5 s: the smallest plugin there is
  prober    every 10 s: looks at HTTP services, among them the host's own /healthz
  puller    every 15 s: fetches the pages of new orders from an API, which turns some requests away
  report    after each puller: renders what puller fetched
  flaky     every 20 s: fails twice, is retried with a growing wait, and then succeeds
  nosy      every 30 s: asks for an address that it was not granted; the refusal says what would allow it
  runaway   every 20 s: an endless loop, stopped by its fuel while all the others go on
  sleeper   every 30 s: never comes back from a host call, stopped by its timeout

In another terminal, in this folder:

  alias sandclock='target/debug/sandclock --config demo/sandclock.toml'
  sandclock runs                what became of the runs, newest first
  sandclock logs RUN            what one of them wrote
  sandclock check               what the configuration means, with every default
  curl http://127.0.0.1:7390/healthz

Ctrl-C ends it: what runs is given time to finish. A second Ctrl-C does not wait.

";

/// Builds and serves, until the host ends; gives its exit code.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    // Before the build, which takes minutes: nobody should wait to learn that a port is taken.
    let listener = listen(API)?;
    drop(listen(HOST)?);

    wasm::plugins()?;
    assemble()?;
    command::run(
        "building the host (wasmtime is most of it: about 5 minutes on two cores the first time, then seconds)",
        // Of the workspace, so that it shares what it can with the tests.
        cargo().args(["build", "--workspace", "--bin", "sandclock"]),
    )?;
    api::serve(listener).context("cannot serve the demo's HTTP service")?;
    print!("{NOTE}");
    serve()
}

/// Whether the host would serve the demo's configuration. Takes the host and the plugins as they were last built.
pub(crate) fn check() -> anyhow::Result<()> {
    assemble()?;
    command::run("checking the configuration of the demo", sandclock("check")?.stdout(Stdio::null()))
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address}: does another demo run, or another sandclock?"))
}

/// Gathers the built plugins and those in `demo/plugins` in one folder for the host.
fn assemble() -> anyhow::Result<()> {
    let plugins = target().join("demo/plugins");
    fs::create_dir_all(&plugins).with_context(|| format!("cannot make {}", shown(&plugins)))?;
    for source in [target().join("plugins"), root().join("demo/plugins")] {
        for entry in fs::read_dir(&source).with_context(|| format!("cannot list {}", shown(&source)))? {
            let path = entry?.path();
            let name = path.file_name().context("an entry of a folder has a name")?;
            wasm::put(&path, &plugins.join(name))?;
        }
    }
    Ok(())
}

fn serve() -> anyhow::Result<ExitCode> {
    // Taken before the host starts. Ctrl-C reaches it as well, as part of our process group; we only wait for it.
    let signals = Signals::new([SIGINT, SIGTERM]).context("cannot take signals")?;
    let mut host = sandclock("serve")?.stdin(Stdio::null()).spawn().context("cannot start the host")?;
    hand_on_sigterm(signals, &host);
    let status = host.wait().context("cannot wait for the host")?;
    say(&format!("the host has ended ({status})"));
    Ok(exit_code(status))
}

/// The host on the demo's configuration. It lies beside our own program: one `cargo build` profile made both.
fn sandclock(command: &str) -> anyhow::Result<Command> {
    let host = std::env::current_exe().context("cannot tell where xtask lies")?.with_file_name("sandclock");
    if !host.exists() {
        bail!("the host is not built: there is no {}", shown(&host));
    }
    let mut sandclock = Command::new(host);
    sandclock.current_dir(root()).arg(command).args(["--config", "demo/sandclock.toml"]);
    Ok(sandclock)
}

/// A terminal sends its signals to all of a process group, but whoever sends SIGTERM sends it to us alone.
fn hand_on_sigterm(mut signals: Signals, host: &Child) {
    let host = Pid::from_child(host);
    thread::spawn(move || {
        for signal in signals.forever() {
            if signal == SIGTERM {
                // The host may have ended this instant, and then nobody is left to tell.
                let _ = rustix::process::kill_process(host, Signal::TERM);
            }
        }
    });
}

/// The host's exit code, or what a shell makes of a signal.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
