//! What stands in for the host off wasm: the doubles of [`crate::testing`], and stderr where there is none.

#[path = "native/kv.rs"]
pub(crate) mod kv;

use std::cell::RefCell;
use std::rc::Rc;

use crate::http::{ErrorKind, Reply, Request};
use crate::log::Line;

/// What answers HTTP requests.
pub(crate) type HttpDouble = Rc<dyn Fn(Request) -> Result<Reply, ErrorKind>>;

thread_local! {
    /// The double that answers this thread's requests.
    pub(crate) static HTTP: RefCell<Option<HttpDouble>> = const { RefCell::new(None) };
    /// The lines that this thread logged since somebody began to listen.
    pub(crate) static LOG: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
}

/// Keeps a line for whoever listens, and shows it.
#[expect(clippy::print_stderr, reason = "tests show what a task logs, as the host would")]
pub(crate) fn log(line: Line) {
    let Line { level, message, fields } = &line;
    let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    eprintln!("{level:>5} {message}{fields}");
    LOG.with_borrow_mut(|lines| lines.iter_mut().for_each(|lines| lines.push(line.clone())));
}

/// Answers a request by the double.
pub(crate) fn send(request: Request) -> Result<Reply, ErrorKind> {
    // Cloned, so that the double may itself send requests.
    match HTTP.with_borrow(Clone::clone) {
        Some(double) => double(request),
        None => {
            Err(ErrorKind::Denied("off wasm there is no network: answer with `sandclock::testing::http`".to_owned()))
        }
    }
}
