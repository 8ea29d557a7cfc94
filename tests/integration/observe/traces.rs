//! Traces, as a collector gets them: read by the official messages of OpenTelemetry, from a server that takes OTLP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as Outcome;
use prost::Message as _;
use rustix::process::Signal;

use crate::project::Project;
use crate::server::Server;

/// What a collector got.
#[derive(Clone, Default)]
struct Got {
    spans: Arc<Mutex<Vec<Span>>>,
    records: Arc<Mutex<Vec<LogRecord>>>,
    resource: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Got {
    fn take(&self, request: ExportTraceServiceRequest) {
        for resource_spans in request.resource_spans {
            *self.resource.lock().unwrap() = attributes(&resource_spans.resource.unwrap().attributes);
            self.spans.lock().unwrap().extend(resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }

    fn named(&self, name: &str) -> Vec<Span> {
        self.spans.lock().unwrap().iter().filter(|span| span.name == name).cloned().collect()
    }
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let shown = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|pair| (pair.key.clone(), shown(pair))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A server that takes OTLP, answering each request with the next of these, and then well.
fn collector(got: &Got, answers: Vec<(StatusCode, Vec<u8>)>) -> Server {
    let (got, answers) = (got.clone(), Arc::new(Mutex::new(answers.into_iter())));
    let records = got.records.clone();
    let log = async move |body: Bytes| {
        let request = ExportLogsServiceRequest::decode(body).unwrap();
        let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
        records.lock().unwrap().extend(scopes.flat_map(|scope| scope.log_records));
    };
    let take = async move |headers: HeaderMap, body: Bytes| {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let (status, answer) = answers.lock().unwrap().next().unwrap_or((StatusCode::OK, Vec::new()));
        if status == StatusCode::OK && answer.is_empty() {
            got.take(ExportTraceServiceRequest::decode(body).unwrap());
        }
        (status, answer)
    };
    Server::start(Router::new().route("/v1/traces", post(take)).route("/v1/logs", post(log)))
}

fn config(collector: &Server, tasks: &str) -> String {
    format!(
        "[host]\nlisten = \"127.0.0.1:0\"\n\n[host.traces]\nendpoint = \"http://{}\"\nlogs = true\n\n{tasks}",
        collector.address
    )
}

#[test]
fn runs_and_attempts_are_spans_and_guests_requests_say_so() {
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let hearing = heard.clone();
    let peer = Server::start(Router::new().route(
        "/up",
        get(async move |headers: HeaderMap| {
            hearing.lock().unwrap().push(headers["traceparent"].to_str().unwrap().to_owned());
            "fine"
        }),
    ));
    let got = Got::default();
    // The first request is to be sent again.
    let collector = collector(&got, vec![(StatusCode::SERVICE_UNAVAILABLE, Vec::new())]);
    let tasks = format!(
        "[tasks.prober]\nschedule = {{ every = \"1h\" }}\ngrants = {{ http = [\"GET http://{}\"] }}\n\n\
         [tasks.exit-75]\nschedule = {{ every = \"1h\" }}\nretry = {{ attempts = 2, first = \"10ms\", on = [\"failed-transient\"] }}\n\n\
         [tasks.tick]\nafter = [\"prober\"]\n",
        peer.address
    );
    let project = Project::new(&config(&collector, &tasks), &["prober", "exit-75", "tick"]);
    let serving = project.serve();
    let payload = format!("{{\"targets\":[{{\"url\":\"{}\"}}]}}", peer.url("/up"));
    assert!(project.run(&["trigger", "prober", "--payload", &payload]).status.success());
    assert!(project.run(&["trigger", "exit-75"]).status.success());
    serving.until("all spans are there", || !got.named("tick").is_empty() && !got.named("exit-75").is_empty());

    let resource = got.resource.lock().unwrap().clone();
    assert_eq!(resource["service.name"], "sandclock");
    let (run, attempt) = (&got.named("prober")[0], &got.named("prober attempt")[0]);
    assert_eq!((attempt.trace_id.len(), attempt.span_id.len()), (16, 8));
    assert_eq!((&attempt.trace_id, &attempt.parent_span_id), (&run.trace_id, &run.span_id));
    assert!(run.parent_span_id.is_empty() && run.kind() == SpanKind::Server && attempt.kind() == SpanKind::Internal);
    let traceparent = format!("00-{}-{}-01", hex(&attempt.trace_id), hex(&attempt.span_id));
    assert_eq!(*heard.lock().unwrap(), [traceparent]);
    let within = |inner: &Span, outer: &Span| {
        outer.start_time_unix_nano <= inner.start_time_unix_nano && inner.end_time_unix_nano <= outer.end_time_unix_nano
    };
    assert!(within(attempt, run) && attempt.start_time_unix_nano < attempt.end_time_unix_nano);
    let said = attributes(&run.attributes);
    assert_eq!(
        (&*said["faas.name"], &*said["faas.trigger"], &*said["sandclock.outcome"]),
        ("prober", "other", "succeeded")
    );
    assert_eq!(run.status.as_ref().unwrap().code(), Outcome::Ok);
    let followed = &got.named("tick")[0].links[0];
    assert_eq!((&followed.trace_id, &followed.span_id), (&run.trace_id, &run.span_id));

    serving.until("the logs are there", || !got.records.lock().unwrap().is_empty());
    let records = got.records.lock().unwrap().clone();
    let up =
        |record: &&LogRecord| attributes(&record.attributes).get("sandclock.field.status").is_some_and(|n| n == "200");
    let record = records.iter().find(up).unwrap_or_else(|| panic!("{records:#?}"));
    assert_eq!((&record.trace_id, &record.span_id), (&attempt.trace_id, &attempt.span_id));
    assert_eq!((&*record.severity_text, record.severity_number), ("info", 9));
    assert_eq!(attributes(&record.attributes)["faas.name"], "prober");

    let attempts = got.named("exit-75 attempt");
    assert_eq!(attempts.len(), 2);
    let said = attributes(&attempts[1].attributes);
    assert_eq!((&*said["sandclock.attempt"], &*said["error.type"]), ("2", "failed-transient"));
    assert_eq!(attributes(&attempts[1].events[0].attributes)["exception.type"], "failed-transient");
    assert_eq!(got.named("exit-75")[0].status.as_ref().unwrap().code(), Outcome::Error);
    assert!(serving.log().contains(&hex(&attempt.trace_id)), "the log leads to the trace: {}", serving.log());
}

#[test]
fn spans_that_are_not_taken_are_counted_and_the_host_ends_all_the_same() {
    let got = Got::default();
    let rejected = ExportTracePartialSuccess { rejected_spans: 1, error_message: "no room".to_owned() };
    let partial = ExportTraceServiceResponse { partial_success: Some(rejected) }.encode_to_vec();
    let collector = collector(&got, vec![(StatusCode::OK, partial), (StatusCode::BAD_REQUEST, Vec::new())]);
    let project = Project::new(&config(&collector, "[tasks.tick]\nschedule = { every = \"1s\" }\n"), &["tick"]);
    let serving = project.serve();
    let dropped = || {
        let (_, scrape) = super::get(&serving.address(), "/metrics", "*/*");
        let series = "sandclock_spans_dropped_total{reason=\"refused\"} ";
        scrape.lines().find_map(|line| line.strip_prefix(series)?.parse::<u64>().ok()).unwrap()
    };
    serving.until("two batches are lost", || dropped() >= 2 && !got.named("tick").is_empty());
    assert!(serving.log().contains("no room"), "{}", serving.log());
    serving.until("it is told that all is well again", || serving.log().contains("takes spans again"));
    // What was done last is sent before the end.
    let before = got.named("tick").len();
    serving.signal(Signal::TERM);
    let (status, log) = serving.wait();
    assert!(status.success(), "{log}");
    assert!(got.named("tick").len() >= before);
}
