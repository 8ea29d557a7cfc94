//! Mails to a real SMTP server, aiosmtpd, with TLS and a login.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use super::*;
use crate::peers::certificates;
use crate::project::eventually;
use crate::pypi;

/// A Python with the server, in the version that was tried.
static PYTHON: LazyLock<PathBuf> =
    LazyLock::new(|| pypi::environment("test-smtp", &["aiosmtpd==1.4.6"]).join("bin/python"));

/// A mail server. It is killed when this is dropped.
struct Server {
    child: Child,
    port: u16,
    mails: tempfile::TempDir,
}

impl Server {
    /// `mode`: `plain`, `starttls` or `tls`; the latter two want a login.
    fn start(mode: &str) -> Self {
        let mails = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/integration/alerts/smtpd.py");
        let mut server = Command::new(&*PYTHON);
        server.arg(script).args([mode]).arg(mails.path()).arg(certificates());
        let mut child = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().expect("a port"), mails }
    }

    /// The mails that it took.
    fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.mails.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|end| end == "eml")).collect();
        files.sort();
        files.iter().map(|file| fs::read_to_string(file).unwrap().replace("\r\n", "\n")).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn alert(name: &str, server: &Server, more: &str) -> String {
    format!(
        "[alerts.{name}]\ngroup-wait = \"0s\"\nsmtp = {{ host = \"localhost\", port = {}, from = \"sandclock@example.com\", \
         to = [\"ops@example.com\"], {more} }}\n\n",
        server.port
    )
}

fn trusted() -> String {
    format!("tls-roots = \"{}\"", certificates().join("root.pem").canonicalize().unwrap().display())
}

fn login(user: &str) -> String {
    format!("user = \"{user}\", password = {{ file = \"password\" }}, {}", trusted())
}

fn project(config: &str) -> Project {
    let project = Project::new(config, &["exit-1"]);
    fs::write(project.path("password"), "s3cr3t\n").unwrap();
    project
}

#[test]
fn a_failure_comes_by_mail_over_starttls_with_a_login() {
    let server = Server::start("starttls");
    let project = project(&format!("{}{FAILS}", alert("ops", &server, &login("sandclock"))));
    let serving = project.serve();
    let run = trigger(&project, "report");
    serving.until("the mail is there", || server.mails().len() == 1);
    stop(serving);
    let mail = &server.mails()[0];
    for part in [
        "Subject: [sandclock] report failed: failed for good: exit code 1\n",
        "From: sandclock@example.com\n",
        "To: ops@example.com\n",
        &format!("  run    {run}\n"),
        &format!("  Next: sandclock logs {run}\n"),
        "X-Peer-TLS: yes\n",
        "X-User: sandclock\n",
    ] {
        assert!(mail.contains(part), "no {part:?} in\n{mail}");
    }
}

#[test]
fn what_is_not_safe_is_not_sent() {
    let (starttls, tls, plain) = (Server::start("starttls"), Server::start("tls"), Server::start("plain"));
    let config = [
        alert("starttls", &starttls, &login("sandclock")),
        alert("tls", &tls, &format!("security = \"tls\", {}", login("sandclock"))),
        alert("stranger", &tls, &format!("security = \"tls\", {}", login("stranger"))),
        alert("untrusted", &starttls, "security = \"starttls\""),
        alert("untrusted-tls", &tls, "security = \"tls\""),
        alert("no-starttls", &plain, &trusted()),
        alert("opportunistic", &plain, &format!("security = \"opportunistic\", {}", trusted())),
        alert("plain", &plain, "security = \"none\""),
    ];
    let project = project(&config.concat());
    for (name, error) in [
        ("starttls", None),
        ("tls", None),
        ("stranger", Some("535")),
        ("untrusted", Some("UnknownIssuer")),
        ("untrusted-tls", Some("UnknownIssuer")),
        ("no-starttls", Some("STARTTLS")),
        ("opportunistic", None),
        ("plain", None),
    ] {
        let finished = project.run(&["alert", "test", name]);
        match error {
            None => assert!(finished.status.success(), "{name}: {finished:?}"),
            Some(error) => {
                assert_eq!(finished.status.code(), Some(1), "{name}: {finished:?}");
                assert!(finished.stderr.contains(error), "{name}: {finished:?}");
            }
        }
        assert!(!finished.stderr.contains("s3cr3t"), "{finished:?}");
    }
    let all = || [&starttls, &tls, &plain].map(|server| server.mails().len());
    assert!(eventually(|| all() == [1, 1, 2]), "{:?}", all());
}
