//! A real HTTP server on this machine, for guests to talk to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use tokio::runtime::Runtime;

/// A server that stops when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The requests so far, as `METHOD PATH`.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Server {
    /// Serves these routes on a free port.
    pub(crate) fn start(routes: Router) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = requests.clone();
        let routes = routes.layer(axum::middleware::from_fn(
            move |request: axum::extract::Request, next: axum::middleware::Next| {
                seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
                next.run(request)
            },
        ));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, requests, _runtime: runtime }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}
