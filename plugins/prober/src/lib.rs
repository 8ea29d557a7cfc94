//! Probes HTTP endpoints, and fails while some of them are not as they should be.

#![forbid(unsafe_code)]

mod probe;

use std::time::Duration;

use probe::{Probe, Target};
use sandclock::{Failure, Output, Run, info, warn};
use serde::{Deserialize, Serialize};

/// Kept back from the attempt's time, to tell what was found.
const RESERVE: Duration = Duration::from_millis(500);

/// What to probe.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    targets: Vec<Target>,
    /// How long a target without a `timeout` of its own may take.
    #[serde(default = "ten_seconds", with = "sandclock::duration")]
    timeout: Duration,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

/// What the run puts out.
#[derive(Serialize)]
struct Report<'a> {
    up: usize,
    results: &'a [Probe],
}

#[sandclock::task]
fn run(run: Run) -> Result<Output, Failure> {
    let payload: Payload = run.payload()?;
    let mut results = Vec::with_capacity(payload.targets.len());
    for target in &payload.targets {
        let time_left = run.time_left().saturating_sub(RESERVE);
        let probe = target.probe(target.timeout.unwrap_or(payload.timeout).min(time_left));
        log(&probe);
        results.push(probe);
    }
    match failure(&results) {
        Some(failure) => Err(failure),
        None => Output::json(&Report { up: results.len(), results: &results }),
    }
}

fn log(probe: &Probe) {
    let Probe { url, status, millis, problem } = probe;
    match problem {
        None => info!(url, status, millis, "up"),
        Some(problem) => warn!(url, status, millis, "down: {problem}"),
    }
}

/// The failure that names all targets that are down. It is permanent if one of them can never be up as things are.
fn failure(results: &[Probe]) -> Option<Failure> {
    let down: Vec<_> = results.iter().filter_map(|probe| Some((&probe.url, probe.problem.as_ref()?))).collect();
    if down.is_empty() {
        return None;
    }
    let names: Vec<_> = down.iter().map(|(url, problem)| format!("{url} ({problem})")).collect();
    let message = format!("{} of {} targets down: {}", down.len(), results.len(), names.join(", "));
    let hopeless = down.iter().any(|(_, problem)| problem.is_permanent());
    Some(if hopeless { Failure::permanent(message) } else { Failure::transient(message) })
}

#[cfg(test)]
mod tests {
    use sandclock::http::ErrorKind;
    use sandclock::testing::{self, Reply};
    use serde_json::json;

    use super::*;

    fn targets(urls: &[&str]) -> Run {
        let targets: Vec<_> = urls.iter().map(|url| json!({"url": url})).collect();
        Run::test().payload(&json!({"targets": targets})).build()
    }

    #[test]
    fn all_up_is_a_success_with_a_report() {
        let _http = testing::http(|_| Reply::status(204).after(Duration::from_micros(12_345)));
        let log = testing::log();
        let output = run(targets(&["http://a/", "http://b/"])).unwrap().into_blob().unwrap();
        let report: serde_json::Value = serde_json::from_slice(&output.bytes).unwrap();
        let probe = |url: &str| json!({"url": url, "status": 204, "millis": 12.3});
        assert_eq!(report, json!({"up": 2, "results": [probe("http://a/"), probe("http://b/")]}));

        let fields = &log.lines()[0].fields;
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(*fields, [field("url", "http://a/"), field("status", "204"), field("millis", "12.3")]);
    }

    #[test]
    fn every_target_that_is_down_is_named() {
        let _http = testing::http(|request| match request.url.as_str() {
            "http://a/" => Ok(Reply::status(200)),
            "http://b/" => Ok(Reply::status(503)),
            _ => Err(ErrorKind::TimedOut),
        });
        let log = testing::log();
        let expected = "2 of 3 targets down: http://b/ (status 503), http://c/ (timed out)";
        assert_eq!(run(targets(&["http://a/", "http://b/", "http://c/"])), Err(Failure::transient(expected)));
        assert_eq!(log.messages(), ["up", "down: status 503", "down: timed out"]);
    }

    #[test]
    fn a_target_that_is_not_granted_is_no_matter_of_another_attempt() {
        let _http = testing::http(|_| ErrorKind::Denied("grants.http".into()));
        let expected = "1 of 1 targets down: http://a/ (denied: grants.http)";
        assert_eq!(run(targets(&["http://a/"])), Err(Failure::permanent(expected)));
    }

    #[test]
    fn what_there_is_no_time_for_is_not_asked() {
        let http = testing::http(|_| Reply::status(200));
        let payload = json!({"targets": [{"url": "http://a/"}]});
        let failed = run(Run::test().payload(&payload).time_left(RESERVE).build());
        assert_eq!(failed, Err(Failure::transient("1 of 1 targets down: http://a/ (no time left in this attempt)")));
        assert_eq!(http.requests(), []);
    }

    #[test]
    fn a_payload_with_a_slip_says_where() {
        let payload = json!({"targets": [{"url": "http://a/", "timeout": "5"}]});
        let failure = run(Run::test().payload(&payload).build()).unwrap_err();
        assert!(failure.message().contains("targets[0].timeout: \"5\" is not a duration"), "{failure}");
    }
}
