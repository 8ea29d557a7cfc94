//! Beyond this machine the host does not listen unless it knows who asks.

use super::{TASKS, create};
use crate::project::Project;

fn project(host: &str) -> Project {
    Project::new(&format!("[host]\n{host}\n\n{TASKS}"), &["tick"])
}

#[test]
fn in_the_clear_it_listens_on_this_machine_alone() {
    let project = project("listen = \"0.0.0.0:0\"");
    for command in ["check", "serve"] {
        let refused = project.run(&[command]);
        assert_eq!(refused.status.code(), Some(3), "{command}: {refused:?}");
        assert!(refused.stderr.contains("in the clear where others reach it"), "{refused:?}");
        assert!(refused.stderr.contains("api.tls") && refused.stderr.contains("api.plaintext"), "{refused:?}");
    }
    assert!(!project.path("state").exists(), "nothing was begun");
}

#[test]
fn behind_a_proxy_it_needs_a_token_first() {
    let project = project("listen = \"0.0.0.0:0\"\napi.plaintext = true");
    for command in ["check", "serve"] {
        let refused = project.run(&[command]);
        assert_eq!(refused.status.code(), Some(3), "{command}: {refused:?}");
        assert!(refused.stderr.contains("sandclock token create"), "{refused:?}");
    }
    create(&project, &["one", "--role", "read"]);
    let checked = project.run(&["check"]);
    assert!(checked.status.success(), "{checked:?}");
    let serving = project.serve();
    // Others reach it, so that it comes from here is no reason to answer.
    let address = serving.address().replace("0.0.0.0", "127.0.0.1");
    let answer = super::client::Request::get("/api/v1/tasks").send(&address);
    assert_eq!((answer.status, answer.code().as_str()), (401, "no-token"), "{answer:?}");
}
