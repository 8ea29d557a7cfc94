//! TLS with a real client, while the certificate changes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::client::Request;
use super::{TASKS, create};
use crate::project::Project;

const ROOT: &[u8] = include_bytes!("../../tls/root.pem");
const SECOND_ROOT: &[u8] = include_bytes!("../../tls/second-root.pem");

/// Puts a pair where the host looks for it, as Kubernetes does: a new folder, and a link that is replaced.
fn install(project: &Project, version: &str, certificate: &str, key: &str) {
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tls");
    let folder = project.path(version);
    fs::create_dir(&folder).unwrap();
    fs::copy(tls.join(certificate), folder.join("tls.crt")).unwrap();
    fs::copy(tls.join(key), folder.join("tls.key")).unwrap();
    let link = project.path("link");
    symlink(&folder, &link).unwrap();
    fs::rename(&link, project.path("tls")).unwrap();
}

#[test]
fn the_certificate_is_changed_while_the_host_serves() {
    let config = "[host]\nlisten = \"127.0.0.1:0\"\napi.tls = { certificate = \"tls/tls.crt\", key = \"tls/tls.key\" }";
    let project = Project::new(&format!("{config}\n\n{TASKS}"), &["tick"]);
    for command in ["check", "serve"] {
        let refused = project.run(&[command]);
        assert_eq!(refused.status.code(), Some(3), "{command}: {refused:?}");
        assert!(refused.stderr.contains("tls/tls.crt"), "{refused:?}");
    }
    install(&project, "first", "server.pem", "server.key");
    let token = create(&project, &["one", "--role", "read"]);
    let serving = project.serve();
    let address = serving.address();
    let read = Request::get("/api/v1/tasks").token(&token);
    let answer = read.send_over_tls(&address, ROOT).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    read.send_over_tls(&address, SECOND_ROOT).unwrap_err();

    install(&project, "mismatch", "second.pem", "server.key");
    serving.until("it tells of the bad pair", || serving.log().contains("the last one stays"));
    assert_eq!(read.send_over_tls(&address, ROOT).unwrap().status, 200);

    install(&project, "second", "second.pem", "second.key");
    serving.until("it has the new one", || read.send_over_tls(&address, SECOND_ROOT).is_ok());
    read.send_over_tls(&address, ROOT).unwrap_err();
    fs::remove_file(project.path("tls")).unwrap();
    serving.until("it tells that the files are gone", || serving.log().matches("the last one stays").count() == 2);
    assert_eq!(read.send_over_tls(&address, SECOND_ROOT).unwrap().status, 200);
    assert!(!serving.log().contains("PRIVATE KEY"));
}
