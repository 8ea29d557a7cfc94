//! Dead man's switches.

use super::*;
use crate::peers::{All, Proxy, Secured, certificates};
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

#[test]
fn a_sign_goes_through_a_tunnel_of_the_proxy_and_one_in_the_clear_is_handed_to_it() {
    let server = Secured::start("third");
    let proxy = Proxy::start(server.port);
    let config = format!(
        "[host]\nlisten = \"127.0.0.1:0\"\ntls-roots = {:?}\n\n[host.proxy]\nurl = \"http://127.0.0.1:{}\"\n\
         user = \"me\"\npassword = {{ file = \"password\" }}\n\n\
         [tasks.far]\nplugin = \"exit-0\"\nping = \"https://hooks.example/5d1e\"\n\n\
         [tasks.plain]\nplugin = \"exit-0\"\nping = {{ success = \"http://hooks.example:8080/ok\" }}\n",
        certificates().join("third-root.pem"),
        proxy.port
    );
    let project = Project::new(&config, &["exit-0"]);
    std::fs::write(project.path("password"), "pass\n").unwrap();
    let serving = project.serve();
    let firsts = |came: &All| -> Vec<String> {
        came.lock().unwrap().iter().map(|came| came.head.lines().next().unwrap().to_owned()).collect()
    };
    trigger(&project, "far");
    assert!(eventually(|| server.came.lock().unwrap().len() == 2), "{:?}", firsts(&server.came));
    trigger(&project, "plain");
    assert!(eventually(|| proxy.came.lock().unwrap().len() == 3), "{:?}", firsts(&proxy.came));
    stop(serving);
    // No other end has these names: whatever came, came through the proxy.
    assert_eq!(firsts(&server.came), ["post /5d1e/start http/1.1", "post /5d1e http/1.1"]);
    let tunnel = "connect hooks.example:443 http/1.1";
    assert_eq!(firsts(&proxy.came), [tunnel, tunnel, "post http://hooks.example:8080/ok http/1.1"]);
}
