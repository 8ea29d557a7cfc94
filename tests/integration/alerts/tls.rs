//! Webhooks over TLS: whose certificates are trusted; and over a proxy.

use super::*;
use crate::peers::{Proxy, Secured, certificates};

#[test]
fn a_webhook_trusts_the_roots_that_are_named_and_no_others() {
    let port = Secured::start("server").port;
    let root = certificates().join("root.pem");
    let alert = |name: &str, host: &str, more: &str| {
        format!("[alerts.{name}]\nwebhook = {{ url = \"https://{host}:{port}/hook\"{more} }}\n")
    };
    let roots = format!(", tls-roots = \"{}\"", root.display());
    let project = Project::new(
        &format!(
            "{}{}{}",
            alert("own", "localhost", &roots),
            alert("none", "localhost", ""),
            alert("other", "127.0.0.2", &roots)
        ),
        &[],
    );
    let test = |name| project.run(&["alert", "test", name]);
    let sent = test("own");
    assert!(sent.status.success(), "{sent:?}");
    for (name, why) in [("none", "UnknownIssuer"), ("other", "not valid for name")] {
        let refused = test(name);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains("TLS failed") && refused.stderr.contains(why), "{refused:?}");
    }
}

#[test]
fn a_webhook_goes_through_a_tunnel_of_the_proxy_and_what_is_excepted_does_not() {
    let server = Secured::start("third");
    let proxy = Proxy::start(server.port);
    let here = Receiver::start();
    let root = certificates().join("third-root.pem");
    let config = |password: &str, except: &str| {
        format!(
            "[host]\nlisten = \"127.0.0.1:0\"\ntls-roots = {root:?}\n\n[host.proxy]\nurl = \"http://127.0.0.1:{}\"\n\
             user = \"me\"\npassword = {{ file = \"{password}\" }}\nexcept = [{except}]\n\n\
             [alerts.far]\nwebhook.url = \"https://hooks.example/hook?secret\"\n\n\
             [alerts.plain]\nwebhook.url = \"http://hooks.example:8080/hook?x\"\n\n\
             [alerts.here]\nwebhook.url = \"{}\"\n",
            proxy.port,
            here.url("/here")
        )
    };
    let project = Project::new(&config("right", ""), &[]);
    std::fs::write(project.path("right"), "pass\n").unwrap();
    std::fs::write(project.path("wrong"), "word\n").unwrap();
    let test = |name| project.run(&["alert", "test", name]);
    for name in ["far", "plain", "here"] {
        let sent = test(name);
        assert!(sent.status.success(), "{sent:?}");
    }
    let lines: Vec<String> =
        proxy.came.lock().unwrap().iter().map(|came| came.head.lines().next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["connect hooks.example:443 http/1.1", "post http://hooks.example:8080/hook?x http/1.1"]);
    let inside = server.came.lock().unwrap().pop().expect("a request through the tunnel");
    assert!(inside.head.starts_with("post /hook?secret http/1.1\r\n"), "{inside:?}");
    assert!(inside.head.contains("\r\nhost: hooks.example\r\n") && !inside.head.contains("proxy-"), "{inside:?}");
    assert_eq!(here.arrived().len(), 1, "this machine is reached without it");

    project.configure(&config("wrong", ""));
    for name in ["far", "plain"] {
        let refused = test(name);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(refused.stderr.contains("the proxy wants to know who asks"), "{refused:?}");
    }
    // Without it there is no such name.
    project.configure(&config("right", "\"example\""));
    let sent = test("far");
    assert!(!sent.status.success() && sent.stderr.contains("resolve"), "{sent:?}");
    assert_eq!(proxy.came.lock().unwrap().len(), 4);
}
