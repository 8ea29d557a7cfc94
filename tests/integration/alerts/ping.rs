//! Dead man's switches.

use super::*;
use crate::project::eventually;

#[test]
fn a_switch_hears_of_beginnings_and_ends() {
    let receiver = Receiver::start();
    let uuid = receiver.url("/5d1e");
    let config = format!(
        "[tasks.good]\nplugin = \"exit-0\"\nping = \"{uuid}\"\n\n\
         [tasks.bad]\nplugin = \"exit-1\"\nretry.attempts = 1\nping = {{ failure = \"{uuid}/bad\" }}\n"
    );
    let project = Project::new(&config, &["exit-0", "exit-1"]);
    let serving = project.serve();
    let good = trigger(&project, "good");
    receiver.until("the success", |request| request.path == "/5d1e");
    let bad = trigger(&project, "bad");
    let failure = receiver.until("the failure", |request| request.path == "/5d1e/bad");
    assert!(failure.body.starts_with(&format!("run {bad}: failed for good: exit code 1\n")), "{}", failure.body);
    stop(serving);
    let paths: Vec<String> = receiver.arrived().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/5d1e/start", "/5d1e", "/5d1e/bad"]);
    assert!(receiver.arrived()[0].body.contains(&good));
}

#[test]
fn a_sign_is_sent_again_when_the_switch_is_unwell() {
    let receiver = Receiver::start();
    receiver.answers(500);
    let config = format!("[tasks.good]\nplugin = \"exit-0\"\nping = {{ success = \"{}\" }}\n", receiver.url("/ok"));
    let project = Project::new(&config, &["exit-0"]);
    let serving = project.serve();
    trigger(&project, "good");
    receiver.until("an attempt", |_| true);
    receiver.answers(200);
    let taken = || receiver.arrived().iter().any(|request| request.status == 200);
    assert!(eventually(taken), "{:?}", receiver.arrived());
    stop(serving);
}
