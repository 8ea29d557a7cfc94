//! A real HTTP server that takes alerts and signs of life, or refuses them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::project::eventually;

/// A request that arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) path: String,
    pub(super) key: Option<String>,
    pub(super) authorization: Option<String>,
    pub(super) body: String,
    /// What was answered.
    pub(super) status: u16,
}

impl Arrived {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The notices of a message of the generic form, as "KIND NEWS OF".
    pub(super) fn notices(&self) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap_or("host").to_owned();
        let of = |notice: &Value| text(if notice["plugin"].is_null() { &notice["task"] } else { &notice["plugin"] });
        let notice = |notice: &Value| format!("{} {} {}", text(&notice["kind"]), text(&notice["news"]), of(notice));
        self.json()["notices"].as_array().unwrap().iter().map(notice).collect()
    }
}

/// A server that stops when this is dropped.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    status: Arc<AtomicU16>,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    _runtime: Runtime,
}

impl Receiver {
    /// Answers 200 until it is told otherwise.
    pub(super) fn start() -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let arrived: Arc<Mutex<Vec<Arrived>>> = Arc::default();
        let (answer, note) = (status.clone(), arrived.clone());
        let routes = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let header = |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let status = answer.load(Ordering::SeqCst);
            let request = Arrived {
                path: uri.to_string(),
                key: header("idempotency-key"),
                authorization: header("authorization"),
                body: String::from_utf8(body.to_vec()).unwrap(),
                status,
            };
            note.lock().unwrap().push(request);
            async move { respond(status) }
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, status, arrived, _runtime: runtime }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it answers from now on.
    pub(super) fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// All that arrived.
    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    /// All notices that were taken, in order.
    pub(super) fn told(&self) -> Vec<String> {
        self.arrived().iter().filter(|request| request.status == 200).flat_map(Arrived::notices).collect()
    }

    /// Waits until something has arrived, and returns it.
    #[track_caller]
    pub(super) fn until(&self, what: &str, is_it: impl Fn(&Arrived) -> bool) -> Arrived {
        let found = || self.arrived().into_iter().find(|request| is_it(request));
        assert!(eventually(|| found().is_some()), "waited in vain for {what}; there came: {:#?}", self.arrived());
        found().unwrap()
    }
}

fn respond(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    // Where redirects lead is this server again, so a client that follows them is seen.
    let location = status.is_redirection().then_some([("location", "/elsewhere")]);
    (status, location.map(IntoResponse::into_response).unwrap_or_else(|| "as you say".into_response())).into_response()
}
