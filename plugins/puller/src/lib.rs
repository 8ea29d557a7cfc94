//! Pulls what is new from a JSON API, page by page, and passes it on to the tasks that follow.
//!
//! What is new is what falls into a window of time that ends at the run's slot. It starts where the last one ended, if the
//! task has a store to keep that in, and otherwise a fixed time before.

#![forbid(unsafe_code)]

mod cursor;
mod link;
mod page;
mod window;

use std::env;
use std::time::Duration;

use cursor::Cursor;
use page::Page;
use sandclock::http::{self, Response};
use sandclock::{Context, Failure, Output, Run, Timestamp, debug, info};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use window::Window;

/// What to pull.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    /// The first page.
    url: String,
    /// How far back from its slot a run looks: the time between two slots, as a rule.
    #[serde(default, with = "sandclock::duration")]
    window: Option<Duration>,
    /// The key in the task's own store that holds how far the items were pulled.
    cursor: Option<String>,
    /// The query parameter that tells the service where the window starts.
    since: Option<String>,
    /// Where an item has its time.
    time: Option<String>,
    /// Where a page has its items. A page that is a list needs no such place.
    #[serde(default = "items")]
    items: String,
    /// Where a page has the address of the next one. A `Link` header serves as well.
    #[serde(default = "next")]
    next: String,
    /// How many pages there are at most.
    #[serde(default = "twenty")]
    pages: usize,
    /// The environment variable (a granted secret, say) that holds a bearer token.
    token: Option<String>,
}

fn items() -> String {
    "items".to_owned()
}

fn next() -> String {
    "next".to_owned()
}

fn twenty() -> usize {
    20
}

/// What the run puts out.
#[derive(Serialize)]
struct News {
    window: Option<Window>,
    pages: usize,
    items: Vec<Value>,
}

#[sandclock::task]
fn run(run: Run) -> Result<Output, Failure> {
    let payload: Payload = run.payload()?;
    if payload.window.is_none() && (payload.since.is_some() || payload.time.is_some() || payload.cursor.is_some()) {
        let message = "`since`, `time` and `cursor` need a `window`, such as the time between two slots";
        return Err(Failure::permanent(message));
    }
    let cursor = payload.cursor.as_deref().map(Cursor::read).transpose()?;
    let until = run.slot().unwrap_or_else(Timestamp::now);
    let window = payload.window.map(|length| match cursor.as_ref().and_then(Cursor::reached) {
        Some(reached) => Window { from: reached.min(until), until },
        None => Window::before(until, length),
    });
    let token = match &payload.token {
        Some(name) => Some(env::var(name).context(format!("reading the token from ${name}"))?),
        None => None,
    };

    let news = pull(&payload, window, token.as_deref())?;
    if let Some(cursor) = cursor {
        cursor.reach(until)?;
    }
    info!(pages = news.pages, new = news.items.len(), "pulled {}", payload.url);
    Output::json(&news)
}

/// Follows the pages from the first to the last.
fn pull(payload: &Payload, window: Option<Window>, token: Option<&str>) -> Result<News, Failure> {
    let mut news = News { window, pages: 0, items: Vec::new() };
    let mut seen = Vec::new();
    let mut url = payload.url.clone();
    let mut since = since(payload, window);
    loop {
        if news.pages == payload.pages {
            let message = format!("there are more than {} pages; raise `pages` or narrow the window", payload.pages);
            return Err(Failure::permanent(message));
        }
        // The token is for the service that was named, not for whatever its pages point to.
        let token = token.filter(|_| link::same_origin(&url, &payload.url));
        // The service's own links carry on with what the first request asked for.
        let page = Page::read(&fetch(&url, since.take(), token)?, payload)?;
        news.pages += 1;

        let all = page.items.len();
        for item in page.items {
            if window::holds(window, payload.time.as_deref(), &item)? {
                news.items.push(item);
            }
        }
        debug!(page = news.pages, items = all, new = news.items.len(), "read {url}");
        let Some(next) = page.next else {
            return Ok(news);
        };
        let next = link::resolve(&url, &next);
        seen.push(std::mem::replace(&mut url, next));
        if seen.contains(&url) {
            return Err(Failure::permanent(format!("the pages go round in a circle, back to {url}")));
        }
    }
}

/// The query parameter that tells the service where the window starts, and its value.
fn since(payload: &Payload, window: Option<Window>) -> Option<(&str, Timestamp)> {
    let from = window?.from;
    // Services differ in whether "since" takes in the instant itself. Where we can look at the items' times, we ask
    // for a little more and choose ourselves.
    let ask = if payload.time.is_some() { from - Duration::from_secs(1) } else { from };
    Some((payload.since.as_deref()?, ask))
}

fn fetch(url: &str, since: Option<(&str, Timestamp)>, token: Option<&str>) -> Result<Response, Failure> {
    let mut request = http::get(url).header("accept", "application/json");
    if let Some((parameter, time)) = since {
        request = request.query(parameter, time);
    }
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    // 429 and 503 become a transient failure that bears the service's `Retry-After`.
    Ok(request.send()?.error_for_status()?)
}

#[cfg(test)]
mod tests {
    use sandclock::testing::{self, Reply};
    use serde_json::json;

    use super::*;

    const SLOT: &str = "2026-11-23T09:00:00Z";

    fn news(payload: Value) -> Result<Value, Failure> {
        let run = super::run(Run::test().slot(SLOT).payload(&payload).build())?;
        Ok(serde_json::from_slice(&run.into_blob().unwrap().bytes).unwrap())
    }

    #[test]
    fn the_window_decides_what_is_new() {
        let item = |id: u32, time: &str| json!({"id": id, "meta": {"time": time}});
        let http = testing::http(move |_| {
            Reply::json(&[
                item(1, "2026-11-23T08:59:49Z"),
                item(2, "2026-11-23T08:59:50Z"),
                item(3, "2026-11-23T09:59:59.9+01:00"),
                item(4, SLOT),
            ])
        });
        let news = news(json!({"url": "http://a/", "window": "10s", "since": "after", "time": "meta.time"})).unwrap();
        assert_eq!(news["window"], json!({"from": "2026-11-23T08:59:50Z", "until": SLOT}));
        assert_eq!(news["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(http.requests()[0].url, "http://a/?after=2026-11-23T08%3A59%3A49Z");
    }

    #[test]
    fn a_window_starts_where_the_last_one_ended() {
        let _http = testing::http(|_| {
            Reply::json(
                &["08:59:49", "08:59:50", "09:00:00", "09:02:59", "09:03:00"]
                    .map(|time| json!({"id": time, "time": format!("2026-11-23T{time}Z")})),
            )
        });
        let stores = testing::stores();
        let pull = |slot: &str| {
            let payload = json!({"url": "http://a/", "window": "10s", "time": "time", "cursor": "orders"});
            let run = Run::test().slot(&format!("2026-11-23T{slot}Z")).payload(&payload).build();
            let news: Value = serde_json::from_slice(&super::run(run)?.into_blob().unwrap().bytes).unwrap();
            Ok::<_, Failure>(
                news["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(pull("09:00:00"), Ok(vec![json!("08:59:50")]));
        // Three minutes without a run lose nothing, and the run of an earlier slot takes nothing twice.
        assert_eq!(pull("09:03:00"), Ok(vec![json!("09:00:00"), json!("09:02:59")]));
        assert_eq!(pull("09:01:00"), Ok(vec![]));
        assert_eq!(stores.entries(""), [("orders".to_owned(), b"\"2026-11-23T09:03:00Z\"".to_vec())]);
    }

    #[test]
    fn a_pull_that_fails_leaves_the_cursor_where_it_is() {
        let _http = testing::http(|_| Reply::status(503));
        let stores = testing::stores();
        news(json!({"url": "http://a/", "window": "10s", "cursor": "orders"})).unwrap_err();
        assert_eq!(stores.entries(""), []);
    }

    #[test]
    fn pages_are_followed_by_either_kind_of_link() {
        let http = testing::http(|request| match request.url.as_str() {
            "http://a/v1/items?since=2026-11-23T08%3A59%3A50Z" => {
                Reply::json(&json!({"items": [1], "next": "items?p=2"}))
            }
            "http://a/v1/items?p=2" => Reply::json(&[2, 3]).header("Link", "</v1/items?p=3>; rel=next"),
            "http://a/v1/items?p=3" => Reply::json(&json!({"items": [], "next": null})),
            other => panic!("{other}"),
        });
        let news = news(json!({"url": "http://a/v1/items", "window": "10s", "since": "since"})).unwrap();
        assert_eq!((&news["pages"], &news["items"]), (&json!(3), &json!([1, 2, 3])));
        assert_eq!(http.requests().len(), 3);
    }

    #[test]
    fn pages_without_an_end_are_refused() {
        let _http = testing::http(|request| {
            let page: u32 = request.url.rsplit('=').next().unwrap().parse().unwrap();
            Reply::json(&json!({"items": [], "next": format!("?p={}", page + 1)}))
        });
        let expected = "there are more than 3 pages; raise `pages` or narrow the window";
        assert_eq!(news(json!({"url": "http://a/?p=1", "pages": 3})), Err(Failure::permanent(expected)));

        let _http = testing::http(|_| Reply::json(&json!({"items": [], "next": "?p=1"})));
        let expected = "the pages go round in a circle, back to http://a/?p=1";
        assert_eq!(news(json!({"url": "http://a/"})), Err(Failure::permanent(expected)));
    }

    #[test]
    fn a_busy_service_is_left_alone_for_as_long_as_it_asks() {
        let _http = testing::http(|_| Reply::status(429).header("retry-after", "7"));
        let expected = Failure::retry_after("GET http://a/: status 429", Duration::from_secs(7));
        assert_eq!(news(json!({"url": "http://a/"})), Err(expected));
    }

    #[test]
    fn the_token_goes_to_the_named_service_alone() {
        let http = testing::http(|request| match request.url.as_str() {
            "https://a/" => Reply::json(&json!({"items": [], "next": "https://b/"})),
            _ => Reply::json(&json!({"items": []})),
        });
        // A variable that every test runner sets stands in for the secret.
        news(json!({"url": "https://a/", "token": "CARGO_PKG_NAME"})).unwrap();
        let sent: Vec<_> = http.requests().iter().map(|request| request.header("authorization").is_some()).collect();
        assert_eq!(sent, [true, false]);
    }

    #[test]
    fn what_cannot_work_is_refused_in_words() {
        let _http = testing::http(|_| Reply::json(&json!({"data": []})));
        for (payload, expected) in [
            (json!({"url": "http://a/"}), "http://a/ has no list at `items`"),
            (json!({"url": "http://a/", "token": "NO_SUCH_VARIABLE"}), "reading the token from $NO_SUCH_VARIABLE: "),
            (json!({"url": "http://a/", "since": "after"}), "`since`, `time` and `cursor` need a `window`"),
            (json!({"url": "http://a/", "windw": "5m"}), "unknown field `windw`"),
        ] {
            let failure = news(payload).unwrap_err();
            assert!(failure.message().contains(expected), "{failure}");
            assert_eq!(failure.kind(), sandclock::FailureKind::Permanent);
        }
    }
}
