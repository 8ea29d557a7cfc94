//! The HTTP side of a running host: whether it lives and whether it is ready, and what a person may ask of it.
//!
//! It has a thread and a runtime of its own, so that it answers while guests keep every other thread busy. What changes
//! anything is served on a socket in the state folder alone, which only the host's user can open.

pub mod control;
mod health;
mod metrics;
mod problem;
mod requests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::daemon::Handle;
use crate::observe::Scraper;

pub use problem::Problem;

/// Where the API listens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The state folder, where the control socket is made.
    pub state: PathBuf,
}

/// The API could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be used.
    #[error("listen on {listen} (host.listen)")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The control socket cannot be made.
    #[error("listen on the control socket in {}", state.display())]
    Control {
        /// The state folder.
        state: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The thread cannot be started.
    #[error("start the thread of the API")]
    Thread(#[source] std::io::Error),
}

/// A running API. It stops when this is dropped.
#[derive(Debug)]
pub struct Api {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Api {
    /// Binds the address and begins to answer.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound or the thread cannot be started.
    pub fn start(settings: &Settings, daemon: Handle, scraper: Scraper, clock: Clock) -> Result<Self, StartError> {
        let listen_error = |source| StartError::Listen { listen: settings.listen, source };
        let listener = std::net::TcpListener::bind(settings.listen).map_err(listen_error)?;
        listener.set_nonblocking(true).map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let control_error = |source| StartError::Control { state: settings.state.clone(), source };
        let control = control::Socket::bind(&settings.state).map_err(control_error)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sandclock-api".into())
            .spawn(move || {
                let served = runtime.block_on(async {
                    let health = health::routes(daemon.clone(), clock).merge(metrics::routes(scraper));
                    let server = axum::serve(TcpListener::from_std(listener)?, health.clone());
                    let controlled = requests::routes(daemon, health);
                    // Dropping the servers ends the connections that are still open.
                    tokio::select! {
                        served = server => served,
                        served = control.serve(controlled) => served,
                        _ = stopped => Ok(()),
                    }
                });
                if let Err(error) = served {
                    tracing::error!("the API stopped: {error}");
                }
            })
            .map_err(StartError::Thread)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the API panicked");
        }
    }
}
