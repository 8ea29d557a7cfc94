//! The API held against its own OpenAPI document by schemathesis, which makes up requests, good ones and bad ones.

use std::process::Command;

use crate::project::{Finished, Project};

const TASKS: &str = "\
[tasks.tick]
schedule = { every = \"1h\" }
overlap = \"allow\"
";

#[test]
#[ignore = "`cargo xtask test` gets schemathesis and runs this"]
fn the_api_is_as_its_document_says() {
    let schemathesis = std::env::var("SCHEMATHESIS").expect("where schemathesis is");
    let project = Project::new(TASKS, &["tick"]);
    let token = project.run(&["token", "create", "schemathesis", "--role", "admin"]).stdout;
    let serving = project.serve();
    let address = serving.address();
    // That a key was used before, or a time has too many slots, no schema can say.
    let accepted = "[checks]\npositive_data_acceptance.expected-statuses = [\"2xx\", 404, 409, 422, 429, 503]\n";
    let settings = format!("{accepted}\n[auth.openapi.token]\nbearer = \"{}\"\n", token.trim());
    std::fs::write(project.path("schemathesis.toml"), settings).unwrap();
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
    // Whoever brings many wrong tokens is asked to wait; the tests of security see to that.
    command.args(["--exclude-checks", "ignored_auth"]);
    // What follows has no end; its own tests follow it.
    command.args(["--exclude-path-regex", "events$|logs$"]);
    let finished = Finished::of(&mut project.within(command));
    assert!(finished.status.success(), "{}\n{}", finished.stdout, finished.stderr);
    let (status, health) = serving.ready();
    assert_eq!(status, 200, "{health}");
    assert!(!serving.log().contains("panicked"), "{}", serving.log());
}
