//! What a client may not do: send too much, come too often, take its time.

use std::io::{Read, Write};

use super::client::{get, over_tcp, post, tcp};
use crate::project::Project;

#[test]
fn too_much_is_refused_before_it_is_read() {
    let project = Project::new("[tasks.tick]\n", &["tick"]);
    let serving = project.serve();
    let largest = vec![b'x'; 16 << 20];
    post(&project, "/api/v1/tasks/tick/runs?wait=2m", &[], &largest).expect(200);
    let said =
        format!("POST /api/v1/tasks/tick/runs HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", (16 << 20) + 1);
    let mut stream = std::os::unix::net::UnixStream::connect(project.path("state/control.sock")).unwrap();
    stream.write_all(said.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");

    // A body that does not say how long it is, is counted as it comes.
    let mut stream = std::os::unix::net::UnixStream::connect(project.path("state/control.sock")).unwrap();
    stream
        .write_all(b"POST /api/v1/tasks/tick/runs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1100000\r\n")
        .unwrap();
    let _ = stream.write_all(&vec![b'x'; 17 << 20]);
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");

    let long = over_tcp(&serving, "GET", &format!("/api/v1/runs?task={}", "x".repeat(20_000)));
    assert!([414, 431].contains(&long.status), "{long:?}");
}

#[test]
fn whoever_comes_when_all_places_are_taken_is_told_so() {
    let project = Project::new("[tasks.tick]\n", &["tick"]);
    let serving = project.serve();
    let mut idle = Vec::new();
    serving.until("all places are taken", || true);
    for _ in 0..1024 {
        idle.push(tcp(&serving));
    }
    // Those that came first hold their places, so this one finds none.
    let mut refused = tcp(&serving);
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\"code\":\"busy\""), "{answer}");
    post(&project, "/api/v1/tasks/tick/runs?wait=2m", &[], b"").expect(200);
    drop(idle);
    serving.until("there is room again", || get(&serving, "/healthz").status == 200);
}
