//! Commands over TLS with a token, as whoever operates a host elsewhere uses them; and what they say when they are not
//! let in.

use std::fs;

use rustix::process::Signal;

use crate::peers::certificates;
use crate::project::{Finished, Project, Serving, exits};

/// A host behind TLS, on a free port.
fn project() -> Project {
    let certificate = |end: &str| certificates().join(format!("server.{end}"));
    Project::new(
        &format!(
            "[host]\nlisten = \"127.0.0.1:0\"\napi.tls = {{ certificate = {:?}, key = {:?} }}\n\n\
             [tasks.tick]\nschedule = {{ every = \"1h\" }}\n\n[tasks.report]\nplugin = \"unreachable\"\n",
            certificate("pem"),
            certificate("key")
        ),
        &["tick", "unreachable"],
    )
}

/// Somebody elsewhere, who has nothing but an address, a certificate and a token.
struct Afar {
    project: Project,
    url: String,
}

impl Afar {
    fn of(serving: &Serving<'_>) -> Self {
        let port = serving.address().rsplit_once(':').unwrap().1.to_owned();
        Self { project: Project::empty(), url: format!("https://localhost:{port}") }
    }

    fn run(&self, command: &[&str], token: &str, root: &str) -> Finished {
        fs::write(self.project.path("token"), format!("{token}\n")).unwrap();
        let root = certificates().join(root);
        let reach = ["--url", &self.url, "--token-file", "token", "--ca", root.to_str().unwrap()];
        self.project.run(&[command, &reach].concat())
    }
}

fn token(project: &Project, arguments: &[&str]) -> String {
    let made = project.run(&[&["token", "create"], arguments].concat());
    assert!(made.status.success(), "{made:?}");
    made.stdout.trim().to_owned()
}

#[test]
fn a_host_is_operated_from_elsewhere_with_a_token() {
    let project = project();
    let admin = token(&project, &["me", "--role", "admin"]);
    let serving = project.serve();
    let afar = Afar::of(&serving);
    let ask = |command: &[&str]| afar.run(command, &admin, "root.pem");
    let failed = ask(&["trigger", "report", "--wait"]);
    exits(&failed, 11, "trapped");
    let id = failed.stderr.lines().next().unwrap()["run ".len()..].to_owned();
    for command in [
        &["status", "--json"][..],
        &["tasks"],
        &["tasks", "report"],
        &["runs", "report"],
        &["logs", &id],
        &["logs", "-f", &id],
        &["stats"],
        &["stats", "report"],
        &["stats", "report", "--json"],
        &["audit"],
        &["token", "list"],
        &["pause", "tick"],
        &["resume", "tick"],
        &["reload", "--dry-run"],
    ] {
        exits(&ask(command), 0, "");
    }
    // The tables are those that whoever is there sees.
    for command in [&["stats"][..], &["stats", "report"], &["audit"], &["runs"], &["logs", &id]] {
        let (here, there) = (project.run(command), ask(command));
        assert_eq!((there.stdout, there.stderr), (here.stdout, here.stderr), "{command:?}");
    }
    exits(&ask(&["stats", "nobody"]), 4, "no task of that name");
    let made = ask(&["token", "create", "ci", "--role", "operate", "--tasks", "tick"]);
    exits(&made, 0, "ci is made");
    exits(&afar.run(&["trigger", "tick", "--wait"], made.stdout.trim(), "root.pem"), 0, "succeeded");
    exits(&ask(&["token", "revoke", "ci"]), 0, "worth nothing");
    exits(&afar.run(&["trigger", "tick"], made.stdout.trim(), "root.pem"), 1, "the host wants another token");
    serving.signal(Signal::TERM);
    assert!(serving.wait().0.success());
}

#[test]
fn whoever_is_not_let_in_is_told_why_and_what_to_do() {
    let project = project();
    let (read, one) = (token(&project, &["read", "--role", "read"]), token(&project, &["one", "--role", "operate"]));
    let brief = token(&project, &["brief", "--role", "read", "--expires", "1ms"]);
    let serving = project.serve();
    let afar = Afar::of(&serving);
    let check = |command: &[&str], token: &str, root: &str, expected: &[&str]| {
        let refused = afar.run(command, token, root);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        expected.iter().for_each(|said| assert!(refused.stderr.contains(said), "{said}: {refused:?}"));
        assert!(!refused.stderr.contains(token), "{refused:?}");
    };
    let another = "the host wants another token, from --token-file or SANDCLOCK_TOKEN: ";
    check(&["tasks"], "sclk_nonsense", "root.pem", &[another]);
    check(&["tasks"], &brief, "root.pem", &[another]);
    check(&["trigger", "tick"], &read, "root.pem", &["the host does not allow this: ", "operate"]);
    check(&["reload"], &one, "root.pem", &["the host does not allow this: ", "admin"]);
    assert!(project.run(&["token", "revoke", "one"]).status.success());
    check(&["tasks"], &one, "root.pem", &[another]);
    let unknown = afar.run(&["tasks"], &read, "second-root.pem");
    exits(&unknown, 6, "--ca names a file with the certificate that vouches for the host's");
    let nobody = afar.project.run(&["tasks", "--url", &afar.url]);
    exits(&nobody, 6, "--ca names a file");
    let root = certificates().join("root.pem");
    let without = afar.project.run(&["tasks", "--url", &afar.url, "--ca", root.to_str().unwrap()]);
    exits(&without, 1, another);
    exits(&afar.run(&["tasks"], &read, "server.key"), 1, "has no certificate in it");
    let plain = afar.url.replace("https", "http");
    exits(&afar.project.run(&["tasks", "--url", &plain]), 1, "if it speaks TLS, the address begins with https");
}
