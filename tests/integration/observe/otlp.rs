//! Traces and logs, as rotel takes them: a collector of OpenTelemetry's that others wrote.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use crate::project::{Project, eventually};
use crate::pypi;

/// The program: the version that was tried, of which there is one build for every Python.
static ROTEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = ["--no-deps", "--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_34_x86_64"];
    let packages: Vec<&str> = build.into_iter().chain(["--target=rotel", "rotel==0.0.1a15"]).collect();
    let program = pypi::environment("test-otlp", &packages).join("rotel/rotel/rotel-agent");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    program
});

/// A collector that writes down what it takes. It is killed when this is dropped.
struct Collector {
    child: Child,
    port: u16,
    said: tempfile::TempDir,
}

impl Collector {
    fn start() -> Self {
        let said = tempfile::tempdir().unwrap();
        let [port, other] = free_ports();
        let file = File::create(said.path().join("said")).unwrap();
        let mut rotel = Command::new(&*ROTEL);
        rotel.args(["start", "--exporter=blackhole", "--debug-log-verbosity=detailed"]);
        rotel.args(["--debug-log=traces", "--debug-log=logs"]);
        rotel.arg(format!("--otlp-http-endpoint=127.0.0.1:{port}"));
        rotel.arg(format!("--otlp-grpc-endpoint=127.0.0.1:{other}"));
        let child = rotel.env_clear().stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn();
        let collector = Self { child: child.unwrap(), port, said };
        assert!(eventually(|| collector.said().contains("Starting Rotel")), "{}", collector.said());
        collector
    }

    fn said(&self) -> String {
        fs::read_to_string(self.said.path().join("said")).unwrap()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two ports that nobody had a moment ago: it does not say which it took if it is to choose.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

#[test]
fn a_collector_that_others_wrote_takes_spans_and_logs() {
    let collector = Collector::start();
    let config = format!(
        "[host]\nlisten = \"127.0.0.1:0\"\n\n[host.traces]\nendpoint = \"http://127.0.0.1:{}\"\nlogs = true\n\n\
         [tasks.says-it-all]\nplugin = \"hello\"\n\n[tasks.fails]\nplugin = \"exit-1\"\n",
        collector.port
    );
    let project = Project::new(&config, &["hello", "exit-1"]);
    let serving = project.serve();
    for task in ["says-it-all", "fails"] {
        assert!(project.run(&["trigger", task]).status.success());
    }
    for expected in [
        "-> service.name: Str(sandclock)",
        "Name           : says-it-all\n    Kind           : SPAN_KIND_SERVER",
        "Name           : says-it-all attempt\n    Kind           : SPAN_KIND_INTERNAL",
        "-> sandclock.outcome: Str(succeeded)",
        "-> faas.name: Str(fails)",
        "Status code    : STATUS_CODE_ERROR",
        "Body: Str(hello, world)",
    ] {
        serving.until(&format!("the collector said {expected:?}"), || collector.said().contains(expected));
    }
    let said = collector.said();
    let trace = said.lines().find_map(|line| line.trim().strip_prefix("Trace ID       : ")).unwrap();
    assert!(serving.log().contains(trace), "the log leads to the trace {trace}: {}", serving.log());
}
