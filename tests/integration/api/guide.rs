//! The examples of `docs/api.md`, as they stand there.

use std::process::Command;

use crate::project::{Finished, Project};

#[test]
fn the_examples_of_the_guide_work() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md")).unwrap();
    let project = Project::new("[tasks.report]\nplugin = \"tick\"\n", &["tick"]);
    let serving = project.serve();
    let scripts = guide.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut run = 0;
    for script in scripts {
        // What follows without an end is cut off by its client.
        let script =
            script.replace("127.0.0.1:7390", &serving.address()).replace("curl -sN", "curl -sSN -f --max-time 1");
        let follows = script.contains("--max-time");
        let script = script.replace("curl -s ", "curl -sS -f ");
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &script]);
        let finished = Finished::of(&mut project.within(shell));
        // 28 is curl's own end of the time.
        assert_eq!(
            finished.status.code(),
            Some(if follows { 28 } else { 0 }),
            "it needs `curl`: {script}\n{finished:#?}"
        );
        run += 1;
    }
    assert!(run >= 3, "the guide has examples");
}
