//! The host as a service of systemd: its unit, and what it tells whoever started it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::Signal;

use crate::project::{Finished, PROGRAM, Project, eventually};

const HOURLY: &str = "[tasks.tick]\nschedule = { every = \"1h\" }\n";

/// A service manager, as far as it listens. It does so until the host is gone and the test with it.
struct Manager {
    said: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    fn listen(project: &Project) -> Self {
        let socket = UnixDatagram::bind(project.path("notify")).unwrap();
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = said.clone();
        thread::spawn(move || {
            let mut datagram = [0; 4096];
            while let Ok(length) = socket.recv(&mut datagram) {
                heard.lock().unwrap().push(String::from_utf8_lossy(&datagram[..length]).into_owned());
            }
        });
        Self { said }
    }

    /// What was said, but for signs of life.
    fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().iter().filter(|said| *said != "WATCHDOG=1").cloned().collect()
    }

    fn signs(&self) -> usize {
        self.said.lock().unwrap().iter().filter(|said| *said == "WATCHDOG=1").count()
    }

    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&[String]) -> bool) {
        assert!(eventually(|| holds(&self.said())), "waited in vain for {what}: {:?}", self.said());
    }
}

#[test]
fn a_service_manager_hears_that_the_host_serves_reloads_lives_and_stops() {
    let project = Project::new(HOURLY, &["tick"]);
    let manager = Manager::listen(&project);
    let mut command = project.command(&["serve"]);
    command.env("NOTIFY_SOCKET", project.path("notify")).env("WATCHDOG_USEC", "300000");
    let serving = project.serve_as(command);
    manager.until("it is ready", |said| said == ["READY=1\nSTATUS=serving 1 task"]);
    assert!(eventually(|| manager.signs() >= 3), "it gives no signs of life");

    project.configure("[tasks.tick]\nplugin = 7\n");
    serving.signal(Signal::HUP);
    manager.until("it refused a configuration", |said| {
        said.len() == 3
            && said[1].starts_with("RELOADING=1\nMONOTONIC_USEC=")
            && said[2] == "READY=1\nSTATUS=serving 1 task; the last configuration was refused"
    });
    project.configure(HOURLY);
    serving.signal(Signal::HUP);
    manager.until("it took one", |said| said.len() == 5 && said[4] == "READY=1\nSTATUS=serving 1 task");

    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    manager.until("it stops", |said| said.len() == 6 && said[5].starts_with("STOPPING=1\n"));
}

#[test]
fn a_manager_that_is_not_there_is_remarked_and_no_hindrance() {
    let project = Project::new(HOURLY, &["tick"]);
    let mut command = project.command(&["serve"]);
    command.env("NOTIFY_SOCKET", project.path("nobody")).env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    let serving = project.serve_as(command);
    serving.until("it is told", || serving.log().contains("cannot be told anything"));
    assert_eq!(serving.ready().0, 200);
}

/// Runs systemd-analyze on the unit that is shipped, with this program in its place; none where there is no systemd.
fn analyze(arguments: &[&str]) -> Option<Finished> {
    let folder = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../ops/systemd/sandclock.service")).unwrap();
    assert!(unit.contains("/usr/local/bin/sandclock "), "{unit}");
    let file = folder.path().join("sandclock.service");
    fs::write(&file, unit.replace("/usr/local/bin/sandclock ", &format!("{PROGRAM} "))).unwrap();
    Command::new("systemd-analyze").arg("--version").output().ok()?;
    Some(Finished::of(Command::new("systemd-analyze").args(arguments).arg(file)))
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    let Some(verified) = analyze(&["verify", "--man=no"]) else { return };
    assert!(verified.status.success() && verified.stderr.trim().is_empty(), "{verified:?}");
    // Of 100, the less the better; what keeps it from nothing is that the host talks to the network and compiles.
    let judged = analyze(&["security", "--offline=yes", "--no-pager", "--threshold=20"]).unwrap();
    assert!(judged.status.success(), "{judged:#?}");
}
