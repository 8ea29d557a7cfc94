//! Doubles for unit tests: what a task logs, what answers its HTTP requests, and what keeps its key-value stores.
//!
//! A task is an ordinary function, and `cargo test` runs it natively.
//!
//! ```
//! use sandclock::testing::{self, Reply};
//! use sandclock::{Failure, Run, http, info};
//!
//! fn run(run: Run) -> Result<(), Failure> {
//!     let status = http::get("https://example.com/").send()?.status();
//!     info!(status, "asked");
//!     Ok(())
//! }
//!
//! let http = testing::http(|request| match request.url.as_str() {
//!     "https://example.com/" => Reply::text("hello"),
//!     _ => Reply::status(404),
//! });
//! let log = testing::log();
//!
//! run(Run::test().build()).unwrap();
//! assert_eq!(http.requests().len(), 1);
//! assert_eq!(log.messages(), ["asked"]);
//! ```
//!
//! They belong to the thread that made them, as tests do, and end when they are dropped.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::LazyLock;

use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use crate::host::kv::{STORES, Shelf};
use crate::host::{HTTP, HttpDouble, LOG};
use crate::http::ErrorKind;
pub use crate::http::{Reply, Request};
pub use crate::log::Line;
use crate::log::{Collector, install_records};

/// What a double may answer with: a reply, or the reason why there is none.
pub trait IntoReply {
    /// Turns it into the answer.
    ///
    /// # Errors
    ///
    /// The reason why there is no reply, if that is the answer.
    fn into_reply(self) -> Result<Reply, ErrorKind>;
}

impl IntoReply for Reply {
    fn into_reply(self) -> Result<Reply, ErrorKind> {
        Ok(self)
    }
}

impl IntoReply for ErrorKind {
    fn into_reply(self) -> Result<Reply, ErrorKind> {
        Err(self)
    }
}

impl IntoReply for Result<Reply, ErrorKind> {
    fn into_reply(self) -> Result<Reply, ErrorKind> {
        self
    }
}

/// Answers this thread's HTTP requests by the function until the result is dropped.
#[must_use = "requests are answered until this is dropped"]
pub fn http<A: IntoReply>(double: impl Fn(&Request) -> A + 'static) -> Http {
    let requests = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&requests);
    let recording: HttpDouble = Rc::new(move |request| {
        let answer = double(&request).into_reply();
        seen.borrow_mut().push(request);
        answer
    });
    let previous = HTTP.replace(Some(recording));
    Http { requests, previous }
}

/// A double of the network: see [`http()`].
pub struct Http {
    requests: Rc<RefCell<Vec<Request>>>,
    previous: Option<HttpDouble>,
}

impl Http {
    /// The requests so far, in the order in which they were answered.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.borrow().clone()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        HTTP.set(self.previous.take());
    }
}

/// Gives this thread key-value stores, empty ones, until the result is dropped. Every store is granted.
#[must_use = "the stores are there until this is dropped"]
pub fn stores() -> Stores {
    let shelf = Shelf::default();
    Stores { previous: STORES.replace(Some(Rc::clone(&shelf))), shelf }
}

/// A double of the host's key-value stores: see [`stores()`].
pub struct Stores {
    shelf: Shelf,
    previous: Option<Shelf>,
}

impl Stores {
    /// What a store has, in the order of its keys; the task's own is the one without a name.
    pub fn entries(&self, store: &str) -> Vec<(String, Vec<u8>)> {
        let shelf = self.shelf.borrow();
        shelf.get(store).into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        STORES.set(self.previous.take());
    }
}

/// Whoever logs first decides whether a line of code is listened to, and with a single collector in the program that
/// means the one of its own thread: tests that run beside this one may have none. With a second one all are asked.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Collector::new(LevelFilter::TRACE)));

/// Keeps what this thread logs, at every level, until the result is dropped.
#[must_use = "lines are kept until this is dropped"]
pub fn log() -> Log {
    LazyLock::force(&ANOTHER);
    install_records(LevelFilter::TRACE);
    let subscriber = tracing::subscriber::set_default(Collector::new(LevelFilter::TRACE));
    Log { previous: LOG.replace(Some(Vec::new())), _subscriber: subscriber, _this_thread: PhantomData }
}

/// What a thread logged: see [`log()`].
pub struct Log {
    previous: Option<Vec<Line>>,
    _subscriber: DefaultGuard,
    _this_thread: PhantomData<Rc<()>>,
}

impl Log {
    /// The lines so far.
    pub fn lines(&self) -> Vec<Line> {
        LOG.with_borrow(|lines| lines.clone().unwrap_or_default())
    }

    /// The messages of the lines so far.
    pub fn messages(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.message).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        LOG.set(self.previous.take());
    }
}
