//! One target, and what came of probing it.

use std::fmt;
use std::time::Duration;

use sandclock::http::{self, ErrorKind, Response};
use serde::{Deserialize, Serialize, Serializer};

/// What to ask, and what to expect of the answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    url: String,
    /// `GET`, if nothing else is said.
    method: Option<String>,
    /// Any of 2xx, if nothing else is said.
    status: Option<u16>,
    /// A text that the body holds.
    contains: Option<String>,
    /// The answer is late if it takes longer, and yet an answer.
    #[serde(default, with = "sandclock::duration")]
    within: Option<Duration>,
    /// There is no answer if it takes longer.
    #[serde(default, with = "sandclock::duration")]
    pub(crate) timeout: Option<Duration>,
}

/// What came of probing a target.
#[derive(Serialize)]
pub(crate) struct Probe {
    pub(crate) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// How long the answer took, in milliseconds to the tenth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) millis: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub(crate) problem: Option<Problem>,
}

/// Why a target counts as down.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    /// No answer, and whether that could change by itself.
    NoAnswer { why: String, permanent: bool },
    /// The answer has another status than expected.
    Status(u16),
    /// The body does not hold the text.
    Lacks(String),
    /// The answer took longer than it should.
    Late { took: Duration, within: Duration },
    /// The attempt would end before the answer.
    NoTime,
}

impl Target {
    /// Asks the target; the answer may take as long as the time-out says.
    pub(crate) fn probe(&self, timeout: Duration) -> Probe {
        let nothing = |problem| Probe { url: self.url.clone(), status: None, millis: None, problem: Some(problem) };
        if timeout.is_zero() {
            return nothing(Problem::NoTime);
        }
        let method = self.method.as_deref().unwrap_or("GET");
        match http::request(method, &self.url).timeout(timeout).send() {
            Ok(response) => Probe {
                url: self.url.clone(),
                status: Some(response.status()),
                millis: response.elapsed().map(millis),
                problem: self.judge(&response),
            },
            Err(error) => nothing(Problem::NoAnswer {
                why: error.kind().to_string(),
                // A body past the limit or one request too many may be different at the next attempt.
                permanent: matches!(error.kind(), ErrorKind::Denied(_) | ErrorKind::InvalidRequest(_)),
            }),
        }
    }

    /// What is wrong with the answer.
    fn judge(&self, response: &Response) -> Option<Problem> {
        let status = response.status();
        if !self.status.map_or(response.is_success(), |expected| expected == status) {
            return Some(Problem::Status(status));
        }
        if let Some(text) = &self.contains
            && !String::from_utf8_lossy(response.bytes()).contains(text)
        {
            return Some(Problem::Lacks(text.clone()));
        }
        match (response.elapsed(), self.within) {
            (Some(took), Some(within)) if took > within => Some(Problem::Late { took, within }),
            _ => None,
        }
    }
}

impl Problem {
    /// Whether it stays until somebody changes something.
    pub(crate) fn is_permanent(&self) -> bool {
        matches!(self, Problem::NoAnswer { permanent: true, .. })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoAnswer { why, .. } => f.write_str(why),
            Problem::Status(status) => write!(f, "status {status}"),
            Problem::Lacks(text) => write!(f, "the body lacks {text:?}"),
            Problem::Late { took, within } => {
                write!(f, "took {} ms, {} ms at most expected", millis(*took), millis(*within))
            }
            Problem::NoTime => f.write_str("no time left in this attempt"),
        }
    }
}

fn as_text<S: Serializer>(problem: &Option<Problem>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&problem.as_ref().map_or_else(String::new, ToString::to_string))
}

/// Milliseconds to the tenth.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use sandclock::testing::{self, Reply};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_judged_by_what_was_expected() {
        fn check(expectation: serde_json::Value, reply: Reply, expected: Option<&str>) {
            let _http = testing::http(move |_| reply.clone());
            let mut target = json!({"url": "http://a/"});
            target.as_object_mut().unwrap().extend(expectation.as_object().unwrap().clone());
            let target: Target = serde_json::from_value(target).unwrap();
            let problem = target.probe(Duration::from_secs(1)).problem;
            assert_eq!(problem.map(|problem| problem.to_string()).as_deref(), expected, "{expectation}");
        }
        let slow = Reply::text("all is well").after(Duration::from_millis(300));
        check(json!({}), Reply::status(204), None);
        check(json!({}), Reply::status(301), Some("status 301"));
        check(json!({"status": 301}), Reply::status(301), None);
        check(json!({"status": 200}), Reply::status(204), Some("status 204"));
        check(json!({"contains": "well"}), slow.clone(), None);
        check(json!({"contains": "ill"}), slow.clone(), Some("the body lacks \"ill\""));
        check(json!({"within": "300ms"}), slow.clone(), None);
        check(json!({"within": "0.25s"}), slow, Some("took 300 ms, 250 ms at most expected"));
        check(json!({"within": "0s"}), Reply::status(200), None);
    }

    #[test]
    fn the_request_is_the_one_that_was_asked_for() {
        let http = testing::http(|_| Reply::status(200));
        let target: Target = serde_json::from_value(json!({"url": "http://a/", "method": "HEAD"})).unwrap();
        target.probe(Duration::from_secs(2));
        let requests = http.requests();
        assert_eq!((requests[0].method.as_str(), requests[0].timeout), ("HEAD", Some(Duration::from_secs(2))));
    }
}
