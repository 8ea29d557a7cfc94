//! Collectors of traces behind TLS and behind a proxy, and how much they get.

use std::fs;
use std::io::Write as _;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::{get, value};
use crate::peers::{All, Proxy, Secured, certificates};
use crate::project::Project;

/// A configuration with this about traces, and a task that succeeds when it is asked for.
fn config(traces: &str) -> String {
    format!(
        "[secrets]\nCOLLECTOR = {{ file = \"token\" }}\n\n[host]\nlisten = \"127.0.0.1:0\"\n\n{traces}\n\n\
         [tasks.tick]\nschedule = {{ every = \"10h\" }}\n"
    )
}

fn project(traces: &str) -> Project {
    let project = Project::new(&config(traces), &["tick"]);
    fs::write(project.path("token"), "t0p-s3cret\n").unwrap();
    project
}

/// The runs' spans that came.
fn runs(came: &All) -> Vec<Span> {
    let requests = came.lock().unwrap().clone();
    let requests = requests.iter().map(|came| ExportTraceServiceRequest::decode(&*came.body).unwrap());
    let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).filter(|span| span.name == "tick").collect()
}

#[test]
fn a_collector_behind_tls_gets_spans_and_the_headers_that_it_wants() {
    let collector = Secured::start("server");
    let roots = certificates().join("root.pem");
    let traces = |more: &str| {
        format!(
            "[host.traces]\nendpoint = \"https://localhost:{}/v2/\"\n\
             header = {{ Authorization = \"Bearer ${{secret:COLLECTOR}}\", X-Scope-OrgID = \"ops\" }}\n{more}",
            collector.port
        )
    };
    let project = project(&traces(&format!("tls-roots = {roots:?}")));
    let serving = project.serve();
    assert!(project.run(&["trigger", "tick"]).status.success());
    serving.until("the span is there", || runs(&collector.came).len() == 1);
    let head = collector.came.lock().unwrap()[0].head.clone();
    assert!(head.starts_with("post /v2/v1/traces http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: bearer t0p-s3cret\r\n") && head.contains("\r\nx-scope-orgid: ops\r\n"));
    let checked = project.run(&["check"]);
    assert!(checked.stdout.contains("${secret:COLLECTOR}"), "{checked:?}");
    for text in [checked.stdout, serving.log(), get(&serving.address(), "/metrics", "*/*").1] {
        assert!(!text.contains("t0p-s3cret"), "{text}");
    }
    drop(serving);

    // Nobody vouches for it.
    project.configure(&config(&traces("")));
    let serving = project.serve();
    assert!(project.run(&["trigger", "tick"]).status.success());
    serving.until("it is given up", || {
        value(&get(&serving.address(), "/metrics", "*/*").1, "sandclock_spans_dropped_total{reason=\"refused\"}") > 0.0
    });
    assert!(serving.log().contains("TLS failed") && serving.log().contains("UnknownIssuer"), "{}", serving.log());
}

#[test]
fn a_collector_is_reached_over_the_proxy() {
    let collector = Secured::start("third");
    let proxy = Proxy::start(collector.port);
    let traces = format!(
        "[host.traces]\nendpoint = \"https://hooks.example\"\ntls-roots = {:?}\n\n\
         [host.proxy]\nurl = \"http://127.0.0.1:{}\"\nuser = \"me\"\npassword = {{ file = \"password\" }}",
        certificates().join("third-root.pem"),
        proxy.port
    );
    let project = project(&traces);
    fs::write(project.path("password"), "pass").unwrap();
    let serving = project.serve();
    assert!(project.run(&["trigger", "tick"]).status.success());
    serving.until("the span is there", || runs(&collector.came).len() == 1);
    assert!(proxy.came.lock().unwrap()[0].head.starts_with("connect hooks.example:443 "));
}

#[test]
fn of_a_sample_of_nothing_only_what_others_trace_is_kept() {
    let collector = Secured::start("server");
    let traces = format!(
        "[host.traces]\nendpoint = \"https://localhost:{}\"\ntls-roots = {:?}\nsample = \"0%\"",
        collector.port,
        certificates().join("root.pem")
    );
    let project = project(&traces);
    let serving = project.serve();
    assert!(project.run(&["trigger", "tick", "--wait"]).status.success());
    let mut socket = std::os::unix::net::UnixStream::connect(project.path("state/control.sock")).unwrap();
    write!(
        socket,
        "POST /api/v1/tasks/tick/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\
         traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n"
    )
    .unwrap();
    serving.until("the traced one is there", || !runs(&collector.came).is_empty());
    let traced = runs(&collector.came);
    let id: String = traced[0].trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((traced.len(), id.as_str()), (1, "4bf92f3577b34da6a3ce929d0e0e4736"));
}
