//! Decides which requests may go out, and teaches what would allow the others. Pure, but for counting.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{HeaderMap, Method, Uri};
use url::Host;

use crate::model::grants::{HttpGrant, HttpTarget, HttpTargetError};
use crate::model::task::Task;
use crate::sandbox::bounds;
use crate::sandbox::http::address::{NotPublic, check_public};
use crate::sandbox::lesson;

/// What the requests of one attempt have to pass.
#[derive(Debug)]
pub(crate) struct Policy {
    task: Arc<Task>,
    begun: AtomicU32,
    /// Grants that were taught.
    taught: AtomicU32,
}

/// A request that may go out, to the addresses that [`Admitted::check_address`] lets pass.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) target: HttpTarget,
    reach: Reach,
    /// Headers that the host adds. Of several with a name, the first counts.
    pub(crate) headers: HeaderMap,
}

/// How far a grant reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To public addresses only.
    Public,
    /// To the address that it names outright; for `localhost`, to this machine.
    Named,
}

/// Why a request may not go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the attempt has made as many requests as limits.http-requests allows ({limit})")]
    TooMany { limit: u32, times: u32 },
    #[error(transparent)]
    Target(#[from] HttpTargetError),
    #[error("the method CONNECT is never allowed")]
    Connect,
    #[error("no grant allows {}", .0)]
    NotGranted(Box<HttpTarget>),
    #[error("{host} leads to {address}, {reason}")]
    Address { host: String, address: IpAddr, reason: NotPublic, target: Box<HttpTarget> },
    #[error("the request is malformed: {0}")]
    Malformed(String),
}

impl Policy {
    /// The policy of a task, with no request made yet.
    pub(crate) fn new(task: Arc<Task>) -> Self {
        Self { task, begun: AtomicU32::new(0), taught: AtomicU32::new(0) }
    }

    /// The task.
    pub(crate) fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// How many requests were begun, refused ones included.
    pub(crate) fn begun(&self) -> u32 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Counts a request and checks it against limits and grants.
    pub(crate) fn admit(&self, method: &Method, uri: &Uri) -> Result<Admitted, Refusal> {
        self.count()?;
        self.check(method, uri)
    }

    /// Counts a request that is malformed. Returns why it is refused.
    pub(crate) fn malformed(&self, why: String) -> Refusal {
        self.count().err().unwrap_or(Refusal::Malformed(why))
    }

    fn count(&self) -> Result<(), Refusal> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let limit = self.task.limits.http.requests;
        if begun > limit {
            return Err(Refusal::TooMany { limit, times: begun - limit });
        }
        Ok(())
    }

    fn check(&self, method: &Method, uri: &Uri) -> Result<Admitted, Refusal> {
        // To HTTP, other letters are another method; to some servers they are not.
        let is = |known: Method| method.as_str().eq_ignore_ascii_case(known.as_str());
        if is(Method::CONNECT) {
            return Err(Refusal::Connect);
        }
        let target = HttpTarget::of(method, uri)?;
        let grants = || self.task.grants.http.iter().filter(|grant| grant.allows(&target));
        if grants().next().is_none() {
            return Err(Refusal::NotGranted(Box::new(target)));
        }
        let reach = if grants().any(HttpGrant::names_address) { Reach::Named } else { Reach::Public };
        let mut headers = HeaderMap::new();
        // The answer to TRACE is the request.
        if !is(Method::TRACE) {
            for header in grants().flat_map(HttpGrant::headers) {
                headers.entry(header.name()).or_insert_with(|| header.value().clone());
            }
        }
        Ok(Admitted { target, reach, headers })
    }

    /// What was tried, as it is `shown`, and the lines of TOML that would allow it. None for what has been said before.
    pub(crate) fn lesson(&self, refusal: &Refusal, shown: &str) -> Option<String> {
        let lesson = match refusal {
            Refusal::TooMany { times: 2.., .. } => return None,
            Refusal::TooMany { .. } => Some(lesson::http_requests(&self.task)),
            Refusal::Target(_) | Refusal::Connect | Refusal::Malformed(_) => None,
            Refusal::NotGranted(target) => self.taught(&HttpGrant::covering(target)),
            Refusal::Address { address, target, .. } => {
                let host = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
                let outright = format!("{} {}://{host}:{}", target.method(), target.scheme(), target.port());
                let allow = HttpGrant::parse(&outright).ok().and_then(|grant| self.taught(&grant));
                allow.map(|allow| {
                    format!("only a request to the address itself, granted as such, reaches there; {allow}")
                })
            }
        };
        let refused = format!("request refused: {shown}");
        Some(match lesson {
            Some(lesson) => format!("{refused}; {lesson}"),
            None => refused,
        })
    }

    /// The lines of TOML with one more grant. None if so many were told that the next one teaches nothing, if it is too
    /// long to be meant, or if it cannot be written down: grants have methods in capitals only.
    fn taught(&self, grant: &HttpGrant) -> Option<String> {
        let text = grant.to_string();
        let teaches = text.len() <= bounds::HOST_LOG_TEXT
            && HttpGrant::parse(&text).is_ok_and(|read| read == *grant)
            && self.taught.fetch_add(1, Ordering::Relaxed) < bounds::GRANTS_TAUGHT;
        teaches.then(|| lesson::http_grant(&self.task, grant))
    }
}

impl Admitted {
    /// Checks an address that the target's host leads to.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        let named = match (self.reach, self.target.host()) {
            (Reach::Public, _) => false,
            (Reach::Named, Host::Domain(_)) => address.is_loopback(),
            (Reach::Named, Host::Ipv4(named)) => address == IpAddr::V4(*named),
            (Reach::Named, Host::Ipv6(named)) => address == IpAddr::V6(*named),
        };
        if named {
            return Ok(());
        }
        check_public(address).map_err(|reason| Refusal::Address {
            host: self.target.host().to_string(),
            address,
            reason,
            target: Box::new(self.target.clone()),
        })
    }
}

/// A request that the policy lets pass.
#[doc(hidden)]
#[derive(Debug)]
pub struct Passed {
    /// What is sent, as a URL.
    pub target: String,
    /// Whether it may go to the address in question.
    pub may_connect: bool,
}

/// What the policy of a task says to a request, and to the address that its host leads to. None if it is refused.
#[doc(hidden)]
pub fn passed(task: Task, method: &Method, uri: &Uri, address: Option<IpAddr>) -> Option<Passed> {
    let admitted = Policy::new(Arc::new(task)).admit(method, uri).ok()?;
    let may_connect = address.is_some_and(|address| admitted.check_address(address).is_ok());
    Some(Passed { target: admitted.target.to_string(), may_connect })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::grants::{BoundHeader, Secret};
    use crate::sandbox::testing::task;

    fn policy(grants: &[&str], requests: u32) -> Policy {
        let mut task = task("nightly.report");
        task.grants.http = grants.iter().map(|grant| grant.parse().unwrap()).collect();
        task.limits.http.requests = requests;
        Policy::new(Arc::new(task))
    }

    fn admit(policy: &Policy, request: &str) -> Result<Admitted, Refusal> {
        let (method, uri) = request.split_once(' ').unwrap();
        policy.admit(&method.parse().unwrap(), &uri.parse().unwrap())
    }

    #[test]
    fn a_refusal_teaches_the_toml_that_would_allow_it() {
        let check = |grants: &[&str], request: &str, expected: &str| {
            let policy = policy(grants, 10);
            let refusal = admit(&policy, request).unwrap_err();
            let lesson = policy.lesson(&refusal, &refusal.to_string()).unwrap();
            assert!(lesson.ends_with(expected), "{lesson}");
        };
        check(
            &[],
            "GET https://api.example.com/v1?key=secret",
            "no grant allows GET https://api.example.com/v1; to allow it: \
             [tasks.\"nightly.report\".grants] http = [\"GET https://api.example.com\"]",
        );
        check(
            &["GET https://api.example.com/v1"],
            "POST http://127.0.0.1:9000/x",
            "[tasks.\"nightly.report\".grants] http = \
             [\"GET https://api.example.com/v1\", \"POST http://127.0.0.1:9000\"]",
        );
        check(&["http://*"], "CONNECT http://example.com:80/", "the method CONNECT is never allowed");
        check(&["http://*"], "GET /path", "begins with http:// or https://");
    }

    #[test]
    fn what_a_lesson_says_does_allow_the_request() {
        for request in ["GET http://10.0.0.1:81/a", "PUT https://example.com/", "GET http://[fd00::1]/x?y"] {
            let policy = self::policy(&[], 10);
            let lesson = policy.lesson(&admit(&policy, request).unwrap_err(), "").unwrap();
            let grant = lesson.rsplit('"').nth(1).unwrap();
            assert!(admit(&self::policy(&[grant], 10), request).is_ok(), "{grant} for {request}");
        }
    }

    #[test]
    fn a_long_list_of_grants_is_not_repeated_in_each_lesson() {
        let grants: Vec<String> = (0..400).map(|at| format!("GET https://h{at}.example.com/v1")).collect();
        let policy = policy(&grants.iter().map(String::as_str).collect::<Vec<_>>(), 10);
        let lesson = policy.lesson(&admit(&policy, "GET http://10.0.0.1/").unwrap_err(), "no").unwrap();
        let expected = "request refused: no; to allow it: add \"GET http://10.0.0.1\" to http of \
                        [tasks.\"nightly.report\".grants]";
        assert_eq!(lesson, expected);
    }

    #[test]
    fn a_method_in_small_letters_is_no_way_past_what_its_capitals_are_refused() {
        let header = BoundHeader::new("X-Key".parse().unwrap(), "${secret:KEY}", |_| {
            Some(Box::leak(Box::new(Secret::new("hunter2".to_owned()))))
        });
        let mut task = task("nightly.report");
        task.grants.http = vec!["http://localhost".parse::<HttpGrant>().unwrap().with_headers(vec![header.unwrap()])];
        let policy = Policy::new(Arc::new(task));
        for (method, headers) in [("GET", 1), ("get", 1), ("TRACE", 0), ("trace", 0), ("Trace", 0)] {
            let admitted = admit(&policy, &format!("{method} http://localhost/")).unwrap();
            assert_eq!(admitted.headers.len(), headers, "{method}");
        }
        for method in ["CONNECT", "connect", "Connect"] {
            let refusal = admit(&policy, &format!("{method} http://localhost/")).unwrap_err();
            assert_eq!(refusal, Refusal::Connect, "{method}");
        }
    }

    proptest! {
        #[test]
        fn a_grant_that_is_taught_is_one_and_allows_the_request(
            method in "[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,8}|[A-Z-]{1,8}", host in "[!-~&&[^/?#@:\\[\\]]]{1,12}|[a-z0-9.-]{1,12}",
        ) {
            let policy = self::policy(&[], 1);
            let request = format!("{method} http://{host}/");
            if let Ok(uri) = format!("http://{host}/").parse()
                && let Err(refusal @ Refusal::NotGranted(_)) = policy.admit(&method.parse().unwrap(), &uri)
                && let Some((_, taught)) = policy.lesson(&refusal, "").unwrap().split_once("http = [\"")
            {
                let grant = taught.strip_suffix("\"]").unwrap();
                prop_assert!(HttpGrant::parse(grant).is_ok(), "{}", grant);
                prop_assert!(admit(&self::policy(&[grant], 1), &request).is_ok(), "{} for {}", grant, request);
            }
        }
    }

    #[test]
    fn grants_are_taught_so_often_and_no_longer_than_they_can_be_meant() {
        let policy = policy(&[], 100);
        let taught = |request: &str| {
            let lesson = policy.lesson(&admit(&policy, request).unwrap_err(), "no").unwrap();
            lesson.contains("to allow it")
        };
        assert!(!taught(&format!("GET http://{}/", "a.".repeat(1000))));
        assert!(!taught(&format!("{} http://a/", "A".repeat(1000))));
        for at in 0..20 {
            assert_eq!(taught("GET http://example.com/"), at < bounds::GRANTS_TAUGHT);
        }
    }

    #[test]
    fn requests_are_counted_and_the_limit_is_told_once() {
        let policy = policy(&["http://*"], 2);
        for expected in [None, None, Some(true), Some(false), Some(false)] {
            let refusal = admit(&policy, "GET http://example.com/").err();
            assert_eq!(refusal.map(|refusal| policy.lesson(&refusal, "").is_some()), expected);
        }
        assert_eq!(policy.begun(), 5);
    }

    #[test]
    fn only_a_grant_that_names_the_address_reaches_a_private_one() {
        let check = |grant: &str, url: &str, address: &str, expected: bool| {
            let admitted = admit(&policy(&[grant], 1), &format!("GET {url}")).unwrap();
            assert_eq!(admitted.check_address(address.parse().unwrap()).is_ok(), expected, "{grant} {url} {address}");
        };
        check("http://example.com", "http://example.com/", "93.184.216.34", true);
        check("http://example.com", "http://example.com/", "127.0.0.1", false);
        check("http://example.com", "http://example.com/", "::ffff:10.0.0.1", false);
        check("http://*", "http://127.0.0.1/", "127.0.0.1", false);
        check("http://127.0.0.1", "http://127.0.0.1/", "127.0.0.1", true);
        check("http://10.0.0.1", "http://10.0.0.1/", "10.0.0.1", true);
        check("http://[::1]", "http://[::1]/", "::1", true);
        check("http://localhost", "http://localhost/", "127.0.0.1", true);
        check("http://localhost", "http://localhost/", "::1", true);
        check("http://localhost", "http://localhost/", "169.254.169.254", false);
    }
}
