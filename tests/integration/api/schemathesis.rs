//! The API held against its own OpenAPI document by schemathesis, which makes up requests, good ones and bad ones.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use crate::project::{Finished, Project};

const TASKS: &str = "\
[tasks.tick]
schedule = { every = \"1h\" }
overlap = \"allow\"
";

/// A port of this machine that leads to the control socket: schemathesis speaks TCP.
fn lead_to(socket: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Ok(socket) = UnixStream::connect(&socket) else { return };
            std::thread::spawn(move || lead(stream, socket));
        }
    });
    address
}

fn lead(stream: TcpStream, socket: UnixStream) -> io::Result<()> {
    let (mut from, mut to) = (stream.try_clone()?, socket.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(std::net::Shutdown::Write)
    });
    let (mut from, mut to) = (socket, stream);
    let _ = io::copy(&mut from, &mut to);
    to.shutdown(std::net::Shutdown::Both)
}

#[test]
#[ignore = "`cargo xtask test` gets schemathesis and runs this"]
fn the_api_is_as_its_document_says() {
    let schemathesis = std::env::var("SCHEMATHESIS").expect("where schemathesis is");
    let project = Project::new(TASKS, &["tick"]);
    let serving = project.serve();
    let address = lead_to(project.path("state/control.sock"));
    // That a key was used before, or a time has too many slots, no schema can say.
    let accepted = "[checks]\npositive_data_acceptance.expected-statuses = [\"2xx\", 404, 409, 422, 429, 503]\n";
    std::fs::write(project.path("schemathesis.toml"), accepted).unwrap();
    let mut command = Command::new(schemathesis);
    command.args([
        "--config-file",
        "schemathesis.toml",
        "run",
        &format!("http://{address}/api/v1/openapi.json"),
        "--url",
        &format!("http://{address}"),
    ]);
    command.args(["--checks", "all", "--max-examples", "15", "--seed", "1", "--no-color", "--workers", "1"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--request-timeout", "20"]);
    // Over the socket no token is needed; the tests of security see to those that come over the network.
    command.args(["--exclude-checks", "ignored_auth"]);
    // What follows has no end; its own tests follow it.
    command.args(["--exclude-path-regex", "events$|logs$"]);
    let finished = Finished::of(&mut project.within(command));
    assert!(finished.status.success(), "{}\n{}", finished.stdout, finished.stderr);
    let (status, health) = serving.ready();
    assert_eq!(status, 200, "{health}");
    assert!(!serving.log().contains("panicked"), "{}", serving.log());
}
