//! The HTTP side of a running host: how it is, what it has done, and what a person may ask of it.
//!
//! It has a thread and a runtime of its own, so that it answers while guests keep every other thread busy. One table,
//! `routes.rs`, has every route and who may ask for it; the same routes are served over TCP and on a socket in the state
//! folder, which only the host's user can open.

pub mod view;
pub mod words;

pub mod control;
mod server;

mod guard;
mod input;
mod problem;
mod readers;
mod routes;
mod service;
mod shown;

mod changes;
mod declared;
mod docs;
mod events;
mod follow;
mod health;
mod metrics;
mod plugins;
mod reload;
mod runs;
mod slots;
mod status;
mod tasks;
mod trigger;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

use crate::clock::Clock;
use crate::daemon::Handle;
use crate::observe::{Batches, Scraper};
use guard::{Guard, Reached, Tls, guarded};
use readers::Readers;
use routes::Routes;
use server::TlsListener;
use service::Service;

pub use guard::{
    ExposureError, GuardSettings, NoRandomness, OpenRoute, Secret, TlsError, TlsSettings, Transport, check_exposure,
};
pub use problem::Problem;
pub use routes::document;
pub use server::{Door, Peer};

/// Where the API listens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The state folder, where the control socket is made and the ledger is read.
    pub state: PathBuf,
    /// The zone in which slots are shown whose schedule has none.
    pub timezone: TimeZone,
    /// Who gets in, and how.
    pub guard: GuardSettings,
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
    /// Nobody may get in there, or not so.
    #[error(transparent)]
    Exposure(#[from] ExposureError),
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
        check_exposure(settings)?;
        let listen_error = |source| StartError::Listen { listen: settings.listen, source };
        let listener = std::net::TcpListener::bind(settings.listen).map_err(listen_error)?;
        listener.set_nonblocking(true).map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let control_error = |source| StartError::Control { state: settings.state.clone(), source };
        let mut control = control::Socket::bind(&settings.state).map_err(control_error)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let readers = Readers::start(&settings.state).map_err(StartError::Thread)?;
        let guard = Guard::open(settings.guard.clone(), &settings.state, daemon.clone(), clock);
        let guard = Arc::new(guard.map_err(ExposureError::Ledger)?);
        let service = Service::new(daemon, readers, scraper, clock, guard, settings.timezone.clone());
        let tls = match &settings.guard.transport {
            Transport::Tls(files) => Some(Arc::new(Tls::open(files.clone()).map_err(ExposureError::Tls)?)),
            Transport::ClearOnLoopback | Transport::ClearEverywhere => None,
        };
        let reached = if address.ip().is_loopback() { Reached::OnLoopback } else { Reached::FromElsewhere };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("sandclock-api".into())
            .spawn(move || {
                let connections = LocalSet::new();
                let served = runtime.block_on(connections.run_until(async {
                    let routes = Routes::of(service.clone());
                    let (network, controlled) = (TcpListener::from_std(listener)?, control.listener()?);
                    let happened = service.ring.clone();
                    let happened = async move { happened.listen(Batches::new(service.daemon.events()), clock).await };
                    let over_the_network = guarded(&routes, reached);
                    let network = async {
                        match tls {
                            None => server::serve(network, over_the_network).await,
                            Some(tls) => tokio::select! {
                                never = server::serve(TlsListener(network, tls.clone()), over_the_network) => never,
                                never = tls.follow() => never,
                            },
                        }
                    };
                    tokio::select! {
                        never = network => match never {},
                        never = server::serve(controlled, guarded(&routes, Reached::BySocket)) => match never {},
                        // Without a daemon there is nothing more to tell, but what was is there to be asked for.
                        () = async { happened.await; std::future::pending().await } => Ok(()),
                        _ = stopped => std::io::Result::Ok(()),
                    }
                }));
                // The connections that are still open end with their set.
                drop((connections, runtime, control));
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
