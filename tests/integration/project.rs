//! A folder with a configuration and plugins, and the real binary run in it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How often a test looks for what it waits for: for two minutes, far longer than it takes, so that a busy machine
/// fails no test.
const PATIENCE: u32 = 2400;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_sandclock");

/// A folder with a `sandclock.toml` and a `plugins` folder.
pub(crate) struct Project(tempfile::TempDir);

/// What a finished command left behind.
#[derive(Debug)]
pub(crate) struct Finished {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            status: output.status,
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A command ended with this code, and said this.
#[track_caller]
pub(crate) fn exits(finished: &Finished, code: i32, said: &str) {
    assert_eq!(finished.status.code(), Some(code), "{finished:?}");
    assert!(finished.stderr.contains(said), "{finished:?}");
}

/// Stops a host as an operator does; it ends well.
#[track_caller]
pub(crate) fn stop(serving: Serving<'_>) {
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
}

/// Runs an ignored test of this program in namespaces of its own, which a script furnishes first. The script is given a
/// folder, and then what to run.
#[track_caller]
pub(crate) fn run_within(namespaces: &[&str], script: &str, test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut inside = Command::new("unshare");
    inside.arg("--map-root-user").args(namespaces).args(["sh", "-c", script, "sh"]).arg(folder.path());
    inside.arg(std::env::current_exe().unwrap()).args(["--ignored", "--exact", "--nocapture", test]);
    let finished = Finished::of(&mut inside);
    assert!(
        finished.status.success() && finished.stdout.contains("1 passed"),
        "it needs `unshare` and `ip`, and a kernel that lets users make namespaces: {finished:#?}"
    );
}

impl Project {
    /// A project with these plugins, named by their files in `tests/guests` or by `NAME` of a built plugin or guest.
    pub(crate) fn new(config: &str, plugins: &[&str]) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        fs::create_dir(project.path("plugins")).unwrap();
        project.configure(config);
        plugins.iter().for_each(|plugin| project.add_plugin(plugin));
        project
    }

    /// A folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Replaces the configuration. The host listens on a free port unless the text says otherwise.
    pub(crate) fn configure(&self, config: &str) {
        let listen = if config.contains("[host]") { "" } else { "[host]\nlisten = \"127.0.0.1:0\"\n\n" };
        fs::write(self.path("sandclock.toml"), format!("{listen}{config}")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Copies a guest into the plugins folder, by rename, as the documentation asks.
    pub(crate) fn add_plugin(&self, name: &str) {
        let source = guest(name);
        let target = self.path("plugins").join(source.file_name().unwrap());
        let partial = target.with_extension("partial");
        fs::copy(&source, &partial).unwrap();
        fs::rename(&partial, &target).unwrap();
    }

    /// The program in this folder, with nothing of the surroundings that would change what it does or prints.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments);
        self.within(command)
    }

    /// Another program in this folder, as [`Project::command`].
    pub(crate) fn within(&self, mut command: Command) -> Command {
        command.current_dir(self.0.path()).stdin(Stdio::null());
        for variable in [
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "COLUMNS",
            "SANDCLOCK_CONFIG",
            "SANDCLOCK_LOG",
            "SANDCLOCK_TOKEN",
            "SANDCLOCK_URL",
        ] {
            command.env_remove(variable);
        }
        command.env("NO_COLOR", "1").env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(&mut self.command(arguments))
    }

    /// Runs a command that has to succeed and print JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(arguments);
        assert!(finished.status.success(), "{arguments:?}: {finished:?}");
        serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {finished:?}"))
    }

    /// The runs of a task, oldest first.
    pub(crate) fn runs(&self, task: &str) -> Vec<Value> {
        let runs = self.json(&["runs", task, "--limit", "1000", "--json"]);
        let mut runs = runs.as_array().expect("an array of runs").clone();
        runs.reverse();
        runs
    }

    /// Starts `sandclock serve` and waits until it says that it serves.
    pub(crate) fn serve(&self) -> Serving<'_> {
        self.serve_with(&[])
    }

    /// The same with further arguments.
    pub(crate) fn serve_with(&self, arguments: &[&str]) -> Serving<'_> {
        let mut command = self.command(&["serve"]);
        command.args(arguments);
        self.serve_as(command)
    }

    /// The same, of a command that is `sandclock serve` with something about it.
    pub(crate) fn serve_as(&self, command: Command) -> Serving<'_> {
        let serving = self.launch_as(command);
        serving.until("it serves", || serving.log().contains("serving"));
        serving
    }

    /// Starts `sandclock serve` and waits for nothing.
    pub(crate) fn launch(&self) -> Serving<'_> {
        self.launch_as(self.command(&["serve"]))
    }

    fn launch_as(&self, mut command: Command) -> Serving<'_> {
        let log = self.path("serve.log");
        let file = File::create(&log).unwrap();
        let child = command.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Serving { project: self, child, log }
    }
}

/// A running `sandclock serve`. It is killed when this is dropped.
pub(crate) struct Serving<'p> {
    project: &'p Project,
    child: Child,
    log: PathBuf,
}

impl Serving<'_> {
    /// What it printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Where its API listens.
    pub(crate) fn address(&self) -> String {
        let log = self.log();
        let (_, url) = log.split_once("serving ").expect("the host says where it listens");
        let (_, url) = url.split_once("://").unwrap();
        url.split('/').next().unwrap().to_owned()
    }

    /// What `/readyz` answers: the code, and the JSON.
    pub(crate) fn ready(&self) -> (u16, Value) {
        let response = request(&self.address(), "/readyz");
        let code = response.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let body = response.split("\r\n\r\n").nth(1).unwrap_or_default();
        (code, serde_json::from_str(body).unwrap_or_default())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something holds.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        assert!(eventually(holds), "waited in vain until {what}; the host said:\n{}", self.log());
    }

    /// Waits until a task has a run that satisfies this, and returns it.
    #[track_caller]
    pub(crate) fn until_run(&self, task: &str, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let find = || self.project.runs(task).into_iter().find(|run| is_it(run));
        self.until(&format!("a run of {task} {what}"), || find().is_some());
        find().unwrap()
    }

    /// Lets it live for so long, to do something to it at a random moment.
    #[expect(clippy::disallowed_methods, reason = "the moment is the point; nothing is waited for")]
    pub(crate) fn lives(&self, time: Duration) {
        std::thread::sleep(time);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let mut status = None;
        let ended = eventually(|| {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        assert!(ended, "the host does not end; it said:\n{}", self.log());
        (status.unwrap(), self.log())
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds; whether it came to hold in time.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    (0..PATIENCE).any(|look| {
        if look > 0 {
            pause();
        }
        holds()
    })
}

/// Waits a moment before a condition is looked at again.
#[expect(clippy::disallowed_methods, reason = "what is waited for is in another process")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

/// Makes the library of a C file in `tests/integration`, for `LD_PRELOAD`. A C compiler is there: SQLite takes one.
pub(crate) fn preload(project: &Project, source: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/integration").join(source);
    let library = project.path("preload.so");
    let status = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
    assert!(status.unwrap().success());
    library
}

/// The file of a guest: a `.wat` of `tests/guests`, or what `cargo xtask plugins` and `cargo xtask guests` built.
pub(crate) fn guest(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let candidates = [
        root.join(format!("tests/guests/{name}.wat")),
        root.join(format!("target/plugins/{name}.wasm")),
        root.join(format!("target/guests/{name}.wasm")),
    ];
    let found = candidates.iter().find(|path| path.exists());
    found
        .unwrap_or_else(|| panic!("no guest {name}; `cargo xtask plugins` and `cargo xtask guests` build them"))
        .clone()
}

/// A GET request, by hand; returns the whole response.
pub(crate) fn request(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// The slot of a run, in Unix milliseconds.
pub(crate) fn slot(run: &Value) -> i64 {
    let due = run["due"].as_str().unwrap_or_else(|| panic!("a run with a slot: {run}"));
    due.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}
