//! The host's log in files.

use std::fs;

use rustix::process::Signal;

use crate::project::Project;

#[test]
fn the_log_stays_within_its_files_and_the_host_goes_on_without_them() {
    let config = "[host]\nlisten = \"127.0.0.1:0\"\n\n\
        [host.log]\nfile = \"logs/host.log\"\nmax-size = \"64KiB\"\nkeep = 2\n\n\
        [defaults]\noverlap = \"allow\"\n\n\
        [tasks.log-flood]\nschedule = { every = \"1s\" }\nlimits = { log = \"20KiB\" }\n";
    let project = Project::new(config, &["log-flood"]);
    let serving = project.launch();
    let log = project.path("logs/host.log");
    let read = |name: &str| fs::read_to_string(project.path(name)).unwrap_or_default();
    serving.until("it serves", || read("logs/host.log").contains("serving 1 task"));
    assert!(serving.log().contains("the log goes to"), "{}", serving.log());
    serving.until("there are three files", || log.with_extension("log.2").exists());
    for name in ["logs/host.log", "logs/host.log.1", "logs/host.log.2"] {
        let text = read(name);
        assert!(text.len() <= 64 << 10 && text.ends_with('\n'), "{name} has {} bytes", text.len());
    }
    // The folder is gone, and a file is in its place: not a line can be written.
    fs::rename(project.path("logs"), project.path("gone")).unwrap();
    fs::write(project.path("logs"), "").unwrap();
    serving.until("lines go to stderr", || serving.log().contains("log-flood"));
    serving.signal(Signal::TERM);
    let (status, said) = serving.wait();
    assert!(status.success(), "{said}");
    let all = said.clone() + &read("gone/host.log");
    assert!(all.contains("stopped; the ledger is complete"), "{said}");
}
